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
#include "user/go/gotype_internal.h"
#include "user/go/image.h"

enum { POINTER_SIZE = 8 };

bool gotype_inside(const struct gobin *gb, uint64_t vaddr)
{
	const struct go_module *m = gobin_module(gb);

	return vaddr >= m->types && vaddr < m->etypes;
}

static bool read_descriptor(const struct gobin *gb, uint64_t typ, struct gotype_descriptor *d)
{
	const size_t own = offsetof(struct gotype_descriptor, word);

	memset(d, 0, sizeof(*d));
	/* What follows is missing only if the type is the last thing of its segment. */
	return image_read(gobin_image(gb), typ, d, sizeof(*d)) ||
	       image_read(gobin_image(gb), typ, d, own);
}

static bool sane(uint64_t typ, const struct gotype_descriptor *d)
{
	const unsigned kind = d->kind & GOTYPE_KIND_MASK;

	return typ % POINTER_SIZE == 0 && kind && kind <= GO_KIND_LAST &&
	       d->align && !(d->align & (d->align - 1)) && d->align <= 64 &&
	       d->ptr_bytes <= d->size && d->ptr_bytes % POINTER_SIZE == 0 &&
	       d->size % d->align == 0 && d->str > 0;
}

int gotype_descriptor(const struct gobin *gb, uint64_t typ, struct gotype_descriptor *out)
{
	struct gotype_descriptor d;

	if (!gotype_inside(gb, typ))
		return -ENOENT;
	if (!read_descriptor(gb, typ, &d) || !sane(typ, &d))
		return -EBADMSG;
	*out = d;
	return 0;
}

static char *read_name(const struct gobin *gb, uint64_t vaddr, bool extra_star, uint8_t *flags)
{
	struct reader r;
	uint64_t avail, len;
	const char *p = image_at(gobin_image(gb), vaddr, &avail);
	char *name;

	if (!p)
		return NULL;
	r = reader_of(p, avail);
	*flags = reader_u8(&r);
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

char *gotype_name_at(const struct gobin *gb, uint64_t vaddr, uint8_t *flags)
{
	return read_name(gb, vaddr, false, flags);
}

char *gotype_name(const struct gobin *gb, int32_t off, bool extra_star)
{
	const struct go_module *m = gobin_module(gb);
	uint8_t flags;

	if (off <= 0 || (uint64_t)off >= m->etypes - m->types)
		return NULL;
	return read_name(gb, m->types + (uint64_t)off, extra_star, &flags);
}

static uint64_t elem_of(const struct gobin *gb, const struct gotype_descriptor *d)
{
	uint64_t elem = 0;

	switch (d->kind & GOTYPE_KIND_MASK) {
	case GO_ARRAY:
	case GO_CHAN:
	case GO_POINTER:
	case GO_SLICE:
		elem = d->word[0];
		break;
	case GO_MAP:
		elem = d->word[1];
		break;
	}
	return gotype_inside(gb, elem) ? elem : 0;
}

int gotype_read(const struct gobin *gb, uint64_t typ, struct go_type *out)
{
	struct gotype_descriptor d;
	int err = gotype_descriptor(gb, typ, &d);
	char *name;

	if (err)
		return err;
	name = gotype_name(gb, d.str, d.tflag & GOTYPE_EXTRA_STAR);
	if (!name)
		return -EBADMSG;
	*out = (struct go_type){
		.size = d.size,
		.ptr_bytes = d.ptr_bytes,
		.kind = d.kind & GOTYPE_KIND_MASK,
		.elem = elem_of(gb, &d),
		.name = name,
	};
	return 0;
}
