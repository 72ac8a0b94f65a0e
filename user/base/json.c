// SPDX-License-Identifier: BSD-2-Clause
/*
 * json.c - values and levels of one JSON text.  Its stream belongs to who writes it.
 */
#include "user/base/json.h"

#include <inttypes.h>
#include <math.h>

#include "user/base/text.h"

/* How many bytes stand for themselves: nearly all of a report do. */
static size_t plain(const char *s)
{
	size_t n = 0;

	while (s[n] >= 0x20 && s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

/* The first character, and how many bytes it has. */
static size_t put_rune(struct json *j, const char *s)
{
	uint32_t rune;
	size_t n = text_rune(s, &rune);

	if (rune == '"' || rune == '\\')
		fprintf(j->out, "\\%c", (char)rune);
	else if (rune < 0x20 || (rune >= 0x7f && rune < 0xa0) || rune == 0x61c ||
		 (rune >= 0x2000 && rune < 0x2070))	/* turn the writing around */
		fprintf(j->out, "\\u%04x", (unsigned int)rune);
	else if (rune == 0xfffd)
		fputs_unlocked("\xef\xbf\xbd", j->out);
	else
		fwrite_unlocked(s, 1, n, j->out);
	return n;
}

static void put_string(struct json *j, const char *s)
{
	size_t n;

	if (!s) {
		fputs_unlocked("null", j->out);
		return;
	}
	fputc_unlocked('"', j->out);
	for (; *s; s += n) {
		n = plain(s);
		if (n)
			fwrite_unlocked(s, 1, n, j->out);
		else
			n = put_rune(j, s);
	}
	fputc_unlocked('"', j->out);
}

void begin_value(struct json *j, const char *key)
{
	if (j->comma)
		fputc_unlocked(',', j->out);
	j->comma = true;
	if (key) {
		put_string(j, key);
		fputc_unlocked(':', j->out);
	}
}

void open_level(struct json *j, const char *key, char bracket)
{
	begin_value(j, key);
	fputc_unlocked(bracket, j->out);
	j->comma = false;
}

void close_level(struct json *j, char bracket)
{
	fputc_unlocked(bracket, j->out);
	j->comma = true;
}

void field_null(struct json *j, const char *key)
{
	begin_value(j, key);
	fputs_unlocked("null", j->out);
}

void field_string(struct json *j, const char *key, const char *s)
{
	begin_value(j, key);
	put_string(j, s);
}

void field_bool(struct json *j, const char *key, bool v)
{
	begin_value(j, key);
	fputs_unlocked(v ? "true" : "false", j->out);
}

void field_u64(struct json *j, const char *key, uint64_t v)
{
	begin_value(j, key);
	if (v == UINT64_MAX)
		fputs_unlocked("null", j->out);
	else
		fprintf(j->out, "%" PRIu64, v);
}

void field_i64(struct json *j, const char *key, int64_t v)
{
	begin_value(j, key);
	fprintf(j->out, "%" PRId64, v);
}

void field_double(struct json *j, const char *key, double v)
{
	begin_value(j, key);
	if (isfinite(v))
		fprintf(j->out, "%.9g", v);
	else
		fputs_unlocked("null", j->out);
}

void field_seconds(struct json *j, const char *key, double s)
{
	field_double(j, key, s < 0 ? NAN : s);
}
