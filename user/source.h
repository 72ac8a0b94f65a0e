/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source.h - how the allocations of a process, or the starts of its goroutines, are listened to.
 */
#ifndef SOURCE_H
#define SOURCE_H

/* In order of what they tell. */
enum source {
	SOURCE_EVERY,		/* each of them */
	SOURCE_SAMPLE,		/* each passes a probe, some by chance are recorded */
	SOURCE_PROFILE,		/* the runtime's own samples */
	SOURCE_BURST,		/* those of short windows at random times */
	SOURCE_NONE,		/* none: not wanted, or not to be had at this price */
	N_SOURCES
};

/* As users write and read them: "every", "sample" ... */
extern const char *const source_names[N_SOURCES];

#endif
