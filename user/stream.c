// SPDX-License-Identifier: BSD-2-Clause
/*
 * stream.c - writes no more at a time than there is room for, so that no write blocks.
 */
#include "user/stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/util.h"

enum { READER_MS = 100 };	/* between two tries while the reader takes nothing */

int stream_check_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) || S_ISREG(st.st_mode))
		return 0;
	say_error("%s: is not a regular file; take another name, or redirect stdout there", path);
	return -EINVAL;
}

/* False: the reader takes nothing, and we are not to wait for it any longer. */
static bool has_room(const struct stream *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };

	while (poll(&p, 1, READER_MS) <= 0)
		if (s->interrupted && s->interrupted(s->ctx))
			return false;
	return true;
}

/* PIPE_BUF bytes do not block where there is room (pipe(7)); a file has no reader. */
static size_t most_at_once(const struct stream *s)
{
	struct stat st;

	return !fstat(s->fd, &st) && S_ISREG(st.st_mode) ? SIZE_MAX : PIPE_BUF;
}

ssize_t stream_write(void *stream, const char *text, size_t n)
{
	struct stream *s = stream;
	const size_t most = most_at_once(s);
	size_t done = 0;

	while (done < n && !s->err) {
		size_t piece = n - done < most ? n - done : most;
		ssize_t got = -1;

		errno = EINTR;
		if (has_room(s))
			got = write(s->fd, text + done, piece);
		if (got < 0)
			s->err = -errno;
		else
			done += (size_t)got;
	}
	return s->err ? 0 : (ssize_t)n;
}
