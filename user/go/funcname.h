/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * funcname.h - a function's name as Go prints it, from the one in the pclntab.
 */
#ifndef FUNCNAME_H
#define FUNCNAME_H

#include <stdbool.h>

/* Bytes by which the printed name may be longer: "[T]" to "[...]", twice. */
enum { FUNCNAME_GROWS = 8 };

/* Whether Go 1.MINOR may print the name otherwise than it stands in the pclntab. */
bool funcname_changes(const char *name, int minor);

/* out: room for strlen(name) + FUNCNAME_GROWS + 1 bytes. */
void funcname_print(char *out, const char *name, int minor);

#endif
