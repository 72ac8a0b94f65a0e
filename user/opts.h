/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * opts.h - the command line.
 */
#ifndef OPTS_H
#define OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct report_format;

struct opts {
	pid_t pid;			/* 0: start command */
	char **command;			/* NULL-terminated, or NULL */
	uint64_t duration_ns;		/* 0: until a signal */
	uint64_t interval_ns;		/* 0: only the final report */
	unsigned long count;		/* reports; 0: no limit */
	size_t top;			/* rows of the text report */
	bool heap, goroutines;
	const struct report_format *format;
	const char *value;		/* of folded stacks, NULL: the first */
	const char *output;		/* where the format goes; NULL: stdout */
	const char *pprof, *pprof_goroutines, *json;	/* further files, or NULL */
	bool force, dry_run;
};

/* Parses or ends the program: usage errors with exit code 1, --help and --version with 0. */
void opts_parse(struct opts *out, int argc, char **argv);

#endif
