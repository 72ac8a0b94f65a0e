// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_rtype.c - what is inside of types, in a hand-made Go binary.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/fake_types.h"
#include "user/go/gobin.h"
#include "user/go/image.h"
#include "user/go/rtype.h"

struct file {
	struct fake_go f;
	struct fake_types t;
	struct image *img;
	struct gobin *gb;
};

static void begin(struct file *x, int minor)
{
	x->f = (struct fake_go){ .minor = minor };
	fake_go_make(&x->f);
	fake_types_begin(&x->t, &x->f);
}

static void open_file(struct file *x)
{
	char path[32];
	int fd = fake_file(x->f.bytes, sizeof(x->f.bytes), path);

	assert_int_equal(image_open(&x->img, path, "fake"), 0);
	close(fd);
	assert_int_equal(gobin_open(&x->gb, x->img), 0);
}

static void close_file(struct file *x)
{
	gobin_close(x->gb);
	image_close(x->img);
}

static void check_struct(int minor)
{
	struct file x;
	struct rtype t;
	uint64_t str, num, typ;

	begin(&x, minor);
	str = fake_string_type(&x.t);
	num = fake_type(&x.t, FAKE_INT, "int", 8, 0);
	typ = fake_struct_type(&x.t, "main.T", 32, 16, (struct fake_field[]){
		{ "name", str, 0, false }, { "Inner", num, 16, true }, { "_", num, 24, false },
	}, 3);
	open_file(&x);
	assert_int_equal(rtype_read(x.gb, typ, &t), 0);
	assert_int_equal(t.size, 32);
	assert_int_equal(t.ptr_bytes, 16);
	assert_int_equal(t.n_fields, 3);
	assert_string_equal(t.fields[0].name, "name");
	assert_int_equal(t.fields[0].typ, str);
	assert_int_equal(t.fields[0].offset, 0);
	assert_false(t.fields[0].embedded);
	assert_string_equal(t.fields[1].name, "Inner");
	assert_int_equal(t.fields[1].offset, 16);
	assert_true(t.fields[1].embedded);
	assert_string_equal(t.fields[2].name, "_");
	assert_int_equal(t.fields[2].offset, 24);
	rtype_free(&t);
	close_file(&x);
}

static void test_structs(void **state)
{
	for (int minor = 17; minor <= 27; minor++)
		check_struct(minor);
}

static void check_others(int minor)
{
	struct file x;
	struct rtype t;
	struct rtype_head h;
	uint64_t num, array, pointer, group, map, any, reader;

	begin(&x, minor);
	num = fake_type(&x.t, FAKE_INT, "int", 8, 0);
	array = fake_array_type(&x.t, "[3]int", num, 3, 8, 0);
	pointer = fake_of(&x.t, FAKE_POINTER, "*int", num);
	group = fake_struct_type(&x.t, "map.group[int]int", 136, 0, NULL, 0);
	map = fake_map_type(&x.t, "map[int]*int", num, pointer, group);
	any = fake_interface_type(&x.t, "interface {}", 0);
	reader = fake_interface_type(&x.t, "io.Reader", 1);
	open_file(&x);
	assert_int_equal(rtype_read(x.gb, array, &t), 0);
	assert_int_equal(t.elem, num);
	assert_int_equal(t.len, 3);
	assert_int_equal(rtype_read(x.gb, map, &t), 0);
	assert_int_equal(t.key, num);
	assert_int_equal(t.elem, pointer);
	assert_int_equal(t.group, group);
	assert_int_equal(rtype_read(x.gb, any, &t), 0);
	assert_int_equal(rtype_read(x.gb, reader, &t), 0);
	assert_int_equal(rtype_peek(x.gb, pointer, &h), 0);
	assert_true(h.direct);
	assert_int_equal(rtype_peek(x.gb, num, &h), 0);
	assert_false(h.direct);
	assert_int_equal(rtype_peek(x.gb, FAKE_TEXT, &h), -ENOENT);
	close_file(&x);
}

static void test_others(void **state)
{
	for (int minor = 17; minor <= 27; minor++)
		check_others(minor);
}

/* What cannot be is refused, and the answer left as it was. */
static void refuse(uint64_t (*make)(struct fake_types *t))
{
	struct rtype t = { .size = 77 };
	struct file x;
	uint64_t typ;

	begin(&x, 22);
	typ = make(&x.t);
	open_file(&x);
	assert_int_equal(rtype_read(x.gb, typ, &t), -EBADMSG);
	assert_int_equal(t.size, 77);
	close_file(&x);
}

static uint64_t field_behind_end(struct fake_types *t)
{
	uint64_t num = fake_type(t, FAKE_INT, "int", 8, 0);

	return fake_struct_type(t, "T", 16, 0, (struct fake_field[]){ { "a", num, 9, false } }, 1);
}

static uint64_t fields_overlap(struct fake_types *t)
{
	uint64_t num = fake_type(t, FAKE_INT, "int", 8, 0);

	return fake_struct_type(t, "T", 16, 0, (struct fake_field[]){
		{ "a", num, 0, false }, { "b", num, 4, false } }, 2);
}

static uint64_t field_of_no_type(struct fake_types *t)
{
	return fake_struct_type(t, "T", 16, 0, (struct fake_field[]){
		{ "a", FAKE_TEXT, 0, false } }, 1);
}

static uint64_t many_fields(struct fake_types *t)
{
	uint64_t at = fake_struct_type(t, "T", 16, 0, NULL, 0);

	fake_64(t->f, at + 64, 1ull << 60);
	return at;
}

static uint64_t array_of_other_size(struct fake_types *t)
{
	uint64_t num = fake_type(t, FAKE_INT, "int", 8, 0);

	return fake_array_type(t, "[1152921504606846976]int", num, 1ull << 60, 16, 0);
}

static uint64_t pointer_to_nothing(struct fake_types *t)
{
	return fake_of(t, FAKE_POINTER, "*T", 0);
}

static uint64_t map_of_nothing(struct fake_types *t)
{
	uint64_t num = fake_type(t, FAKE_INT, "int", 8, 0);

	return fake_map_type(t, "map[int]int", num, num, FAKE_TEXT);
}

static void test_damaged(void **state)
{
	refuse(field_behind_end);
	refuse(fields_overlap);
	refuse(field_of_no_type);
	refuse(many_fields);
	refuse(array_of_other_size);
	refuse(pointer_to_nothing);
	refuse(map_of_nothing);
}

/* An UncommonType behind the struct has the package's name. */
static void test_package(void **state)
{
	struct file x;
	uint64_t typ;
	char *package;

	begin(&x, 22);
	typ = fake_struct_type(&x.t, "main.T", 16, 0, NULL, 0);
	fake_package(&x.t, typ, "example.com/main");
	open_file(&x);
	package = rtype_package(x.gb, typ);
	assert_string_equal(package, "example.com/main");
	free(package);
	close_file(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structs),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_package),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
