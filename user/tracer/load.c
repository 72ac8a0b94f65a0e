// SPDX-License-Identifier: BSD-2-Clause
/*
 * load.c - opens the skeleton, fills configuration and table, loads the one program that this
 * kernel can run.  Its twin follows in a thread of its own, since it takes the kernel's verifier some
 * 20 ms to read it, and nobody needs it before probes come back that have just gone.
 */
#include "user/tracer/load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "gobpfleak.skel.h"
#include "user/base/limits.h"
#include "user/base/procself.h"
#include "user/base/util.h"
#include "user/tracer/plant.h"
#include "user/tracer/rights.h"
#include "user/tracer/tracer.h"

enum { FILES = 64 };	/* that are surely enough for maps, programs and what libbpf tries */

static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char text[512];

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	say_verbose("%s", text);
	return 0;
}

/* Fills the slots; false: two probes share one with this multiplier. */
static bool fill_slots(struct gl_slot *slots, const struct tracer_probe *probes, size_t n,
		       __u64 hash)
{
	memset(slots, 0, GL_SLOTS * sizeof(*slots));
	for (size_t i = 0; i < n; i++) {
		struct gl_slot *slot = &slots[gl_slot_of(probes[i].addr, hash)];

		if (slot->addr)
			return false;
		*slot = (struct gl_slot){ .addr = probes[i].addr, .row = probes[i].row };
		slot->row.group = (__u16)__builtin_ctz(probes[i].group);
	}
	return true;
}

/* Two probes at one address share a slot with every multiplier. */
static int check_probes(const struct tracer_probe *probes, size_t n)
{
	if (n > GL_MAX_PROBES) {
		say_error("%zu probes are needed, %d are the most: this build of Go is "
			  "not supported", n, GL_MAX_PROBES);
		return -E2BIG;
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (probes[i].addr != probes[k].addr)
				continue;
			say_error("probes %zu and %zu are both at address %#" PRIx64
				  ": this build of Go is not supported", k, i, probes[i].addr);
			return -EINVAL;
		}
	}
	return 0;
}

/* Looks for a multiplier without collisions: of 1000, 650 are with 30 probes, 8 with 100, and of
 * 10000, 4 with the most. */
static int set_table(struct loaded *l, const struct gl_config *config,
		     const struct tracer_probe *probes, size_t n)
{
	struct gl_slot *slots = (struct gl_slot *)l->skel->rodata->slots;
	struct gl_config c = *config;
	int err = check_probes(probes, n);

	if (err)
		return err;
	c.hash = 0x9e3779b97f4a7c15ull;
	for (int i = 0; !fill_slots(slots, probes, n, c.hash); i++) {
		if (i == MAX_HASHES) {
			say_error("no hash tells the addresses of %zu probes apart: this build of "
				  "Go is not supported", n);
			return -EINVAL;
		}
		c.hash = c.hash * 0x5851f42d4c957f2dull | 1;
	}
	memcpy((void *)&l->skel->rodata->config, &c, sizeof(c));
	return 0;
}

/* Whether a program can read the registers of the interrupted user: bpf_task_pt_regs(), and the
 * kernel's types. */
static bool has_task_regs(void)
{
	return kernel_at_least(5, 15) && !access("/sys/kernel/btf/vmlinux", R_OK);
}

static void for_probes(struct bpf_program *prog)
{
	bpf_program__set_expected_attach_type(prog, (enum bpf_attach_type)PLANT_ATTACH_TYPE);
}

/* The program behind the probes, by what this kernel can do: see stack.bpf.h. */
static struct bpf_program *choose(struct loaded *l)
{
	bool cmpxchg = kernel_at_least(5, 12);
	struct bpf_program *prog = cmpxchg ? l->skel->progs.gl_hit : l->skel->progs.gl_hit_percpu;

	bpf_program__set_autoload(l->skel->progs.gl_hit, cmpxchg);
	bpf_program__set_autoload(l->skel->progs.gl_hit_percpu, !cmpxchg);
	bpf_program__set_autoload(l->skel->progs.gl_hit_twin, false);
	bpf_program__set_autoload(l->skel->progs.gl_found, has_task_regs());
	if (!cmpxchg)
		bpf_map__set_max_entries(l->skel->maps.work_pool, libbpf_num_possible_cpus());
	for_probes(prog);
	return prog;
}

/* Each processor has random numbers of its own. */
static void seed(volatile struct gl_cpu *cpus)
{
	for (int i = 0; i < GL_CPU_ROWS; i++) {
		uint64_t random = 0;

		/* without it a sequence is as good, but known beforehand */
		if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
			random = now_ns() * (2 * i + 1);
		cpus[i].random = random;
	}
}

static void share(struct loaded *l)
{
	l->control = &l->skel->bss->control;
	l->cpus = l->skel->bss->cpus;
	l->stacks_sent = l->skel->bss->stacks_sent;
	l->ring_fd = bpf_map__fd(l->skel->maps.ring);
	seed(l->cpus);
}

/* Where descriptors run out, some steps of libbpf say so, others that something is invalid. */
static void say_not_loaded(int err)
{
	uint64_t limit;

	if (err == -EMFILE)
		plant_explain(err);
	else if (procself_few_files(FILES, &limit))
		say_error("the kernel does not load the BPF programs: %s; fewer than %d file "
			  "descriptors are left (ulimit -n is %" PRIu64 "), which can be why: run "
			  "gobpfleak with more: ulimit -n %" PRIu64, strerror(-err), FILES, limit,
			  limit + PLANT_FILES);
	else
		say_error("the kernel does not load the BPF programs: %s; -v shows its reasons",
			  strerror(-err));
}

static int load(struct loaded *l)
{
	struct bpf_program *prog = choose(l);
	int err = gobpfleak__load(l->skel);

	if (err) {
		say_not_loaded(err);
		return err;
	}
	l->prog_fd = bpf_program__fd(prog);
	l->exec_fd = bpf_raw_tracepoint_open("sched_process_exec",
					     bpf_program__fd(l->skel->progs.gl_exec));
	if (l->exec_fd < 0)	/* an exec is noticed all the same, only later */
		say_verbose("no tracepoint sched_process_exec: %s", strerror(errno));
	l->found_fd = has_task_regs() ? bpf_program__fd(l->skel->progs.gl_found) : -1;
	share(l);
	return 0;
}

int load_open(struct loaded *out, const struct gl_config *config,
	      const struct tracer_probe *probes, size_t n)
{
	int err;

	libbpf_set_print(print_libbpf);
	out->prog_fd = out->exec_fd = -1;
	out->skel = gobpfleak__open();
	if (!out->skel) {
		err = -errno;
		say_error("libbpf does not open the BPF programs: %s", strerror(errno));
		return err;
	}
	err = set_table(out, config, probes, n);
	return err ? err : load(out);
}

/* ---- the twin -------------------------------------------------------------------------------- */

/* Of an object of its own, since one is loaded as a whole; it has the maps of the other one. */
static int share_maps(struct gobpfleak *twin, const struct gobpfleak *skel)
{
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, twin->obj) {
		const struct bpf_map *of = bpf_object__find_map_by_name(skel->obj,
									bpf_map__name(map));

		if (!err)
			err = bpf_map__reuse_fd(map, bpf_map__fd(of));
	}
	return err;
}

struct twin {
	pthread_t thread;
	pthread_mutex_t lock;
	bool done, left;	/* it is loaded; nobody waits for that any more */
	bool joined;
	struct gobpfleak *of;
	int fd;			/* -1: there is none */
};

static int load_only(struct gobpfleak *twin, const struct gobpfleak *of)
{
	struct bpf_program *prog;
	int err = share_maps(twin, of);

	bpf_object__for_each_program(prog, twin->obj)
		bpf_program__set_autoload(prog, prog == twin->progs.gl_hit_twin);
	for_probes(twin->progs.gl_hit_twin);
	return err ? err : gobpfleak__load(twin);
}

static void free_twin(struct twin *t)
{
	if (t->fd >= 0)
		close(t->fd);
	gobpfleak__destroy(t->of);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static void *load_twin(void *ctx)
{
	struct twin *t = ctx;
	struct gobpfleak *twin;
	bool left;
	int err;

	procself_give_way();
	twin = gobpfleak__open();
	err = twin ? load_only(twin, t->of) : -errno;
	if (!err)
		t->fd = fcntl(bpf_program__fd(twin->progs.gl_hit_twin), F_DUPFD_CLOEXEC, 0);
	if (t->fd < 0)
		say_verbose("no second copy of the BPF program: %s", strerror(-err));
	gobpfleak__destroy(twin);
	pthread_mutex_lock(&t->lock);
	t->done = true;
	left = t->left;
	pthread_mutex_unlock(&t->lock);
	if (left)
		free_twin(t);
	return NULL;
}

void load_twin_begin(struct loaded *l)
{
	struct twin *t = xcalloc(1, sizeof(*t));
	sigset_t all, was;

	t->of = l->skel;
	t->fd = -1;
	pthread_mutex_init(&t->lock, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);	/* signals are the owner's */
	if (pthread_create(&t->thread, NULL, load_twin, t)) {
		pthread_mutex_destroy(&t->lock);
		free(t);
	} else {
		l->twin = t;
	}
	pthread_sigmask(SIG_SETMASK, &was, NULL);
}

int load_twin_get(struct loaded *l)
{
	struct twin *t = l->twin;

	if (t && !t->joined)
		pthread_join(t->thread, NULL);
	if (t)
		t->joined = true;
	return t ? t->fd : -1;
}

/* Frees the skeleton as well; false: there is no twin that would. */
static bool leave_twin(struct loaded *l)
{
	struct twin *t = l->twin;
	pthread_t thread;
	bool done;

	if (!t)
		return false;
	thread = t->thread;
	pthread_mutex_lock(&t->lock);
	done = t->done;
	t->left = !done;
	pthread_mutex_unlock(&t->lock);
	if (done) {
		load_twin_get(l);
		free_twin(t);
	} else {
		pthread_detach(thread);
	}
	return true;
}

void load_close(struct loaded *l)
{
	if (l->skel && l->exec_fd >= 0)
		close(l->exec_fd);
	if (!leave_twin(l))
		gobpfleak__destroy(l->skel);
	*l = (struct loaded){ .prog_fd = -1, .exec_fd = -1 };
}
