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
#include "user/report/report.h"

struct line begin_line(FILE *out, const char *label, size_t indent)
{
	fputs(label, out);
	return (struct line){ out, report_columns(label), indent };
}

void item(struct line *l, const char *separator, const char *fmt, ...)
{
	size_t stays = strcspn(separator, " ");
	char *raw = NULL, *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&raw, fmt, ap) < 0)
		raw = xstrdup("?");
	va_end(ap);
	text = text_clean(raw);
	/* One column stays for the separator of what follows. */
	if (l->column > l->indent &&
	    l->column + strlen(separator) + report_columns(text) >= COLUMNS) {
		fprintf(l->out, "%.*s\n%*s", (int)stays, separator, (int)l->indent, "");
		l->column = l->indent;
		separator += stays;
		separator += strspn(separator, " ");
	}
	fprintf(l->out, "%s%s", separator, text);
	l->column += strlen(separator) + report_columns(text);
	free(text);
	free(raw);
}

void end_line(struct line *l)
{
	fputc('\n', l->out);
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
