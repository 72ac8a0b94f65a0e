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
#include "user/model.h"
#include "user/output.h"
#include "user/source.h"

enum { OPTS_MAX_OUTPUTS = 16 };

/* The commands as bits, so that a row of the table of options says which of them take it. */
enum command_bit {
	CMD_TRACE = 1, CMD_LIST = 2, CMD_DUMP = 4, CMD_WATCH = 8, CMD_HEAP = 16,
};

/* What stands on a command's line besides its options. */
enum command_takes {
	TAKES_PROCESS = 1,		/* -p PID, which must be there ... */
	TAKES_PROGRAM = 2,		/* ... or in its place -- COMMAND [ARGUMENT...] */
	TAKES_INTERVAL = 4,		/* [INTERVAL [COUNT]] */
	TAKES_ALL = 8,			/* --all in place of -p PID */
};

struct command_line {
	const char *name;		/* "list" */
	enum command_bit bit;
	unsigned int takes;		/* of enum command_takes */
};

struct opts {
	pid_t pid;			/* 0: see name; where that is NULL, too: start command */
	const char *name;		/* of the process, where -p gave no number */
	bool all;			/* all of the host */
	char **command;			/* NULL-terminated, or NULL */
	uint64_t duration_ns;		/* 0: until a signal */
	uint64_t duration_cycles;	/* 0: likewise; else until so many collections have ended */
	uint64_t interval_ns;		/* 0: only the final report */
	unsigned long count;		/* reports; 0: no limit */
	size_t top;			/* rows of the text report */
	uint64_t diff_ns;		/* between two looks; 0: one look */
	uint64_t only_size;		/* objects of that size; 0: all */
	uint64_t read_rate;		/* bytes a second; 0: as usual */
	uint64_t memory_bytes;		/* that this program may take for what it follows */
	bool heap, goroutines;
	double budget_percent;		/* of one core of the target */
	enum source source;		/* N_SOURCES: as the budget says */
	uint64_t distance;		/* mean bytes between two samples, or BUDGET_ANY */
	bool gc;			/* the collections, too */
	struct output_spec outputs[OPTS_MAX_OUTPUTS];	/* the first: of --format, -f and -o */
	size_t n_outputs;
	uint64_t min_cycles;		/* no leak is called before so many collections, */
	uint64_t min_time_ns;		/* nor so soon */
	bool fail_on_leak;
	double at_limit;		/* percent of what memory it may come to; 0: not asked for */
	const char *suppress;		/* file of patterns; NULL: none */
	struct filter filter;
	bool force, dry_run, no_color;
	bool json;			/* of commands that have no report: JSON and not text */
	enum verbosity verbosity;
	bool help, version;		/* asked for: nothing else was looked at */
};

/* argv[0] is not looked at, what stands behind it is the command's.  0, or -EINVAL with what is
 * wrong in *message, to be freed.  Says nothing and ends nothing; out points into argv. */
int opts_parse(struct opts *out, const struct command_line *line, int argc, char **argv,
	       char **message);

/* The options of a command, one or more lines each. */
void opts_help(FILE *out, enum command_bit bit);

#endif
