/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * before.h - what is older than the attach and lives yet, as far as the program's own memory
 * profile tells it: the stacks of what it had sampled by the attach, and how many of these samples
 * may have died since.
 */
#ifndef BEFORE_H
#define BEFORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct before;
struct observation;
struct process;

/* Looks at once, so this is for right after the attach.  max_bytes: of the profile as it is read,
 * as much again while it grows.  *out is NULL where the program has no profile, or it cannot be
 * read; it says nothing to the user. */
void before_new(struct before **out, struct process *p, size_t max_bytes,
		bool (*interrupted)(void *ctx), void *ctx);
void before_free(struct before *b);		/* NULL is fine, here and below */

/* What has died since; a look that fails leaves what was known. */
void before_look(struct before *b);
/* To be called again and again with sweepgen: looks soon after a collection, of many in a row after
 * some, since what the profile counts is not lost in between.  If the process ends before the last
 * one was looked at, nothing is known to live. */
void before_turn(struct before *b, uint32_t gen);

void before_fill(const struct before *b, struct observation *o);

#endif
