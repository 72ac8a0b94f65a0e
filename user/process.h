/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process.h - one Go process from outside: its target, its file, the layout of its runtime and the
 * live runtime, opened together and compared with each other.
 *
 * Plans no probe: what refuses a probe need not refuse a look.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct go_layout;
struct gobin;
struct gomem;
struct memory_account;
struct process;
struct program;
struct sitetype;
struct target;
struct target_info;

/* Opens the process and what it runs.  Tells the user on failure: no such process, no right, not a
 * Go program, a version that is not known, a layout that does not fit. */
int process_open(struct process **out, pid_t pid);
/* The same of a target and of the program that it runs, opened before; the program must outlive the
 * process.  The target becomes the process's own, also on failure. */
int process_of(struct process **out, struct target *t, struct program *program);
void process_close(struct process *p);		/* NULL is fine */

struct target *process_target(const struct process *p);
const struct gobin *process_gobin(const struct process *p);
const struct go_layout *process_layout(const struct process *p);
struct gomem *process_gomem(const struct process *p);
struct sitetype *process_sitetype(const struct process *p);
struct program *process_program(const struct process *p);
uint64_t process_bias(const struct process *p);	/* address in the target minus vaddr */

/* Addresses in the target to vaddrs; both may be the same array. */
static inline void process_vaddrs(const struct process *p, const uint64_t *addrs, size_t n,
				  uint64_t *vaddrs)
{
	uint64_t bias = process_bias(p);

	for (size_t i = 0; i < n; i++)
		vaddrs[i] = addrs[i] - bias;
}

/* Compares the layout with the live runtime unless that has been done.  0: it fits; -EAGAIN: a
 * program that was just started has no heap yet, ask again; -EBADMSG: it does not fit, the user has
 * been told; -ESRCH ...: it cannot be read. */
int process_check(struct process *p);

/* NULL while the process runs what was opened; else "exited" or "exec'ed another program", for
 * good.  To be asked before its memory is read, and again before what was read is believed. */
const char *process_gone(struct process *p);

/* The memory account as of now; false: the process could not be read, *out is as it was.  Where
 * only the resident size could be read, out->known is false if it was so before. */
bool process_memory(struct process *p, struct memory_account *out);

/* What the mappings say of an account that was just read: fills in what it has of that, if it can be
 * read, and is not so large that reading it would cost (MAX_RSS_READ). */
void process_mappings(struct process *p, struct memory_account *m);

/* What a report says of the target; the strings belong to the process. */
void process_describe(const struct process *p, struct target_info *out);

#endif
