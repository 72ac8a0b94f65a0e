// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_resident.c - smaps made by hand: what lies in RAM, and whose it is.
 */
#include "user/resident.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KIB 1024ull

static char root[] = "/tmp/test_resident.XXXXXX";

static bool is_own(void *ctx, uint64_t addr)
{
	return addr >> 32 == 0xc0;
}

static int read_back(const char *smaps, struct resident *out)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/42/smaps", root);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(smaps, f);
	fclose(f);
	return resident_read(root, 42, is_own, NULL, out);
}

static void test_kinds(void **state)
{
	struct resident r;

	assert_int_equal(read_back(
		"00400000-00600000 r-xp 00000000 08:01 1234   /srv/a program\n"
		"Size:               2048 kB\nRss:                 900 kB\nPss:  450 kB\n"
		"00600000-00700000 rw-p 00200000 08:01 1234   /srv/a program\nRss: 100 kB\n"
		"00700000-00800000 rw-p 00000000 00:00 0 \nRss: 30 kB\n"	/* .bss */
		"00900000-00a00000 rw-p 00000000 00:00 0   [heap]\nRss: 7 kB\n"
		"c000000000-c000400000 rw-p 00000000 00:00 0 \nRss: 4000 kB\nSwap: 1 kB\n"
		"c000400000-c004000000 ---p 00000000 00:00 0 \nRss: 0 kB\n"
		"7f0000000000-7f0000800000 rw-s 00000000 00:01 9 /dev/zero (deleted)\nRss: 64 kB\n"
		"7f0000800000-7f0000a00000 rw-p 00000000 00:00 0 \nRss: 500 kB\n"
		"7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0   [stack]\nRss: 12 kB\n", &r), 0);
	assert_int_equal(r.own, 4000 * KIB);
	assert_int_equal(r.files, (900 + 100 + 30 + 64) * KIB);
	assert_int_equal(r.others, (7 + 500 + 12) * KIB);
	assert_int_equal(r.total, r.own + r.files + r.others);
}

static void test_none(void **state)
{
	struct resident r = { .total = 5 };

	assert_int_equal(read_back("", &r), -ESRCH);
	assert_int_equal(resident_read(root, 43, is_own, NULL, &r), -ENOENT);
	assert_int_equal(r.total, 5);
	assert_int_equal(read_back("Rss: 5 kB\nno map\n", &r), -ESRCH);
}

/* Our own: the parts are what the kernel says in all. */
static void test_ourselves(void **state)
{
	struct resident r;

	assert_int_equal(resident_read("", getpid(), is_own, NULL, &r), 0);
	assert_true(r.files > 0 && r.others > 0);
	assert_int_equal(r.total, r.own + r.files + r.others);
}

static int set_up(void **state)
{
	char path[64];

	if (!mkdtemp(root))
		return -1;
	snprintf(path, sizeof(path), "%s/proc", root);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/proc/42", root);
	return mkdir(path, 0700);
}

static int tear_down(void **state)
{
	static const char *const names[] = { "/proc/42/smaps", "/proc/42", "/proc", "" };
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", root, names[i]);
		remove(path);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_ourselves),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
