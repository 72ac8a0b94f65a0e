// SPDX-License-Identifier: BSD-2-Clause
/*
 * ring.c - as the kernel lays it out (kernel/bpf/ringbuf.c): a page with the consumer's position,
 * one with the producer's, then the data, twice in a row, so that a record that goes over the end
 * is in one piece all the same.  Each record has a header of 8 bytes, of which the first 4 are its
 * length and two bits, and begins at a multiple of 8.
 */
#include "user/tracer/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	WINDOW_BYTES = 1 << 20,		/* that are mapped at a time, */
	BEYOND_BYTES = 1 << 16,		/* and of a record that begins there and goes on behind */
};

static void *map(const struct ring *r, size_t off, size_t n, int prot)
{
	void *p = mmap(NULL, n, prot, MAP_SHARED, r->fd, (off_t)off);

	return p == MAP_FAILED ? NULL : p;
}

static size_t page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int ring_open(struct ring *r, int fd, size_t bytes)
{
	int err;

	*r = (struct ring){ .fd = fd, .bytes = bytes };
	r->consumer = map(r, 0, page(), PROT_READ | PROT_WRITE);
	r->producer = r->consumer ? map(r, page(), page(), PROT_READ) : NULL;
	if (r->producer)
		return 0;
	err = -errno;
	ring_close(r);
	return err;
}

static void close_window(struct ring *r)
{
	if (r->window)
		munmap(r->window, WINDOW_BYTES + BEYOND_BYTES);
	r->window = NULL;
}

void ring_close(struct ring *r)
{
	close_window(r);
	if (r->consumer)
		munmap(r->consumer, page());
	if (r->producer)
		munmap((void *)(uintptr_t)r->producer, page());
	*r = (struct ring){ 0 };
}

/* NULL and errno. */
static const uint8_t *at(struct ring *r, uint64_t pos)
{
	if (!r->window || pos - r->window_at >= WINDOW_BYTES) {
		close_window(r);
		r->window_at = pos / WINDOW_BYTES * WINDOW_BYTES;
		r->window = map(r, 2 * page() + r->window_at % r->bytes,
				WINDOW_BYTES + BEYOND_BYTES, PROT_READ);
	}
	return r->window ? r->window + (pos - r->window_at) : NULL;
}

int ring_read(struct ring *r, void (*fn)(void *ctx, const void *data, size_t n), void *ctx)
{
	uint64_t pos = *r->consumer;
	const uint64_t end = pos + r->bytes;

	while (pos < __atomic_load_n(r->producer, __ATOMIC_ACQUIRE)) {
		const uint8_t *rec = at(r, pos);
		uint32_t head, n;

		if (!rec)
			return -errno;
		head = __atomic_load_n((const uint32_t *)(const void *)rec, __ATOMIC_ACQUIRE);
		if (head & BPF_RINGBUF_BUSY_BIT)
			return 0;
		n = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		if (!(head & BPF_RINGBUF_DISCARD_BIT))
			fn(ctx, rec + BPF_RINGBUF_HDR_SZ, n);
		pos += (n + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
		__atomic_store_n(r->consumer, pos, __ATOMIC_RELEASE);
		if (pos >= end)
			return 1;
	}
	return 0;
}
