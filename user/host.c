// SPDX-License-Identifier: BSD-2-Clause
/*
 * host.c - the Go processes of this host.
 *
 * Little is read of what is no Go program: the names of its sections, once for each file.  A file of
 * a Go program is opened and planned once, by device and inode, for all processes that run it; what
 * is left for each of these is to compare its memory with that, and to read some counters.
 *
 * Kernel threads and processes that have ended run nothing; they and threads are left out.
 */
#include "user/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/capability.h"
#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/container.h"
#include "user/go/gobin.h"
#include "user/go/gofile.h"
#include "user/go/image.h"
#include "user/gomem/gomem.h"
#include "user/gomem/profile.h"
#include "user/probe/plan.h"
#include "user/process.h"
#include "user/program.h"
#include "user/target.h"
#include "user/tracer/rights.h"
#include "user/verify.h"

/* An executable that some process runs. */
struct file {
	dev_t dev;
	ino_t ino;
	bool go;		/* may be a Go program */
	bool opened;		/* and has been opened as one: */
	struct program *program;	/* NULL: cannot be */
	struct plan plan;
	char *refused;		/* why it cannot be opened or planned; NULL: it can be */
};

struct scan {
	struct file *files;
	size_t n_files, cap_files;
	char *no_rights;	/* why this user can trace nothing; NULL: it can */
	struct host host;
	size_t cap;
};

/* ---- /proc ---------------------------------------------------------------------------------- */

/* Text of a file below /proc/PID, at most cap - 1 bytes; "" where there is none. */
static void read_text(pid_t pid, const char *name, char *text, size_t cap)
{
	char path[64];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	f = fopen(path, "re");
	if (f) {
		n = fread(text, 1, cap - 1, f);
		fclose(f);
	}
	text[n] = '\0';
}

static char *read_comm(pid_t pid)
{
	char text[64];

	read_text(pid, "comm", text, sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	return xstrdup(text);
}

static char *read_container(pid_t pid)
{
	char text[4096];

	read_text(pid, "cgroup", text, sizeof(text));
	return container_of_cgroup(text);
}

static uint64_t read_rss(pid_t pid)
{
	char text[128];
	unsigned long pages;

	read_text(pid, "statm", text, sizeof(text));
	if (sscanf(text, "%*u %lu", &pages) != 1)
		return UNKNOWN_U64;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* 0, or why it is not known: "" then. */
static int read_exe(pid_t pid, char path[PATH_MAX])
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	n = readlink(link, path, PATH_MAX - 1);
	path[n < 0 ? 0 : n] = '\0';
	return n < 0 ? -errno : 0;
}

/* That is what says that this user may not know what a process runs. */
static bool means_hidden(int err)
{
	return err == -EACCES || err == -EPERM;
}

int host_pids(pid_t **pids, size_t *n)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	size_t cap = 0;
	int err = proc ? 0 : -errno;

	*pids = NULL;
	*n = 0;
	if (err) {
		say_error("/proc: %s: is it mounted?", strerror(-err));
		return err;
	}
	while ((e = readdir(proc)) && *n < MAX_PROCESSES) {
		pid_t pid = (pid_t)atoi(e->d_name);

		if (pid <= 0)
			continue;
		*pids = grow(*pids, *n, &cap, sizeof(**pids));
		(*pids)[(*n)++] = pid;
	}
	closedir(proc);
	return 0;
}

/* ---- the files ------------------------------------------------------------------------------ */

/* The file that is open as fd. */
static struct file *file_of(struct scan *s, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return NULL;
	for (size_t i = 0; i < s->n_files; i++)
		if (s->files[i].ino == st.st_ino && s->files[i].dev == st.st_dev)
			return &s->files[i];
	s->files = grow(s->files, s->n_files, &s->cap_files, sizeof(*s->files));
	s->files[s->n_files] = (struct file){ .dev = st.st_dev, .ino = st.st_ino,
					      .go = gofile_likely(fd) };
	return &s->files[s->n_files++];
}

/* The file that the process runs; NULL: none, or it is hidden from this user. */
static struct file *file_run_by(struct scan *s, pid_t pid)
{
	char path[32];
	struct file *f;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		s->host.n_hidden += means_hidden(-errno);
		return NULL;
	}
	f = file_of(s, fd);
	close(fd);
	return f;
}

/* Once; errors are being held.  false: it is no Go program. */
static bool open_file(struct file *f, const struct target *t)
{
	static const struct plan_wants all = { .heap = true, .goroutines = true };
	int err;

	if (f->opened)
		return f->go;
	f->opened = true;
	err = program_open(&f->program, target_exe_path(t), target_exe_name(t));
	f->go = err != -ENOEXEC;
	if (!err)
		plan_make(&f->plan, program_gobin(f->program), &all);
	f->refused = errors_release();
	errors_hold();
	return f->go;
}

static void files_fini(struct scan *s)
{
	for (size_t i = 0; i < s->n_files; i++) {
		plan_fini(&s->files[i].plan);
		program_close(s->files[i].program);
		free(s->files[i].refused);
	}
	free(s->files);
}

/* ---- one process ---------------------------------------------------------------------------- */

static uint64_t count_goroutines(struct process *p)
{
	const struct goroutines_limits limits = { .max_bytes = LIST_GOROUTINES_BYTES };
	struct goroutines all;
	uint64_t n;

	if (gomem_goroutines(process_gomem(p), false, &limits, &all))
		return UNKNOWN_U64;
	n = all.n_left_out;
	for (size_t i = 0; i < all.n; i++)
		n += !all.v[i].system;
	goroutines_free(&all);
	return n;
}

static void describe(struct host_process *hp, struct process *p)
{
	struct memory_account m = { 0 };

	if (process_memory(p, &m) && m.known && m.num_gc)
		hp->live_heap = m.live_heap;
	hp->goroutines = count_goroutines(p);
	profile_rate(process_gomem(p), &hp->profile_rate);
}

/* The program of the target: it may be another one by now than when it was first looked at. */
static struct file *program_of(struct scan *s, const struct target *t)
{
	int fd = open(target_exe_path(t), O_RDONLY | O_CLOEXEC);
	struct file *f = fd < 0 ? NULL : file_of(s, fd);

	if (fd >= 0)
		close(fd);
	return f && f->go && open_file(f, t) ? f : NULL;
}

/* Takes over the target. */
static int look_into(struct host_process *hp, struct target *t, const struct file *f)
{
	struct process *p;
	int err = process_of(&p, t, f->program);

	if (err)
		return err;
	describe(hp, p);
	if (!f->refused)
		err = verify_code(p, &f->plan);
	process_close(p);
	return err;
}

/* Fills in what only a process that can be opened tells; errors are being held.  false: it is no Go
 * program, or has ended. */
static bool open_and_look(struct scan *s, struct host_process *hp)
{
	struct target *t;
	struct file *f;
	int err = target_open(&t, hp->pid);

	if (err)
		return err != -ESRCH && err != -ENOENT;
	f = program_of(s, t);
	if (!f || !f->program) {
		target_close(t);
	} else {
		hp->opened = true;
		hp->go_version = xstrdup(gobin_version(program_gobin(f->program))->text);
		hp->stripped = image_stripped(program_image(f->program));
		err = look_into(hp, t, f);
	}
	if (f && f->refused)
		say_error("%s", f->refused);
	return f && err != -ESRCH;
}

static void process_fini(struct host_process *hp)
{
	free(hp->comm);
	free(hp->exe);
	free(hp->container);
	free(hp->go_version);
	free(hp->refused);
}

static void look_at(struct scan *s, pid_t pid)
{
	struct file *f = file_run_by(s, pid);
	struct host_process hp = { .pid = pid, .live_heap = UNKNOWN_U64,
				   .goroutines = UNKNOWN_U64, .profile_rate = UNKNOWN_U64 };
	char exe[PATH_MAX];
	bool there;

	if (!f || !f->go)
		return;
	hp.comm = read_comm(pid);
	read_exe(pid, exe);
	hp.exe = xstrdup(exe);
	hp.container = read_container(pid);
	hp.rss = read_rss(pid);
	errors_hold();
	there = open_and_look(s, &hp);
	hp.refused = errors_release();
	if (!hp.refused && s->no_rights)
		hp.refused = xstrdup(s->no_rights);
	if (!there) {
		process_fini(&hp);
		return;
	}
	s->host.v = grow(s->host.v, s->host.n, &s->cap, sizeof(*s->host.v));
	s->host.v[s->host.n++] = hp;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int by_pid(const void *a, const void *b)
{
	const struct host_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

int host_look(struct host *out)
{
	struct scan s = { 0 };
	pid_t *pids;
	size_t n;
	int err = host_pids(&pids, &n);

	if (err)
		return err;
	errors_hold();
	rights_check();
	s.no_rights = errors_release();
	for (size_t i = 0; i < n; i++)
		look_at(&s, pids[i]);
	if (s.host.n)
		qsort(s.host.v, s.host.n, sizeof(*s.host.v), by_pid);
	files_fini(&s);
	free(s.no_rights);
	free(pids);
	*out = s.host;
	return 0;
}

void host_fini(struct host *h)
{
	for (size_t i = 0; i < h->n; i++)
		process_fini(&h->v[i]);
	free(h->v);
}

/* ---- what is hidden ------------------------------------------------------------------------- */

static const char *why_hidden(void)
{
	if (has_capability(CAPABILITY_SYS_PTRACE))
		return "the kernel does not show what they run, despite CAP_SYS_PTRACE";
	return geteuid() ? "run as root to see them" : "this root is without CAP_SYS_PTRACE";
}

/* Of n processes, to be freed; NULL: none is hidden.  Each namespace has a process 1. */
static char *hidden_words(size_t n)
{
	if (access("/proc/1", F_OK))
		return xasprintf("processes of other users are hidden (hidepid of /proc): %s",
				 why_hidden());
	return n ? xasprintf("%zu more process%s, of Go or not, %s hidden: %s", n,
			     n == 1 ? "" : "es", n == 1 ? "is" : "are", why_hidden()) : NULL;
}

void host_say_hidden(size_t n)
{
	char *words = hidden_words(n);

	if (words)
		say("%s", words);
	free(words);
}

/* ---- by name -------------------------------------------------------------------------------- */

/* *hidden: it may be. */
static bool is_named(pid_t pid, const char *name, bool *hidden)
{
	char *comm = read_comm(pid), exe[PATH_MAX], *slash;
	int err = read_exe(pid, exe);
	bool is;

	slash = strrchr(exe, '/');
	is = !err && (!strcmp(comm, name) || !strcmp(slash ? slash + 1 : exe, name));
	*hidden = means_hidden(err);
	free(comm);
	return is;
}

static void say_none(const char *name, size_t n_hidden)
{
	char *hidden = hidden_words(n_hidden);

	if (hidden)
		say_error("-p %s: no Go process that is to be seen has that name; %s", name,
			  hidden);
	else
		say_error("-p %s: no Go process has that name; gobpfleak list shows which there "
			  "are", name);
	free(hidden);
}

static void say_several(const char *name, const pid_t *pids, size_t n)
{
	char *text = xstrdup(""), *longer;
	size_t i;

	for (i = 0; i < n && i < MAX_CANDIDATES; i++) {
		longer = xasprintf("%s%s%d", text, i ? ", " : "", (int)pids[i]);
		free(text);
		text = longer;
	}
	say_error("-p %s: %zu Go processes have that name, give the pid of one: %s%s", name, n,
		  text, i < n ? " ..." : "");
	free(text);
}

int host_find(const char *name, pid_t *pid)
{
	size_t n, n_found = 0, n_hidden = 0;
	struct scan s = { 0 };
	struct file *f;
	pid_t *pids;
	bool hidden;
	int err = host_pids(&pids, &n);

	for (size_t i = 0; i < n; i++) {
		f = is_named(pids[i], name, &hidden) ? file_run_by(&s, pids[i]) : NULL;
		if (f && f->go)
			pids[n_found++] = pids[i];
		n_hidden += hidden;
	}
	files_fini(&s);
	if (!err && n_found == 1)
		*pid = pids[0];
	else if (!err && n_found)
		say_several(name, pids, n_found);
	else if (!err)
		say_none(name, n_hidden);
	free(pids);
	return err ? err : n_found == 1 ? 0 : -ESRCH;
}
