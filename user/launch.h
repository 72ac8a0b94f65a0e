/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * launch.h - starts a command and holds it after its exec, before its first instruction.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <sys/types.h>

/* The child is found through PATH as a shell would and stopped.  Tells the user on failure. */
int launch(pid_t *pid, char *const argv[]);
/* Lets it run; from here on it is an ordinary child. */
int launch_continue(pid_t pid);
/* Of a child that has ended or is ending: its exit code, 128 plus the signal when one ended it. */
int launch_status(pid_t pid);
/* For a child that is still held: ends it. */
void launch_abort(pid_t pid);

#endif
