// SPDX-License-Identifier: BSD-2-Clause
/*
 * rtype.c - what is inside of a Go type, read from the image.
 *
 * runtime/type.go up to Go 1.20, internal/abi/type.go and map*.go since.  Behind the 48 bytes that
 * all types have: array elem, slice, len; chan elem, dir; interface pkgPath, methods; map key,
 * elem, bucket or group; pointer and slice elem; struct pkgPath, fields.  Fields are {name, type,
 * offset}; up to Go 1.18 the lowest bit of the offset says "embedded" (offsetAnon), since 1.19 a
 * flag of the name does.  The size of the part differs only for maps (swiss maps from 1.24 on, with
 * more words since 1.27); an UncommonType follows it, whose first word is the package's name.
 */
#include "user/go/rtype.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/gotype.h"
#include "user/go/gotype_internal.h"
#include "user/go/image.h"

enum {
	PART = 48,			/* begin of what depends on the kind */
	METHODS_LEN = 64,		/* interface */
	ARRAY_LEN = 64,
	MAP_GROUP = 64,
	STRUCT_FIELDS = 56,
	FIELD_BYTES = 24,
	NAME_EMBEDDED = 1 << 3,		/* flag of a name, Go 1.19 and later */
	LAST_OFFSET_ANON = 18,
	DIRECT_IFACE = 1 << 5,		/* flag of the kind, from 1.26 on of tflag */
	FIRST_TFLAG_DIRECT = 26,
};

static bool read_word(const struct gobin *gb, uint64_t vaddr, uint64_t *v)
{
	return image_read(gobin_image(gb), vaddr, v, sizeof(*v));
}

/* A pointer to a type; false: it is none. */
static bool read_type(const struct gobin *gb, uint64_t vaddr, uint64_t *typ)
{
	return read_word(gb, vaddr, typ) && gotype_inside(gb, *typ);
}

/* begin: where the field before ends; *end: where this one does. */
static bool read_field(const struct gobin *gb, uint64_t vaddr, uint64_t size, uint64_t begin,
		       struct rtype_field *out, uint64_t *end)
{
	struct { uint64_t name, typ, offset; } raw;
	struct gotype_descriptor d;
	uint8_t flags;

	if (!image_read(gobin_image(gb), vaddr, &raw, sizeof(raw)) ||
	    gotype_descriptor(gb, raw.typ, &d))
		return false;
	*out = (struct rtype_field){ .typ = raw.typ, .offset = raw.offset };
	if (gobin_version(gb)->minor <= LAST_OFFSET_ANON) {
		out->embedded = raw.offset & 1;
		out->offset >>= 1;
	}
	if (out->offset < begin || out->offset > size || d.size > size - out->offset)
		return false;
	*end = out->offset + d.size;
	out->name = gotype_name_at(gb, raw.name, &flags);
	if (!out->name)
		return false;
	if (gobin_version(gb)->minor > LAST_OFFSET_ANON)
		out->embedded = flags & NAME_EMBEDDED;
	return true;
}

static int read_fields(const struct gobin *gb, uint64_t typ, struct rtype *t)
{
	uint64_t at, n, end = 0;

	if (!read_word(gb, typ + STRUCT_FIELDS, &at) || !read_word(gb, typ + STRUCT_FIELDS + 8, &n))
		return -EBADMSG;
	if (n > MAX_TYPE_FIELDS)
		return -EBADMSG;
	t->fields = n ? xcalloc(n, sizeof(*t->fields)) : NULL;
	for (; t->n_fields < n; t->n_fields++, at += FIELD_BYTES)
		if (!read_field(gb, at, t->size, end, &t->fields[t->n_fields], &end))
			return -EBADMSG;
	return 0;
}

static int read_array(const struct gobin *gb, uint64_t typ, struct rtype *t)
{
	struct gotype_descriptor elem;

	if (!read_type(gb, typ + PART, &t->elem) || !read_word(gb, typ + ARRAY_LEN, &t->len) ||
	    gotype_descriptor(gb, t->elem, &elem))
		return -EBADMSG;
	/* "All of it" without a product that overflows. */
	if (elem.size ? t->size / elem.size != t->len || t->size % elem.size : t->size != 0)
		return -EBADMSG;
	return 0;
}

static int read_part(const struct gobin *gb, uint64_t typ, struct rtype *t)
{
	uint64_t n;

	switch (t->kind) {
	case GO_ARRAY:
		return read_array(gb, typ, t);
	case GO_CHAN:
	case GO_POINTER:
	case GO_SLICE:
		return read_type(gb, typ + PART, &t->elem) ? 0 : -EBADMSG;
	case GO_INTERFACE:
		return read_word(gb, typ + METHODS_LEN, &n) ? 0 : -EBADMSG;
	case GO_MAP:
		return read_type(gb, typ + PART, &t->key) &&
		       read_type(gb, typ + PART + 8, &t->elem) &&
		       read_type(gb, typ + MAP_GROUP, &t->group) ? 0 : -EBADMSG;
	case GO_STRUCT:
		return read_fields(gb, typ, t);
	default:
		return 0;
	}
}

int rtype_read(const struct gobin *gb, uint64_t typ, struct rtype *out)
{
	struct gotype_descriptor d;
	struct rtype t = { 0 };
	int err = gotype_descriptor(gb, typ, &d);

	if (err)
		return err;
	t.size = d.size;
	t.ptr_bytes = d.ptr_bytes;
	t.kind = d.kind & GOTYPE_KIND_MASK;
	err = read_part(gb, typ, &t);
	if (err)
		rtype_free(&t);
	else
		*out = t;
	return err;
}

void rtype_free(struct rtype *t)
{
	for (size_t i = 0; i < t->n_fields; i++)
		free(t->fields[i].name);
	free(t->fields);
	*t = (struct rtype){ 0 };
}

uint64_t rtype_field_offset(const struct rtype *t, const char *name)
{
	for (size_t i = 0; i < t->n_fields; i++)
		if (!strcmp(t->fields[i].name, name))
			return t->fields[i].offset;
	return UINT64_MAX;
}

int rtype_peek(const struct gobin *gb, uint64_t typ, struct rtype_head *out)
{
	struct gotype_descriptor d;
	int err = gotype_descriptor(gb, typ, &d);
	bool by_tflag = gobin_version(gb)->minor >= FIRST_TFLAG_DIRECT;

	if (!err)
		*out = (struct rtype_head){
			.size = d.size, .ptr_bytes = d.ptr_bytes,
			.kind = d.kind & GOTYPE_KIND_MASK,
			.direct = (by_tflag ? d.tflag : d.kind) & DIRECT_IFACE,
		};
	return err;
}

/* sizeof of the kind's own struct (abi.StructType ...), behind which the UncommonType lies. */
static uint64_t whole_size(const struct gobin *gb, uint8_t kind)
{
	static const uint8_t sizes[GO_KIND_LAST + 1] = {
		[GO_ARRAY] = 72, [GO_CHAN] = 64, [GO_FUNC] = 56, [GO_INTERFACE] = 80,
		[GO_POINTER] = 56, [GO_SLICE] = 56, [GO_STRUCT] = 80,
	};
	int minor = gobin_version(gb)->minor;

	if (kind == GO_MAP)
		return !gobin_experiment(gb, "swissmap") ? 88 : minor >= 27 ? 136 : 112;
	return sizes[kind] ? sizes[kind] : PART;
}

char *rtype_package(const struct gobin *gb, uint64_t typ)
{
	struct gotype_descriptor d;
	int32_t off;

	if (gotype_descriptor(gb, typ, &d) || !(d.tflag & GOTYPE_UNCOMMON) ||
	    !image_read(gobin_image(gb), typ + whole_size(gb, d.kind & GOTYPE_KIND_MASK), &off,
			sizeof(off)))
		return NULL;
	return gotype_name(gb, off, false);
}
