// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_suppress.c - files of patterns: which lines are refused, and what the others match.
 */
#include "user/suppress.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/model.h"

static const struct frame frames[] = {
	{ .function = "bytes.growSlice", .file = "/go/src/bytes/buffer.go", .line = 249 },
	{ .function = "main.(*cache[...]).put", .file = "/srv/app/store/cache.go", .line = 88 },
	{ .function = NULL, .file = NULL },
	{ .function = "net/http.(*conn).serve", .file = "/go/src/net/http/server.go", .line = 7 },
	{ .function = "main.main", .file = "/srv/app/main.go", .line = 31 },
};

static const struct frame *const stack[] = {
	&frames[0], &frames[1], &frames[2], &frames[3], &frames[4],
};

static struct site_part parts[] = {
	{ .type = "[]uint8" }, { .type = "map[string]struct {}" },
};

static char path[] = "/tmp/test_suppress.XXXXXX";

static int read_bytes(struct suppress **out, const char *text, size_t n)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
	return suppress_read(out, path);
}

/* What one line matches: a heap site with one type, one with two, one of goroutines. */
enum { ONE_TYPE = 1, TWO_TYPES = 2, GOROUTINES = 4, HEAP = ONE_TYPE | TWO_TYPES, ALL = 7 };

static int matched(const char *line)
{
	struct heap_site sites[] = {
		{ .stack = { .v = stack, .n = 5 }, .parts = parts, .n_parts = 1 },
		{ .stack = { .v = stack, .n = 5 }, .parts = parts, .n_parts = 2 },
	};
	struct goroutine_site gsite = { .stack = { .v = stack, .n = 5 } };
	struct findings f = { .sites = sites, .n_sites = 2, .gsites = &gsite, .n_gsites = 1 };
	struct suppress *s;

	assert_int_equal(read_bytes(&s, line, strlen(line)), 0);
	suppress_mark(s, &f);
	assert_int_equal(suppress_stack(s, &sites[0].stack, parts[0].type), sites[0].suppressed);
	assert_int_equal(suppress_started(s, &gsite.stack), gsite.suppressed);
	suppress_free(s);
	return sites[0].suppressed * ONE_TYPE + sites[1].suppressed * TWO_TYPES +
	       gsite.suppressed * GOROUTINES;
}

static void test_functions(void **state)
{
	assert_int_equal(matched("main.main"), ALL);
	assert_int_equal(matched("main.mai"), 0);	/* the whole name */
	assert_int_equal(matched("main.mai?"), ALL);
	assert_int_equal(matched("main.main?"), 0);
	assert_int_equal(matched("*"), ALL);
	assert_int_equal(matched("net/http.*"), ALL);
	assert_int_equal(matched("*.put"), ALL);
	assert_int_equal(matched("main.(*cache[...]).put"), ALL);
	assert_int_equal(matched("main.(*cache[???]).put"), ALL);
	assert_int_equal(matched("m*c*e*.p*t"), ALL);
	assert_int_equal(matched("m*c*e*.p*x"), 0);
	assert_int_equal(matched("heap: main.main"), HEAP);
	assert_int_equal(matched("goroutine:main.main"), GOROUTINES);
}

static void test_files(void **state)
{
	assert_int_equal(matched("cache.go"), ALL);
	assert_int_equal(matched("cache.go:88"), ALL);
	assert_int_equal(matched("cache.go:8"), 0);
	assert_int_equal(matched("ache.go"), 0);	/* names of folders and files are whole */
	assert_int_equal(matched("*ache.go"), ALL);
	assert_int_equal(matched("store/cache.go"), ALL);
	assert_int_equal(matched("app/*.go:88"), ALL);
	assert_int_equal(matched("/srv/app/store/cache.go:88"), ALL);
	assert_int_equal(matched("/app/store/cache.go:88"), 0);
	assert_int_equal(matched("goroutine: main.go:31"), GOROUTINES);
}

/* In order from the leaf, with gaps; one frame is not two of them. */
static void test_order(void **state)
{
	assert_int_equal(matched("bytes.* < main.main"), ALL);
	assert_int_equal(matched("main.main < bytes.*"), 0);
	assert_int_equal(matched("bytes.growSlice < cache.go:88 < net/http.* < main.main"), ALL);
	assert_int_equal(matched("main.main < main.main"), 0);
	assert_int_equal(matched("main.* < main.main"), ALL);
	assert_int_equal(matched("main.* < main.* < main.*"), 0);
	assert_int_equal(matched("\tbytes.*   <  main.main  \r\n"), ALL);
	assert_int_equal(matched("\xef\xbb\xbf" "main.main\r\n"), ALL);	/* a byte order mark */
}

static void test_types(void **state)
{
	assert_int_equal(matched("type:[]uint8"), ONE_TYPE);	/* of all that a site allocates */
	assert_int_equal(matched("type: *"), HEAP);
	assert_int_equal(matched("heap: type:[]uint8"), ONE_TYPE);
	assert_int_equal(matched("type:map[string]struct {}"), 0);
	assert_int_equal(matched("type:*t* < main.main"), HEAP);
	assert_int_equal(matched("type:*t* < main.other"), 0);
	assert_int_equal(matched("type:[]uint8 < cache.go < main.main"), ONE_TYPE);
}

static void test_comments(void **state)
{
	assert_int_equal(matched("# main.main\n\n \t\n#\n"), 0);
	assert_int_equal(matched("main.main # since 1.2\n"), ALL);
	assert_int_equal(matched("# a\nmain.other\n\nmain.main"), ALL);
	assert_int_equal(matched(""), 0);
}

/* What suppress_read() says on stderr of a file that it refuses. */
static char *refusal(const char *text, size_t n, int err)
{
	static char said[1024];
	struct suppress *s = NULL;
	char *message;

	errors_hold();
	assert_int_equal(read_bytes(&s, text, n), err);
	assert_null(s);
	message = errors_release();
	assert_non_null(message);
	snprintf(said, sizeof(said), "%s", message);
	free(message);
	return said;
}

static void test_refused(void **state)
{
	static const struct { const char *text, *line, *why; } rows[] = {
		{ "main.main\nleak:main.put", ":2: ", "no such prefix" },
		{ "fun: x", ":1: ", "no such prefix" },
		{ "heap:", ":1: ", "missing" },
		{ "\n\na <", ":3: ", "missing" },
		{ "a < < b", ":1: ", "missing" },
		{ "< a", ":1: ", "missing" },
		{ "a b", ":1: ", "blanks" },
		{ "cache.go:x", ":1: ", "number of a line" },
		{ "cache.go:0", ":1: ", "number of a line" },
		{ "cache.go:99999999999", ":1: ", "number of a line" },
		{ "type:", ":1: ", "names no type" },
		{ "type: < main.main", ":1: ", "names no type" },
		{ "goroutine: type:main.T", ":1: ", "no type" },
		{ "main.main < type:main.T", ":1: ", "stands first" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *said = refusal(rows[i].text, strlen(rows[i].text), -EINVAL);

		assert_non_null(strstr(said, path));
		assert_non_null(strstr(said, rows[i].line));
		assert_non_null(strstr(said, rows[i].why));
	}
	assert_non_null(strstr(refusal("main.main\nma\0in", 14, -EINVAL), ":2: holds a byte 0"));
}

static void test_caps(void **state)
{
	size_t n = MAX_SUPPRESS_BYTES + 1, used = 0;
	char *text = xcalloc(n + 1, 1);
	struct suppress *s;

	memset(text, '\n', n);
	assert_non_null(strstr(refusal(text, n, -EFBIG), "1MiB"));
	assert_int_equal(read_bytes(&s, text, n - 1), 0);
	suppress_free(s);
	for (size_t i = 0; i < MAX_SUPPRESSIONS; i++)
		used += (size_t)sprintf(text + used, "f%zu\n", i);
	assert_int_equal(read_bytes(&s, text, used), 0);
	suppress_free(s);
	used += (size_t)sprintf(text + used, "one.more\n");
	assert_non_null(strstr(refusal(text, used, -EINVAL), ":1001: too many patterns"));
	used = (size_t)sprintf(text, "a");
	for (size_t i = 0; i < MAX_SUPPRESS_FRAMES; i++)
		used += (size_t)sprintf(text + used, " < a");
	assert_non_null(strstr(refusal(text, used, -EINVAL), ":1: too many frames"));
	free(text);
}

static void test_no_file(void **state)
{
	struct suppress *s = NULL;
	char *message;

	errors_hold();
	assert_int_equal(suppress_read(&s, "/nowhere/accepted.txt"), -ENOENT);
	message = errors_release();
	assert_non_null(strstr(message, "/nowhere/accepted.txt"));
	free(message);
	assert_null(s);
	errors_hold();
	assert_int_equal(suppress_read(&s, "/"), -EISDIR);
	message = errors_release();
	assert_non_null(strstr(message, "directory"));
	free(message);
}

/* Rows of the heap by type have no stack. */
static void test_rows(void **state)
{
	static const char text[] = "type:main.*\ntype:map* < main.main\nmain.main\n"
				   "heap: type:chan int";
	struct suppress *s;

	assert_int_equal(read_bytes(&s, text, sizeof(text) - 1), 0);
	assert_true(suppress_type(s, "main.session"));
	assert_true(suppress_type(s, "chan int"));
	assert_false(suppress_type(s, "map[string]int"));
	assert_false(suppress_type(s, "main"));
	suppress_free(s);
}

/* The profile that is older than the attach knows no types. */
static void test_older(void **state)
{
	const struct older_site older = { .stack = { .v = stack, .n = 5 } };
	struct suppress *s;

	assert_int_equal(read_bytes(&s, "type:*\n", 7), 0);
	assert_false(suppress_older(s, &older));
	suppress_free(s);
	assert_int_equal(read_bytes(&s, "goroutine:*\n", 12), 0);
	assert_false(suppress_older(s, &older));
	suppress_free(s);
	assert_int_equal(read_bytes(&s, "heap:cache.go\n", 14), 0);
	assert_true(suppress_older(s, &older));
	suppress_free(s);
}

static int setup(void **state)
{
	int fd = mkstemp(path);

	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions), cmocka_unit_test(test_files),
		cmocka_unit_test(test_order), cmocka_unit_test(test_types),
		cmocka_unit_test(test_comments), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_caps), cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_older), cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
