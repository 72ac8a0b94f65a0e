// SPDX-License-Identifier: BSD-2-Clause
/*
 * text.c - UTF-8, and what may be shown of text that others wrote.
 */
#include "user/base/text.h"

#include <string.h>

#include "user/base/util.h"

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t text_rune(const char *s, uint32_t *rune)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s;
	size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 0;
	uint32_t r;

	if (!p[0])
		return 0;
	*rune = p[0];
	if (len == 1)
		return 1;
	*rune = 0xfffd;
	if (!len || p[0] >= 0xf8)
		return 1;
	r = p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)	/* the final 0 as well */
			return 1;
		r = r << 6 | (p[i] & 0x3f);
	}
	if (r < least[len] || r > 0x10ffff || (r >= 0xd800 && r <= 0xdfff))
		return 1;
	*rune = r;
	return len;
}

/* Controls (C0, DEL, C1), line separators, and the marks that change the direction of writing. */
static bool unprintable(uint32_t r)
{
	return r < 0x20 || (r >= 0x7f && r < 0xa0) || r == 0x61c || r == 0x200e || r == 0x200f ||
	       (r >= 0x2028 && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0xfffd;
}

char *text_clean(const char *s)
{
	char *clean = xcalloc(strlen(s) + 1, 3), *o = clean;	/* U+FFFD takes three bytes */
	uint32_t rune;
	size_t n;

	for (; (n = text_rune(s, &rune)); s += n) {
		if (unprintable(rune))
			o = stpcpy(o, "\xef\xbf\xbd");
		else
			o = mempcpy(o, s, n);
	}
	return clean;
}

bool text_near(const char *a, const char *b)
{
	for (; *a && *a == *b; a++)
		b++;
	if (!*a || !*b)
		return !*a ? !*b || !b[1] : !a[1];
	return !strcmp(a + 1, b) || !strcmp(a, b + 1) || !strcmp(a + 1, b + 1) ||
	       (a[0] == b[1] && a[1] == b[0] && !strcmp(a + 2, b + 2));
}
