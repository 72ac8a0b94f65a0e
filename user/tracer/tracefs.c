// SPDX-License-Identifier: BSD-2-Clause
/*
 * tracefs.c - probes before Linux 6.6: one tracefs event of many points ("p:group/name path:offset"
 * appended under one name), opened by perf_event_open.
 */
#include "user/tracer/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/util.h"
#include "user/tracer/plant.h"

static const char *tracefs(void)
{
	static const char *const dirs[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/uprobe_events", dirs[i]);
		if (!access(path, W_OK))
			return dirs[i];
	}
	return NULL;
}

static int write_event(const char *dir, const char *fmt, ...)
{
	char path[128], line[512];
	int fd, len, err = 0;
	va_list ap;

	snprintf(path, sizeof(path), "%s/uprobe_events", dir);
	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, line, len) != len)
		err = -errno;
	close(fd);
	return err;
}

static int event_id(const char *dir, const char *event)
{
	char path[192];
	FILE *f;
	int id = -ENOENT;

	snprintf(path, sizeof(path), "%s/events/%s/id", dir, event);
	f = fopen(path, "re");
	if (f && fscanf(f, "%d", &id) != 1)
		id = -EBADMSG;
	if (f)
		fclose(f);
	return id;
}

/* The event is opened for one task, so that the kernel keeps breakpoints out of other processes;
 * the program runs for every thread of it. */
static int open_event(struct plant *p, const char *dir, int prog_fd, pid_t pid)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr),
					.sample_period = 1, .wakeup_events = 1 };
	int id = event_id(dir, p->event);
	int fd;

	if (id < 0)
		return id;
	attr.config = id;
	fd = syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog_fd) ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0)) {
		int err = -errno;

		close(fd);
		return err;
	}
	p->event_fd = fd;
	return 0;
}

int plant_event(struct plant *out, int prog_fd, const char *path, pid_t pid,
		const __u64 *offsets, size_t n)
{
	const char *dir = tracefs();
	int err = 0;

	if (!dir)
		return -ENODEV;
	/* no two of ours are at the same address */
	snprintf(out->event, sizeof(out->event), "gobpfleak/p%d_%lx", (int)getpid(),
		 (unsigned long)out);
	write_event(dir, "-:%s\n", out->event);	/* of one with our pid that was killed */
	for (size_t i = 0; i < n && !err; i++)
		err = write_event(dir, "p:%s %s:0x%llx\n", out->event, path, offsets[i]);
	return err ? err : open_event(out, dir, prog_fd, pid);
}

void remove_event(struct plant *p)
{
	if (p->event_fd >= 0)
		close(p->event_fd);
	if (p->event[0] && tracefs())
		write_event(tracefs(), "-:%s\n", p->event);
}
