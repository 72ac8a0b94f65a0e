// SPDX-License-Identifier: BSD-2-Clause
/*
 * pace.c - counters of the heap, of goroutines and of the memory profiler, read together.
 */
#include "user/pace.h"


#include "user/base/util.h"
#include "user/go/golayout.h"
#include "user/gomem/gomem.h"
#include "user/process.h"
#include "user/target.h"

#define MAX_PROFILE_RATE (1ull << 40)	/* more is no rate, or as good as none */

/* What a class may be off by is halved. */
static bool read_heap(struct process *p, struct pace *out)
{
	struct census_reading r;

	if (census_allocs(process_gomem(p), &r))
		return false;
	for (unsigned i = 0; i < CENSUS_CLASSES; i++) {
		out->allocs[i] = r.counts.n_alloc[i] + r.above[i] / 2;
		out->counts.allocs += out->allocs[i];
		out->counts.alloc_bytes += out->allocs[i] * golayout_class_size(i);
	}
	out->counts.allocs += r.counts.n_tiny;	/* which share blocks */
	out->counts.alloc_bytes += r.counts.large_alloc_bytes + r.large_bytes_above / 2;
	out->counts.time_ns = r.begin_ns + (r.end_ns - r.begin_ns) / 2;
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
	struct pace pace = { 0 };
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
