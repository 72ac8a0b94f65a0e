// SPDX-License-Identifier: BSD-2-Clause
/*
 * funcname.c - a function's name as Go prints it: without the shapes of type arguments.
 *
 * From Go 1.21 on the pclntab has pkg.F[go.shape.int], and the runtime prints pkg.F[...]
 * (runtime/traceback.go, funcNamePiecesForPrint); before, the linker did so.  Up to 1.26 all from
 * the first [ to the last ] is one piece.  1.27 has generic methods of generic types,
 * pkg.T[...].M[...], and leaves a name alone whose brackets it does not understand.
 */
#include "user/go/funcname.h"

#include <stddef.h>
#include <string.h>

enum {
	RUNTIME_CUTS_SINCE = 21,
	GENERIC_METHODS_SINCE = 27,
};

bool funcname_changes(const char *name, int minor)
{
	return minor >= RUNTIME_CUTS_SINCE && strchr(name, '[');
}

/*
 * Between the outer brackets (from < to): *left becomes the ] that closes the first [, *right the
 * [ that opens the second piece.  False: malformed.  Both NULL: the brackets are one pair.
 */
static bool find_inner(const char *from, const char *to, const char **left, const char **right)
{
	int depth = 1;

	*left = *right = NULL;
	if (!memchr(from, '[', to - from))
		return true;
	for (; from < to; from++) {
		if (*from == '[' && ++depth == 1) {
			*right = from;
			break;
		}
		if (*from == ']') {
			if (--depth < 0)
				break;
			if (depth == 0)
				*left = from;
		}
	}
	return depth == 1 && !*left == !*right;
}

static char *add(char *out, const char *from, const char *to)
{
	memcpy(out, from, to - from);
	return out + (to - from);
}

static char *add_cut(char *out)
{
	static const char cut[] = "[...]";

	return add(out, cut, cut + sizeof(cut) - 1);
}

void funcname_print(char *out, const char *name, int minor)
{
	const char *first = strchr(name, '['), *last = strrchr(name, ']');
	const char *end = name + strlen(name), *left = NULL, *right = NULL;

	if (minor < RUNTIME_CUTS_SINCE || !first || !last || last < first ||
	    (minor >= GENERIC_METHODS_SINCE && !find_inner(first + 1, last, &left, &right))) {
		strcpy(out, name);
		return;
	}
	out = add_cut(add(out, name, first));
	if (right)
		out = add_cut(add(out, left + 1, right));
	strcpy(add(out, last + 1, end), "");
}
