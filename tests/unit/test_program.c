// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_program.c - what files tell is read once, kept within a memory, and given back.
 */
#include "user/program.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/gofacts.h"
#include "user/go/golayout.h"
#include "user/go/image.h"
#include "user/go/sitetype.h"

enum { FACTS_BYTES = 100 };

static struct {
	size_t n_made, n_freed;
	bool changed;
} w;

/* ---- a file ---------------------------------------------------------------------------------- */

int image_open(struct image **out, const char *path, const char *name)
{
	*out = NULL;
	return 0;
}

void image_close(struct image *img) {}

bool image_changed(const struct image *img)
{
	return w.changed;
}

int gobin_open(struct gobin **out, const struct image *img)
{
	*out = NULL;
	return 0;
}

void gobin_close(struct gobin *gb) {}

int golayout_get(const struct gobin *gb, struct go_layout *out)
{
	*out = (struct go_layout){ .fields_from = "", .vars_from = "" };
	return 0;
}

int sitetype_new(struct sitetype **out, const struct gobin *gb)
{
	*out = NULL;
	return 0;
}

void sitetype_free(struct sitetype *st) {}

int gofacts_new(struct gofacts **out, const struct gobin *gb)
{
	*out = xcalloc(1, sizeof(**out));
	(*out)->bytes = FACTS_BYTES;
	w.n_made++;
	return 0;
}

void gofacts_free(struct gofacts *f)
{
	free(f);
	w.n_freed++;
}

/* ---- tests ----------------------------------------------------------------------------------- */

enum { N = 3 };

struct world {
	struct program *programs[N];
	struct kept_facts *kept;
};

static void begin(struct world *x, size_t max_bytes)
{
	w.n_made = w.n_freed = 0;
	w.changed = false;
	kept_facts_new(&x->kept, max_bytes);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(program_open(&x->programs[i], "/x", "x"), 0);
}

static void end(struct world *x)
{
	for (size_t i = 0; i < N; i++)
		program_close(x->programs[i]);
	kept_facts_free(x->kept);
	assert_int_equal(w.n_made, w.n_freed);
}

static const struct gofacts *get(struct world *x, size_t i)
{
	const struct gofacts *f;

	assert_int_equal(kept_facts_get(x->kept, x->programs[i], &f), 0);
	return f;
}

static void test_once(void **state)
{
	const struct gofacts *first, *f;
	struct world x;

	begin(&x, N * FACTS_BYTES);
	first = get(&x, 0);
	assert_ptr_not_equal(first, get(&x, 1));
	assert_ptr_equal(first, get(&x, 0));
	assert_int_equal(w.n_made, 2);
	program_close(x.programs[1]);		/* nobody runs it any more */
	x.programs[1] = NULL;
	assert_int_equal(w.n_freed, 1);
	w.changed = true;
	assert_int_equal(kept_facts_get(x.kept, x.programs[0], &f), -EBADMSG);
	end(&x);
}

/* The one that was asked for longest ago goes, and the one that is in use stays in any case. */
static void test_memory(void **state)
{
	struct world x;

	begin(&x, 2 * FACTS_BYTES);
	get(&x, 0);
	get(&x, 1);
	get(&x, 0);
	get(&x, 2);
	assert_int_equal(w.n_freed, 1);
	get(&x, 0);
	assert_int_equal(w.n_made, 3);
	get(&x, 1);
	assert_int_equal(w.n_made, 4);
	end(&x);

	begin(&x, FACTS_BYTES / 2);
	assert_int_equal(get(&x, 0)->bytes, FACTS_BYTES);
	assert_int_equal(w.n_freed, 0);
	kept_facts_drop(x.kept, 0);
	assert_int_equal(w.n_freed, 1);
	end(&x);
}

static void test_time(void **state)
{
	struct world x;
	uint64_t then;

	begin(&x, N * FACTS_BYTES);
	get(&x, 0);
	then = now_ns() + 1;
	while (now_ns() <= then)
		;
	get(&x, 1);
	kept_facts_drop(x.kept, then);
	assert_int_equal(w.n_freed, 1);
	kept_facts_free(x.kept);		/* before the programs */
	assert_int_equal(w.n_freed, 2);
	kept_facts_new(&x.kept, 0);
	end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once), cmocka_unit_test(test_memory),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
