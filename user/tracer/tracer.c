// SPDX-License-Identifier: BSD-2-Clause
/*
 * tracer.c - the BPF side from outside: rights, load, plant, drain, count, leave, each in a room of
 * its own.
 */
#include "user/tracer/tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/tracer/cost.h"
#include "user/tracer/load.h"
#include "user/tracer/plant.h"
#include "user/tracer/rights.h"

struct tracer {
	struct loaded loaded;
	struct plant plant;
	struct cost cost;
	struct ring_buffer *ring;
	tracer_sink sink;
	void *ctx;
	__u64 file_offs[GL_MAX_PROBES];
	size_t n_probes;
};

/* ---- open ---------------------------------------------------------------------------------- */

static int on_record(void *ctx, void *data, size_t size)
{
	struct tracer *tr = ctx;
	const struct gl_header *rec = data;

	if (size >= sizeof(*rec) && rec->len <= size)
		tr->sink(tr->ctx, rec);
	return 0;
}

static int map_ring(struct tracer *tr)
{
	int err;

	tr->ring = ring_buffer__new(tr->loaded.ring_fd, on_record, tr, NULL);
	if (tr->ring)
		return 0;
	err = -errno;
	say_error("the ring buffer cannot be mapped: %s", strerror(errno));
	return err;
}

int tracer_open(struct tracer **out, const struct gl_config *config,
		const struct tracer_probe *probes, size_t n, tracer_sink sink, void *ctx)
{
	struct tracer *tr;
	int err = rights_check();

	if (err)
		return err;
	tr = xcalloc(1, sizeof(*tr));
	tr->sink = sink;
	tr->ctx = ctx;
	tr->plant = NOT_PLANTED;
	cost_init(&tr->cost);
	err = load_open(&tr->loaded, config, probes, n);
	if (!err)
		err = map_ring(tr);
	if (err) {
		tracer_close(tr);
		return err;
	}
	for (size_t i = 0; i < n; i++)
		tr->file_offs[i] = probes[i].file_off;
	tr->n_probes = n;
	*out = tr;
	return 0;
}

/* ---- attach, run and leave ------------------------------------------------------------------ */

int tracer_attach(struct tracer *tr, const char *path, pid_t pid)
{
	int err = plant(&tr->plant, tr->loaded.prog_fd, path, pid, tr->file_offs, tr->n_probes);

	if (err)
		plant_explain(err);
	else
		cost_start(&tr->cost, tr->loaded.prog_fd);
	return err;
}

int tracer_fd(const struct tracer *tr)
{
	return ring_buffer__epoll_fd(tr->ring);
}

int tracer_drain(struct tracer *tr)
{
	int n = ring_buffer__consume(tr->ring);

	cost_tick(&tr->cost);
	return n < 0 ? n : 0;
}

void tracer_forget_stack(struct tracer *tr, uint64_t id)
{
	bpf_map_delete_elem(tr->loaded.stacks_sent_fd, &id);
}

void tracer_counters(const struct tracer *tr, uint64_t counters[GL_N_COUNTERS])
{
	int n_cpu = libbpf_num_possible_cpus();
	__u64 *per_cpu = xcalloc(n_cpu > 0 ? n_cpu : 1, sizeof(*per_cpu));

	for (__u32 i = 0; i < GL_N_COUNTERS; i++) {
		counters[i] = 0;
		if (bpf_map_lookup_elem(tr->loaded.counters_fd, &i, per_cpu))
			continue;
		for (int c = 0; c < n_cpu; c++)
			counters[i] += per_cpu[c];
	}
	free(per_cpu);
}

double tracer_ns_per_hit(const struct tracer *tr)
{
	return cost_ns_per_hit(&tr->cost);
}

void tracer_detach(struct tracer *tr)
{
	plant_remove(&tr->plant);
	cost_stop(&tr->cost);
}

void tracer_close(struct tracer *tr)
{
	if (!tr)
		return;
	tracer_detach(tr);
	ring_buffer__free(tr->ring);
	load_close(&tr->loaded);
	free(tr);
}
