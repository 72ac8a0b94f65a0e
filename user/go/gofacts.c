// SPDX-License-Identifier: BSD-2-Clause
/*
 * gofacts.c - reads both, and sees that it was one file.
 */
#include "user/go/gofacts.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/govars.h"
#include "user/go/image.h"
#include "user/go/typeindex.h"

int gofacts_new(struct gofacts **out, const struct gobin *gb)
{
	const struct image *img = gobin_image(gb);
	struct gofacts *f = xcalloc(1, sizeof(*f));

	image_defer_checks(img, true);
	f->index = typeindex_new(gb);
	f->vars = govars_new(gb);
	image_defer_checks(img, false);
	if (image_changed(img)) {
		gofacts_free(f);
		return -EBADMSG;
	}
	f->bytes = typeindex_bytes(f->index) + govars_bytes(f->vars);
	*out = f;
	return 0;
}

void gofacts_free(struct gofacts *f)
{
	if (!f)
		return;
	govars_free(f->vars);
	typeindex_free(f->index);
	free(f);
}
