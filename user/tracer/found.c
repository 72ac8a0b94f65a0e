// SPDX-License-Identifier: BSD-2-Clause
/*
 * found.c - a clock on each processor that runs a BPF program.
 */
#include "user/tracer/found.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/util.h"

/* -1 and errno. */
static int start_on(int cpu, int prog_fd)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
					.config = PERF_COUNT_SW_CPU_CLOCK,
					.sample_period = FOUND_PERIOD_NS, .disabled = 1 };
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	int err;

	if (fd < 0)
		return -1;
	if (!ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog_fd) && !ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* A processor that is not there, or has been switched off, has no time to look at. */
bool found_start(struct found *out, int prog_fd)
{
	int n_cpu = libbpf_num_possible_cpus();

	*out = (struct found){ .fds = xcalloc(n_cpu > 0 ? (size_t)n_cpu : 1, sizeof(int)) };
	for (int cpu = 0; cpu < n_cpu; cpu++) {
		int fd = start_on(cpu, prog_fd);

		if (fd >= 0) {
			out->fds[out->n++] = fd;
		} else if (errno != ENODEV) {
			say_verbose("no clock on processor %d: %s", cpu, strerror(errno));
			found_stop(out);
			return false;
		}
	}
	return out->n;
}

void found_stop(struct found *f)
{
	for (size_t i = 0; i < f->n; i++)
		close(f->fds[i]);
	free(f->fds);
	*f = (struct found){ 0 };
}
