/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goname.h - what the name of a Go function says of it, for modules that know no Go file.
 */
#ifndef GONAME_H
#define GONAME_H

#include <stdbool.h>

/* Whether it is of package runtime: a function, or the beginning of some functions' names. */
bool goname_in_runtime(const char *name);

/* Whether it is the runtime's own; NULL, a function without a name, is not. */
bool goname_of_runtime(const char *function);

/* Whether it is of those by which a go statement starts a goroutine; they stand in front of the
 * function with the go statement. */
bool goname_starts_goroutine(const char *function);

/* Whether a call of it never comes back: it panics or throws. */
bool goname_never_returns(const char *function);

/* Whose code it is, what is nearest to the program first. */
enum goname_owner {
	OWNER_PROGRAM,		/* package main, and the packages of its module */
	OWNER_MODULE,		/* other modules */
	OWNER_STANDARD,		/* the standard library */
	OWNER_RUNTIME,		/* package runtime and what is below internal/ */
};

/* main_module: its path; NULL: not known. */
enum goname_owner goname_owner(const char *function, const char *main_module);

#endif
