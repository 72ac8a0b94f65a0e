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

/* Where one probe goes: its row, the file offset for the kernel, and the address at which it is
 * hit. */
struct tracer_probe {
	struct gl_probe row;
	uint64_t file_off;
	uint64_t addr;		/* in the target */
};

/* Called for each record, in the order in which they were submitted.  rec lives until it
 * returns. */
typedef void (*tracer_sink)(void *ctx, const struct gl_header *rec);

/* Opens and loads for these probes; plants nothing.  config->hash is set here.  Tells the user on
 * failure: missing rights (which), kernel without what is needed (what). */
int tracer_open(struct tracer **out, const struct gl_config *config,
		const struct tracer_probe *probes, size_t n, tracer_sink sink, void *ctx);

/* Plants all probes in the file at path, for the process pid: one uprobe_multi link, or before
 * Linux 6.6 one tracefs event of many points.  Tells the user on failure. */
int tracer_attach(struct tracer *tr, const char *path, pid_t pid);

int tracer_fd(const struct tracer *tr);		/* readable after records that must not wait */
int tracer_drain(struct tracer *tr);		/* all records submitted so far; 0 or -errno */
/* The stack with this id is sent again before the next record that names it. */
void tracer_forget_stack(struct tracer *tr, uint64_t id);
void tracer_counters(const struct tracer *tr, uint64_t counters[GL_N_COUNTERS]);

/* What one hit costs the target, ns: the trap as measured on ourselves at the attach, plus the
 * program's mean run time over the first 10,000 hits or 10 seconds.  NAN: unknown. */
double tracer_ns_per_hit(const struct tracer *tr);

void tracer_detach(struct tracer *tr);		/* no hit counts after it; records can be drained */
void tracer_close(struct tracer *tr);		/* NULL is fine */

#endif
