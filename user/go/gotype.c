// SPDX-License-Identifier: BSD-2-Clause
/*
 * gotype.c - the runtime's type descriptors, read from the image.
 *
 * The first 48 bytes are the same in Go 1.17 to 1.27 (runtime/type.go _type, from 1.20 on
 * internal/abi/type.go Type), and so is the word behind them that tells the element of arrays,
 * channels, pointers and slices; maps have their key there and their element behind it.  A name
 * is a byte of flags, a varint length, and that many bytes (abi.Name); its offset counts from
 * moduledata.types.
 */
#include "user/go/gotype.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/reader.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/image.h"

enum {
	KIND_MASK = 31,			/* above: flags, which changed between versions */
	KIND_ARRAY = 17,
	KIND_CHAN = 18,
	KIND_MAP = 21,
	KIND_POINTER = 22,
	KIND_SLICE = 23,
	KIND_LAST = 26,
	TFLAG_EXTRA_STAR = 2,		/* the name is that of *T: its first byte is not T's */
	POINTER_SIZE = 8,
};

struct descriptor {
	uint64_t size, ptr_bytes;
	uint32_t hash;
	uint8_t tflag, align, field_align, kind;
	uint64_t equal, gcdata;
	int32_t str, ptr_to_this;
	uint64_t elem, map_elem;	/* behind the descriptor; meaning by kind */
};
_Static_assert(sizeof(struct descriptor) == 64, "abi.Type is 48 bytes, two words follow");

static bool in_types(const struct gobin *gb, uint64_t vaddr)
{
	const struct go_module *m = gobin_module(gb);

	return vaddr >= m->types && vaddr < m->etypes;
}

static bool read_descriptor(const struct gobin *gb, uint64_t typ, struct descriptor *d)
{
	const size_t own = offsetof(struct descriptor, elem);

	memset(d, 0, sizeof(*d));
	/* What follows is missing only if the type is the last thing of its segment. */
	return image_read(gobin_image(gb), typ, d, sizeof(*d)) ||
	       image_read(gobin_image(gb), typ, d, own);
}

static bool sane(uint64_t typ, const struct descriptor *d)
{
	const unsigned kind = d->kind & KIND_MASK;

	return typ % POINTER_SIZE == 0 && kind && kind <= KIND_LAST &&
	       d->align && !(d->align & (d->align - 1)) && d->align <= 64 &&
	       d->ptr_bytes <= d->size && d->ptr_bytes % POINTER_SIZE == 0 &&
	       d->size % d->align == 0 && d->str > 0;
}

/* malloc'ed; NULL: no sane name there.  Names beyond MAX_NAME bytes are cut. */
static char *read_name(const struct gobin *gb, int32_t off, bool extra_star)
{
	const struct go_module *m = gobin_module(gb);
	struct reader r;
	uint64_t avail, len;
	const char *p;
	char *name;

	if ((uint64_t)off >= m->etypes - m->types)
		return NULL;
	p = image_at(gobin_image(gb), m->types + off, &avail);
	if (!p)
		return NULL;
	r = reader_of(p, avail);
	reader_u8(&r);			/* flags */
	len = reader_uvarint(&r);
	p = reader_bytes(&r, len);
	if (!p || !len)
		return NULL;
	if (extra_star) {
		if (*p != '*' || len == 1)
			return NULL;
		p++;
		len--;
	}
	if (len > MAX_NAME)
		len = MAX_NAME;
	name = xcalloc(len + 1, 1);
	memcpy(name, p, len);
	return name;
}

static uint64_t elem_of(const struct gobin *gb, const struct descriptor *d)
{
	uint64_t elem = 0;

	switch (d->kind & KIND_MASK) {
	case KIND_ARRAY:
	case KIND_CHAN:
	case KIND_POINTER:
	case KIND_SLICE:
		elem = d->elem;
		break;
	case KIND_MAP:
		elem = d->map_elem;
		break;
	}
	return in_types(gb, elem) ? elem : 0;
}

int gotype_read(const struct gobin *gb, uint64_t typ, struct go_type *out)
{
	struct descriptor d;
	char *name;

	if (!in_types(gb, typ))
		return -ENOENT;
	if (!read_descriptor(gb, typ, &d) || !sane(typ, &d))
		return -EBADMSG;
	name = read_name(gb, d.str, d.tflag & TFLAG_EXTRA_STAR);
	if (!name)
		return -EBADMSG;
	*out = (struct go_type){
		.size = d.size,
		.ptr_bytes = d.ptr_bytes,
		.kind = d.kind & KIND_MASK,
		.elem = elem_of(gb, &d),
		.name = name,
	};
	return 0;
}
