/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * opts.h - the command line.
 */
#ifndef OPTS_H
#define OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "user/base/util.h"
#include "user/output.h"

enum { OPTS_MAX_OUTPUTS = 16 };

struct opts {
	pid_t pid;			/* 0: start command */
	char **command;			/* NULL-terminated, or NULL */
	uint64_t duration_ns;		/* 0: until a signal */
	uint64_t interval_ns;		/* 0: only the final report */
	unsigned long count;		/* reports; 0: no limit */
	size_t top;			/* rows of the text report */
	uint64_t memory_bytes;		/* that this program may take for what it follows */
	bool heap, goroutines;
	struct output_spec outputs[OPTS_MAX_OUTPUTS];	/* the first: of --format, -f and -o */
	size_t n_outputs;
	bool force, dry_run;
	enum verbosity verbosity;
	bool help, version;		/* asked for: nothing else was looked at */
};

/* 0, or -EINVAL with what is wrong in *message, to be freed.  Says nothing and ends nothing; out
 * points into argv. */
int opts_parse(struct opts *out, int argc, char **argv, char **message);

/* The options, one or more lines each. */
void opts_help(FILE *out);

#endif
