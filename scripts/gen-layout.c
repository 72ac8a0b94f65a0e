// SPDX-License-Identifier: BSD-2-Clause
/*
 * gen-layout.c - prints the layout that a Go binary's DWARF tells, for scripts/gen-layout.
 *
 * Lines "name value": first minor, patch and version, then every field of GO_FIELDS.  Through the
 * program's own reader, so the table holds what a binary with DWARF would have given.  Fails where
 * the code of the runtime and the symbols do not name the same variables (golayout_vars.c).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/go/image.h"

/* What the code of a stripped twin would say: with symbols, the same. */
static int compare_vars(const struct gobin *gb, const struct go_layout *fields, const char *path)
{
	struct go_layout code = *fields, symbols = *fields;
	int err = golayout_vars_from_symbols(gb, &symbols);

	if (!err)
		err = golayout_vars_from_code(gb, &code);
	if (err)
		return err;
#define X(name, symbol) \
	if (code.name != symbols.name) { \
		say_error("%s: " symbol " is not where its code says", path); \
		err = -EBADMSG; \
	}
	GO_VARS(X)
	GO_OPTIONAL_VARS(X)
#undef X
	return err;
}

int main(int argc, char **argv)
{
	struct go_layout lo = { 0 };
	const struct go_version *v;
	struct image *img = NULL;
	struct gobin *gb = NULL;
	int err;

	if (argc != 2) {
		fprintf(stderr, "usage: %s GO-BINARY\n", argv[0]);
		return 2;
	}
	err = image_open(&img, argv[1], argv[1]);
	if (!err)
		err = gobin_open(&gb, img);
	if (!err) {
		err = golayout_fields_from_dwarf(gb, &lo);
		if (err)
			say_error("%s: no layout in its DWARF: %s", argv[1], strerror(-err));
	}
	if (!err)
		err = compare_vars(gb, &lo, argv[1]);
	if (!err) {
		v = gobin_version(gb);
		printf("minor %d\npatch %d\nversion %s\n", v->minor, v->patch, v->text);
#define X(name, strukt, path) printf(#name " %d\n", (int)lo.name);
		GO_FIELDS(X)
#undef X
	}
	gobin_close(gb);
	image_close(img);
	return err ? 1 : 0;
}
