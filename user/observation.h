/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * observation.h - one moment of one process as plain data: what was tracked, what the runtime's own
 * tables said, what was lost, what it cost.  Addresses, not names; owns all that it holds, so that
 * it can be kept, compared and written to a file.
 *
 * Addresses are vaddrs of the binary unless said otherwise.  Times are CLOCK_MONOTONIC ns unless
 * said otherwise.
 */
#ifndef OBSERVATION_H
#define OBSERVATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/coverage.h"
#include "user/judge/estimate.h"
#include "user/judge/memory.h"
#include "user/judge/trend.h"
#include "user/judge/window.h"
#include "user/model.h"
#include "user/source.h"

struct suppress;

/* A rate over less is noise, however exact the numbers: a burst becomes gigabytes a minute. */
enum { MIN_RATE_CYCLES = 3 };
#define MIN_RATE_NS 2000000000ull

/* A stack that allocated or started goroutines; stacks[0] is the one of all that are unknown. */
struct obs_stack {
	uint64_t id;
	size_t first_pc;	/* index into the observation's pcs, leaf first */
	uint32_t n_pcs;
	uint32_t flags;		/* enum gl_stack_flags */
	bool called;		/* pcs[0] is the entry of what the call before pcs[1] calls, and no
				 * frame; else it is the probed instruction */
	uint64_t started, ended;	/* goroutines, since the attach */
	uint64_t half_live;	/* started minus ended at go_half_ns */
	double other_allocs, other_bytes;	/* allocated here, of accounts that were given up
						 * when they held nothing and there was no room */
	struct variance objects, bytes;	/* of the sums over its accounts' live objects */
	struct variance new_bytes;	/* of those that are not old */
};

/* All objects of one stack, type and size of slot.  Numbers of objects are estimates where not
 * every one is recorded and followed: then each that is stands for several. */
struct obs_account {
	uint64_t key;		/* the same in every observation of one trace */
	uint32_t stack;		/* index into stacks */
	uint64_t typ;		/* *_type; 0 raw memory, GL_UNKNOWN not at hand */
	uint64_t size;		/* heap bytes of one object; 0 with tiny objects in a block that
				 * another opened */
	bool tiny;
	double live;		/* found alive by the last collection that saw them */
	struct variance live_var;
	uint64_t n_live;	/* how many were recorded of live */
	double least, most;	/* live ones, by the census; most 0: not known */
	double young;		/* born since */
	double shared;		/* of live: tiny, with another live one in their block */
	double doubtful;	/* of live: may be the unseen successor of an object that died; */
	double replaced;	/* of these, so many at most, as far as such objects die */
	double allocs;		/* since the attach, */
	uint64_t recorded;	/* and how many of these were recorded */
	uint64_t samples;	/* objects that live was counted from */
	double live_first;	/* live after the first collection since the attach */
	double live_half;	/* live at heap_half_ns, if one weighs as much now as then */
	double old;		/* of live: born before heap_half_ns, */
	uint64_t n_old;		/* and how many were recorded of these */
	double aged;		/* of live: as old as the filter wants them, */
	uint64_t n_aged;	/* counted from so many objects */
	double each;		/* what a recorded object stands for, in the mean */
	uint64_t oldest_ns;	/* birth of the oldest live object; 0: none */
};

/* A goroutine that was seen to start, and not to end before the table was read. */
struct obs_started {
	uint64_t goid;
	uint32_t stack;		/* index into stacks */
	uint64_t start_ns;
	bool ended;		/* since then */
};

/* A goroutine of the runtime's table. */
struct obs_goroutine {
	uint64_t goid;
	uint64_t gopc;		/* return address of the go statement's call; 0: none */
	uint64_t startpc;	/* entry of the function started */
	uint64_t waitsince_ns;	/* 0: unknown */
	uint64_t stack_bytes;	/* that it has, in use or not */
	uint64_t start_ns;	/* 0: its start was not seen */
	uint32_t stack;		/* index into stacks of its creation, where its start was seen */
	uint32_t state;		/* index into the observation's states */
	size_t first_pc;	/* where it waits: index into table_pcs, leaf first, return */
	uint32_t n_pcs;		/* addresses all of them; 0: not readable, it runs */
	bool cut;
	bool system;		/* one of the runtime's own */
	bool before_attach;	/* it was in the table right after the attach, and not seen to
				 * start */
};

/* How allocations, or the starts of goroutines, were listened to for a time. */
struct obs_source {
	bool goroutines;
	enum source source;
	uint64_t from_ns, to_ns;	/* to_ns 0: until now */
	bool focused;		/* of burst: only the size classes that grow */
	uint64_t distance;	/* of sample, and of burst if not 0: mean bytes between two */
	uint64_t n_windows, open_ns;	/* of burst: how many, and for how long in all */
};

/* One bucket of the program's own memory profile that held something at the attach. */
struct obs_older {
	size_t first_pc;	/* index into obs_before's pcs; as a stack with .called */
	uint32_t n_pcs;
	uint32_t flags;		/* enum gl_stack_flags */
	uint64_t size;		/* heap bytes of one object */
	double chance;		/* with which one is sampled */
	/* Of what was sampled by the attach, what lives: at least, most likely, at most. */
	uint64_t least, samples, most;
};

/* What is older than the attach, as far as that profile tells. */
struct obs_before {
	uint64_t rate;		/* bytes between two samples; 0: there is no profile */
	struct obs_older *v;
	size_t n;
	uint64_t *pcs;
};

/* How a size class, or the heap, has grown, by the census. */
struct obs_growth {
	uint64_t size;		/* as of struct heap_class */
	double object_bytes;	/* of large ones, and of the heap: the mean; 0: none */
	struct growth live;	/* bytes */
	double load[WINDOW_PARTS]; /* bytes allocated a second in each part; NAN: not known */
};

/* Who came and who went. */
struct obs_flow {
	uint64_t of;		/* accounts: index of one; goroutines: their gopc */
	struct window_flow flow;
};

struct obs_flows {
	struct window_span span;
	struct obs_flow *v;	/* those that grew most of late, where there are too many */
	size_t n;
};

/* Goroutines of one go statement that were in one state. */
struct obs_waiting {
	uint64_t gopc, startpc;	/* as of one of them */
	uint32_t state;		/* index into states */
	uint64_t n;
	bool main;		/* goroutine 1 is one of them */
};

/* What a verdict is made from. */
struct obs_evidence {
	bool known;		/* false: nobody has collected any, as in a look */
	uint64_t min_cycles;	/* no leak is called before */
	double min_s;
	struct obs_growth heap;	/* of all classes */
	struct obs_growth *classes;
	size_t n_classes;
	struct obs_flows accounts, goroutines;
	struct obs_waiting *waiting;	/* as last read, where the table is not known now */
	size_t n_waiting;
};

struct obs_cost {
	uint64_t hits;		/* of all probes, lost ones included */
	double ns_per_hit;	/* NAN: unknown */
	double spent_ns;	/* by the target for all that we did; NAN: unknown */
	double budget_percent;	/* of one core; NAN: none was kept */
	uint64_t look_ns;	/* that the last look at what lives took; 0: there was none */
	double own_cpu_s;
	uint64_t own_rss;	/* UNKNOWN_U64: unknown */
};

struct heap_view;		/* heapview.h */

struct observation {
	struct target_info target;	/* its strings are the observation's own */
	const char *gone;		/* NULL: the process was there; else why not (a constant) */
	bool heap, goroutines;		/* which halves are traced, or known of a look: */
	/* One look and no trace: there was no attach, nobody has seen anything start or end, and
	 * what is said of the heap is the runtime's own profile since the program's start. */
	bool look;
	uint64_t profile_rate;		/* bytes between two samples of that profile; 0: none */
	bool profile_off;		/* it was asked for and there is none */
	int64_t wall_ns;		/* CLOCK_REALTIME */
	uint64_t time_ns, attach_ns;
	uint64_t looked_ns;		/* the last look at what lives, 0: none */
	uint64_t heap_half_ns;		/* a look near the middle of the trace, 0: too early */
	uint64_t go_half_ns;		/* a moment near the middle of the trace, 0: too early */
	uint64_t gc_cycles;		/* since the attach */
	uint64_t gc_cycles_half;	/* at heap_half_ns */
	uint64_t one_in;		/* one in so many of the small objects is followed */
	struct variance objects, bytes;	/* of the sums over all accounts' live objects */
	struct obs_bounds {		/* by the census, these sums may be off by at most */
		bool known;
		double above, below;
	} objects_bounds, bytes_bounds;
	uint64_t n_windows;		/* bursts of recording that are told apart; 0: none */
	bool few_windows;		/* so few that they may have missed what comes in runs */
	struct memory_account memory;	/* as last read */
	struct memory_history history;	/* of all readings */
	struct memory_room room;
	struct heap_census census;
	struct obs_before before;
	struct obs_evidence evidence;
	struct suppress *suppress;	/* what the user accepts, not its own; NULL: nothing */
	bool from_start;	/* attached before the program's first instruction */
	const struct heap_view *growth;	/* of the heap by type; NULL: not looked at.  Not a copy: good
					 * until tracing goes on */
	struct looks_cost looks;
	struct filter filter;		/* what of it is to be shown */
	bool gc_known;			/* the collections were asked for: */
	struct gc_cycle *gc;		/* oldest first */
	size_t n_gc;
	uint64_t gc_missed;		/* others before them */
	uint64_t loss[N_COVERAGE];	/* what went missing, since the attach */
	struct obs_cost cost;
	struct obs_source *sources;	/* in order of time, those of the heap and of goroutines */
	size_t n_sources;
	uint64_t n_sources_left_out;	/* older ones, for which there was no room */

	struct obs_stack *stacks;
	size_t n_stacks;
	uint64_t *pcs;
	struct obs_account *accounts;
	size_t n_accounts;
	struct obs_started *started;	/* by goid */
	size_t n_started;
	struct obs_goroutine *table;	/* by goid; see table_known */
	size_t n_table;
	bool table_known;		/* false: it could not be read, only started is known */
	/* Not every start was seen: of the goroutines in the table only some have one, and how many
	 * started and ended at a stack is not known. */
	bool starts_missed;
	uint64_t n_starts;		/* since the attach by the runtime's own count, which it
					 * raises by 16 at a time for each P; UNKNOWN_U64 */
	uint64_t *table_pcs;
	char **states;			/* Go's own words: "chan receive", "running" ... */
	size_t n_states;
};

void observation_free(struct observation *o);	/* NULL is fine */

#endif
