/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ends.h - the loop of a command, with the signals that all commands take the same way.
 */
#ifndef ENDS_H
#define ENDS_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

struct ends {
	/* SIGINT, SIGTERM, SIGQUIT and SIGHUP, but not where it is ignored as by nohup; what takes
	 * long is interrupted by them. */
	void (*on_end)(void *ctx, int signo, bool from_terminal);
	void (*on_ask)(void *ctx, int signo, bool from_terminal);	/* SIGUSR1; or NULL */
	void *ctx;
};

/* Closed pipes and files that become too large are errors of who writes, from now on.  Tells the
 * user on failure. */
int ends_open(struct loop **out, const struct ends *e);

#endif
