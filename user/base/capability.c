// SPDX-License-Identifier: BSD-2-Clause
/*
 * capability.c - what this process may do.
 */
#include "user/base/capability.h"

#include <stdio.h>

bool has_capability(enum capability c)
{
	unsigned long long effective = 0;
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &effective) == 1)
			break;
	if (f)
		fclose(f);
	return effective >> c & 1;
}
