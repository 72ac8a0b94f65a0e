/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rights.h - whether we may load BPF programs here, and which kernel this is.
 */
#ifndef RIGHTS_H
#define RIGHTS_H

#include <stdbool.h>

/* 0, or a negative errno when a capability or something of the kernel is missing; the user has been
 * told which. */
int rights_check(void);

/* By the release that uname says; true if it cannot be read, then the load decides. */
bool kernel_at_least(int major, int minor);

#endif
