// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_ring.c - the reader of the kernel's ring, on a file that is laid out as the kernel does.
 */
#include "user/tracer/ring.h"

#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { BYTES = 4 << 20, BEHIND = 1 << 20 };

static struct {
	int fd;
	uint64_t produced;
	uint64_t next;		/* the number that the next record must have */
	size_t n;
	bool wrong;
} w;

static size_t page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static int setup(void **state)
{
	memset(&w, 0, sizeof(w));
	w.fd = memfd_create("ring", MFD_CLOEXEC);
	return w.fd < 0 || ftruncate(w.fd, (off_t)(2 * page() + 2 * BYTES + BEHIND));
}

static int teardown(void **state)
{
	return close(w.fd);
}

/* In both copies. */
static void put_at(uint64_t pos, const void *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint64_t at = 2 * page() + (pos + i) % BYTES;
		const uint8_t *byte = (const uint8_t *)v + i;

		assert_int_equal(pwrite(w.fd, byte, 1, (off_t)at), 1);
		assert_int_equal(pwrite(w.fd, byte, 1, (off_t)(at + BYTES)), 1);
	}
}

static void publish(void)
{
	assert_int_equal(pwrite(w.fd, &w.produced, 8, (off_t)page()), 8);
}

/* A record of n bytes, of which only the first 8, a number, are written. */
static void produce(uint32_t bits, uint64_t number, uint32_t n)
{
	uint32_t head = n | bits;

	put_at(w.produced, &head, sizeof(head));
	put_at(w.produced + BPF_RINGBUF_HDR_SZ, &number, sizeof(number));
	w.produced += (n + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
	publish();
}

static void take(void *ctx, const void *data, size_t n)
{
	uint64_t number;

	memcpy(&number, data, sizeof(number));
	w.wrong |= number != w.next || n != 8 + number % 60000;
	w.next++;
	w.n++;
}

/* Records of many lengths, over the ends of windows and of the ring. */
static void test_around(void **state)
{
	struct ring r;
	uint64_t number = 0;

	assert_int_equal(ring_open(&r, w.fd, BYTES), 0);
	for (int i = 0; i < 500; i++) {
		if (i % 3 == 0)
			produce(BPF_RINGBUF_DISCARD_BIT, 1ull << 60, 20);
		w.next = number;
		produce(0, number, (uint32_t)(8 + number % 60000));	/* as long as its number says */
		assert_int_equal(ring_read(&r, take, NULL), 0);
		number += 997;
	}
	assert_true(w.produced > 3 * BYTES);
	assert_int_equal(w.n, 500);
	assert_false(w.wrong);
	assert_int_equal(*r.consumer, w.produced);
	ring_close(&r);
}

/* Nothing behind one that is still being written. */
static void test_busy(void **state)
{
	uint32_t done = 8;
	struct ring r;

	assert_int_equal(ring_open(&r, w.fd, BYTES), 0);
	produce(BPF_RINGBUF_BUSY_BIT, 0, 8);
	produce(0, 1, 9);
	assert_int_equal(ring_read(&r, take, NULL), 0);
	assert_int_equal(w.n, 0);
	put_at(0, &done, sizeof(done));
	assert_int_equal(ring_read(&r, take, NULL), 0);
	assert_int_equal(w.n, 2);
	assert_false(w.wrong);
	ring_close(&r);
}

static void produce_more(void *ctx, const void *data, size_t n)
{
	w.n++;
	produce(0, 0, 60000);
}

/* Whoever writes faster than we read does not keep us forever. */
static void test_bounded(void **state)
{
	struct ring r;

	assert_int_equal(ring_open(&r, w.fd, BYTES), 0);
	produce(0, 0, 60000);
	assert_int_equal(ring_read(&r, produce_more, NULL), 1);
	assert_int_equal(w.n, BYTES / 60008 + 1);
	ring_close(&r);
}

static void test_no_ring(void **state)
{
	struct ring r;

	assert_true(ring_open(&r, -1, BYTES) < 0);
	ring_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_around, setup, teardown),
		cmocka_unit_test_setup_teardown(test_busy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
		cmocka_unit_test(test_no_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
