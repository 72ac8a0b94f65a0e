// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_line.c - where lines for reading are broken.
 */
#include "user/report/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Two items with that many columns, below each other from the third on. */
static char *lines_of(size_t columns, size_t indent, const char *a, const char *b)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	const struct page page = { .file = f, .columns = columns };
	struct line l = begin_line(&page, "A  ", indent);

	item(&l, "", "%s", a);
	item(&l, "; ", "%s", b);
	end_line(&l);
	fclose(f);
	return text;
}

static void check(size_t columns, size_t indent, const char *a, const char *b, const char *wanted)
{
	char *got = lines_of(columns, indent, a, b);

	assert_string_equal(got, wanted);
	free(got);
}

static void test_between_items(void **state)
{
	check(40, 3, "one and two", "three", "A  one and two; three\n");
	check(20, 3, "one and two", "three", "A  one and two;\n   three\n");
}

/* An item that is wider than a line goes on below. */
static void test_within_items(void **state)
{
	check(16, 3, "one and two and three", "four",
	      "A  one and two\n   and three;\n   four\n");
	check(16, 3, "one", "two and three, four", "A  one;\n   two and\n   three, four\n");
}

/* Names are never cut, those of types with blanks in them neither. */
static void test_names(void **state)
{
	check(12, 3, "map[string]struct {}", "x", "A  map[string]struct {};\n   x\n");
	check(12, 3, "func[go.shape.struct { a b }] of", "x",
	      "A  func[go.shape.struct { a b }]\n   of; x\n");
	check(12, 3, "github.com/some/body.once", "x", "A  github.com/some/body.once;\n   x\n");
}

/* Of what is not to be broken the indent is beyond all columns. */
static void test_unbroken(void **state)
{
	check(0, 1 << 30, "one and two", "three", "A  one and two; three\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_between_items), cmocka_unit_test(test_within_items),
		cmocka_unit_test(test_names), cmocka_unit_test(test_unbroken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
