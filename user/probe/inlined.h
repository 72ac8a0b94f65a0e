/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inlined.h - whether a profile made the compiler inline a function that gets probes into others,
 * where they would miss what the copies do.
 */
#ifndef INLINED_H
#define INLINED_H

struct gobin;
struct go_func;

/* The function is hidden in others if one of callees, which only it calls, is called from
 * elsewhere. */
struct inlined_rule {
	const char *callees[8];		/* NULL behind the last */
	const char *callers[4];		/* beginnings of the names that may call them */
};

/*
 * 1: *where has a copy; 0: none has, or the build cannot have used a profile; -EBADMSG: the code is
 * not in the file.  Says nothing to the user.
 */
int inlined_find(const struct gobin *gb, const struct inlined_rule *rule, struct go_func *where);

#endif
