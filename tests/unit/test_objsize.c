// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_objsize.c - the size of an object from what its record tells, on a plan and types made by
 * hand, and on spans that can be asked and counted.
 */
#include "user/objsize.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/go/golayout.h"
#include "user/go/sitetype.h"
#include "user/gomem/gomem.h"
#include "user/probe/plan.h"
#include "user/process.h"
#include "user/track/track.h"

#define BIAS 0x10000000ull

enum { BY_ARGUMENT, CLASS_48, TINY };		/* probes */
/* Types; raw memory is 0, which is known to have no pointers. */
enum { RAW = 0, POINTERS = 0x1000, NO_POINTERS = 0x2000, MADE_AT_RUN_TIME = 0x3000 };

static struct world {
	struct objsize *z;
	uint64_t addr;		/* of the object */
	uint64_t span_bytes;	/* what the object's span says; 0: it is gone */
	size_t n_asked;		/* spans */
	size_t n_typed;		/* types */
} w;

/* ---- the neighbours of objsize --------------------------------------------------------------- */

static const struct go_layout layout = { .malloc_header = true };

const struct go_layout *process_layout(const struct process *p)
{
	return &layout;
}

struct gomem *process_gomem(const struct process *p)
{
	return NULL;
}

struct sitetype *process_sitetype(const struct process *p)
{
	return NULL;
}

uint64_t process_bias(const struct process *p)
{
	return BIAS;
}

int gomem_slot_size(struct gomem *gm, uint64_t addr, uint64_t *size)
{
	w.n_asked++;
	*size = w.span_bytes;
	return w.span_bytes ? 0 : -ENOENT;
}

/* Every stack has one frame, at its id. */
bool track_find_stack(const struct track *tr, uint64_t id, const uint64_t **pcs, uint32_t *n,
		      uint32_t *flags)
{
	static uint64_t pc;

	pc = id + BIAS;
	*pcs = &pc;
	*n = 1;
	*flags = 0;
	return id;
}

void sitetype_get(struct sitetype *st, uint64_t typ, const uint64_t *pcs, size_t n,
		  struct site_type *out)
{
	w.n_typed++;
	if (n)		/* all stacks here have small ids */
		assert_true(pcs[0] < BIAS);
	*out = (struct site_type){ .name = "?", .pointers = typ != RAW && typ != NO_POINTERS,
				   .known = typ < MADE_AT_RUN_TIME };
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int setup(void **state)
{
	static struct plan_probe probes[] = {
		[CLASS_48] = { .size_class = 5 }, [TINY] = { .tiny = true },
	};
	static const struct plan plan = { probes, ARRAY_SIZE(probes) };

	w = (struct world){ .addr = 0xc000010000 };
	objsize_new(&w.z, NULL, &plan, NULL);
	return 0;
}

static int teardown(void **state)
{
	objsize_free(w.z);
	return 0;
}

/* The bytes of the object at w.addr; 0 where they cannot be known. */
static uint64_t ask(uint16_t probe, uint64_t stack, uint64_t typ, uint64_t size, bool *tiny)
{
	struct gl_alloc rec = {
		.h = { .kind = GL_REC_ALLOC, .probe = probe, .len = sizeof(rec) },
		.addr = w.addr, .stack = stack,
		.typ = typ && typ != GL_UNKNOWN ? typ + BIAS : typ, .size = size,
	};
	uint64_t bytes = 0;
	bool known = objsize_get(w.z, &rec, &bytes, tiny);

	assert_int_equal(known, bytes != 0);
	return bytes;
}

static void assert_size(uint16_t probe, uint64_t stack, uint64_t typ, uint64_t size,
			uint64_t bytes, bool tiny)
{
	bool got = !tiny;

	assert_int_equal(ask(probe, stack, typ, size, &got), bytes);
	assert_int_equal(got, tiny);
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* What the function is specialised to needs neither size nor type nor span. */
static void test_of_probe(void **state)
{
	assert_size(CLASS_48, 1, POINTERS, 33, 48, false);
	assert_size(CLASS_48, 1, GL_UNKNOWN, GL_UNKNOWN, 48, false);
	assert_size(TINY, 1, RAW, 5, 16, true);
	assert_size(TINY, 1, GL_UNKNOWN, GL_UNKNOWN, 16, true);
	assert_int_equal(w.n_asked, 0);
}

static void test_of_size_and_type(void **state)
{
	assert_size(BY_ARGUMENT, 1, RAW, 100, 112, false);
	assert_size(BY_ARGUMENT, 1, NO_POINTERS, 15, 16, true);
	assert_size(BY_ARGUMENT, 1, NO_POINTERS, 16, 16, false);
	assert_size(BY_ARGUMENT, 1, POINTERS, 8, 8, false);
	/* eight bytes go in front of a large one with pointers */
	assert_size(BY_ARGUMENT, 1, NO_POINTERS, 1024, 1024, false);
	assert_size(BY_ARGUMENT, 1, POINTERS, 1024, 1152, false);
	assert_size(BY_ARGUMENT, 1, RAW, 100000, 106496, false);
	assert_int_equal(w.n_asked, 0);
}

static void test_asked_once(void **state)
{
	for (int i = 0; i < 3; i++)
		assert_size(BY_ARGUMENT, 1, POINTERS, 100, 112, false);
	assert_int_equal(w.n_typed, 1);
}

/* Then the span tells, once for all objects of that stack and size. */
static void test_type_unknown(void **state)
{
	w.span_bytes = 128;
	for (int i = 0; i < 3; i++) {
		assert_size(BY_ARGUMENT, 1, GL_UNKNOWN, 100, 128, false);
		assert_size(BY_ARGUMENT, 2, MADE_AT_RUN_TIME, 100, 128, false);
	}
	assert_int_equal(w.n_asked, 2);
}

/* The type has its name even where it does not decide: the binary may go. */
static void test_type_named(void **state)
{
	bool tiny;

	ask(CLASS_48, 1, POINTERS, 33, &tiny);
	assert_int_equal(w.n_typed, 1);
	ask(TINY, 1, RAW, 3, &tiny);
	assert_int_equal(w.n_typed, 2);
	w.span_bytes = 64;
	ask(BY_ARGUMENT, 3, POINTERS, GL_UNKNOWN, &tiny);
	assert_int_equal(w.n_typed, 3);
}

/* Objects with pointers have a multiple of eight bytes: below 16 they lie in a span of eights, and
 * what lies in one of sixteens is tiny. */
static void test_tiny_of_unknown_type(void **state)
{
	w.span_bytes = 16;
	w.addr = 0xc000010008;
	assert_size(BY_ARGUMENT, 1, GL_UNKNOWN, 8, 16, true);
	assert_size(BY_ARGUMENT, 2, GL_UNKNOWN, 15, 16, true);
	w.addr = 0xc000010010;
	assert_size(BY_ARGUMENT, 3, GL_UNKNOWN, 16, 16, false);
	w.span_bytes = 8;
	assert_size(BY_ARGUMENT, 4, GL_UNKNOWN, 8, 8, false);
}

/* Neither size nor class: nothing holds for the next object, each is asked for. */
static void test_size_unknown(void **state)
{
	for (uint64_t bytes = 32; bytes < 1000; bytes *= 2) {
		w.span_bytes = bytes;
		assert_size(BY_ARGUMENT, 1, POINTERS, GL_UNKNOWN, bytes, false);
	}
	assert_int_equal(w.n_asked, 5);
}

/* An address in the middle of a 16-byte slot can only be a tiny object's. */
static void test_tiny_of_unknown_size(void **state)
{
	w.span_bytes = 16;
	w.addr = 0xc000010004;
	assert_size(BY_ARGUMENT, 1, RAW, GL_UNKNOWN, 16, true);
	w.addr = 0xc000010010;
	assert_size(BY_ARGUMENT, 1, RAW, GL_UNKNOWN, 16, false);
	w.span_bytes = 8;
	w.addr = 0xc000010008;
	assert_size(BY_ARGUMENT, 1, RAW, GL_UNKNOWN, 8, false);
}

/* Nothing is known of the object then, and nothing is remembered for others. */
static void test_span_gone(void **state)
{
	bool tiny;

	assert_int_equal(ask(BY_ARGUMENT, 1, GL_UNKNOWN, 100, &tiny), 0);
	assert_int_equal(ask(BY_ARGUMENT, 1, POINTERS, GL_UNKNOWN, &tiny), 0);
	w.span_bytes = 112;
	assert_size(BY_ARGUMENT, 1, GL_UNKNOWN, 100, 112, false);
	assert_size(BY_ARGUMENT, 1, POINTERS, GL_UNKNOWN, 112, false);
}

/* More answers than there is room for, and such as share their slot whatever the seed is. */
static void test_cache(void **state)
{
	enum { MANY = 3 << 13 };

	for (int round = 0; round < 2; round++) {
		for (uint64_t i = 1; i <= MANY; i++) {
			assert_size(BY_ARGUMENT, i, POINTERS, 64, 64, false);
			assert_size(BY_ARGUMENT, 1, NO_POINTERS, i,
				     golayout_object_size(&layout, i, false), i < 16);
		}
		assert_size(BY_ARGUMENT, 1, POINTERS, 200, 208, false);
		assert_size(CLASS_48, 1, POINTERS, 200, 48, false);
		assert_size(TINY, 1, POINTERS, 200, 16, true);
		assert_size(BY_ARGUMENT, 1, RAW, 200, 208, false);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_of_probe), TEST(test_of_size_and_type), TEST(test_asked_once),
		TEST(test_type_unknown), TEST(test_type_named), TEST(test_tiny_of_unknown_type),
		TEST(test_size_unknown), TEST(test_tiny_of_unknown_size), TEST(test_span_gone),
		TEST(test_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
