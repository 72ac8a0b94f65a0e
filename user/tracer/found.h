/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * found.h - how often the target is found in a trap of ours, when one looks now and then.
 */
#ifndef FOUND_H
#define FOUND_H

#include <stdbool.h>
#include <stddef.h>

/* Each time that a processor is at work in such a trap when it is looked at stands for so much of
 * the target's processor time.  10 ms by the golden section, the ratio that fractions come least
 * near to: in step with nothing that a program does every 1, 2, 5, 10, 20 ms and so on.  With
 * 5.003001 ms, what is done in the first third of each 10 ms was found for seconds on end, or not. */
enum { FOUND_PERIOD_NS = 6180340 };

struct found {
	int *fds;		/* an event for each processor */
	size_t n;
};

/* Runs the program on every processor each period from now on.  false: it does not on some of them,
 * so that nothing is known. */
bool found_start(struct found *out, int prog_fd);
void found_stop(struct found *f);	/* one that was not started is fine */

#endif
