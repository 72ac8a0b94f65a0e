// SPDX-License-Identifier: BSD-2-Clause
/*
 * program.c - opens image, gobin, layout and types of one file, each on top of those before it.
 */
#include "user/program.h"

#include <stdlib.h>

#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/go/image.h"
#include "user/go/sitetype.h"

struct program {
	struct image *image;
	struct gobin *gobin;
	struct go_layout layout;
	struct sitetype *sitetype;
};

int program_open(struct program **out, const char *path, const char *name)
{
	struct program *p = xcalloc(1, sizeof(*p));
	int err = image_open(&p->image, path, name);

	if (!err)
		err = gobin_open(&p->gobin, p->image);
	if (!err)
		err = golayout_get(p->gobin, &p->layout);
	if (!err)
		err = sitetype_new(&p->sitetype, p->gobin);
	if (err) {
		program_close(p);
		return err;
	}
	say_verbose("layout: fields from %s, variables from %s", p->layout.fields_from,
		    p->layout.vars_from);
	*out = p;
	return 0;
}

void program_close(struct program *p)
{
	if (!p)
		return;
	sitetype_free(p->sitetype);
	gobin_close(p->gobin);
	image_close(p->image);
	free(p);
}

const struct image *program_image(const struct program *p)
{
	return p->image;
}

const struct gobin *program_gobin(const struct program *p)
{
	return p->gobin;
}

const struct go_layout *program_layout(const struct program *p)
{
	return &p->layout;
}

struct sitetype *program_sitetype(const struct program *p)
{
	return p->sitetype;
}
