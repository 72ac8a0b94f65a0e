/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.h - the BPF programs in the kernel: the skeleton, the table of probes, the maps.
 *
 * The only room that knows the skeleton.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "include/gobpfleak.h"

struct gobpfleak;
struct tracer_probe;
struct twin;

struct loaded {
	struct gobpfleak *skel;
	int prog_fd;		/* of the program behind the probes, GL_FIRST */
	struct twin *twin;	/* GL_SECOND, see load_twin_begin(); NULL: there is none */
	int exec_fd;		/* what tells the program of an exec, or -1 */
	int found_fd;		/* the program that counts samples in traps, or -1 */
	int ring_fd;
	volatile struct gl_control *control;	/* shared with the program */
	volatile struct gl_cpu *cpus;		/* GL_CPU_ROWS of them, likewise, */
	volatile struct gl_stack_set *stacks_sent;	/* and these */
};

/* Loads the programs for these probes but the twin; sets config.hash.  Tells the user on failure;
 * call load_close() in either case. */
int load_open(struct loaded *out, const struct gl_config *config,
	      const struct tracer_probe *probes, size_t n);
/* The twin, for probes that are planted while others are still being removed.  get waits until it is
 * there, and returns its descriptor; -1: there is none.  load_close() does not wait for it. */
void load_twin_begin(struct loaded *l);
int load_twin_get(struct loaded *l);
void load_close(struct loaded *l);

#endif
