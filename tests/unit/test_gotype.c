// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_gotype.c - type descriptors in a hand-made Go binary.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/fake_go.h"
#include "user/go/gobin.h"
#include "user/go/gotype.h"
#include "user/go/image.h"

enum { ARRAY = 17, CHAN = 18, INTERFACE = 20, MAP = 21, POINTER = 22, SLICE = 23, STRUCT = 25 };
enum { EXTRA_STAR = 2 };

/* An abi.Type and the two words that follow it. */
struct type {
	uint64_t size, ptr_bytes;
	uint32_t hash;
	uint8_t tflag, align, field_align, kind;
	uint64_t equal, gcdata;
	int32_t str, ptr_to_this;
	uint64_t word[2];
};

/* Writes a name with its varint length at that offset of the types area; 2-byte lengths if long. */
static void put_name(struct fake_go *f, uint32_t off, const char *name)
{
	const size_t n = strlen(name);
	uint64_t at = FAKE_TYPES + off;

	fake_8(f, at++, 1);		/* exported */
	fake_8(f, at++, n >= 0x80 ? (n & 0x7f) | 0x80 : n);
	if (n >= 0x80)
		fake_8(f, at++, n >> 7);
	fake_put(f, at, name, n);
}

static void put_type(struct fake_go *f, uint64_t vaddr, const struct type *t)
{
	fake_put(f, vaddr, t, sizeof(*t));
	if (t->word[0])
		fake_ptr(f, vaddr + 48, t->word[0]);
	if (t->word[1])
		fake_ptr(f, vaddr + 56, t->word[1]);
}

/* Reads the type at vaddr of the file. */
static int read_type(const struct fake_go *f, uint64_t vaddr, struct go_type *out)
{
	struct image *img;
	struct gobin *gb;
	char path[32];
	int fd = fake_file(f->bytes, sizeof(f->bytes), path), err;

	assert_int_equal(image_open(&img, path, "fake"), 0);
	close(fd);
	assert_int_equal(gobin_open(&gb, img), 0);
	err = gotype_read(gb, vaddr, out);
	gobin_close(gb);
	image_close(img);
	return err;
}

static void check(const struct fake_go *f, uint64_t vaddr, const char *name, uint8_t kind,
		  uint64_t size, uint64_t ptr_bytes, uint64_t elem)
{
	struct go_type t;

	assert_int_equal(read_type(f, vaddr, &t), 0);
	assert_string_equal(t.name, name);
	assert_int_equal(t.kind, kind);
	assert_int_equal(t.size, size);
	assert_int_equal(t.ptr_bytes, ptr_bytes);
	assert_int_equal(t.elem, elem);
	free(t.name);
}

static void check_kinds(int minor, bool pie)
{
	struct fake_go f = { .minor = minor, .pie = pie };
	const uint64_t node = FAKE_TYPES + 0x40, other = FAKE_TYPES + 0x80;
	char long_name[300];

	fake_go_make(&f);
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	put_name(&f, FAKE_NAMES, "*main.Node");
	put_name(&f, FAKE_NAMES + 0x40, long_name);
	put_type(&f, node, &(struct type){ .size = 48, .ptr_bytes = 8, .align = 8, .kind = STRUCT,
					   .tflag = EXTRA_STAR, .str = FAKE_NAMES });
	check(&f, node, "main.Node", STRUCT, 48, 8, 0);
	put_type(&f, other, &(struct type){ .size = 8, .ptr_bytes = 8, .align = 8,
					    .kind = POINTER | 0x20, .str = FAKE_NAMES });
	fake_64(&f, other + 48, node);
	check(&f, other, "*main.Node", POINTER, 8, 8, node);
	fake_8(&f, other + 23, MAP);
	fake_64(&f, other + 56, FAKE_TYPES);
	check(&f, other, "*main.Node", MAP, 8, 8, FAKE_TYPES);
	fake_8(&f, other + 23, SLICE);
	check(&f, other, "*main.Node", SLICE, 8, 8, node);
	fake_8(&f, other + 23, CHAN);
	check(&f, other, "*main.Node", CHAN, 8, 8, node);
	fake_8(&f, other + 23, ARRAY);
	check(&f, other, "*main.Node", ARRAY, 8, 8, node);
	fake_8(&f, other + 23, INTERFACE);
	check(&f, other, "*main.Node", INTERFACE, 8, 8, 0);
	fake_8(&f, other + 23, POINTER);
	fake_64(&f, other + 48, FAKE_ETYPES);	/* an element that is no type */
	check(&f, other, "*main.Node", POINTER, 8, 8, 0);
	fake_32(&f, other + 40, FAKE_NAMES + 0x40);
	check(&f, other, long_name, POINTER, 8, 8, 0);
}

static void test_kinds(void **state)
{
	int minor;

	for (minor = 17; minor <= 27; minor++) {
		check_kinds(minor, false);
		check_kinds(minor, true);
	}
}

/* The pointers of a position-independent file are relocations. */
static void test_relocated_element(void **state)
{
	struct fake_go f = { .minor = 27, .pie = true };
	const Elf64_Dyn all = { DT_RELASZ, { 60 * sizeof(Elf64_Rela) } };

	fake_go_make(&f);
	put_name(&f, FAKE_NAMES, "[]uint8");
	put_type(&f, FAKE_TYPES, &(struct type){
		.size = 24, .ptr_bytes = 8, .align = 8, .kind = SLICE, .str = FAKE_NAMES,
		.word = { FAKE_TYPES + 0x80 },
	});
	fake_64(&f, FAKE_TYPES + 48, 0);
	fake_put(&f, FAKE_DYNAMIC + sizeof(all), &all, sizeof(all));
	check(&f, FAKE_TYPES, "[]uint8", SLICE, 24, 8, FAKE_TYPES + 0x80);
}

static void test_outside(void **state)
{
	struct fake_go f = { .minor = 22 };
	struct go_type t = { .size = 77 };

	fake_go_make(&f);
	assert_int_equal(read_type(&f, FAKE_TYPES - 8, &t), -ENOENT);
	assert_int_equal(read_type(&f, FAKE_ETYPES, &t), -ENOENT);
	assert_int_equal(read_type(&f, 0, &t), -ENOENT);
	assert_int_equal(read_type(&f, UINT64_MAX, &t), -ENOENT);
	assert_int_equal(t.size, 77);
}

/* A good descriptor with one field changed is refused. */
static void damage(size_t at, uint64_t value, size_t bytes)
{
	struct fake_go f = { .minor = 22 };
	struct type good = {
		.size = 24, .ptr_bytes = 8, .align = 8, .kind = SLICE, .str = FAKE_NAMES,
	};
	struct go_type t = { .size = 77 };

	fake_go_make(&f);
	put_name(&f, FAKE_NAMES, "[]uint8");
	put_type(&f, FAKE_TYPES, &good);
	check(&f, FAKE_TYPES, "[]uint8", SLICE, 24, 8, 0);
	fake_put(&f, FAKE_TYPES + at, &value, bytes);
	assert_int_equal(read_type(&f, FAKE_TYPES, &t), -EBADMSG);
	assert_int_equal(t.size, 77);
}

static void test_damaged(void **state)
{
	struct fake_go f = { .minor = 22 };
	struct go_type t;

	damage(offsetof(struct type, size), 0, 8);		/* below ptr_bytes */
	damage(offsetof(struct type, size), 25, 8);		/* not a multiple of align */
	damage(offsetof(struct type, ptr_bytes), 4, 8);
	damage(offsetof(struct type, align), 0, 1);
	damage(offsetof(struct type, align), 3, 1);
	damage(offsetof(struct type, kind), 0, 1);
	damage(offsetof(struct type, kind), 27, 1);
	damage(offsetof(struct type, tflag), EXTRA_STAR, 1);	/* but the name has none */
	damage(offsetof(struct type, str), 0, 4);
	damage(offsetof(struct type, str), -5, 4);		/* made at run time */
	damage(offsetof(struct type, str), FAKE_ETYPES - FAKE_TYPES, 4);
	damage(FAKE_NAMES + 1, 0, 1);				/* an empty name */
	damage(FAKE_NAMES + 1, UINT64_MAX, 8);			/* an endless length */
	damage(FAKE_NAMES + 1, 0x7fffff, 3);			/* beyond the end of the file */
	fake_go_make(&f);
	assert_int_equal(read_type(&f, FAKE_TYPES + 4, &t), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_relocated_element),
		cmocka_unit_test(test_outside),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
