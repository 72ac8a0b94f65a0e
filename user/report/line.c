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

/* colour: as the terminal takes it, or "". */
static void put_item(struct line *l, const char *separator, const char *text, const char *colour)
{
	size_t stays = strcspn(separator, " ");

	/* One column stays for the separator of what follows. */
	if (l->column > l->indent &&
	    l->column + strlen(separator) + report_columns(text) >= l->page.columns) {
		fprintf(l->page.file, "%.*s\n%*s", (int)stays, separator, (int)l->indent, "");
		l->column = l->indent;
		separator += stays;
		separator += strspn(separator, " ");
	}
	fprintf(l->page.file, "%s%s%s%s", separator, colour, text, *colour ? "\033[0m" : "");
	l->column += strlen(separator) + report_columns(text);
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
