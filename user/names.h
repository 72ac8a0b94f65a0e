/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * names.h - the names of addresses, from the binary of a process: what sites are made with.
 */
#ifndef NAMES_H
#define NAMES_H

#include <stddef.h>

struct process;
struct sites_ops;

/* The process must outlive the sites.  types_bytes: of memory for what is remembered of types. */
void names_of(struct process *p, size_t types_bytes, struct sites_ops *out);

#endif
