// SPDX-License-Identifier: BSD-2-Clause
/*
 * output.c - reports into files and streams.
 */
#include "user/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/util.h"
#include "user/report/report.h"
#include "user/stream.h"
#include "user/terminal.h"

struct output {
	struct output_spec spec;
	char *path;		/* NULL: spec.fd */
	char *volatile temp;	/* the name until the first report is there; a handler reads it */
	int fd;			/* of the file, -1: none is open */
	dev_t dev;		/* of the file that got its name from us last */
	ino_t ino;
	unsigned int n_written, n_kept;
	bool force, deaf;	/* deaf: nobody reads it any more */
	bool torn;		/* a stream whose last report is not whole */
};

struct outputs {
	struct output *v;
	size_t n;
	bool (*interrupted)(void *ctx);
	void *ctx;
	pid_t owner;		/* who opened them: what it has forked off removes none */
};

static struct outputs *volatile opened;	/* for outputs_abandon(): it gets no context */

/* ---- files ---------------------------------------------------------------------------------- */

static void forget_temp(struct output *o)
{
	char *temp = o->temp;

	o->temp = NULL;
	free(temp);
}

static int create(struct output *o)
{
	mode_t mask = umask(0);
	int err;

	umask(mask);
	forget_temp(o);
	o->temp = xasprintf("%s.XXXXXX", o->path);
	o->fd = mkostemp(o->temp, O_CLOEXEC);
	if (o->fd < 0) {
		err = -errno;
		forget_temp(o);
		return err;
	}
	fchmod(o->fd, 0666 & ~mask);
	return 0;
}

/* Never replaces a file.  Some file systems know only the older of the two ways. */
static int rename_new(const char *from, const char *to)
{
	if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (link(from, to))
		return -errno;
	unlink(from);
	return 0;
}

/* heap.pb.gz, 1 -> heap.1.pb.gz */
static char *numbered(const struct output *o, unsigned int number)
{
	const char *ending = o->spec.format->ending;
	size_t n = strlen(o->path), end = strlen(ending);

	if (n <= end || strcmp(o->path + n - end, ending))
		return xasprintf("%s.%u", o->path, number);
	return xasprintf("%.*s.%u%s", (int)(n - end), o->path, number, ending);
}

/* A second name for the report that is to lose its own.  Without force the next number that is
 * free. */
static int keep_earlier(struct output *o)
{
	int err = -EEXIST;

	while (err == -EEXIST && o->n_kept < 1000000) {
		char *name = numbered(o, ++o->n_kept);

		if (o->force)
			unlink(name);
		err = link(o->path, name) ? -errno : 0;
		if (err == -EPERM || err == -EOPNOTSUPP)	/* no links there */
			err = rename_new(o->path, name);
		free(name);
	}
	return err;
}

static bool ours(const struct output *o)
{
	struct stat st;

	return o->n_written && !lstat(o->path, &st) && st.st_dev == o->dev && st.st_ino == o->ino;
}

/* The complete temporary file gets its name. */
static int publish(struct output *o)
{
	struct stat st;
	int err = 0;

	if (ours(o))
		err = keep_earlier(o);
	if (!err && (o->force || ours(o)))
		err = rename(o->temp, o->path) ? -errno : 0;
	else if (!err)
		err = rename_new(o->temp, o->path);
	if (err == -EEXIST) {
		say_error("%s: was made by somebody else meanwhile and is left alone; the report "
			  "is in %s", o->path, o->temp);
		free(o->path);
		o->path = xstrdup(o->temp);
	}
	if (err && err != -EEXIST)
		return err;
	forget_temp(o);
	if (!fstat(o->fd, &st)) {
		o->dev = st.st_dev;
		o->ino = st.st_ino;
	}
	return err;
}

/* ---- one report ----------------------------------------------------------------------------- */

struct rendering {
	const struct findings *f;
	size_t top;
	const struct outputs *all;
};

enum { STREAM_BYTES = 1 << 16 };	/* written at a time */

/* Not a pipe, nor a terminal, whose reader has a screen. */
static bool is_file(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode);
}

/* A stdio stream of its own, so that nothing of a report that failed stays in a buffer. */
static int put(const struct output *o, int fd, bool first, const struct rendering *r)
{
	const struct report_format *format = o->spec.format;
	const struct report_options opt = {
		.top = r->top, .file = is_file(fd), .value = o->spec.value,
		.columns = terminal_columns(fd),
		.colour = !o->path && !o->spec.plain && terminal_colour(fd),
	};
	struct stream s = { .fd = fd, .interrupted = r->all->interrupted, .ctx = r->all->ctx };
	FILE *f = fopencookie(&s, "w", (cookie_io_functions_t){ .write = stream_write });
	char *buffer;
	int err;

	if (!f)
		return -errno;
	__fsetlocking(f, FSETLOCKING_BYCALLER);	/* nobody else has it; reports are many small writes */
	buffer = xcalloc(1, STREAM_BYTES);
	setvbuf(f, buffer, _IOFBF, STREAM_BYTES);
	if ((!first && (format->kind == REPORT_READING || format->kind == REPORT_TABLE)) ||
	    (o->torn && format->kind != REPORT_BINARY))
		fputc('\n', f);
	err = format->write(f, r->f, &opt);
	if (fclose(f) && !err)
		err = -errno;
	free(buffer);
	return s.err ? s.err : err;
}

static void close_file(struct output *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}

static int write_file(struct output *o, const struct rendering *r)
{
	struct stat st;
	off_t start;
	int err = 0;

	if (o->fd >= 0 && !fstat(o->fd, &st) && !st.st_nlink)	/* removed since */
		close_file(o);
	if (o->fd < 0)
		err = create(o);
	if (err)
		return err;
	start = lseek(o->fd, 0, SEEK_CUR);
	err = put(o, o->fd, !start, r);
	if (!err && o->temp)
		err = publish(o);
	if (err && err != -EEXIST) {	/* nothing of a report that is not whole */
		ftruncate(o->fd, start);
		lseek(o->fd, start, SEEK_SET);
	} else if (o->spec.format->kind == REPORT_BINARY) {
		close_file(o);
	}
	return err;
}

static int write_one(struct output *o, const struct rendering *r)
{
	int err = o->path ? write_file(o, r) : put(o, o->spec.fd, !o->n_written, r);

	o->torn = err && !o->path;
	if (!err || err == -EEXIST)
		o->n_written++;
	else if (err == -EPIPE)
		o->deaf = true;
	else if (err != -EINTR)		/* a message might wait for the same reader */
		say_error("%s: the report cannot be written: %s",
			  o->path ? o->path : o->spec.fd == STDERR_FILENO ? "stderr" : "stdout",
			  strerror(-err));
	return err;
}

int outputs_write(struct outputs *o, const struct findings *f, size_t top)
{
	const struct rendering r = { f, top, o };
	const unsigned int missing = report_missing(f);
	size_t n_deaf = 0;
	int err = 0;

	for (size_t i = 0; i < o->n; i++) {
		const struct report_format *format = o->v[i].spec.format;
		int value = report_value(format, o->v[i].spec.value), e = 0;

		if (value >= 0 && (format->values[value].needs & missing))
			e = -ENODATA;
		else if (!o->v[i].deaf)
			e = write_one(&o->v[i], &r);
		if (!err && e != -EPIPE)
			err = e;
		n_deaf += o->v[i].deaf;
	}
	return n_deaf == o->n ? -EPIPE : err;
}

void outputs_interrupt(struct outputs *o, bool (*interrupted)(void *ctx), void *ctx)
{
	o->interrupted = interrupted;
	o->ctx = ctx;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int reserve(struct output *o)
{
	struct stat st;
	int err;

	/* First: what --force does not overwrite either. */
	err = stream_check_path(o->path);
	if (err)
		return err;
	if (!o->force && !lstat(o->path, &st)) {
		say_error("%s: exists already; take another name, or overwrite it with --force",
			  o->path);
		return -EEXIST;
	}
	err = create(o);
	if (err)
		say_error("%s: cannot be written: %s", o->path, strerror(-err));
	return err;
}

int outputs_open(struct outputs **out, const struct output_spec *specs, size_t n, bool force)
{
	struct outputs *o = xcalloc(1, sizeof(*o));
	int err = 0;

	atexit(outputs_abandon);	/* no memory */
	at_quick_exit(outputs_abandon);	/* the watchdog */
	o->owner = getpid();
	o->v = xcalloc(n, sizeof(*o->v));
	opened = o;
	for (; o->n < n && !err; o->n++) {
		struct output *one = &o->v[o->n];

		*one = (struct output){ .spec = specs[o->n], .fd = -1, .force = force };
		if (specs[o->n].path) {
			one->path = xstrdup(specs[o->n].path);
			err = reserve(one);
		}
	}
	if (err)
		outputs_close(o);
	else
		*out = o;
	return err;
}

void outputs_close(struct outputs *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++) {
		if (o->v[i].temp)
			unlink(o->v[i].temp);
		forget_temp(&o->v[i]);
		close_file(&o->v[i]);
		free(o->v[i].path);
	}
	opened = NULL;
	free(o->v);
	free(o);
}

void outputs_abandon(void)
{
	for (size_t i = 0; opened && opened->owner == getpid() && i < opened->n; i++)
		if (opened->v[i].temp)
			unlink(opened->v[i].temp);
}
