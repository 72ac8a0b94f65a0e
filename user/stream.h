/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.h - writes to a descriptor whose reader may stand still, as a pager's does.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The caller's storage. */
struct stream {
	int fd;
	/* Asked while the reader takes nothing; true: what is being written is given up.  NULL: it
	 * is waited for as long as it takes. */
	bool (*interrupted)(void *ctx);
	void *ctx;
	int err;		/* of the first write that failed; -EINTR: given up; 0: none */
};

/* 0, or -EINVAL: something is there that is no regular file; the user has been told. */
int stream_check_path(const char *path);
/* All of the text, or nothing more once something failed.  As cookie_write_function_t: n, or 0. */
ssize_t stream_write(void *stream, const char *text, size_t n);

#endif
