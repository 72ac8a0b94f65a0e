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
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/procstat.h"
#include "user/base/util.h"
#include "user/tracer/plant.h"

/* ---- files of tracefs ----------------------------------------------------------------------- */

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

/* ---- whose an event is -------------------------------------------------------------------- */

/*
 * An event outlives its owner if that is killed, so its name says who that was: pid, start time (a
 * pid comes again), the pid namespace in which the pid means something, and what tells the events
 * of one process apart.
 */
struct owner {
	int pid;
	unsigned long long start, pidns;
};

#define EVENT_GROUP "gobpfleak"
#define OWNER_FORMAT "p%d_%llu_%llu"

/* Start time of a process, clock ticks since boot; 0: there is none. */
static uint64_t start_time(const char *proc, const char *pid)
{
	uint64_t start = 0;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s/stat", proc, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (procstat_read(fd, (enum procstat_field[]){ PROCSTAT_STARTTIME }, &start, 1))
		start = 0;
	close(fd);
	return start;
}

static struct owner ourselves(const char *proc)
{
	struct owner me = { .pid = getpid(), .start = start_time(proc, "self") };
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/self/ns/pid", proc);
	if (!stat(path, &st))
		me.pidns = st.st_ino;
	return me;
}

/* Of another namespace nothing is known here, so that it may be alive. */
static bool is_dead(const struct owner *o, const struct owner *me, const char *proc)
{
	char pid[16];

	if (o->pidns != me->pidns)
		return false;
	snprintf(pid, sizeof(pid), "%d", o->pid);
	return start_time(proc, pid) != o->start;
}

/* The event of one line of uprobe_events, if a tracer's: "p:gobpfleak/p12_345_678_9 ..." */
static bool parse_event(const char *line, char event[EVENT_NAME], struct owner *o)
{
	char name[EVENT_NAME - sizeof(EVENT_GROUP)];

	if (sscanf(line, "p:" EVENT_GROUP "/%69s", name) != 1 ||
	    sscanf(name, OWNER_FORMAT, &o->pid, &o->start, &o->pidns) != 3)
		return false;
	snprintf(event, EVENT_NAME, EVENT_GROUP "/%s", name);
	return true;
}

void remove_stale_events(const char *dir, const char *proc)
{
	const struct owner me = ourselves(proc);
	char path[128], line[512], event[EVENT_NAME];
	char (*stale)[EVENT_NAME] = NULL;
	size_t n = 0, cap = 0;
	struct owner o;
	FILE *f;

	snprintf(path, sizeof(path), "%s/uprobe_events", dir);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!parse_event(line, event, &o) || !is_dead(&o, &me, proc) ||
		    (n && !strcmp(stale[n - 1], event)))	/* another point of it */
			continue;
		stale = grow(stale, n, &cap, sizeof(*stale));
		strcpy(stale[n++], event);
	}
	if (f)
		fclose(f);
	for (size_t i = 0; i < n; i++)
		write_event(dir, "-:%s\n", stale[i]);	/* refused while it is in use */
	free(stale);
}

/* ---- plant and remove ----------------------------------------------------------------------- */

int plant_event(struct plant *out, int prog_fd, const struct place *place)
{
	const struct owner me = ourselves("/proc");
	const char *dir = tracefs();
	int err = 0;

	if (!dir)
		return -ENODEV;
	remove_stale_events(dir, "/proc");
	/* no two plants of ours are at the same address */
	snprintf(out->event, sizeof(out->event), EVENT_GROUP "/" OWNER_FORMAT "_%lx", me.pid,
		 me.start, me.pidns, (unsigned long)out);
	for (size_t i = 0; i < place->n && !err; i++)
		err = write_event(dir, "p:%s %s:0x%llx\n", out->event, place->path,
				  place->offsets[i]);
	return err ? err : open_event(out, dir, prog_fd, place->pid);
}

void remove_event(struct plant *p)
{
	if (p->event_fd >= 0)
		close_for_good(p->event_fd);
	if (p->event[0] && tracefs())
		write_event(tracefs(), "-:%s\n", p->event);
}
