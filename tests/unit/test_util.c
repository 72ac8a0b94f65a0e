// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_util.c - messages: what others wrote cannot forge one.
 */
#include "user/base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/text.h"

/* What say_error() writes for this name. */
static void said(const char *name, char *out, size_t cap)
{
	int saved = dup(STDERR_FILENO);
	FILE *f = tmpfile();

	assert_non_null(f);
	dup2(fileno(f), STDERR_FILENO);
	say_error("process 1 (%s)", name);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(f);
	out[fread(out, 1, cap - 1, f)] = '\0';
	fclose(f);
}

static void test_names(void **state)
{
	static const struct { const char *name, *shown; } rows[] = {
		{ "server", "server" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "a\x1b[2Jb", "a\xef\xbf\xbd[2Jb" },
		{ "x\ngobpfleak: all is well", "x\xef\xbf\xbdgobpfleak: all is well" },
		{ "a\rb\tc\x7f", "a\xef\xbf\xbd" "b\xef\xbf\xbd" "c\xef\xbf\xbd" },
		{ "\xc2\x9b" "31m", "\xef\xbf\xbd" "31m" },	/* CSI as one character of C1 */
		{ "\x9b" "31m", "\xef\xbf\xbd" "31m" },		/* and as a bare byte */
		{ "\xe2\x80\xae" "abc", "\xef\xbf\xbd" "abc" },	/* right to left from here */
	};
	char out[256], want[256];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		said(rows[i].name, out, sizeof(out));
		snprintf(want, sizeof(want), "gobpfleak: process 1 (%s)\n", rows[i].shown);
		assert_string_equal(out, want);
	}
}

static void test_near(void **state)
{
	static const struct { const char *a, *b; bool near; } rows[] = {
		{ "wach", "watch", true }, { "watcch", "watch", true }, { "wutch", "watch", true },
		{ "wathc", "watch", true }, { "awtch", "watch", true }, { "watch", "watch", true },
		{ "watc", "watch", true }, { "atch", "watch", true }, { "watchs", "watch", true },
		{ "", "w", true }, { "", "", true },
		{ "wah", "watch", false }, { "wtahc", "watch", false }, { "", "wa", false },
		{ "wthac", "watch", false }, { "list", "watch", false }, { "ab", "b_a", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(text_near(rows[i].a, rows[i].b), rows[i].near);
		assert_int_equal(text_near(rows[i].b, rows[i].a), rows[i].near);
	}
}

static void test_held(void **state)
{
	char *first;

	errors_hold();
	say("nothing of this is shown");
	say_error("one\nof many");
	say_error("another");
	first = errors_release();
	assert_string_equal(first, "one\xef\xbf\xbdof many");
	free(first);
	errors_hold();
	assert_null(errors_release());
}

/* However much was missed, as by a program that was stopped for days. */
static void test_next_due(void **state)
{
	static const struct { uint64_t due, every, now, next; } rows[] = {
		{ 100, 10, 99, 100 }, { 100, 10, 100, 110 }, { 100, 10, 109, 110 },
		{ 100, 10, 110, 120 }, { 100, 1, UINT64_MAX / 2, UINT64_MAX / 2 + 1 },
		{ 100, UINT64_MAX / 2, 100, UINT64_MAX / 2 + 100 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(next_due(rows[i].due, rows[i].every, rows[i].now), rows[i].next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names), cmocka_unit_test(test_near),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_next_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
