/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tracer.h - loads the BPF programs, plants a table of probes, delivers records, counts losses.
 *
 * The only module that includes libbpf or the skeleton.  Knows no Go.
 */
#ifndef TRACER_H
#define TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "include/gobpfleak.h"

struct tracer;

/* Probes come and go in groups: bits of a mask.  */
enum tracer_group {
	TRACER_HEAP = 1,
	TRACER_GOROUTINES = 2,
	TRACER_COLLECTOR = 4,
	TRACER_PROFILE = 8,
	TRACER_N_GROUPS = 4,
	TRACER_ALL = (1 << TRACER_N_GROUPS) - 1,
};

/* Where one probe goes: its row, the file offset for the kernel, and the address at which it is
 * hit. */
struct tracer_probe {
	struct gl_probe row;	/* row.group is set by the tracer */
	enum tracer_group group;
	uint64_t file_off;
	uint64_t addr;		/* in the target */
};

/* A set of probes, by their place in the table that tracer_open() was given. */
struct tracer_subset {
	uint64_t bits[GL_MAX_PROBES / 64];
};

/* Called for each record, in the order in which they were submitted.  Its kind and length are
 * checked.  rec lives until it returns. */
typedef void (*tracer_sink)(void *ctx, const struct gl_header *rec);

/* Opens and loads for these probes; plants nothing in the target.  config: hash and filtered are set
 * here.  Tells the user on failure: missing rights (which), kernel without what is needed (what). */
int tracer_open(struct tracer **out, const struct gl_config *config,
		const struct tracer_probe *probes, size_t n, tracer_sink sink, void *ctx);
/* NULL is fine; detaches, and waits until all that was planted is gone. */
void tracer_close(struct tracer *tr);
/*
 * For who is about to end: detaches, and waits until the kernel has removed what was planted, or no
 * breakpoint stands any more, as clean() says.  The kernel takes these out first, in some ms, and
 * frees what was behind them some 30 to 80 ms later, with nobody's help: tracer_close() does not
 * wait for that afterwards.
 */
void tracer_leave(struct tracer *tr, bool (*clean)(void *ctx), void *ctx);

/*
 * Plants the probes of these groups (those that are not planted yet) in the file at path, for the
 * process pid; they listen at once.  path may be "/proc/self/fd/N".  Tells the user on failure;
 * then none of these groups is attached.
 *
 * What one call plants is one uprobe_multi link, or before Linux 6.6 one tracefs event of many
 * points, and leaves as one: each takes a grace period of the kernel, some 30 ms, and they do not
 * share it.  So: together what stays together, by itself what is to come and go by itself.
 */
int tracer_attach(struct tracer *tr, unsigned int groups, const char *path, pid_t pid);
/* No hit of these groups counts from the begin of this call, and the records of those before can be
 * drained after it, but for those under way.  Their probes are being removed after it, except where
 * another group that was planted by the same call listens on; then they go with that one and cost
 * the trap until then. */
void tracer_detach(struct tracer *tr, unsigned int groups);
/* Sets which of the planted groups listen.  A hit of another one costs the trap and nothing
 * more. */
void tracer_listen(struct tracer *tr, unsigned int groups);

/* From now on an allocation of s bytes is recorded with the chance 1 - exp(-s / distance), which
 * its record brings.  0: all are, as from the begin. */
void tracer_sample(struct tracer *tr, uint64_t distance_bytes);

/*
 * A burst is a short window in which the probes of some groups stand and listen.  It lasts from the
 * return of begin to the call of end; only what passed a probe just before the end may bring its
 * record some microseconds later.  Bursts of different groups are independent of each other and of
 * what is attached.
 *
 * begin takes 5 to 10 ms, in which forks on the whole machine wait.  end returns at once; the kernel
 * takes some ms to pick up the breakpoints and then a grace period, in which the next window may
 * open already.
 *
 * subset: only these probes of the groups; NULL: all.  -EOPNOTSUPP: not on this kernel (before Linux
 * 6.6); -EBUSY: one of the groups is planted; else a negative errno of the kernel.  Silent.
 */
bool tracer_can_burst(void);		/* whether this kernel can */
int tracer_burst_begin(struct tracer *tr, unsigned int groups, const struct tracer_subset *subset,
		       const char *path, pid_t pid);
void tracer_burst_end(struct tracer *tr, unsigned int groups);	/* groups as at the begin */

int tracer_fd(const struct tracer *tr);		/* readable after records that must not wait */
/* Delivers every record that was submitted before the call, and ends after that even if the target
 * fills the ring faster: 0 the ring is empty, 1 more is waiting, -errno. */
int tracer_drain(struct tracer *tr);
/* The stack with this id is sent again before the next record that names it. */
void tracer_forget_stack(struct tracer *tr, uint64_t id);

/* What the BPF side lost; and records that were not sound, of which there should be none. */
void tracer_counters(const struct tracer *tr, uint64_t counters[GL_N_COUNTERS]);
uint64_t tracer_damaged(const struct tracer *tr);

/* Hits so far, as they were made: what waits in the ring is in it.  recorded: a record was made, or
 * lost; dropped: by sampling; unheard: nobody listened, or the branch went the way on which there is
 * no result.  Other processes of the same file are in none.  From any thread, cheap. */
struct tracer_hits {
	uint64_t recorded, dropped, unheard;
};
void tracer_hits_made(const struct tracer *tr, struct tracer_hits *out);
/* Of those recorded, on starts and ends of goroutines, as far as they have been drained. */
uint64_t tracer_goroutine_hits(const struct tracer *tr);

/* What the probes have cost the target. */
struct tracer_cost {
	struct tracer_hits hits;
	/* What one more of them will cost, and all of them have cost so far, ns of its processor
	 * time; NAN: unknown, as is what a recorded one costs before there has been one. */
	double ns_recorded, ns_dropped, ns_unheard;
	double total_ns;
};

/* Cheap: to be asked as often as wanted. */
void tracer_cost(const struct tracer *tr, struct tracer_cost *out);

#endif
