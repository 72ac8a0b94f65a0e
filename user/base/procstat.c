// SPDX-License-Identifier: BSD-2-Clause
/*
 * procstat.c - numbers out of /proc/PID/stat.
 */
#include "user/base/procstat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* NULL: there are not so many. */
static const char *field_text(const char *text, int field)
{
	const char *p = strrchr(text, ')');	/* the name may hold blanks and brackets */

	for (int i = 2; p && i < field; i++)
		p = strchr(p + 1, ' ');
	return p;
}

int procstat_read(int fd, const enum procstat_field *fields, uint64_t *values, int n)
{
	char text[2048];	/* 52 numbers and a name of 64 bytes at most */
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	if (len <= 0)
		return len < 0 ? -errno : -ESRCH;
	text[len] = '\0';
	for (int i = 0; i < n; i++) {
		const char *p = field_text(text, fields[i]);

		if (!p)
			return -EBADMSG;
		values[i] = strtoull(p, NULL, 10);
	}
	return 0;
}
