// SPDX-License-Identifier: BSD-2-Clause
/*
 * tracer.c - the BPF side from outside: rights, load, plant, drain, count, leave, each in a room of
 * its own.
 */
#include "user/tracer/tracer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/base/util.h"
#include "user/tracer/cost.h"
#include "user/tracer/load.h"
#include "user/tracer/plant.h"
#include "user/tracer/records.h"
#include "user/tracer/rights.h"
#include "user/tracer/ring.h"
#include "user/tracer/sample.h"

/* What was planted by one call. */
struct set {
	unsigned int planted;	/* groups; 0: the set is free */
	unsigned int wanted;	/* those that have not been detached */
	bool burst;		/* for a short while, and perhaps only some of their probes */
	enum gl_twin twin;	/* that was planted */
	struct plant plant;
};

/* What the kernel is still removing. */
struct leaving {
	pid_t pid;		/* ends then; 0: none */
	unsigned int groups;
	enum gl_twin twin;
};

struct tracer {
	struct loaded loaded;
	bool has_multi;		/* uprobe_multi: probes come and go in no time */
	unsigned int listening;	/* groups */
	struct set sets[TRACER_N_GROUPS];
	struct leaving leaving[2 * TRACER_N_GROUPS];	/* each group once with each twin */
	struct tracer_probe *probes;
	size_t n_probes;
	struct cost cost;
	struct ring ring;
	tracer_sink sink;
	void *ctx;
	uint64_t n_damaged, n_goroutine_hits;
};

/* Of the ring, for stacks between two drains. */
enum { STACK_CREDIT = GL_RING_BYTES / 4 };
enum { LEAVE_PAUSE_NS = 500000 };	/* between two looks whether the breakpoints have gone */

/* ---- open ---------------------------------------------------------------------------------- */

static void on_record(void *ctx, const void *data, size_t size)
{
	const struct gl_header *rec = data;
	struct tracer *tr = ctx;

	if (!record_sound(data, size)) {
		tr->n_damaged++;
		return;
	}
	tr->n_goroutine_hits += rec->kind == GL_REC_GOSTART || rec->kind == GL_REC_GOEND;
	tr->sink(tr->ctx, data);
}

static int map_ring(struct tracer *tr)
{
	int err = ring_open(&tr->ring, tr->loaded.ring_fd, GL_RING_BYTES);

	if (err)
		say_error("the ring buffer cannot be mapped: %s", strerror(-err));
	return err;
}

static void start_cost(struct tracer *tr)
{
	struct cost_setup setup = {
		.prog_fds = { tr->loaded.prog_fd, -1 },
		.found_fd = tr->loaded.found_fd,
	};

	for (size_t i = 0; i < tr->n_probes; i++)
		setup.stepped |= (tr->probes[i].row.flags & GL_AT_RET) != 0;
	cost_start(&tr->cost, &setup);
}

int tracer_open(struct tracer **out, const struct gl_config *config,
		const struct tracer_probe *probes, size_t n, tracer_sink sink, void *ctx)
{
	struct gl_config c = *config;
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
	tr->has_multi = plant_has_multi();
	c.filtered = plant_filters();
	err = load_open(&tr->loaded, &c, probes, n);
	if (!err)
		err = map_ring(tr);
	if (err) {
		tracer_close(tr);
		return err;
	}
	tr->loaded.control->stack_credit = STACK_CREDIT;
	memcpy(tr->probes, probes, n * sizeof(*probes));
	start_cost(tr);
	if (tr->has_multi)
		load_twin_begin(&tr->loaded);
	*out = tr;
	return 0;
}

/* ---- attach, run and leave ------------------------------------------------------------------ */

/* Takes back what was detached but still stands; returns the groups that do not. */
static unsigned int take_back(struct tracer *tr, unsigned int groups)
{
	for (size_t i = 0; i < TRACER_N_GROUPS; i++) {
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

static size_t find_offsets(const struct tracer *tr, unsigned int groups,
			   const struct tracer_subset *subset, __u64 offsets[GL_MAX_PROBES])
{
	size_t n = 0;

	for (size_t i = 0; i < tr->n_probes; i++)
		if ((tr->probes[i].group & groups) &&
		    (!subset || subset->bits[i / 64] >> i % 64 & 1))
			offsets[n++] = tr->probes[i].file_off;
	return n;
}

static bool has_left(struct leaving *l, bool wait)
{
	if (l->pid && plant_has_left(l->pid, wait))
		l->pid = 0;
	return !l->pid;
}

static struct leaving *who_leaves(struct tracer *tr, unsigned int groups, enum gl_twin twin)
{
	for (size_t i = 0; i < ARRAY_SIZE(tr->leaving); i++) {
		struct leaving *l = &tr->leaving[i];

		if (!has_left(l, false) && (l->groups & groups) && l->twin == twin)
			return l;
	}
	return NULL;
}

/* A twin of which no probe of these groups is still being removed; waits for one if need be. */
static enum gl_twin free_twin(struct tracer *tr, unsigned int groups)
{
	struct leaving *l;

	if (!who_leaves(tr, groups, GL_FIRST))
		return GL_FIRST;
	if (!who_leaves(tr, groups, GL_SECOND) && load_twin_get(&tr->loaded) >= 0)
		return GL_SECOND;
	while ((l = who_leaves(tr, groups, GL_FIRST)))
		has_left(l, true);
	return GL_FIRST;
}

static void let_go(struct tracer *tr, struct set *set)
{
	size_t i = 0;

	while (tr->leaving[i].pid && i + 1 < ARRAY_SIZE(tr->leaving))
		i++;
	has_left(&tr->leaving[i], true);
	tr->leaving[i] = (struct leaving){
		.pid = plant_let_go(&set->plant), .groups = set->planted, .twin = set->twin
	};
}

static int prog_of(struct tracer *tr, enum gl_twin twin)
{
	int fd;

	if (twin == GL_FIRST)
		return tr->loaded.prog_fd;
	fd = load_twin_get(&tr->loaded);
	cost_second(&tr->cost, fd);
	return fd;
}

/* subset: NULL for all, and a burst has one. */
static int plant_set(struct tracer *tr, unsigned int groups, const struct tracer_subset *subset,
		     const char *path, pid_t pid)
{
	__u64 offsets[GL_MAX_PROBES];
	const struct place place = {
		.path = path, .pid = pid, .offsets = offsets,
		.n = find_offsets(tr, groups, subset, offsets),
	};
	struct set *set;
	int err;

	if (!place.n)
		return 0;
	set = free_set(tr);
	set->twin = free_twin(tr, groups);
	err = plant(&set->plant, prog_of(tr, set->twin), &place);
	if (err) {
		plant_remove(&set->plant);
		return err;
	}
	set->planted = set->wanted = groups;
	set->burst = subset != NULL;
	return 0;
}

int tracer_attach(struct tracer *tr, unsigned int groups, const char *path, pid_t pid)
{
	int err;

	tracer_burst_end(tr, groups);
	err = plant_set(tr, take_back(tr, groups), NULL, path, pid);
	tracer_listen(tr, tr->listening | groups);
	if (err) {
		plant_explain(err);
		tracer_detach(tr, groups);
	}
	return err;
}

static enum gl_twin twin_of(const struct tracer *tr, unsigned int group)
{
	for (size_t i = 0; i < TRACER_N_GROUPS; i++)
		if (tr->sets[i].planted & group)
			return tr->sets[i].twin;
	return GL_NOBODY;
}

void tracer_listen(struct tracer *tr, unsigned int groups)
{
	tr->listening = groups;
	for (unsigned int g = 0; g < TRACER_N_GROUPS; g++)
		tr->loaded.control->listen[g] = twin_of(tr, 1 << g & groups);
	if (!(groups & TRACER_COLLECTOR))
		tr->loaded.control->gen = 0;
}

void tracer_detach(struct tracer *tr, unsigned int groups)
{
	tracer_burst_end(tr, groups);
	tracer_listen(tr, tr->listening & ~groups);
	for (size_t i = 0; i < TRACER_N_GROUPS; i++) {
		struct set *set = &tr->sets[i];

		set->wanted &= ~groups;
		if (!set->planted || set->wanted)
			continue;
		if (set->plant.link_fd >= 0)
			let_go(tr, set);
		else
			plant_remove(&set->plant);
		set->planted = 0;
	}
}

void tracer_sample(struct tracer *tr, uint64_t distance_bytes)
{
	volatile struct gl_control *c = tr->loaded.control;

	if (distance_bytes)
		sample_chances(c, distance_bytes);
	c->sampling = distance_bytes != 0;
}

/* ---- bursts --------------------------------------------------------------------------------- */

static unsigned int planted_groups(const struct tracer *tr)
{
	unsigned int groups = 0;

	for (size_t i = 0; i < TRACER_N_GROUPS; i++)
		groups |= tr->sets[i].planted;
	return groups;
}

bool tracer_can_burst(void)
{
	return plant_has_multi();
}

int tracer_burst_begin(struct tracer *tr, unsigned int groups, const struct tracer_subset *subset,
		       const char *path, pid_t pid)
{
	static const struct tracer_subset all = { { UINT64_MAX, UINT64_MAX } };
	int err;

	if (!tr->has_multi)
		return -EOPNOTSUPP;
	if (planted_groups(tr) & groups)
		return -EBUSY;
	err = plant_set(tr, groups, subset ? subset : &all, path, pid);
	if (err)
		return err;
	tracer_listen(tr, tr->listening | groups);
	return 0;
}

/* Ends every burst that has one of these groups. */
void tracer_burst_end(struct tracer *tr, unsigned int groups)
{
	for (size_t i = 0; i < TRACER_N_GROUPS; i++) {
		struct set *set = &tr->sets[i];

		if (!set->burst || !(set->planted & groups))
			continue;
		tracer_listen(tr, tr->listening & ~set->planted);
		let_go(tr, set);
		set->planted = set->wanted = 0;
		set->burst = false;
	}
}

int tracer_fd(const struct tracer *tr)
{
	return tr->ring.fd;
}

static uint64_t count_hits(const struct tracer *tr, enum gl_hit which)
{
	uint64_t n = 0;

	for (size_t row = 0; row < GL_CPU_ROWS; row++)
		n += tr->loaded.cpus[row].hits[which] +
		     tr->loaded.cpus[row].hits[which + GL_HIT_RET];
	return n;
}

void tracer_hits_made(const struct tracer *tr, struct tracer_hits *out)
{
	*out = (struct tracer_hits){
		.recorded = count_hits(tr, GL_HIT_RECORDED),
		.dropped = count_hits(tr, GL_HIT_DROPPED),
		.unheard = count_hits(tr, GL_HIT_UNHEARD),
	};
}

uint64_t tracer_goroutine_hits(const struct tracer *tr)
{
	return tr->n_goroutine_hits;
}

static struct cost_counts counts_for_cost(const struct tracer *tr)
{
	struct tracer_hits hits;
	struct cost_counts c;

	tracer_hits_made(tr, &hits);
	c = (struct cost_counts){ .recorded = hits.recorded,
				  .others = hits.dropped + hits.unheard };
	for (size_t row = 0; row < GL_CPU_ROWS; row++) {
		c.found += tr->loaded.cpus[row].found;
		for (int i = GL_HIT_RET; i < GL_N_HITS; i++)
			c.stepped += tr->loaded.cpus[row].hits[i];
	}
	return c;
}

static void tick_cost(struct tracer *tr)
{
	const struct cost_counts counts = counts_for_cost(tr);

	cost_tick(&tr->cost, &counts);
}

int tracer_drain(struct tracer *tr)
{
	int n;

	tr->loaded.control->stack_credit = STACK_CREDIT;
	n = ring_read(&tr->ring, on_record, tr);
	tick_cost(tr);
	return n;
}

void tracer_forget_stack(struct tracer *tr, uint64_t id)
{
	volatile struct gl_stack_set *set = &tr->loaded.stacks_sent[gl_stack_set_of(id)];

	for (int i = 0; i < GL_STACK_WAYS; i++)
		if (set->ids[i] == id)
			set->ids[i] = 0;
}

void tracer_counters(const struct tracer *tr, uint64_t counters[GL_N_COUNTERS])
{
	memset(counters, 0, GL_N_COUNTERS * sizeof(*counters));
	for (int c = 0; c < GL_CPU_ROWS; c++)
		for (int i = 0; i < GL_N_COUNTERS; i++)
			counters[i] += tr->loaded.cpus[c].lost[i];
}

uint64_t tracer_damaged(const struct tracer *tr)
{
	return tr->n_damaged;
}

void tracer_cost(const struct tracer *tr, struct tracer_cost *out)
{
	const struct cost_counts counts = counts_for_cost(tr);
	struct cost_prices prices;

	cost_get(&tr->cost, &counts, &prices);
	tracer_hits_made(tr, &out->hits);
	out->ns_recorded = prices.recorded;
	out->ns_dropped = prices.dropped;
	out->ns_unheard = prices.unheard;
	out->total_ns = prices.total_ns;
}

static bool all_have_left(struct tracer *tr)
{
	bool all = true;

	for (size_t i = 0; i < ARRAY_SIZE(tr->leaving); i++)
		all &= has_left(&tr->leaving[i], false);
	return all;
}

/* Children that are not waited for are past all that can be done to them. */
void tracer_leave(struct tracer *tr, bool (*clean)(void *ctx), void *ctx)
{
	static const struct timespec pause = { .tv_nsec = LEAVE_PAUSE_NS };

	tracer_detach(tr, TRACER_ALL);
	while (!all_have_left(tr) && !clean(ctx))
		nanosleep(&pause, NULL);
	memset(tr->leaving, 0, sizeof(tr->leaving));
}

void tracer_close(struct tracer *tr)
{
	if (!tr)
		return;
	if (tr->loaded.control)
		tracer_detach(tr, TRACER_ALL);
	for (size_t i = 0; i < ARRAY_SIZE(tr->leaving); i++)
		has_left(&tr->leaving[i], true);
	cost_stop(&tr->cost);
	ring_close(&tr->ring);
	load_close(&tr->loaded);
	free(tr->probes);
	free(tr);
}
