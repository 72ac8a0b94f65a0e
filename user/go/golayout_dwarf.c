// SPDX-License-Identifier: BSD-2-Clause
/*
 * golayout_dwarf.c - offsets of the runtime's struct fields, read from a binary's DWARF.
 *
 * The Go linker puts the descriptions of all types of the program behind the functions of one
 * compile unit named "runtime" (movetomodule in cmd/link/internal/ld, dwarf.go; the other units of
 * that name are assembler files).
 *
 * The DWARF is as hostile as the rest of the file: what it says is bounded here, and compared with
 * the live process by gomem_check before it is believed.
 *
 * The linker puts the types of what functions take and return first, and those that only variables
 * have last: in a program of 135 MB the former are within 70 KB of the begin of the unit, the
 * latter 7 MB behind it, and to unpack and to pass over those takes 40 ms.
 */
#include "user/go/golayout.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/dwarf_units.h"
#include "user/go/gobin.h"
#include "user/go/golayout_internal.h"

enum { NEAR_BYTES = 1 << 18 };	/* of a unit; what lies near its begin does within 70 KB */
#define WHOLE_UNIT UINT64_MAX

static const struct field {
	const char *strukt, *path;
	size_t at;			/* in struct go_layout */
} fields[] = {
#define X(name, strukt, path) { strukt, path, offsetof(struct go_layout, name) },
	GO_FIELDS(X)
#undef X
};

static int32_t *value_of(struct go_layout *lo, const struct field *f)
{
	return (int32_t *)((char *)lo + f->at);
}

/* The struct or basic type behind the names that die's type goes by. */
static bool type_of(Dwarf_Die *die, Dwarf_Die *type)
{
	Dwarf_Attribute attr;
	int i;

	*type = *die;
	for (i = 0; i < MAX_TYPEDEFS; i++) {
		if (!dwarf_attr(type, DW_AT_type, &attr) || !dwarf_formref_die(&attr, type))
			return false;
		if (dwarf_tag(type) != DW_TAG_typedef)
			return true;
	}
	return false;
}

static bool find_member(Dwarf_Die *strukt, const char *name, size_t len, Dwarf_Die *member)
{
	const char *s;

	if (dwarf_child(strukt, member) != 0)
		return false;
	do {
		s = dwarf_tag(member) == DW_TAG_member ? dwarf_diename(member) : NULL;
		if (s && strlen(s) == len && !memcmp(s, name, len))
			return true;
	} while (dwarf_siblingof(member, member) == 0);
	return false;
}

static int32_t bounded(Dwarf_Word value)
{
	return value <= MAX_STRUCT_BYTES ? (int32_t)value : GL_NO_FIELD;
}

/* Follows a path of GO_FIELDS from a struct: offset or size, GL_NO_FIELD where there is none. */
static int32_t resolve(Dwarf_Die *strukt, const char *path)
{
	Dwarf_Die in = *strukt, member;
	Dwarf_Attribute attr;
	Dwarf_Word off = 0, part;

	for (;;) {
		size_t len = strcspn(path, ".");

		if (!strcmp(path, "#size"))
			return bounded(dwarf_bytesize(&in));
		if (!find_member(&in, path, len, &member) ||
		    !dwarf_attr(&member, DW_AT_data_member_location, &attr) ||
		    dwarf_formudata(&attr, &part) != 0 || part > MAX_STRUCT_BYTES)
			return GL_NO_FIELD;
		off += part;
		if (!path[len])
			return bounded(off);
		if (!type_of(&member, &in))
			return GL_NO_FIELD;
		path += len + 1;
	}
}

/* Fills the fields of one struct of the runtime; returns how many there are. */
static size_t read_struct(Dwarf_Die *strukt, const char *name, struct go_layout *lo, bool *done)
{
	size_t i, n = 0;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		if (done[i] || strcmp(fields[i].strukt, name))
			continue;
		*value_of(lo, &fields[i]) = resolve(strukt, fields[i].path);
		done[i] = true;
		n++;
	}
	return n;
}

/* The name of a struct type of package runtime within it; NULL: another's.  That of the variable
 * work has none of its own up to Go 1.18, so it goes by its first members. */
static const char *runtime_struct(Dwarf_Die *die)
{
	static const char prefix[] = "runtime.", work[] = "struct { runtime.full runtime.lfstack; ";
	const char *name = dwarf_tag(die) == DW_TAG_structure_type ? dwarf_diename(die) : NULL;

	if (name && !strncmp(name, prefix, sizeof(prefix) - 1))
		return name + sizeof(prefix) - 1;
	return name && !strncmp(name, work, sizeof(work) - 1) ? "workType" : NULL;
}

/* What has been read so far. */
struct fields_read {
	struct go_layout lo;
	bool done[ARRAY_SIZE(fields)];
	size_t left;			/* fields that are not done */
};

/* Reads the structs that lie in this compile unit before end as a whole.  What is behind may not be
 * there, which libdw takes for the end of a struct or of the unit. */
static void read_unit(Dwarf_Die *unit, Dwarf_Off end, struct fields_read *to)
{
	Dwarf_Die die, next;
	const char *name;
	int err;

	for (err = dwarf_child(unit, &die); !err && to->left; die = next) {
		err = dwarf_siblingof(&die, &next);
		if (end != WHOLE_UNIT && (err || dwarf_dieoffset(&next) > end))
			return;
		name = runtime_struct(&die);
		if (name)
			to->left -= read_struct(&die, name, &to->lo, to->done);
	}
}

/* Reads the begin of the unit; whether somebody knows what that does not say.  If not, nothing has
 * been read. */
static int read_begin(struct dwarf_units *units, Dwarf_Die *unit, const struct gobin *gb,
		      golayout_rest *rest, struct fields_read *to)
{
	struct fields_read near = *to;
	uint64_t end;
	int err = dwarf_units_show_begin(units, NEAR_BYTES, &end);

	if (err)
		return err;
	read_unit(unit, end, &near);
	if (near.left && rest(gb, &near.lo))
		near.left = 0;
	if (!near.left)
		*to = near;
	return 0;
}

/* Returns 0 if there is nothing that is still unknown after the last unit. */
static int read_units(struct dwarf_units *units, const struct gobin *gb, golayout_rest *rest,
		      struct fields_read *to)
{
	Dwarf_Die unit;
	const char *name;
	int err = 0;

	while (to->left && !err) {
		err = dwarf_units_next(units, &unit);
		name = err ? NULL : dwarf_diename(&unit);
		if (!name || strcmp(name, "runtime"))
			continue;
		if (rest)
			err = read_begin(units, &unit, gb, rest, to);
		if (!err && to->left)
			err = dwarf_units_show(units);
		if (!err && to->left)
			read_unit(&unit, WHOLE_UNIT, to);
	}
	return to->left && (!err || err == -ENOENT) ? -EBADMSG : err;
}

int golayout_fields_near(const struct gobin *gb, golayout_rest *rest, struct go_layout *out)
{
	struct fields_read read = { .lo = *out, .left = ARRAY_SIZE(fields) };
	struct dwarf_units *units;
	int err = dwarf_units_open(&units, gobin_image(gb));

	if (err)
		return err;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		*value_of(&read.lo, &fields[i]) = GL_NOT_READ;
	snprintf(read.lo.fields_from, sizeof(read.lo.fields_from), "DWARF of the binary");
	err = read_units(units, gb, rest, &read);
	if (!err)
		*out = read.lo;
	dwarf_units_close(units);
	return err;
}

int golayout_fields_from_dwarf(const struct gobin *gb, struct go_layout *out)
{
	return golayout_fields_near(gb, NULL, out);
}
