// SPDX-License-Identifier: BSD-2-Clause
/*
 * procself.c - processor time and memory of this process.
 */
#include "user/base/procself.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static double seconds(const struct timeval *tv)
{
	return (double)tv->tv_sec + (double)tv->tv_usec / 1e6;
}

double procself_cpu_s(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return seconds(&ru.ru_utime) + seconds(&ru.ru_stime);
}

uint64_t procself_rss(void)
{
	unsigned long long pages;
	FILE *f = fopen("/proc/self/statm", "re");
	bool read = f && fscanf(f, "%*u %llu", &pages) == 1;

	if (f)
		fclose(f);
	return read ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : UINT64_MAX;
}

bool procself_few_files(unsigned int n, uint64_t *limit)
{
	int fd = n ? open("/", O_PATH | O_CLOEXEC) : -1;
	struct rlimit files;
	bool few = n && (fd < 0 || procself_few_files(n - 1, limit));

	if (fd >= 0)
		close(fd);
	*limit = getrlimit(RLIMIT_NOFILE, &files) ? UINT64_MAX : files.rlim_cur;
	return few;
}

void procself_give_way(void)
{
	const struct sched_param none = { 0 };

	if (sched_getscheduler(0) == SCHED_OTHER)	/* else somebody has chosen */
		sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &none);
}
