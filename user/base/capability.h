/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capability.h - what this process may do.
 */
#ifndef CAPABILITY_H
#define CAPABILITY_H

#include <stdbool.h>

enum capability {		/* as linux/capability.h numbers them */
	CAPABILITY_SYS_PTRACE = 19,
	CAPABILITY_SYS_ADMIN = 21,
	CAPABILITY_PERFMON = 38,
	CAPABILITY_BPF = 39,
};

bool has_capability(enum capability c);		/* in effect */

#endif
