/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * names.h - the names of addresses, from the binary of a process: what sites are made with.
 */
#ifndef NAMES_H
#define NAMES_H

struct process;
struct sites_ops;

/* The process must outlive the sites. */
void names_of(struct process *p, struct sites_ops *out);

#endif
