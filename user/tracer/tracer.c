// SPDX-License-Identifier: BSD-2-Clause
/*
 * tracer.c - the BPF side from outside: rights, load, plant, drain, count, leave, each in a room of
 * its own.
 */
#include "user/tracer/tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/tracer/cost.h"
#include "user/tracer/load.h"
#include "user/tracer/plant.h"
#include "user/tracer/records.h"
#include "user/tracer/rights.h"

enum { N_GROUPS = 3 };

/* What was planted by one call. */
struct set {
	unsigned int planted;	/* groups; 0: the set is free */
	unsigned int wanted;	/* those that have not been detached */
	struct plant plant;
};

struct tracer {
	struct loaded loaded;
	struct set sets[N_GROUPS];
	struct tracer_probe *probes;
	size_t n_probes;
	struct cost cost;
	struct ring_buffer *ring;
	tracer_sink sink;
	void *ctx;
	size_t drained;		/* bytes of the ring taken in this turn */
	uint64_t n_hits;	/* records delivered, but for stacks */
	uint64_t n_damaged;
};

/* ---- open ---------------------------------------------------------------------------------- */

/* A whole ring is all that can have been submitted before the turn began. */
static int on_record(void *ctx, void *data, size_t size)
{
	struct tracer *tr = ctx;
	const struct gl_header *rec = data;

	if (record_sound(data, size)) {
		tr->n_hits += rec->kind != GL_REC_STACK;
		tr->sink(tr->ctx, rec);
	} else {
		tr->n_damaged++;
	}
	tr->drained += (size + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
	return tr->drained < GL_RING_BYTES ? 0 : -ECANCELED;
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
	tr->probes = xcalloc(n, sizeof(*probes));
	tr->n_probes = n;
	cost_init(&tr->cost);
	err = load_open(&tr->loaded, config, probes, n);
	if (!err)
		err = map_ring(tr);
	if (err) {
		tracer_close(tr);
		return err;
	}
	memcpy(tr->probes, probes, n * sizeof(*probes));
	*out = tr;
	return 0;
}

/* ---- attach, run and leave ------------------------------------------------------------------ */

/* Takes back what was detached but still stands; returns the groups that do not. */
static unsigned int take_back(struct tracer *tr, unsigned int groups)
{
	for (size_t i = 0; i < N_GROUPS; i++) {
		tr->sets[i].wanted |= tr->sets[i].planted & groups;
		groups &= ~tr->sets[i].planted;
	}
	return groups;
}

/* There is one while a group is not planted, since every set has a group that no other has. */
static struct set *free_set(struct tracer *tr)
{
	size_t i = 0;

	while (tr->sets[i].planted)
		i++;
	return &tr->sets[i];
}

static int plant_set(struct tracer *tr, unsigned int groups, const char *path, pid_t pid)
{
	struct set *set;
	__u64 offsets[GL_MAX_PROBES];
	size_t n = 0;
	int err;

	for (size_t i = 0; i < tr->n_probes; i++)
		if (tr->probes[i].group & groups)
			offsets[n++] = tr->probes[i].file_off;
	if (!n)
		return 0;
	set = free_set(tr);
	err = plant(&set->plant, tr->loaded.prog_fd, path, pid, offsets, n);
	if (err) {
		plant_explain(err);
		plant_remove(&set->plant);
		return err;
	}
	set->planted = set->wanted = groups;
	return 0;
}

int tracer_attach(struct tracer *tr, unsigned int groups, const char *path, pid_t pid)
{
	unsigned int add = take_back(tr, groups);
	int err;

	tracer_listen(tr, tr->loaded.control->groups | groups);
	err = plant_set(tr, add, path, pid);
	if (err)
		tracer_detach(tr, groups);
	else
		cost_start(&tr->cost, tr->loaded.prog_fd);
	return err;
}

void tracer_listen(struct tracer *tr, unsigned int groups)
{
	tr->loaded.control->groups = groups;
}

void tracer_detach(struct tracer *tr, unsigned int groups)
{
	tracer_listen(tr, tr->loaded.control->groups & ~groups);
	for (size_t i = 0; i < N_GROUPS; i++) {
		struct set *set = &tr->sets[i];

		set->wanted &= ~groups;
		if (!set->planted || set->wanted)
			continue;
		plant_remove(&set->plant);
		set->planted = 0;
	}
}

int tracer_fd(const struct tracer *tr)
{
	return ring_buffer__epoll_fd(tr->ring);
}

int tracer_drain(struct tracer *tr)
{
	int n;

	tr->drained = 0;
	n = ring_buffer__consume(tr->ring);
	cost_tick(&tr->cost);
	if (n == -ECANCELED)
		return 1;
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

uint64_t tracer_damaged(const struct tracer *tr)
{
	return tr->n_damaged;
}

uint64_t tracer_hits(const struct tracer *tr)
{
	uint64_t c[GL_N_COUNTERS];

	tracer_counters(tr, c);
	return tr->n_hits + tr->n_damaged + c[GL_LOST_RING] + c[GL_LOST_ADDR] + c[GL_LOST_WORK];
}

void tracer_close(struct tracer *tr)
{
	if (!tr)
		return;
	if (tr->loaded.control)
		tracer_detach(tr, TRACER_ALL);
	cost_stop(&tr->cost);
	ring_buffer__free(tr->ring);
	load_close(&tr->loaded);
	free(tr->probes);
	free(tr);
}
