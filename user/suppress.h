/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suppress.h - stacks and types that the user knows and accepts, as a file of patterns.
 *
 * One pattern a line; "#" begins a comment, blank lines are fine:
 *
 *	[heap:|goroutine:] [type:TYPE <] FRAME [< FRAME]...
 *	type:TYPE
 *
 * A FRAME is a function as reports print it, or FILE.go or FILE.go:LINE, where FILE may be the end
 * of a path.  The frames must stand in a stack in this order from the leaf on, others may stand
 * between them.  TYPE must be the type of all that a site allocates.  In all of them * stands for
 * any characters and ? for one.  Of goroutines the stack is the one that started them.
 */
#ifndef SUPPRESS_H
#define SUPPRESS_H

#include <stdbool.h>
#include <stddef.h>

struct findings;
struct frames;
struct older_site;
struct suppress;

/* Reads all of the file.  Tells the user on failure: file, line and reason. */
int suppress_read(struct suppress **out, const char *path);
void suppress_free(struct suppress *s);		/* NULL is fine */

const char *suppress_path(const struct suppress *s);	/* as it was given */

/* Marks the sites of findings.  Keeps in mind which patterns matched. */
void suppress_mark(struct suppress *s, struct findings *f);
bool suppress_type(struct suppress *s, const char *type);	/* by patterns without frames */
bool suppress_older(struct suppress *s, const struct older_site *site);
bool suppress_stack(struct suppress *s, const struct frames *stack, const char *type);
bool suppress_started(struct suppress *s, const struct frames *stack);	/* goroutines */

/* Tells with -v which patterns have never matched. */
void suppress_say_unused(const struct suppress *s);

#endif
