// SPDX-License-Identifier: BSD-2-Clause
/*
 * frames_text.c - frames of a stack, in columns.
 */
#include "user/report/sections.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/util.h"
#include "user/model.h"
#include "user/report/line.h"
#include "user/report/report.h"

enum {
	MIN_NAME = 24,		/* columns a function gets before its file is moved to the right */
};

/* Name and file of a frame as they are printed. */
struct frame_text {
	char *function, *place;
	size_t columns;		/* of function */
};

/*
 * The file with its folder, "http/server.go", which for most packages is the package's name; what
 * lies beside main.main needs none.  The function's name does not tell: what other packages'
 * functions define is called main.main.Handler.func1 where they are inlined into main.
 */
static const char *short_path(const char *file, const char *main_file)
{
	const char *base = strrchr(file, '/');
	const char *main_base = main_file ? strrchr(main_file, '/') : NULL;
	const char *p = base;

	if (!base)
		return file;
	if (main_base && main_base - main_file == base - file &&
	    memcmp(file, main_file, (size_t)(base - file)) == 0)
		return base + 1;
	while (p > file && p[-1] != '/')
		p--;
	return p == base ? base + 1 : p;
}

static struct frame_text frame_text(const struct frame *fr, const char *main_file)
{
	char *function, *place;
	struct frame_text t;

	if (fr->function)
		function = xstrdup(fr->function);
	else
		function = xasprintf("[unknown] %#" PRIx64, fr->pc);
	if (!fr->file)
		place = xstrdup("");
	else if (!fr->line)
		place = xstrdup(short_path(fr->file, main_file));
	else
		place = xasprintf("%s:%" PRIu32, short_path(fr->file, main_file), fr->line);
	t.function = text_clean(function);
	t.place = text_clean(place);
	t.columns = report_columns(t.function);
	free(function);
	free(place);
	return t;
}

/* How wide the names' column is, so that files stand in one column and the lines in the
 * columns. */
static size_t name_columns(const struct page *out, const struct frame_text *t,
			   const struct frame *const *fr, size_t n, size_t indent)
{
	size_t widest = 0, place = 0, room;

	for (size_t i = 0; i < n; i++) {
		size_t columns = report_columns(t[i].place);

		columns += fr[i]->inlined ? strlen(" (inlined)") : 0;
		place = columns > place ? columns : place;
	}
	room = indent + 2 + place + MIN_NAME < out->columns ? out->columns - indent - 2 - place :
							      MIN_NAME;
	for (size_t i = 0; i < n; i++)
		if (t[i].columns > widest && t[i].columns <= room)
			widest = t[i].columns;
	return widest;
}

void report_frames(const struct page *out, const struct findings *f, const struct frames *stack,
		   size_t from, const char *first, const char *rest)
{
	const struct frame *const *fr = stack->v + from;
	size_t n = stack->n - from, width;
	struct frame_text *t = xcalloc(n, sizeof(*t));

	for (size_t i = 0; i < n; i++)
		t[i] = frame_text(fr[i], f->target.main_file);
	width = name_columns(out, t, fr, n, strlen(first));
	for (size_t i = 0; i < n; i++) {
		size_t pad = t[i].columns < width ? width - t[i].columns : 0;

		fprintf(out->file, "%s%s", i ? rest : first, t[i].function);
		if (t[i].place[0])
			fprintf(out->file, "%*s%s", (int)pad + 2, "", t[i].place);
		fprintf(out->file, "%s\n", fr[i]->inlined ? " (inlined)" : "");
		free(t[i].function);
		free(t[i].place);
	}
	if (!n)
		fprintf(out->file, "%s[unknown]\n", first);
	if (stack->cut)
		fprintf(out->file, "%s[truncated]\n", rest);
	free(t);
}

void report_some_frames(const struct page *out, const struct findings *f,
			const struct frames *stack, size_t from, size_t most,
			const char *first, const char *rest)
{
	struct frames some = *stack;
	size_t n = stack->n - from;

	/* One more takes no more room than its count. */
	if (n <= most || (most && n - most == 1)) {
		report_frames(out, f, stack, from, first, rest);
		return;
	}
	some.n = from + most;
	some.cut = false;
	if (most)
		report_frames(out, f, &some, from, first, rest);
	fprintf(out->file, "%s... %zu more\n", rest, n - most);
}
