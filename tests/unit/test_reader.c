// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_reader.c - the bounded reader, on bytes that end exactly where they should or too early.
 *
 * Every case lies in memory of its own size, so that the sanitizers see a byte too many.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "user/base/reader.h"
#include "user/base/util.h"

static const struct {
	uint64_t value;
	uint8_t n, bytes[12];
	bool bad;
} uvarints[] = {
	{ 0, 1, { 0 }, false },
	{ 0x7f, 1, { 0x7f }, false },
	{ 0x80, 2, { 0x80, 0x01 }, false },
	{ 300, 2, { 0xac, 0x02 }, false },
	{ 624485, 3, { 0xe5, 0x8e, 0x26 }, false },
	{ 1, 3, { 0x81, 0x80, 0x00 }, false },		/* longer than need be */
	{ UINT32_MAX, 5, { 0xff, 0xff, 0xff, 0xff, 0x0f }, false },
	{ UINT64_MAX, 10, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 }, false },
	{ 0, 10, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 }, true },
	{ 0, 11, { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00 }, true },
	{ 0, 0, { 0 }, true },
	{ 0, 1, { 0x80 }, true },
	{ 0, 4, { 0xff, 0xff, 0xff, 0xff }, true },
};

static uint8_t *copy_of(const void *bytes, size_t n)
{
	uint8_t *p = malloc(n ? n : 1);

	assert_non_null(p);
	memcpy(p, bytes, n);
	return p;
}

static void reads_uvarints(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(uvarints); i++) {
		uint8_t *p = copy_of(uvarints[i].bytes, uvarints[i].n);
		struct reader r = reader_of(p, uvarints[i].n);

		assert_int_equal(reader_uvarint(&r), uvarints[i].value);
		assert_int_equal(r.bad, uvarints[i].bad);
		assert_ptr_equal(r.p, p + uvarints[i].n);
		free(p);
	}
}

static void reads_in_order(void **state)
{
	static const uint8_t bytes[] = { 7, 8, 7, 6, 5, 4, 3, 2, 1, 0x81, 0x01, 'a', 'b' };
	uint8_t *p = copy_of(bytes, sizeof(bytes));
	struct reader r = reader_of(p, sizeof(bytes));

	assert_int_equal(reader_u8(&r), 7);
	assert_int_equal(reader_u64(&r), 0x0102030405060708);
	assert_int_equal(reader_uvarint(&r), 129);
	assert_memory_equal(reader_bytes(&r, 2), "ab", 2);
	assert_non_null(reader_bytes(&r, 0));
	assert_false(r.bad);
	assert_int_equal(reader_u8(&r), 0);
	assert_true(r.bad);
	free(p);
}

/* What was too much for the rest leaves nothing to read, even if less would still fit. */
static void stays_bad(void **state)
{
	uint8_t *p = copy_of("\1\2\3", 3);
	struct reader r = reader_of(p, 3);

	assert_null(reader_bytes(&r, UINT64_MAX));
	assert_true(r.bad);
	assert_int_equal(reader_u8(&r), 0);
	assert_int_equal(reader_uvarint(&r), 0);
	assert_null(reader_bytes(&r, 0));
	r = reader_of(p, 3);
	assert_int_equal(reader_u64(&r), 0);
	assert_true(r.bad);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_uvarints),
		cmocka_unit_test(reads_in_order),
		cmocka_unit_test(stays_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
