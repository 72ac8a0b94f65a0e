/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.h - the BPF programs in the kernel: the skeleton, the table of probes, the maps.
 *
 * The only room that knows the skeleton.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>

#include "include/gobpfleak.h"

struct gobpfleak;
struct tracer_probe;

struct loaded {
	struct gobpfleak *skel;
	int prog_fd;		/* the program that stands behind all probes */
	int exec_fd;		/* what tells the program of an exec, or -1 */
	int ring_fd, counters_fd, stacks_sent_fd;
	volatile struct gl_control *control;	/* shared with the program */
	const volatile struct gl_hits *hits;	/* GL_HIT_ROWS, likewise */
};

/* Loads the programs for these probes; sets config.hash.  Tells the user on failure; call
 * load_close() in either case. */
int load_open(struct loaded *out, const struct gl_config *config,
	      const struct tracer_probe *probes, size_t n);
void load_close(struct loaded *l);

#endif
