/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.h - the command that traces a process and reports.
 */
#ifndef TRACE_H
#define TRACE_H

struct opts;

/* Returns the exit code: 0 done, 1 could not attach or report, 2 the process ended first. */
int trace(const struct opts *o);

#endif
