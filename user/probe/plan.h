/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan.h - which addresses get which probe, where the result is found there, and why.
 *
 * See the essay in plan.c.  Knows no libbpf and no processes.
 */
#ifndef PLAN_H
#define PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/gobpfleak.h"

struct gobin;

enum { PLAN_MAX_BYTES = 16 };

struct plan_probe {
	struct gl_probe wire;	/* id is the index in plan.probes */
	uint64_t vaddr;
	uint64_t file_off;
	uint8_t bytes[PLAN_MAX_BYTES]; /* expected live text, the probed instruction */
	uint8_t n_bytes;
	const char *func;	/* function it lies in */
	uint64_t func_entry;
	uint8_t size_class;	/* of every object seen here, where the function is specialised to
				 * one; 0: by argument */
	bool tiny;		/* only 16-byte blocks of tiny objects pass here */
	bool profiled;		/* only what the runtime's own profiler samples passes here, and the
				 * size is that of the slot */
	char insn[64];		/* "jne 0x40c1a7" */
	char why[128];		/* "tail branch of 2 rets; every path meets it once" */
};

struct plan {
	struct plan_probe *probes;	/* heap probes, goroutine probes, the collector's, the
					 * profiler's; no two at one address */
	size_t n;
};

struct plan_wants {
	bool heap;		/* the profiler's where it can be done, with the heap's; */
	bool goroutines;	/* begin and end of a mark phase are always planned */
};

/* Tells the user on failure: which function, and what could not be proved. */
int plan_make(struct plan *out, const struct gobin *gb, const struct plan_wants *wants);
void plan_fini(struct plan *p);

#endif
