// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_tracer.c - tracer.h on this process: it is tracer and target at once.
 *
 * Every probe is of the kind that sends one record with the number that its argument points to, so
 * that a call of a point is a hit, and one hit one record.  Skipped without the rights to load BPF
 * programs; the tracefs way is skipped where tracefs cannot be mounted.
 */
#include "user/tracer/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <cmocka.h>

#include "user/base/util.h"
#include "user/tracer/cost.h"
#include "user/tracer/found.h"
#include "user/tracer/load.h"
#include "user/tracer/plant.h"
#include "user/tracer/records.h"
#include "user/tracer/rights.h"
#include "user/tracer/sample.h"
#include "user/tracer/tracefs.h"

/* ---- what is probed ------------------------------------------------------------------------- */

enum { N_POINTS = TRACER_N_GROUPS, RDI = 7 };

#if defined(__x86_64__)
#define POINT(name)								\
	extern void name(uint64_t g, uint64_t size);					\
	__asm__(".pushsection .text\n" #name ":\n jmp 1f\n1: ret\n.popsection\n")
#else
#define POINT(name) static void name(uint64_t g, uint64_t size) {}
#endif
POINT(heap_point);
POINT(goroutine_point);
POINT(collector_point);
POINT(profile_point);

static void (*const points[N_POINTS])(uint64_t, uint64_t) = {
	heap_point, goroutine_point, collector_point, profile_point
};

static uint64_t file_off(uintptr_t addr)
{
	unsigned long start, end, off;
	uint64_t found = 0;
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");

	while (!found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &off) == 3 && addr >= start &&
		    addr < end)
			found = addr - start + off;
	fclose(f);
	return found;
}

static void fill_probes(struct tracer_probe probes[N_POINTS])
{
	for (int i = 0; i < N_POINTS; i++)
		probes[i] = (struct tracer_probe){
			.row = { .id = i, .kind = GL_PROBE_GOEND, .cond = GL_COND_ALWAYS,
				 .flags = GL_WHEN_TAKEN | GL_WHEN_NOT_TAKEN,
				 .ptr = { .kind = GL_LOC_REG, .reg = RDI } },
			.group = 1 << i, .addr = (uintptr_t)points[i],
			.file_off = file_off((uintptr_t)points[i]),
		};
}

static struct gl_config own_config(void)
{
	struct gl_config c = { .tgid = getpid() };
	struct stat st;

	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	c.pidns_dev = st.st_dev;	/* the encodings are equal below 256 */
	c.pidns_ino = st.st_ino;
	return c;
}

/* ---- the tracer ------------------------------------------------------------------------------ */

struct seen {
	struct tracer *tr;
	uint64_t by_probe[N_POINTS], last_g;
	bool again;		/* every record causes another hit */
};

static void on_record(void *ctx, const struct gl_header *rec)
{
	struct seen *s = ctx;

	assert_int_equal(rec->kind, GL_REC_GOEND);
	s->by_probe[rec->probe]++;
	s->last_g = ((const struct gl_goend *)rec)->g;
	if (s->again)
		points[rec->probe](s->last_g, 0);
}

static void need_rights(void)
{
	const char *preload = getenv("LD_PRELOAD");

	set_verbosity(QUIET);
	/* which runs a translation of the code, and not what a probe is planted in */
	if (preload && strstr(preload, "valgrind")) {
		print_message("skipped: valgrind\n");
		skip();
	}
	if (geteuid() || !file_off((uintptr_t)heap_point) || rights_check()) {
		print_message("skipped: no rights to load BPF programs\n");
		skip();
	}
}

static void open_tracer(struct seen *s)
{
	struct tracer_probe probes[N_POINTS];
	struct gl_config config = own_config();

	*s = (struct seen){ 0 };
	fill_probes(probes);
	assert_int_equal(tracer_open(&s->tr, &config, probes, N_POINTS, on_record, s), 0);
}

static void hit_all(void)
{
	for (int i = 0; i < N_POINTS; i++)
		points[i](4711, 0);
}

/* Hits every point once; which groups answered. */
static unsigned int listening(struct seen *s)
{
	const uint64_t before = tracer_goroutine_hits(s->tr);
	unsigned int groups = 0;

	memset(s->by_probe, 0, sizeof(s->by_probe));
	hit_all();
	assert_int_equal(tracer_drain(s->tr), 0);
	for (int i = 0; i < N_POINTS; i++) {
		assert_in_range(s->by_probe[i], 0, 1);
		groups |= s->by_probe[i] << i;
	}
	assert_int_equal(tracer_goroutine_hits(s->tr) - before, __builtin_popcount(groups));
	return groups;
}

static void test_groups(void **state)
{
	const unsigned int others = TRACER_ALL & ~TRACER_HEAP;
	struct seen s;

	need_rights();
	open_tracer(&s);
	assert_int_equal(listening(&s), 0);
	assert_int_equal(tracer_attach(s.tr, others, "/proc/self/exe", getpid()), 0);
	assert_int_equal(listening(&s), others);
	assert_int_equal(s.last_g, 4711);
	assert_int_equal(tracer_attach(s.tr, TRACER_HEAP, "/proc/self/exe", getpid()), 0);
	assert_int_equal(listening(&s), TRACER_ALL);
	tracer_listen(s.tr, TRACER_COLLECTOR);
	assert_int_equal(listening(&s), TRACER_COLLECTOR);
	tracer_listen(s.tr, TRACER_ALL);
	tracer_detach(s.tr, TRACER_HEAP);
	assert_int_equal(listening(&s), others);
	assert_int_equal(tracer_attach(s.tr, TRACER_ALL, "/proc/self/exe", getpid()), 0);
	assert_int_equal(listening(&s), TRACER_ALL);
	/* one of two that were planted together: it still stands, and is not planted twice */
	tracer_detach(s.tr, TRACER_GOROUTINES);
	assert_int_equal(listening(&s), TRACER_ALL & ~TRACER_GOROUTINES);
	assert_int_equal(tracer_attach(s.tr, TRACER_GOROUTINES, "/proc/self/exe", getpid()), 0);
	assert_int_equal(listening(&s), TRACER_ALL);
	tracer_detach(s.tr, TRACER_ALL);
	assert_int_equal(listening(&s), 0);
	tracer_close(s.tr);
}

struct places {
	uint8_t first[N_POINTS];	/* byte of each point, before anything was planted */
};

static bool is_clean(void *ctx)
{
	const struct places *p = ctx;

	for (int i = 0; i < N_POINTS; i++)
		if (*(const volatile uint8_t *)(uintptr_t)points[i] != p->first[i])
			return false;
	return true;
}

static bool never_clean(void *ctx)
{
	return false;
}

/* Once the breakpoints have gone nothing more is waited for; without word of that, for the end. */
static void test_leave(void **state)
{
	struct places places;
	struct seen s;

	need_rights();
	for (int i = 0; i < N_POINTS; i++)
		places.first[i] = *(const volatile uint8_t *)(uintptr_t)points[i];
	open_tracer(&s);
	assert_int_equal(tracer_attach(s.tr, TRACER_ALL, "/proc/self/exe", getpid()), 0);
	assert_false(is_clean(&places));
	tracer_leave(s.tr, is_clean, &places);
	assert_true(is_clean(&places));
	assert_int_equal(listening(&s), 0);
	tracer_close(s.tr);
	open_tracer(&s);
	assert_int_equal(tracer_attach(s.tr, TRACER_ALL, "/proc/self/exe", getpid()), 0);
	tracer_leave(s.tr, never_clean, NULL);
	assert_true(is_clean(&places));
	tracer_close(s.tr);
}

/* The file is named by a descriptor, as it is when it must be the very one that was read. */
static void test_descriptor(void **state)
{
	char path[64];
	struct seen s;
	int fd;

	need_rights();
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	open_tracer(&s);
	assert_int_equal(tracer_attach(s.tr, TRACER_ALL, path, getpid()), 0);
	assert_int_equal(listening(&s), TRACER_ALL);
	tracer_close(s.tr);
	close(fd);
}

static void test_drain_ends(void **state)
{
	struct seen s;
	uint64_t first;

	need_rights();
	open_tracer(&s);
	assert_int_equal(tracer_attach(s.tr, TRACER_ALL, "/proc/self/exe", getpid()), 0);
	for (int i = 0; i < 100; i++)
		heap_point(4711, 0);
	s.again = true;
	assert_int_equal(tracer_drain(s.tr), 1);
	first = s.by_probe[0];
	assert_in_range(first, 100, GL_RING_BYTES / sizeof(struct gl_goend));
	s.again = false;
	assert_int_equal(tracer_drain(s.tr), 0);
	assert_int_equal(s.by_probe[0], first + 100);
	assert_int_equal(tracer_damaged(s.tr), 0);
	tracer_close(s.tr);
}

static void test_hits_with_losses(void **state)
{
	const uint64_t hits = GL_RING_BYTES / sizeof(struct gl_goend) + 100000;
	uint64_t counters[GL_N_COUNTERS];
	struct tracer_cost cost;
	struct seen s;

	need_rights();
	open_tracer(&s);
	assert_int_equal(tracer_attach(s.tr, TRACER_ALL, "/proc/self/exe", getpid()), 0);
	for (uint64_t i = 0; i < hits; i++)
		heap_point(4711, 0);
	goroutine_point(0, 0);		/* no address */
	assert_int_equal(tracer_drain(s.tr), 0);
	tracer_counters(s.tr, counters);
	assert_true(counters[GL_LOST_RING] > 90000);
	assert_int_equal(counters[GL_LOST_ADDR], 1);
	tracer_cost(s.tr, &cost);
	assert_int_equal(cost.hits.recorded, hits + 1);
	assert_true(cost.ns_recorded > 0 && cost.total_ns > 0);
	tracer_close(s.tr);
}

/* ---- bursts --------------------------------------------------------------------------------- */

/* Windows of one group beside what is attached, each opened while the kernel still closes the one
 * before it. */
static void test_bursts(void **state)
{
	const struct tracer_subset none = { { 0 } }, goroutines = { { 1 << 1 } };
	struct seen s;

	need_rights();
	open_tracer(&s);
	assert_int_equal(tracer_attach(s.tr, TRACER_COLLECTOR, "/proc/self/exe", getpid()), 0);
	if (tracer_burst_begin(s.tr, TRACER_HEAP, NULL, "/proc/self/exe", getpid()) == -EOPNOTSUPP)
		skip();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(listening(&s), TRACER_COLLECTOR | TRACER_HEAP);
		assert_int_equal(tracer_burst_begin(s.tr, TRACER_HEAP, NULL, "/proc/self/exe",
						    getpid()), -EBUSY);
		assert_int_equal(tracer_burst_begin(s.tr, TRACER_GOROUTINES, NULL, "/proc/self/exe",
						    getpid()), 0);
		assert_int_equal(listening(&s), TRACER_ALL & ~TRACER_PROFILE);
		tracer_burst_end(s.tr, TRACER_HEAP);
		assert_int_equal(listening(&s), TRACER_COLLECTOR | TRACER_GOROUTINES);
		tracer_burst_end(s.tr, TRACER_GOROUTINES);
		assert_int_equal(listening(&s), TRACER_COLLECTOR);
		assert_int_equal(tracer_burst_begin(s.tr, TRACER_HEAP, NULL, "/proc/self/exe",
						    getpid()), 0);
	}
	tracer_burst_end(s.tr, TRACER_HEAP);
	assert_int_equal(tracer_burst_begin(s.tr, TRACER_HEAP | TRACER_GOROUTINES, &goroutines,
					    "/proc/self/exe", getpid()), 0);
	assert_int_equal(listening(&s), TRACER_COLLECTOR | TRACER_GOROUTINES);
	tracer_burst_end(s.tr, TRACER_HEAP | TRACER_GOROUTINES);
	assert_int_equal(tracer_burst_begin(s.tr, TRACER_HEAP, &none, "/proc/self/exe", getpid()),
			 0);
	assert_int_equal(listening(&s), TRACER_COLLECTOR);
	tracer_burst_end(s.tr, TRACER_HEAP);
	/* attaching for good ends the window */
	assert_int_equal(tracer_burst_begin(s.tr, TRACER_HEAP | TRACER_GOROUTINES, &goroutines,
					    "/proc/self/exe", getpid()), 0);
	assert_int_equal(tracer_attach(s.tr, TRACER_HEAP, "/proc/self/exe", getpid()), 0);
	assert_int_equal(listening(&s), TRACER_COLLECTOR | TRACER_HEAP);
	tracer_close(s.tr);
}

/* ---- sampling ------------------------------------------------------------------------------- */

enum { RSI = 6, N_ALLOCS = 20000 };

struct sampled {
	uint64_t n;
	uint32_t chance;	/* of all of them */
};

static void count_sample(void *ctx, const struct gl_header *rec)
{
	const struct gl_alloc *a = (const struct gl_alloc *)rec;
	struct sampled *s = ctx;

	if (rec->kind != GL_REC_ALLOC)
		return;
	assert_true(!s->n++ || a->chance == s->chance);
	s->chance = a->chance;
}

/* N_ALLOCS allocations of this size at a probe that reads it here. */
static void sample(struct gl_loc loc, uint32_t class_size, uint64_t size, uint64_t distance,
		   struct sampled *out, struct tracer_hits *made)
{
	uint32_t gen = 0;	/* of which no other thread copies the page after a fork */
	struct gl_config config = own_config();
	struct tracer_probe probes[N_POINTS];
	struct tracer *tr;

	*out = (struct sampled){ 0 };
	fill_probes(probes);
	probes[0].row.kind = GL_PROBE_ALLOC;
	probes[0].row.size = loc;
	probes[0].row.class_size = class_size;
	config.sweepgen_addr = (uintptr_t)&gen;
	assert_int_equal(tracer_open(&tr, &config, probes, 1, count_sample, out), 0);
	tracer_sample(tr, distance);
	assert_int_equal(tracer_attach(tr, TRACER_HEAP, "/proc/self/exe", getpid()), 0);
	for (int i = 0; i < N_ALLOCS; i++)
		heap_point(4711, size);
	tracer_hits_made(tr, made);	/* none of them has been drained */
	assert_int_equal(tracer_drain(tr), 0);
	assert_int_equal(tracer_goroutine_hits(tr), 0);
	tracer_close(tr);
}

/* Within six standard deviations: one run of 500 million is wrong. */
static void test_sampling(void **state)
{
	static const struct {
		struct gl_loc loc;
		uint32_t class_size;
		uint64_t size, distance;
		double chance;
	} cases[] = {
		{ { GL_LOC_REG, .reg = RSI }, 0, 1000, 0, 1 },
		{ { GL_LOC_REG, .reg = RSI }, 0, 1000, 1000, 0.6336 },	/* of 1004 */
		{ { GL_LOC_REG, .reg = RSI }, 0, 100000, 1000000, 0.0952 },	/* of 100096 */
		{ { GL_LOC_REG, .reg = RSI }, 0, 1 << 22, 1 << 26, 0.0608 },
		{ { GL_LOC_REG, .reg = RSI }, 0, 1 << 30, 1ull << 40, 1 },	/* behind the table */
		{ { GL_LOC_REG, .reg = RSI }, 100, 1 << 30, 1000, 0.0952 },	/* of 100 */
		{ { .kind = GL_LOC_NONE }, 0, 1 << 30, 1000, 0.1237 },	/* of 132 */
		{ { GL_LOC_SLOT, .off = 1 << 30 }, 0, 1 << 30, 1000, 0.1237 },	/* unreadable */
	};

	need_rights();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const double p = cases[i].chance, want = N_ALLOCS * p;
		const double sigma = sqrt(N_ALLOCS * p * (1 - p));
		struct sampled got;
		struct tracer_hits made;

		sample(cases[i].loc, cases[i].class_size, cases[i].size, cases[i].distance, &got,
		       &made);
		assert_true(fabs((double)got.n - want) <= 6 * sigma);
		assert_true(fabs((got.chance ? ldexp(got.chance, -32) : 1) - p) < 0.0001);
		assert_int_equal(made.recorded, got.n);
		assert_int_equal(made.recorded + made.dropped, N_ALLOCS);
		assert_int_equal(made.unheard, 0);
	}
}

/* Needs no rights.  Every size has a row, larger sizes have later rows and no smaller chances. */
static void test_chances(void **state)
{
	struct gl_control c;
	const volatile uint32_t *chances = c.chances;

	sample_chances(&c, 512 << 10);
	for (uint64_t size = 1, row = 0; size < 1 << 23; size++) {
		assert_true(gl_size_row(size) >= row && gl_size_row(size) < GL_CHANCES);
		assert_true(!chances[gl_size_row(size)] || chances[gl_size_row(size)] >= chances[row]);
		row = gl_size_row(size);
	}
	assert_true(chances[gl_size_row(32767)] <= c.chance_small);
	assert_int_equal(gl_size_row(1 << 23), GL_CHANCES);
	assert_int_equal(gl_size_row(UINT64_MAX), GL_CHANCES);
	sample_chances(&c, 1ull << 60);
	assert_int_equal(chances[0], 1);	/* and not 0, which is certain */
	sample_chances(&c, 1);
	assert_int_equal(chances[10], 0);
}

/* ---- cost ----------------------------------------------------------------------------------- */

static void assert_near(double a, double b)
{
	if (!(fabs(a - b) <= 1e-6 * fabs(b)))
		fail_msg("%g is not %g", a, b);
}

/* With many samples the prices are those that they tell, with few the common ones. */
static void test_prices(void **state)
{
	struct cost c;
	struct cost_counts n = { 0 };
	struct cost_prices p;
	double sum;

	cost_init(&c);
	cost_get(&c, &n, &p);
	assert_true(isnan(p.recorded) && isnan(p.dropped) && p.total_ns == 0);
	c.trap_ns = 1000;
	cost_get(&c, &n, &p);
	assert_true(isnan(p.recorded));
	assert_near(p.unheard, 1225);		/* 1.25 * 0.18 more */
	assert_near(p.dropped, 1225 * 1.03);
	c.run_ns = 25000;	/* the first hits are dear: those to come will not be */
	c.n_runs = 4;
	n = (struct cost_counts){ .recorded = 4 };
	cost_get(&c, &n, &p);
	assert_in_range((uint64_t)p.recorded, 1500 * 1.225, 3000 * 1.225);
	assert_near(p.total_ns, 4 * 26000 * 1.225);
	c.run_ns = 500;
	c.n_runs = 3000;
	n.recorded = 3000;
	n.others = 1000;
	cost_get(&c, &n, &p);
	assert_near(p.recorded, 1500 * 1.225);
	assert_near(p.total_ns, (3000 * 1500 + 1000 * 1030) * 1.225);

	/* as much is found as the sum says; half as much again */
	c.finding = true;
	n.recorded = 3e9;
	n.others = 1e9;
	sum = 3e9 * 1500 + 1e9 * 1030;
	for (double more = 1; more < 2; more += 0.5) {
		n.found = (uint64_t)((sum * more - 4e9 * 185) / FOUND_PERIOD_NS);
		cost_get(&c, &n, &p);
		assert_true(fabs(p.total_ns / sum - (1 + 1.25 * (more - 1))) < 0.001);
		assert_near(p.recorded / p.unheard, 1.5);
	}
	n.found = 0;	/* by chance */
	cost_get(&c, &n, &p);
	assert_near(p.unheard, 800);

	c.finding = false;
	c.step_ns = 15000;
	n = (struct cost_counts){ .recorded = 100, .stepped = 100 };
	cost_get(&c, &n, &p);
	assert_near(p.total_ns, 100 * 15500 * 1.225);
}

/* What a program does in 3 of 10 parts of a time that is common is found 3 of 10 times within 3 s,
 * whenever it began. */
static void test_found_period(void **state)
{
	static const double common_ms[] = { 1, 2, 4, 5, 10, 20, 25, 40, 50, 100, 200, 250, 500 };
	const int looks = (int)(3e9 / FOUND_PERIOD_NS);

	for (size_t i = 0; i < ARRAY_SIZE(common_ms); i++) {
		for (double begin = 0; begin < 1; begin += 0.05) {
			int found = 0;

			for (int k = 0; k < looks; k++) {
				double at = k * (double)FOUND_PERIOD_NS / (common_ms[i] * 1e6) +
					    begin;

				found += at - floor(at) < 0.3;
			}
			if (fabs((double)found / looks - 0.3) > 0.015)
				fail_msg("%g ms: found %d times of %d", common_ms[i], found, looks);
		}
	}
}

static uint64_t times_found(const struct loaded *l)
{
	uint64_t n = 0;

	for (int i = 0; i < GL_CPU_ROWS; i++)
		n += l->cpus[i].found;
	return n;
}

/* Who does nothing but hit a probe is found there sooner or later, and where there is none hardly
 * ever: by an interrupt of the kernel's that comes just there, as it does in a slow guest. */
static void test_found(void **state)
{
	struct tracer_probe probes[N_POINTS];
	struct gl_config config = own_config();
	struct plant p = NOT_PLANTED;
	struct loaded l = { 0 };
	struct found f = { 0 };
	uint64_t offset, by_chance;

	need_rights();
	fill_probes(probes);
	offset = probes[0].file_off;
	assert_int_equal(load_open(&l, &config, probes, 1), 0);
	if (l.found_fd < 0 || !found_start(&f, l.found_fd)) {
		load_close(&l);
		skip();
	}
	for (int i = 0; i < 10000000; i++)
		heap_point(4711, 0);
	by_chance = times_found(&l);
	assert_true(by_chance <= 4);
	assert_int_equal(plant(&p, l.prog_fd, &(struct place){ "/proc/self/exe", getpid(),
								   (__u64 *)&offset, 1 }), 0);
	for (int i = 0; i < 10000000 && times_found(&l) < by_chance + 20; i++)
		heap_point(4711, 0);
	assert_true(times_found(&l) >= by_chance + 20);
	plant_remove(&p);
	found_stop(&f);
	load_close(&l);
}

/* ---- the begin of a mark phase --------------------------------------------------------------- */

static void keep_gcstart(void *ctx, const struct gl_header *rec)
{
	struct gl_gcstart *kept = ctx;

	assert_int_equal(rec->kind, GL_REC_GCSTART);
	*kept = *(const struct gl_gcstart *)rec;
}

/* The counts are those of the hit, however late they are asked for; what cannot be read is no
 * record, and no loss of an event. */
static void test_gcstart(void **state)
{
	static uint64_t heapstats[400];
	static uint32_t gen = 42;
	struct gl_config config = own_config();
	uint64_t unmapped = 8, counters[GL_N_COUNTERS];

	need_rights();
	config.sweepgen_addr = (uintptr_t)&gen;
	config.heapstats_len = sizeof(heapstats);
	for (int i = 0; i < 2; i++) {
		struct tracer_probe probes[N_POINTS], *probe = &probes[2];
		struct gl_gcstart kept = { 0 };
		struct tracer *tr;

		fill_probes(probes);
		probe->row.kind = GL_PROBE_GCSTART;
		config.heapstats_addr = i ? unmapped : (uintptr_t)heapstats;
		assert_int_equal(tracer_open(&tr, &config, probe, 1, keep_gcstart, &kept), 0);
		assert_int_equal(tracer_attach(tr, TRACER_ALL, "/proc/self/exe", getpid()), 0);
		heapstats[0] = 1;
		heapstats[399] = 2;
		collector_point(0, 0);
		heapstats[0] = heapstats[399] = 3;
		assert_int_equal(tracer_drain(tr), 0);
		tracer_counters(tr, counters);
		tracer_close(tr);
		assert_int_equal(kept.gen, i ? 0 : 42);
		assert_int_equal(!!kept.time_ns, !i);
		assert_int_equal(kept.heapstats[0], i ? 0 : 1);
		assert_int_equal(kept.heapstats[399 * 8], i ? 0 : 2);
		for (int c = 0; c < GL_N_COUNTERS; c++)
			assert_int_equal(counters[c], 0);
	}
}

struct phases {
	uint32_t n, n_counted, in_row;	/* in_row: of those counted, behind one that was not */
	bool odd;			/* a single one was counted between two that were not */
};

static void add_phase(void *ctx, const struct gl_header *rec)
{
	struct phases *p = ctx;
	bool counted = ((const struct gl_gcstart *)rec)->counted;

	p->n++;
	p->n_counted += counted;
	p->odd |= !counted && p->in_row % 2;
	p->in_row = counted ? p->in_row + 1 : 0;
}

/* Of a process that collects without end only some are counted, always two in a row. */
static void test_gcstart_flood(void **state)
{
	enum { PHASES = 1000, AHEAD = 40, PER_S = 40 };
	static uint64_t heapstats[400];
	static uint32_t gen = 42;
	struct gl_config config = own_config();
	struct tracer_probe probes[N_POINTS], *probe = &probes[2];
	struct phases phases = { 0 };
	struct tracer *tr;
	uint64_t begin;

	need_rights();
	fill_probes(probes);
	probe->row.kind = GL_PROBE_GCSTART;
	config.sweepgen_addr = (uintptr_t)&gen;
	config.heapstats_len = sizeof(heapstats);
	config.heapstats_addr = (uintptr_t)heapstats;
	assert_int_equal(tracer_open(&tr, &config, probe, 1, add_phase, &phases), 0);
	assert_int_equal(tracer_attach(tr, TRACER_ALL, "/proc/self/exe", getpid()), 0);
	begin = now_ns();
	for (int i = 0; i < PHASES; i++) {
		collector_point(0, 0);
		if (i % 100 == 99)
			assert_int_equal(tracer_drain(tr), 0);
	}
	tracer_close(tr);
	assert_int_equal(phases.n, PHASES);
	assert_in_range(phases.n_counted, AHEAD, AHEAD + 2 + PER_S * (now_ns() - begin) / 1000000000);
	assert_false(phases.odd);
}

/* ---- stacks ---------------------------------------------------------------------------------- */

#if defined(__x86_64__)
/* Hits the point with this stack pointer and this frame pointer. */
extern void hit_on(uint64_t ptr, uint64_t sp, uint64_t fp);
extern const char stack_point[];
__asm__(".pushsection .text\n"
	"hit_on: push %rbp\n push %rbx\n mov %rsp, %rbx\n mov %rsi, %rsp\n mov %rdx, %rbp\n"
	"stack_point: jmp 1f\n"
	"1: mov %rbx, %rsp\n pop %rbx\n pop %rbp\n ret\n.popsection\n");

enum { STACK_PAGES = 8, STACK_BYTES = STACK_PAGES * 4096, SPARE = 16384, N_HITS = 3000 };

struct stacks {
	uint8_t *memory;	/* SPARE for a signal, STACK_BYTES */
	uint64_t pcs[GL_MAX_FRAMES];	/* of the next hit */
	uint32_t n;
	struct gl_stack last;
	uint64_t n_hits, n_sent;
};

/* The stack of a hit comes before it, unless it was sent with another one. */
static void check_stack(void *ctx, const struct gl_header *rec)
{
	struct stacks *s = ctx;

	if (rec->kind == GL_REC_STACK) {
		memcpy(&s->last, rec, rec->len);
		s->n_sent++;
		return;
	}
	assert_int_equal(rec->kind, GL_REC_ALLOC);
	assert_int_equal(((const struct gl_alloc *)rec)->stack, s->last.id);
	assert_int_equal(s->last.n, s->n);
	assert_int_equal(s->last.flags, 0);
	assert_memory_equal(s->last.pcs, s->pcs, s->n * sizeof(*s->pcs));
	s->n_hits++;
}

/* Up to 40 frames above sp, now and then with a large one among them; where the last one ends. */
static uint64_t make_frames(struct stacks *s, uint64_t sp, uint64_t end, uint64_t *first_fp)
{
	const unsigned gap = 1 + (unsigned)random() % 400, far = 1 + (unsigned)random() % 30;
	uint64_t at = sp, *link = first_fp;

	s->pcs[0] = (uintptr_t)stack_point;
	for (s->n = 1; s->n < 40; s->n++) {
		uint64_t next = at + (1 + random() % (s->n % far ? gap : 1200)) * 8;

		if (next + 16 > end)
			break;
		*link = next;
		link = (uint64_t *)next;
		s->pcs[s->n] = link[1] = (uint64_t)random() << 8 | s->n;
		at = next + 16;
	}
	*link = 0;
	return at;
}

/* Stacks that come from the same few places, of all depths, some above pages that are gone. */
static void test_stacks(void **state)
{
	uint32_t gen = 0;
	struct gl_config config = own_config();
	struct tracer_probe probes[N_POINTS];
	struct stacks s = { 0 };
	struct tracer *tr;

	need_rights();
	s.memory = mmap(NULL, SPARE + STACK_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(s.memory, MAP_FAILED);
	fill_probes(probes);
	probes[0].row.kind = GL_PROBE_ALLOC;
	probes[0].addr = (uintptr_t)stack_point;
	probes[0].file_off = file_off(probes[0].addr);
	config.sweepgen_addr = (uintptr_t)&gen;
	assert_int_equal(tracer_open(&tr, &config, probes, 1, check_stack, &s), 0);
	assert_int_equal(tracer_attach(tr, TRACER_HEAP, "/proc/self/exe", getpid()), 0);
	srandom(1);
	for (int i = 0; i < N_HITS; i++) {
		uint64_t begin = (uintptr_t)s.memory + SPARE, end = begin + STACK_BYTES, fp = 0;
		uint64_t sp = begin + (uint64_t)random() % 16 * 1016;
		uint64_t top = make_frames(&s, sp, end, &fp);
		size_t above = end - (top + 4095) / 4096 * 4096;
		bool gone = random() % 2 && above;

		if (gone)
			assert_int_equal(mprotect((void *)(end - above), above, PROT_NONE), 0);
		for (int k = 0; k < 2; k++) {
			hit_on(4711, sp, fp);
			assert_int_equal(tracer_drain(tr), 0);
		}
		if (gone)
			mprotect((void *)(end - above), above, PROT_READ | PROT_WRITE);
	}
	assert_int_equal(s.n_hits, 2 * N_HITS);
	assert_in_range(s.n_sent, N_HITS * 9 / 10, N_HITS);
	tracer_close(tr);
	munmap(s.memory, SPARE + STACK_BYTES);
}
#else
static void test_stacks(void **state)
{
	skip();
}
#endif

/* ---- records --------------------------------------------------------------------------------- */

static void test_records(void **state)
{
	static const struct { uint16_t kind; uint32_t len; size_t size; bool sound; } cases[] = {
		{ GL_REC_ALLOC, sizeof(struct gl_alloc), sizeof(struct gl_alloc), true },
		{ GL_REC_GOSTART, sizeof(struct gl_gostart), sizeof(struct gl_gostart), true },
		{ GL_REC_GOEND, sizeof(struct gl_goend), sizeof(struct gl_goend), true },
		{ GL_REC_GCSTART, sizeof(struct gl_gcstart), sizeof(struct gl_gcstart), true },
		{ GL_REC_GCSTART, sizeof(struct gl_gcstart), sizeof(struct gl_gcend), false },
		{ GL_REC_GCEND, sizeof(struct gl_gcend), sizeof(struct gl_gcend), true },
		{ GL_REC_ALLOC, sizeof(struct gl_alloc), sizeof(struct gl_alloc) + 8, false },
		{ GL_REC_ALLOC, sizeof(struct gl_alloc), sizeof(struct gl_alloc) - 8, false },
		{ GL_REC_GOEND, sizeof(struct gl_gostart), sizeof(struct gl_gostart), false },
		{ 0, 8, 8, false },
		{ 7, 24, 24, false },
		{ 0xffff, 24, 24, false },
		{ GL_REC_GCEND, 0, 0, false },
		{ GL_REC_GCEND, 4, 4, false },
		{ GL_REC_STACK, 16, 16, false },
	};
	struct gl_stack buf = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		buf.h.kind = cases[i].kind;
		buf.h.len = cases[i].len;
		assert_int_equal(record_sound(&buf, cases[i].size), cases[i].sound);
	}
}

static bool stack_sound(uint32_t n, size_t size)
{
	struct gl_stack st = { .h = { .kind = GL_REC_STACK, .len = size }, .n = n };

	return record_sound(&st, size);
}

static void test_stack_records(void **state)
{
	assert_true(stack_sound(0, 24));
	assert_true(stack_sound(3, 24 + 3 * 8));
	assert_true(stack_sound(GL_MAX_FRAMES, sizeof(struct gl_stack)));
	assert_false(stack_sound(4, 24 + 3 * 8));
	assert_false(stack_sound(GL_MAX_FRAMES + 1, sizeof(struct gl_stack) + 8));
	assert_false(stack_sound(0x20000003, 24 + 3 * 8));
}

/* ---- tracefs -------------------------------------------------------------------------------- */

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void make_dir(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static const char *const fake_dirs[] = { "self", "self/ns", "77", "78" };
static const char *const fake_files[] = {
	"self/stat", "self/ns/pid", "77/stat", "78/stat", "uprobe_events"
};

/* A procfs with the processes 77 and 78; their start times stand in field 22. */
static unsigned long long make_fake_proc(const char *dir)
{
	char path[256];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(fake_dirs); i++)
		make_dir(dir, fake_dirs[i]);
	write_file(dir, "self/stat", "5 (me) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 500 1 1\n");
	write_file(dir, "77/stat", "77 (a) b) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 700 1 1\n");
	write_file(dir, "78/stat", "78 (x) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 800 1 1\n");
	write_file(dir, "self/ns/pid", "");
	snprintf(path, sizeof(path), "%s/self/ns/pid", dir);
	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void remove_fake_proc(const char *dir)
{
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(fake_files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, fake_files[i]);
		unlink(path);
	}
	for (size_t i = ARRAY_SIZE(fake_dirs); i-- > 0;) {
		snprintf(path, sizeof(path), "%s/%s", dir, fake_dirs[i]);
		rmdir(path);
	}
	rmdir(dir);
}

static void test_stale_events(void **state)
{
	char dir[] = "/tmp/test_tracer.XXXXXX", path[64], before[1024], after[2048], want[2048];
	unsigned long long ns;
	size_t n;
	FILE *f;

	assert_non_null(mkdtemp(dir));
	ns = make_fake_proc(dir);
	snprintf(before, sizeof(before),
		 "p:other/p1_2_3 /bin/true:0x10\n"
		 "p:gobpfleak/p77_700_%llu_a1 /bin/true:0x10\n"	/* lives */
		 "p:gobpfleak/p78_700_%llu_a2 /bin/true:0x10\n"	/* the pid came again */
		 "p:gobpfleak/p78_700_%llu_a2 /bin/true:0x20\n"
		 "p:gobpfleak/p79_700_%llu_a3 /bin/true:0x10\n"	/* ended */
		 "p:gobpfleak/p79_700_%llu_a3 /bin/true:0x10\n"	/* of another namespace */
		 "p:gobpfleak/mine /bin/true:0x10\n",
		 ns, ns, ns, ns, ns + 1);
	write_file(dir, "uprobe_events", before);
	remove_stale_events(dir, dir);
	snprintf(want, sizeof(want), "%s-:gobpfleak/p78_700_%llu_a2\n-:gobpfleak/p79_700_%llu_a3\n",
		 before, ns, ns);
	snprintf(path, sizeof(path), "%s/uprobe_events", dir);
	f = fopen(path, "r");
	n = fread(after, 1, sizeof(after) - 1, f);
	after[n] = '\0';
	fclose(f);
	remove_fake_proc(dir);
	assert_string_equal(after, want);
}

/* Needs no rights: nothing is loaded. */
static void test_equal_addresses(void **state)
{
	struct tracer_probe probes[N_POINTS];
	struct gl_config config = own_config();
	struct loaded l = { 0 };

	set_verbosity(QUIET);
	fill_probes(probes);
	probes[2].addr = probes[0].addr;
	assert_int_equal(load_open(&l, &config, probes, N_POINTS), -EINVAL);
	load_close(&l);
}

/* What rights_check() says, with status and message through a pipe, of a child without any. */
static int rights_of_nobody(uid_t uid, char *said, size_t cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };
	int fds[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		dup2(fds[1], STDERR_FILENO);
		close(fds[1]);
		if (setresuid(uid, uid, uid) || syscall(SYS_capset, &head, none))
			_exit(77);
		_exit(rights_check() == -EPERM ? 0 : 1);
	}
	close(fds[1]);
	while ((got = read(fds[0], said + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	said[n] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Root without them, as in a container, is not told to be root. */
static void test_no_rights(void **state)
{
	char said[512];

	if (geteuid())
		skip();
	assert_int_equal(rights_of_nobody(0, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "CAP_BPF and CAP_PERFMON"));
	assert_null(strstr(said, "as root"));
	assert_int_equal(rights_of_nobody(65534, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "run it as root"));
}

static void need_tracefs(void)
{
	need_rights();
	if (!access("/sys/kernel/tracing/uprobe_events", W_OK))
		return;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL)) {
		print_message("skipped: tracefs cannot be mounted\n");
		skip();
	}
}

static int sum_gs(void *ctx, void *data, size_t size)
{
	*(uint64_t *)ctx += ((const struct gl_goend *)data)->g;
	return 0;
}

static bool has_event(const char *event)
{
	char line[512];
	bool found = false;
	FILE *f = fopen("/sys/kernel/tracing/uprobe_events", "re");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		found |= strstr(line, event) != NULL;
	fclose(f);
	return found;
}

/* Two events side by side, in the file behind a descriptor. */
static void test_tracefs(void **state)
{
	struct tracer_probe probes[N_POINTS];
	struct gl_config config = own_config();
	struct ring_buffer *ring;
	struct plant heap = NOT_PLANTED, rest = NOT_PLANTED;
	struct loaded l = { 0 };
	uint64_t sum = 0;
	char path[64], event[EVENT_NAME];
	int fd;

	need_tracefs();
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fill_probes(probes);
	assert_int_equal(load_open(&l, &config, probes, N_POINTS), 0);
	ring = ring_buffer__new(l.ring_fd, sum_gs, &sum, NULL);
	for (int i = 0; i < N_POINTS; i++)
		l.control->listen[i] = GL_FIRST;
	const __u64 offs[] = { probes[0].file_off, probes[1].file_off, probes[2].file_off };
	assert_int_equal(plant_event(&rest, l.prog_fd,
				     &(struct place){ path, getpid(), offs + 1, 2 }), 0);
	assert_int_equal(plant_event(&heap, l.prog_fd,
				     &(struct place){ path, getpid(), offs, 1 }), 0);
	remove_stale_events("/sys/kernel/tracing", "/proc");
	strcpy(event, heap.event);
	assert_true(has_event(event));
	hit_all();
	ring_buffer__consume(ring);
	assert_int_equal(sum, 3 * 4711);
	plant_remove(&heap);
	assert_false(has_event(event));
	hit_all();
	ring_buffer__consume(ring);
	assert_int_equal(sum, 5 * 4711);
	plant_remove(&rest);
	ring_buffer__free(ring);
	load_close(&l);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gcstart),
		cmocka_unit_test(test_gcstart_flood),
		cmocka_unit_test(test_prices),
		cmocka_unit_test(test_found_period),
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_chances),
		cmocka_unit_test(test_sampling),
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_stack_records),
		cmocka_unit_test(test_stale_events),
		cmocka_unit_test(test_equal_addresses),
		cmocka_unit_test(test_no_rights),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_leave),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_drain_ends),
		cmocka_unit_test(test_hits_with_losses),
		cmocka_unit_test(test_tracefs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
