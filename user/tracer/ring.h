/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.h - reads the kernel's ring buffer of records through a small window.
 *
 * libbpf maps all of it, twice: 32 MiB of resident memory for a ring of 16.
 */
#ifndef RING_H
#define RING_H

#include <stddef.h>
#include <stdint.h>

struct ring {
	size_t bytes;			/* a power of two */
	uint64_t *consumer;		/* how far it has been read, in a page of its own, */
	const uint64_t *producer;	/* and written */
	uint8_t *window;		/* the part that is being read, or NULL */
	uint64_t window_at;		/* where that begins, in bytes since the ring's first */
	int fd;				/* the map's */
};

/* bytes: the map's size.  0, or -errno. */
int ring_open(struct ring *r, int fd, size_t bytes);
void ring_close(struct ring *r);	/* one that is all zero is fine */

/* Gives each record to fn, in order, until there is no more, one is still being written, or as much
 * has been read as fits into the ring, which is all that was there before the call: 0 there is no
 * more, 1 there may be, -errno.  A record lives until fn returns. */
int ring_read(struct ring *r, void (*fn)(void *ctx, const void *data, size_t n), void *ctx);

#endif
