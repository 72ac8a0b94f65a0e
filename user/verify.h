/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.h - whether a process is still there, and its code what its file says, where probes go.
 */
#ifndef VERIFY_H
#define VERIFY_H

#include <stdbool.h>

struct plan;
struct process;

/* 0: it is, but for breakpoints of other tracers.  Tells the user on failure: -ESRCH the process
 * has ended or runs another program, -EBADMSG its code has been changed, others: it cannot be
 * read. */
int verify_code(struct process *p, const struct plan *plan);

/* 0, or -ESRCH: the process has ended or runs another program, the user has been told. */
int verify_there(struct process *p);

/* No breakpoint stands where probes go, ours or another tracer's.  false: or the process has gone. */
bool verify_clean(struct process *p, const struct plan *plan);

#endif
