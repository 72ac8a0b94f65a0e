/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tracer.h - loads the BPF programs, plants a table of probes, delivers records, counts losses.
 *
 * The only module that includes libbpf or the skeleton.  Knows no Go.
 */
#ifndef TRACER_H
#define TRACER_H

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
	TRACER_ALL = 7,
};

/* Where one probe goes: its row, the file offset for the kernel, and the address at which it is
 * hit. */
struct tracer_probe {
	struct gl_probe row;	/* row.group is set by the tracer */
	enum tracer_group group;
	uint64_t file_off;
	uint64_t addr;		/* in the target */
};

/* Called for each record, in the order in which they were submitted.  Its kind and length are
 * checked.  rec lives until it returns. */
typedef void (*tracer_sink)(void *ctx, const struct gl_header *rec);

/* Opens and loads for these probes; plants nothing.  config->hash is set here.  Tells the user on
 * failure: missing rights (which), kernel without what is needed (what). */
int tracer_open(struct tracer **out, const struct gl_config *config,
		const struct tracer_probe *probes, size_t n, tracer_sink sink, void *ctx);
void tracer_close(struct tracer *tr);		/* NULL is fine; detaches */

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
/* No hit of these groups counts from the begin of this call, and their records can be drained after
 * it.  Their probes are gone after it, except where another group that was planted by the same call
 * listens on; then they go with that one and cost the trap until then. */
void tracer_detach(struct tracer *tr, unsigned int groups);
/* Sets which of the planted groups listen.  A hit of another one costs the trap and nothing
 * more. */
void tracer_listen(struct tracer *tr, unsigned int groups);

int tracer_fd(const struct tracer *tr);		/* readable after records that must not wait */
/* Delivers every record that was submitted before the call, and ends after that even if the target
 * fills the ring faster: 0 the ring is empty, 1 more is waiting, -errno. */
int tracer_drain(struct tracer *tr);
/* The stack with this id is sent again before the next record that names it. */
void tracer_forget_stack(struct tracer *tr, uint64_t id);

/* What the BPF side lost; and records that were not sound, of which there should be none. */
void tracer_counters(const struct tracer *tr, uint64_t counters[GL_N_COUNTERS]);
uint64_t tracer_damaged(const struct tracer *tr);

/* Hits that counted so far: records delivered, plus those that were lost.  Not in it: what waits in
 * the ring, and hits without a result (a branch that goes the other way, other processes of the
 * same file, groups that do not listen), which cost the trap alone. */
uint64_t tracer_hits(const struct tracer *tr);
/* What one hit costs the target, ns: the trap as measured on ourselves at the first attach, plus
 * the program's mean run time over the first 10,000 hits or 10 seconds.  NAN: unknown. */
double tracer_ns_per_hit(const struct tracer *tr);

#endif
