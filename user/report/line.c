// SPDX-License-Identifier: BSD-2-Clause
/*
 * line.c - breaks lines between items.
 */
#include "user/report/line.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/util.h"
#include "user/model.h"
#include "user/report/report.h"

struct line begin_line(const struct page *out, const char *label, size_t indent)
{
	fputs(label, out->file);
	return (struct line){ *out, report_columns(label), indent };
}

/* Where text may go on below: bytes up to a blank, the last that leaves it in the columns, or else the
 * first; those between brackets are in names of types.  0: nowhere. */
static size_t part_of(const struct line *l, const char *text)
{
	size_t best = 0, columns = l->column;
	int depth = 0;

	for (size_t i = 0; text[i]; i++) {
		depth += text[i] == '[' || text[i] == '{';
		depth -= text[i] == ']' || text[i] == '}';
		if (i && text[i] == ' ' && text[i + 1] && text[i + 1] != '{' && depth <= 0) {
			if (best && columns >= l->page.columns)
				break;
			best = i;
		}
		columns += (text[i] & 0xc0) != 0x80;
	}
	return best;
}

static void go_on_below(struct line *l)
{
	fprintf(l->page.file, "\n%*s", (int)l->indent, "");
	l->column = l->indent;
}

/* What no line has room for is broken. */
static const char *put_parts(struct line *l, const char *text)
{
	size_t n;

	while (l->indent < l->page.columns && l->column + report_columns(text) >= l->page.columns &&
	       (n = part_of(l, text))) {
		fprintf(l->page.file, "%.*s", (int)n, text);
		go_on_below(l);
		text += n + 1;
	}
	return text;
}

/* colour: as the terminal takes it, or "". */
static void put_item(struct line *l, const char *separator, const char *text, const char *colour)
{
	size_t stays = strcspn(separator, " ");

	/* One column stays for the separator of what follows. */
	if (l->column > l->indent &&
	    l->column + strlen(separator) + report_columns(text) >= l->page.columns) {
		fprintf(l->page.file, "%.*s", (int)stays, separator);
		go_on_below(l);
		separator += stays;
		separator += strspn(separator, " ");
	}
	fputs(separator, l->page.file);
	l->column += strlen(separator);
	text = put_parts(l, text);
	fprintf(l->page.file, "%s%s%s", colour, text, *colour ? "\033[0m" : "");
	l->column += report_columns(text);
}

void item(struct line *l, const char *separator, const char *fmt, ...)
{
	char *raw = NULL, *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&raw, fmt, ap) < 0)
		raw = xstrdup("?");
	va_end(ap);
	text = text_clean(raw);
	put_item(l, separator, text, "");
	free(text);
	free(raw);
}

void verdict_item(struct line *l, const char *separator, enum verdict verdict, const char *word)
{
	static const char *const colours[] = {
		[VERDICT_LEAK] = "\033[1;31m", [VERDICT_GROWING] = "\033[33m",
		[VERDICT_PLATEAU] = "\033[32m", [VERDICT_STEADY] = "\033[32m",
		[VERDICT_CHURN] = "\033[32m", [VERDICT_TOO_FEW] = "",
	};

	put_item(l, separator, word, l->page.colour ? colours[verdict] : "");
}

void end_line(struct line *l)
{
	fputc('\n', l->page.file);
}

size_t lines_in(const char *text)
{
	size_t n = 0;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}

const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}
