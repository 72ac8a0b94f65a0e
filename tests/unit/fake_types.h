/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake_types.h - type descriptors in a hand-made Go program: values, pointers, slices, structs,
 * arrays, maps of both generations, interfaces.
 *
 * Written from Go's sources (internal/abi/type.go, cmd/compile/internal/reflectdata), not from our
 * reader.  The types area is moved to where there is room.
 */
#ifndef FAKE_TYPES_H
#define FAKE_TYPES_H

#include <stdlib.h>

#include "tests/unit/fake_go.h"

enum {
	FAKE_ROOM = FAKE_BASE + 0x4c00,		/* types from here ... */
	FAKE_ROOM_END = FAKE_BASE + 0x5800,
	FAKE_ROOM_NAMES = FAKE_BASE + 0x5580,	/* ... and their names from here */
};

enum fake_kind {
	FAKE_BOOL = 1, FAKE_INT = 2, FAKE_UINT8 = 8, FAKE_UINT64 = 11, FAKE_ARRAY = 17,
	FAKE_CHAN = 18, FAKE_FUNC = 19, FAKE_INTERFACE = 20, FAKE_MAP = 21, FAKE_POINTER = 22,
	FAKE_SLICE = 23, FAKE_STRING = 24, FAKE_STRUCT = 25, FAKE_UNSAFE_POINTER = 26,
};

struct fake_types {
	struct fake_go *f;
	uint64_t next, next_name;
};

struct fake_field {
	const char *name;
	uint64_t typ, offset;
	bool embedded;
};

/* A name as abi.Name has it; returns where it is. */
static inline uint64_t fake_type_name(struct fake_types *t, const char *name, uint8_t flags)
{
	uint64_t at = t->next_name;
	size_t n = strlen(name);

	fake_8(t->f, at, flags);
	fake_8(t->f, at + 1, (uint8_t)n);
	fake_put(t->f, at + 2, name, n);
	t->next_name += n + 2;
	if (t->next_name > FAKE_ROOM_END)
		abort();
	return at;
}

static inline void fake_take_room(struct fake_types *t, uint64_t n)
{
	t->next += n;
	if (t->next > FAKE_ROOM_NAMES)
		abort();
}

/* The part that all kinds have; room for the kind's own behind it is taken as well. */
static inline uint64_t fake_type(struct fake_types *t, enum fake_kind kind, const char *name,
			  uint64_t size, uint64_t ptr_bytes)
{
	bool direct = kind == FAKE_POINTER || kind == FAKE_MAP || kind == FAKE_CHAN ||
		      kind == FAKE_FUNC || kind == FAKE_UNSAFE_POINTER;
	bool by_tflag = t->f->minor >= 26;
	uint64_t at = t->next;

	fake_64(t->f, at, size);
	fake_64(t->f, at + 8, ptr_bytes);
	fake_8(t->f, at + 20, direct && by_tflag ? 1 << 5 : 0);
	fake_8(t->f, at + 21, 8 <= size ? 8 : 1);
	fake_8(t->f, at + 22, 8 <= size ? 8 : 1);
	fake_8(t->f, at + 23, (uint8_t)(kind | (direct && !by_tflag ? 1 << 5 : 0)));
	fake_32(t->f, at + 40, (uint32_t)(fake_type_name(t, name, 1) - FAKE_ROOM));
	fake_take_room(t, 48 + 64);
	return at;
}

static inline uint64_t fake_of(struct fake_types *t, enum fake_kind kind, const char *name,
			       uint64_t elem)
{
	uint64_t at = fake_type(t, kind, name, kind == FAKE_SLICE ? 24 : 8, 8);

	fake_ptr(t->f, at + 48, elem);
	return at;
}

static inline uint64_t fake_string_type(struct fake_types *t)
{
	return fake_type(t, FAKE_STRING, "string", 16, 8);
}

static inline uint64_t fake_interface_type(struct fake_types *t, const char *name,
					   uint64_t n_methods)
{
	uint64_t at = fake_type(t, FAKE_INTERFACE, name, 16, 16);

	fake_64(t->f, at + 64, n_methods);
	return at;
}

static inline uint64_t fake_array_type(struct fake_types *t, const char *name, uint64_t elem,
				       uint64_t len, uint64_t elem_size, uint64_t ptr_bytes)
{
	uint64_t at = fake_type(t, FAKE_ARRAY, name, elem_size * len, ptr_bytes);

	fake_ptr(t->f, at + 48, elem);
	fake_64(t->f, at + 64, len);
	return at;
}

static inline uint64_t fake_struct_type(struct fake_types *t, const char *name, uint64_t size,
				 uint64_t ptr_bytes, const struct fake_field *v, size_t n)
{
	uint64_t at = fake_type(t, FAKE_STRUCT, name, size, ptr_bytes), fields = t->next;
	bool anon = t->f->minor <= 18;		/* the offset says what is embedded */

	fake_take_room(t, 24 * n);
	fake_slice(t->f, at + 56, fields, n);
	for (size_t i = 0; i < n; i++, fields += 24) {
		fake_ptr(t->f, fields, fake_type_name(t, v[i].name,
						      v[i].embedded && !anon ? 1 << 3 : 0));
		fake_ptr(t->f, fields + 8, v[i].typ);
		fake_64(t->f, fields + 16, anon ? v[i].offset << 1 | v[i].embedded : v[i].offset);
	}
	return at;
}

/* Tells the package of a struct. */
static inline void fake_package(struct fake_types *t, uint64_t typ, const char *package)
{
	fake_8(t->f, typ + 20, 1);
	fake_32(t->f, typ + 80, (uint32_t)(fake_type_name(t, package, 0) - FAKE_ROOM));
}

static inline uint64_t fake_map_type(struct fake_types *t, const char *name, uint64_t key,
				     uint64_t elem, uint64_t group)
{
	uint64_t at = fake_type(t, FAKE_MAP, name, 8, 8);

	fake_ptr(t->f, at + 48, key);
	fake_ptr(t->f, at + 56, elem);
	fake_ptr(t->f, at + 64, group);
	return at;
}

/* After fake_go_make(). */
static inline void fake_types_begin(struct fake_types *t, struct fake_go *f)
{
	const int m = f->minor;
	const uint64_t types = FAKE_MODULEDATA + (m >= 20 ? 296 : 280);

	*t = (struct fake_types){ .f = f, .next = FAKE_ROOM + 8, .next_name = FAKE_ROOM_NAMES };
	fake_64(f, types, FAKE_ROOM);
	fake_64(f, types + (m == 27 ? 16 : 8), FAKE_ROOM_END);
}

#endif
