// SPDX-License-Identifier: BSD-2-Clause
/*
 * program.c - opens image, gobin, layout and types of one file, each on top of those before it.
 */
#include "user/program.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/gofacts.h"
#include "user/go/golayout.h"
#include "user/go/image.h"
#include "user/go/sitetype.h"

struct program {
	struct image *image;
	struct gobin *gobin;
	struct go_layout layout;
	struct sitetype *sitetype;
	struct kept_facts *kept;	/* where its facts are, if they are kept */
};

struct kept {
	struct program *p;
	struct gofacts *facts;
	uint64_t used_ns;
};

struct kept_facts {
	struct kept *v;
	size_t n, cap, bytes, max_bytes;
};

static void drop(struct kept_facts *k, size_t i)
{
	k->bytes -= k->v[i].facts->bytes;
	k->v[i].p->kept = NULL;
	gofacts_free(k->v[i].facts);
	k->v[i] = k->v[--k->n];
}

static void forget(struct kept_facts *k, const struct program *p)
{
	for (size_t i = k->n; i-- > 0;)
		if (k->v[i].p == p)
			drop(k, i);
}

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
	if (p->kept)
		forget(p->kept, p);
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

/* ---- facts that are kept --------------------------------------------------------------------- */

void kept_facts_new(struct kept_facts **out, size_t max_bytes)
{
	*out = xcalloc(1, sizeof(**out));
	(*out)->max_bytes = max_bytes;
}

void kept_facts_free(struct kept_facts *k)
{
	if (!k)
		return;
	kept_facts_drop(k, UINT64_MAX);
	free(k->v);
	free(k);
}

static void make_room(struct kept_facts *k, size_t least)
{
	while (k->n > least && k->bytes > k->max_bytes) {
		size_t oldest = 0;

		for (size_t i = 1; i < k->n; i++)
			if (k->v[i].used_ns < k->v[oldest].used_ns)
				oldest = i;
		drop(k, oldest);
	}
}

void kept_facts_drop(struct kept_facts *k, uint64_t before_ns)
{
	for (size_t i = k->n; i-- > 0;)
		if (k->v[i].used_ns < before_ns)
			drop(k, i);
	make_room(k, 0);
}

int kept_facts_get(struct kept_facts *k, struct program *p, const struct gofacts **out)
{
	struct kept new = { .p = p };
	int err;

	if (image_changed(p->image))
		return -EBADMSG;
	for (size_t i = 0; i < k->n; i++) {
		if (k->v[i].p == p) {
			k->v[i].used_ns = now_ns();
			*out = k->v[i].facts;
			return 0;
		}
	}
	err = gofacts_new(&new.facts, p->gobin);
	if (err)
		return err;
	new.used_ns = now_ns();
	k->v = grow(k->v, k->n, &k->cap, sizeof(*k->v));
	k->v[k->n++] = new;
	k->bytes += new.facts->bytes;
	p->kept = k;
	*out = new.facts;
	make_room(k, 1);	/* which is about to be used */
	return 0;
}
