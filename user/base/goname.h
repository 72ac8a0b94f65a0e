/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goname.h - what the name of a Go function says of it, for modules that know no Go file.
 */
#ifndef GONAME_H
#define GONAME_H

#include <stdbool.h>

/* Whether it is the runtime's own; NULL, a function without a name, is not. */
bool goname_of_runtime(const char *function);

/* Whether a call of it never comes back: it panics or throws. */
bool goname_never_returns(const char *function);

#endif
