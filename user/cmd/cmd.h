/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd.h - the commands, one file each.
 */
#ifndef CMD_H
#define CMD_H

#include "user/opts.h"

struct command {
	struct command_line line;
	const char *brief;	/* what it is for, in the list of commands */
	const char *usage;	/* what follows "gobpfleak", one line per way */
	const char *help;	/* what it does, and what its exit codes mean */
	int (*run)(const struct opts *o);	/* returns the exit code */
};

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_GONE = 2, EXIT_LEAK = 3, EXIT_EARLY = 4 };

extern const struct command cmd_trace, cmd_list, cmd_dump, cmd_heap, cmd_watch;

#endif
