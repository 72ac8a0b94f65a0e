// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_memlimit.c - limits of memory, of a made-up /proc and /sys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/memlimit.h"

#define MiB (1ull << 20)
#define V1 "32 31 0:29 / /sys/cpu rw - cgroup cgroup rw,cpu\n" \
	   "35 31 0:32 / /sys/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"
#define V2 "41 31 0:38 / /sys/unified rw - cgroup2 cgroup2 rw\n"

static char root[] = "/tmp/memlimit-XXXXXX";

static void put(const char *path, const char *text)
{
	char *whole = xasprintf("%s%s", root, path);
	FILE *f;

	for (char *p = strchr(whole + sizeof(root), '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(whole, 0755);
		*p = '/';
	}
	f = fopen(whole, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	free(whole);
}

static int begin(void **state)
{
	strcpy(root + sizeof(root) - 7, "XXXXXX");
	assert_non_null(mkdtemp(root));
	put("/proc/meminfo", "MemTotal:       8192 kB\nMemFree: 1 kB\nMemAvailable:   6144 kB\n");
	put("/proc/self/mountinfo", V1 V2);
	return 0;
}

static int end(void **state)
{
	char *command = xasprintf("rm -rf %s", root);
	int err = system(command);

	free(command);
	return err;
}

static void assert_limit(uint64_t bytes, uint64_t used, const char *of)
{
	struct memlimit l;

	assert_int_equal(memlimit_read(root, 7, &l), 0);
	assert_int_equal(l.bytes, bytes);
	assert_int_equal(l.used, used);
	assert_string_equal(l.of, of);
}

static void test_machine(void **state)
{
	assert_limit(8 * MiB, 2 * MiB, "machine");	/* the process has no cgroup */
	put("/proc/7/cgroup", "4:memory:/a\n0::/../b\n");
	assert_limit(8 * MiB, 2 * MiB, "machine");	/* nor has its cgroup a limit */
	put("/sys/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
	put("/sys/memory/a/memory.usage_in_bytes", "1048576\n");
	assert_limit(8 * MiB, 2 * MiB, "machine");
}

static void test_v1(void **state)
{
	put("/proc/7/cgroup", "5:cpu,cpuacct:/x\n4:freezer,memory:/a/b:c\n0::/\n");
	put("/sys/memory/a/b:c/memory.limit_in_bytes", "5242880\n");
	put("/sys/memory/a/b:c/memory.usage_in_bytes", "3145728\n");
	put("/sys/memory/a/b:c/memory.stat", "inactive_file 5\ntotal_inactive_file 1048576\n");
	assert_limit(5 * MiB, 2 * MiB, "cgroup");
	put("/sys/memory/a/memory.limit_in_bytes", "6291456\n");	/* with siblings: less left */
	put("/sys/memory/a/memory.usage_in_bytes", "5242880\n");
	assert_limit(6 * MiB, 5 * MiB, "cgroup");
}

static void test_v2(void **state)
{
	put("/proc/7/cgroup", "0::/a/b\n");
	put("/sys/unified/a/b/memory.max", "max\n");
	put("/sys/unified/a/b/memory.current", "1048576\n");
	put("/sys/unified/a/memory.max", "4194304\n");
	put("/sys/unified/a/memory.current", "2097152\n");
	put("/sys/unified/a/memory.stat", "anon 1\ninactive_file 1048576\n");
	assert_limit(4 * MiB, 1 * MiB, "cgroup");
	put("/sys/unified/a/b/memory.max", "1048575\n");	/* it is over its limit */
	assert_limit(MiB - 1, MiB - 1, "cgroup");
}

/* Of the hierarchy only a container's part is mounted. */
static void test_part(void **state)
{
	put("/proc/self/mountinfo", "41 31 0:38 /pod /sys/unified rw - cgroup2 cgroup2 rw\n");
	put("/proc/7/cgroup", "0::/pod/app\n");
	put("/sys/unified/app/memory.max", "4194304\n");
	put("/sys/unified/app/memory.current", "2097152\n");
	assert_limit(4 * MiB, 2 * MiB, "cgroup");
	put("/proc/7/cgroup", "0::/podium/app\n");
	assert_limit(8 * MiB, 2 * MiB, "machine");
	put("/proc/7/cgroup", "0::/pod\n");
	put("/sys/unified/memory.max", "3145728\n");
	put("/sys/unified/memory.current", "2097152\n");
	assert_limit(3 * MiB, 2 * MiB, "cgroup");
}

static void test_nothing(void **state)
{
	struct memlimit l;

	put("/proc/meminfo", "MemTotal: much\n");
	put("/proc/7/cgroup", "0:\nxx\n\n4:memory\n");
	put("/proc/self/mountinfo", "\n - \n1 2 - cgroup2\n1 2 3 4 - cgroup2 x y\n");
	assert_true(memlimit_read(root, 7, &l) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_machine, begin, end),
		cmocka_unit_test_setup_teardown(test_v1, begin, end),
		cmocka_unit_test_setup_teardown(test_v2, begin, end),
		cmocka_unit_test_setup_teardown(test_part, begin, end),
		cmocka_unit_test_setup_teardown(test_nothing, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
