// SPDX-License-Identifier: BSD-2-Clause
/*
 * arrivals.c - a look asks of each process which file it runs, which is one system call; what it
 * has not seen before is looked into.
 */
#include "user/arrivals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/limits.h"
#include "user/base/procstat.h"
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/go/gofile.h"
#include "user/host.h"
#include "user/process.h"
#include "user/program.h"
#include "user/target.h"

#define SETTLED_NS 10000000000ull	/* who has run one file for so long may stay */

/* A file, as long as some process runs it. */
struct file {
	uint64_t key;		/* hash of device, inode and time of change: inodes are used again */
	bool go, opened;
	struct program *program;	/* NULL: cannot be opened: */
	char *why;
	size_t n_open;		/* processes that were given out */
	unsigned look;		/* the last one that saw it run */
};

struct known {
	uint64_t key;		/* pid */
	uint64_t file;		/* key of the one that it runs; 0: none, or it is hidden */
	uint64_t exec;		/* of which exec(), while it is to be given out */
	uint64_t since_ns;	/* when it was first seen to run that */
	bool given;		/* out, or refused, or no Go program */
	bool open;
	unsigned look;		/* the last one that saw it */
};

struct arrivals {
	struct table files, known;
	unsigned look;
	uint64_t look_ns;
	size_t n_open, n_hidden;
};

void arrivals_new(struct arrivals **out)
{
	struct arrivals *a = xcalloc(1, sizeof(*a));

	table_init(&a->files, sizeof(struct file), 2 * MAX_PROCESSES * sizeof(struct file));
	table_init(&a->known, sizeof(struct known), 2 * MAX_PROCESSES * sizeof(struct known));
	*out = a;
}

static void close_file(struct file *f)
{
	program_close(f->program);
	free(f->why);
}

void arrivals_free(struct arrivals *a)
{
	if (!a)
		return;
	for (struct file *f = table_next(&a->files, NULL); f; f = table_next(&a->files, f))
		close_file(f);
	table_fini(&a->files);
	table_fini(&a->known);
	free(a);
}

/* 0: it runs none that can be known. */
static uint64_t file_run_by(struct arrivals *a, pid_t pid)
{
	struct stat st;
	char path[32];
	uint64_t key;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (stat(path, &st)) {
		a->n_hidden += errno == EACCES || errno == EPERM;
		return 0;
	}
	key = table_mix(table_mix(a->files.seed, st.st_dev), st.st_ino);
	key = table_mix(table_mix(key, (uint64_t)st.st_ctim.tv_sec), (uint64_t)st.st_ctim.tv_nsec);
	return key | 1;
}

/* Each exec() has another address of its stack, where the kernel chooses that at random and shows
 * it; who runs the same file as before may be another all the same, or the next of that number. */
static uint64_t exec_of(struct arrivals *a, pid_t pid)
{
	static const enum procstat_field fields[] = { PROCSTAT_STARTTIME, PROCSTAT_STARTSTACK };
	uint64_t v[ARRAY_SIZE(fields)] = { 0 };
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		procstat_read(fd, fields, v, ARRAY_SIZE(v));
		close(fd);
	}
	return table_mix(table_mix(a->known.seed, v[0]), v[1]);
}

static bool is_go(pid_t pid)
{
	char path[32];
	bool go;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	go = fd >= 0 && gofile_likely(fd);
	if (fd >= 0)
		close(fd);
	return go;
}

/* Errors are being held. */
static void open_file(struct file *f, const struct target *t)
{
	int err = program_open(&f->program, target_exe_path(t), target_exe_name(t));

	f->opened = true;
	f->go = err != -ENOEXEC;
	f->why = errors_release();
	errors_hold();
}

/* Errors are being held; *comm to be freed. */
static struct process *open_process(struct arrivals *a, struct known *k, char **comm)
{
	struct file *f = table_find(&a->files, k->file);
	struct process *p = NULL;
	struct target *t;

	*comm = NULL;
	if (target_open(&t, (pid_t)k->key))
		return NULL;
	*comm = xstrdup(target_comm(t));
	if (file_run_by(a, (pid_t)k->key) != k->file) {	/* by now: the next look sees that */
		k->given = false;
		target_close(t);
		return NULL;
	}
	if (!f->opened)
		open_file(f, t);
	if (!f->program) {
		if (f->go)
			say_error("%s", f->why ? f->why : "it cannot be opened");
		target_close(t);
		return NULL;
	}
	return process_of(&p, t, f->program) ? NULL : p;
}

struct giving {
	size_t max;
	void (*fn)(void *ctx, pid_t pid, struct process *p, const char *comm, const char *why);
	void *ctx;
	bool full;
};

static void give(struct arrivals *a, struct known *k, struct giving *to)
{
	struct file *f = table_find(&a->files, k->file);
	struct process *p;
	char *comm, *why;

	k->given = true;
	if (!f->opened)
		f->go = is_go((pid_t)k->key);
	if (!f->go)
		return;
	if (a->n_open >= to->max) {
		k->given = false;
		to->full = true;
		return;
	}
	errors_hold();
	p = open_process(a, k, &comm);
	why = errors_release();
	if (p) {
		k->open = true;
		f->n_open++;
		a->n_open++;
		to->fn(to->ctx, (pid_t)k->key, p, comm, NULL);
	} else if (k->given && f->go && comm && why) {
		to->fn(to->ctx, (pid_t)k->key, NULL, comm, why);
	}
	free(comm);
	free(why);
}

static void look_at(struct arrivals *a, pid_t pid, struct giving *to)
{
	bool is_new;
	struct known *k = table_put(&a->known, (uint64_t)pid, &is_new);
	uint64_t file = file_run_by(a, pid), exec;
	struct file *f;

	if (!k)
		return;
	k->look = a->look;
	if (!k->open && (is_new || k->file != file)) {
		k->file = file;
		k->since_ns = a->look_ns;
		k->given = false;
	}
	exec = k->given ? k->exec : exec_of(a, pid);
	if (k->exec != exec)
		k->since_ns = a->look_ns;
	k->exec = exec;
	f = file ? table_put(&a->files, file, &is_new) : NULL;
	if (f)
		f->look = a->look;
	if (f && !k->given && (a->look == 1 || a->look_ns - k->since_ns >= SETTLED_NS))
		give(a, k, to);
}

static bool still_known(void *ctx, void *entry)
{
	const struct known *k = entry;

	return k->open || k->look == ((struct arrivals *)ctx)->look;
}

static bool still_run(void *ctx, void *entry)
{
	struct file *f = entry;

	return f->n_open || f->look == ((struct arrivals *)ctx)->look;
}

/* table_filter() may ask twice, so they are closed before. */
static void forget(struct arrivals *a)
{
	table_filter(&a->known, still_known, a);
	for (struct file *f = table_next(&a->files, NULL); f; f = table_next(&a->files, f))
		if (!still_run(a, f))
			close_file(f);
	table_filter(&a->files, still_run, a);
}

int arrivals_look(struct arrivals *a, uint64_t now_ns, size_t max,
		  void (*fn)(void *ctx, pid_t pid, struct process *p, const char *comm,
			     const char *why),
		  void *ctx)
{
	struct giving to = { .max = max, .fn = fn, .ctx = ctx };
	pid_t *pids;
	size_t n;
	int err = host_pids(&pids, &n);

	if (err)
		return err;
	a->look++;
	a->look_ns = now_ns;
	a->n_hidden = 0;
	for (size_t i = 0; i < n; i++)
		look_at(a, pids[i], &to);
	free(pids);
	forget(a);
	return to.full ? -EMFILE : 0;
}

void arrivals_gone(struct arrivals *a, pid_t pid)
{
	struct known *k = a ? table_find(&a->known, (uint64_t)pid) : NULL;
	struct file *f = k ? table_find(&a->files, k->file) : NULL;

	if (!k || !k->open)
		return;
	if (f)
		f->n_open--;
	a->n_open--;
	table_delete(&a->known, (uint64_t)pid);
}

size_t arrivals_hidden(const struct arrivals *a)
{
	return a->n_hidden;
}
