// SPDX-License-Identifier: BSD-2-Clause
/*
 * host.c - the Go processes of this host, each opened as a command would open it.
 *
 * Kernel threads and processes that have ended run nothing, and are left out.
 */
#include "user/host.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/util.h"
#include "user/process.h"

enum runs { RUNS_NOTHING, RUNS_GO, RUNS_OTHER, RUNS_HIDDEN };

/* The last part of the path that /proc/PID/exe leads to; NULL and errno on failure. */
static char *program_name(pid_t pid)
{
	char link[32], path[PATH_MAX], *slash;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	return xstrdup(slash ? slash + 1 : path);
}

static char *comm_of(pid_t pid)
{
	char path[32], *line = NULL;
	size_t cap = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (f && getline(&line, &cap, f) > 0)
		line[strcspn(line, "\n")] = '\0';
	if (f)
		fclose(f);
	return line ? line : xstrdup("?");
}

static void describe(struct host_process *hp, struct process *p)
{
	struct memory_account m = { .rss = UNKNOWN_U64 };
	struct target_info info;

	process_describe(p, &info);
	hp->go_version = xstrdup(info.go_version);
	hp->stripped = info.stripped;
	process_memory(p, &m);
	hp->rss = m.rss;
	hp->live_heap = m.known ? m.live_heap : UNKNOWN_U64;
}

/* Fills *out if it runs Go. */
static enum runs look_at(pid_t pid, struct host_process *out)
{
	struct host_process hp = { .pid = pid, .rss = UNKNOWN_U64, .live_heap = UNKNOWN_U64 };
	struct process *p;
	int err;

	errors_hold();
	err = process_open(&p, pid);
	hp.refused = errors_release();
	if (err == -ENOEXEC || err == -ESRCH) {
		free(hp.refused);
		return err == -ESRCH ? RUNS_NOTHING : RUNS_OTHER;
	}
	hp.comm = comm_of(pid);
	if (!err)
		describe(&hp, p);
	if (!err)
		process_close(p);
	*out = hp;
	return RUNS_GO;
}

static enum runs runs(pid_t pid)
{
	char *name = program_name(pid);

	free(name);
	return name ? RUNS_GO : errno == EACCES || errno == EPERM ? RUNS_HIDDEN : RUNS_NOTHING;
}

static int by_pid(const void *a, const void *b)
{
	const struct host_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

int host_look(struct host *out)
{
	struct host h = { 0 };
	DIR *proc = opendir("/proc");
	struct dirent *e;
	size_t cap = 0;
	int err = proc ? 0 : -errno;

	if (err) {
		say_error("/proc: %s", strerror(-err));
		return err;
	}
	while ((e = readdir(proc))) {
		pid_t pid = (pid_t)atoi(e->d_name);
		enum runs what = pid > 0 ? runs(pid) : RUNS_NOTHING;

		h.v = grow(h.v, h.n, &cap, sizeof(*h.v));
		if (what == RUNS_GO)
			what = look_at(pid, &h.v[h.n]);
		h.n += what == RUNS_GO;
		h.n_hidden += what == RUNS_HIDDEN;
	}
	closedir(proc);
	if (h.n)
		qsort(h.v, h.n, sizeof(*h.v), by_pid);
	*out = h;
	return 0;
}

void host_fini(struct host *h)
{
	for (size_t i = 0; i < h->n; i++) {
		free(h->v[i].comm);
		free(h->v[i].go_version);
		free(h->v[i].refused);
	}
	free(h->v);
}

static bool is_named(const struct host_process *hp, const char *name)
{
	char *program = program_name(hp->pid);
	bool is = !strcmp(hp->comm, name) || (program && !strcmp(program, name));

	free(program);
	return is;
}

int host_find(const char *name, pid_t *pid)
{
	char *pids = xstrdup(""), *longer;
	size_t n = 0;
	struct host h;
	int err = host_look(&h);

	for (size_t i = 0; !err && i < h.n; i++) {
		if (!is_named(&h.v[i], name))
			continue;
		*pid = h.v[i].pid;
		longer = xasprintf("%s%s%d", pids, n++ ? ", " : "", (int)*pid);
		free(pids);
		pids = longer;
	}
	if (!err && !n)
		say_error("-p %s: no Go process has that name; gobpfleak list shows those there "
			  "are", name);
	else if (!err && n > 1)
		say_error("-p %s: %zu Go processes have that name, give the pid of one: %s", name,
			  n, pids);
	if (!err)
		host_fini(&h);
	free(pids);
	return err ? err : n == 1 ? 0 : -ESRCH;
}
