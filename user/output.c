// SPDX-License-Identifier: BSD-2-Clause
/*
 * output.c - a temporary file beside the name, renamed when it is complete.
 */
#include "user/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/util.h"

struct output {
	char *path;		/* NULL: stdout */
	char *temp;		/* exists while f is open */
	FILE *f;
};

static int create(struct output *o)
{
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	free(o->temp);
	o->temp = xasprintf("%s.XXXXXX", o->path);
	fd = mkstemp(o->temp);
	if (fd < 0) {
		say_error("%s: cannot be written: %s", o->path, strerror(errno));
		free(o->temp);
		o->temp = NULL;
		return -errno;
	}
	fchmod(fd, 0666 & ~mask);
	o->f = fdopen(fd, "w");
	return 0;
}

int output_open(struct output **out, const char *path, bool force)
{
	struct output *o;
	struct stat st;
	int err;

	if (path && !force && !lstat(path, &st)) {
		say_error("%s: exists already; take another name, or overwrite it with --force",
			  path);
		return -EEXIST;
	}
	if (path && !stat(path, &st) && !S_ISREG(st.st_mode)) {
		say_error("%s: is not a regular file; take another name", path);
		return -EINVAL;
	}
	o = xcalloc(1, sizeof(*o));
	if (path) {
		o->path = xstrdup(path);
		err = create(o);
		if (err) {
			output_close(o);
			return err;
		}
	}
	*out = o;
	return 0;
}

static int write_stdout(int (*fill)(FILE *, void *), void *ctx)
{
	int err = fill(stdout, ctx);

	if (!err && fflush(stdout))
		err = -errno;
	if (err && err != -EPIPE)
		say_error("stdout: the report cannot be written: %s", strerror(-err));
	return err;
}

int output_write(struct output *o, int (*fill)(FILE *, void *), void *ctx)
{
	int err;

	if (!o->path)
		return write_stdout(fill, ctx);
	err = o->f ? 0 : create(o);
	if (err)
		return err;
	err = fill(o->f, ctx);
	if (fclose(o->f) && !err)
		err = -errno;
	o->f = NULL;
	if (!err && rename(o->temp, o->path))
		err = -errno;
	if (err) {
		say_error("%s: cannot be written: %s", o->path, strerror(-err));
		unlink(o->temp);
	}
	return err;
}

void output_close(struct output *o)
{
	if (!o)
		return;
	if (o->f) {
		fclose(o->f);
		unlink(o->temp);
	}
	free(o->temp);
	free(o->path);
	free(o);
}
