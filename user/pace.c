// SPDX-License-Identifier: BSD-2-Clause
/*
 * pace.c - counters of the heap, of goroutines and of the memory profiler, read together.
 */
#include "user/pace.h"

#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/golayout.h"
#include "user/gomem/gomem.h"
#include "user/process.h"
#include "user/target.h"

enum { N_DELTAS = 3 };		/* of the ring of heapStats, as many as census_place() has */
#define MAX_PROFILE_RATE (1ull << 40)	/* more is no rate, or as good as none */

static bool read_heap(struct process *p, struct pace *out)
{
	struct gomem *gm = process_gomem(p);
	uint8_t raw[N_DELTAS * MAX_HEAPSTATS_BYTES];
	struct census_counts c;
	uint64_t addr;
	uint32_t gen;
	size_t len;

	if (gomem_sweepgen(gm, &gen) || !census_place(gm, &addr, &len) || len > sizeof(raw) ||
	    target_read(process_target(p), addr, raw, len) || census_read(gm, gen, raw, &c))
		return false;
	for (unsigned i = 0; i < CENSUS_CLASSES; i++) {
		out->allocs[i] = c.n_alloc[i];
		out->counts.allocs += c.n_alloc[i];
		out->counts.alloc_bytes += c.n_alloc[i] * golayout_class_size(i);
	}
	out->counts.alloc_bytes += c.large_alloc_bytes;
	return true;
}

/* Of a variable that the layout need not know; 0: unknown. */
static uint64_t read_word(const struct process *p, uint64_t var, int32_t off)
{
	uint64_t v = 0;

	if (!var || off < 0 ||
	    target_read(process_target(p), var + (uint32_t)off + process_bias(p), &v, sizeof(v)))
		return 0;
	return v;
}

bool pace_read(struct process *p, struct pace *out)
{
	const struct go_layout *lo = process_layout(p);
	struct pace pace = { .counts.time_ns = now_ns() };
	uint64_t rate;

	if (process_gone(p) || process_check(p) || !read_heap(p, &pace))
		return false;
	/* Each P takes 16 at a time (runtime/proc.go, _GoidCacheBatch). */
	pace.counts.starts = read_word(p, lo->sched, lo->sched_goidgen);
	rate = read_word(p, lo->memprofilerate, 0);
	pace.counts.profile_bytes = rate < MAX_PROFILE_RATE ? rate : 0;
	if (process_gone(p))
		return false;
	*out = pace;
	return true;
}
