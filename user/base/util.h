/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * util.h - messages and memory, the two things every module needs.
 *
 * Messages go to stderr, one line each, "gobpfleak: ..." in front.  Out of memory ends the program
 * (an observer holds nothing worth saving); therefore every table has a cap, see limits.h.
 */
#ifndef UTIL_H
#define UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verbosity { QUIET = -1, NORMAL = 0, VERBOSE = 1 };
void set_verbosity(enum verbosity v);

void say_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));	/* always shown */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));		/* not with -q */
void say_verbose(const char *fmt, ...) __attribute__((format(printf, 1, 2)));	/* only with -v */

/* A line on stderr, a terminal, that is written over by the next, and erased before any other message;
 * at most so many columns of it, 0: all.  Not with -q. */
void say_status(size_t columns, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool clear_status(void);	/* before others write to the terminal; whether there was one */

/* Just before the program ends: shown also while errors are held. */
void say_last(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Until errors_release() nothing is said; the first error is kept for it, which returns it, without
 * "gobpfleak: ", to be freed; NULL: there was none.  So one of many may fail and be told of. */
void errors_hold(void);
char *errors_release(void);

void out_of_memory(void) __attribute__((noreturn));	/* ends the program */
void *xcalloc(size_t n, size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Makes room for one more element behind the *n there are: returns the array, doubled if needed. */
void *grow(void *array, size_t n, size_t *cap, size_t size);

/* CLOCK_MONOTONIC, as bpf_ktime_get_ns() counts it. */
uint64_t now_ns(void);
/* The first of due, due + every, due + 2 every ... that lies behind now; every is not 0. */
uint64_t next_due(uint64_t due, uint64_t every, uint64_t now);

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
