// SPDX-License-Identifier: BSD-2-Clause
/*
 * util.c - messages and memory.
 */
#include "user/base/util.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/base/text.h"

static enum verbosity verbosity;	/* the one setting that every message needs */
static bool status_shown;		/* that the next message has to erase */
static bool holding;
static char *held;			/* the first error since */

void set_verbosity(enum verbosity v)
{
	verbosity = v;
}

/*
 * Names of processes and files are in messages, and any local user chooses those: what would move
 * the cursor or begin a line of its own goes.  One write, so that a line stays whole beside those
 * of a program that shares the terminal.
 */
static char *compose(const char *fmt, va_list ap)
{
	char *raw = NULL, *clean;

	if (vasprintf(&raw, fmt, ap) < 0)
		return NULL;
	clean = text_clean(raw);
	free(raw);
	return clean;
}

/* ECMA-48: to the first column, and erase the line from there. */
#define ERASE "\r\033[K"

bool clear_status(void)
{
	bool shown = status_shown;

	if (shown)
		fputs(ERASE, stderr);
	status_shown = false;
	return shown;
}

void say_status(size_t columns, const char *fmt, ...)
{
	char *line;
	va_list ap;

	if (verbosity < NORMAL || holding)
		return;
	va_start(ap, fmt);
	line = compose(fmt, ap);
	va_end(ap);
	if (line && columns && strlen(line) >= columns)	/* it is ASCII */
		line[columns - 1] = '\0';
	if (line)
		fprintf(stderr, ERASE "%s", line);
	free(line);
	status_shown = true;
}

static void print(const char *fmt, va_list ap)
{
	char *line = compose(fmt, ap);

	clear_status();
	if (line)
		fprintf(stderr, "gobpfleak: %s\n", line);
	free(line);
}

void errors_hold(void)
{
	free(errors_release());
	holding = true;
}

char *errors_release(void)
{
	char *first = held;

	holding = false;
	held = NULL;
	return first;
}

void say_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!holding)
		print(fmt, ap);
	else if (!held)
		held = compose(fmt, ap);
	va_end(ap);
}

void say_last(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print(fmt, ap);
	va_end(ap);
}

void say(const char *fmt, ...)
{
	va_list ap;

	if (verbosity < NORMAL || holding)
		return;
	va_start(ap, fmt);
	print(fmt, ap);
	va_end(ap);
}

void say_verbose(const char *fmt, ...)
{
	va_list ap;

	if (verbosity < VERBOSE || holding)
		return;
	va_start(ap, fmt);
	print(fmt, ap);
	va_end(ap);
}

void out_of_memory(void)
{
	if (!holding)
		fputs("gobpfleak: out of memory\n", stderr);
	exit(1);
}

static void *or_die(void *p)
{
	if (!p)
		out_of_memory();
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	return or_die(calloc(n ? n : 1, size ? size : 1));
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	return or_die(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return or_die(strdup(s));
}

char *xasprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return or_die(s);
}

void *grow(void *array, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return array;
	*cap = *cap ? 2 * *cap : 16;
	return xreallocarray(array, *cap, size);
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t next_due(uint64_t due, uint64_t every, uint64_t now)
{
	return now < due ? due : due + ((now - due) / every + 1) * every;
}
