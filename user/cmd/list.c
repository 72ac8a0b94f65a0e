// SPDX-License-Identifier: BSD-2-Clause
/*
 * list.c - the Go processes of this host, and whether each can be traced.
 */
#include "user/cmd/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/json.h"
#include "user/base/text.h"
#include "user/base/util.h"
#include "user/host.h"
#include "user/report/line.h"
#include "user/report/report.h"
#include "user/terminal.h"

/* ---- text ----------------------------------------------------------------------------------- */

static char *pid_text(const struct host_process *p)
{
	return xasprintf("%d", (int)p->pid);
}

static char *comm_text(const struct host_process *p)
{
	return text_clean(p->comm);
}

static char *version_text(const struct host_process *p)
{
	return text_clean(p->go_version ? p->go_version : "?");
}

static char *stripped_text(const struct host_process *p)
{
	return xstrdup(!p->opened ? "?" : p->stripped ? "yes" : "no");
}

static char *container_text(const struct host_process *p)
{
	return text_clean(p->container ? p->container : "-");
}

static char *rss_text(const struct host_process *p)
{
	return xstrdup(report_bytes(p->rss).s);
}

static char *heap_text(const struct host_process *p)
{
	return xstrdup(report_bytes(p->live_heap).s);
}

static char *goroutines_text(const struct host_process *p)
{
	return xstrdup(report_count(p->goroutines).s);
}

static char *profiler_text(const struct host_process *p)
{
	return xstrdup(p->profile_rate == UNKNOWN_U64 ? "?" : p->profile_rate ? "on" : "off");
}

static char *traceable_text(const struct host_process *p)
{
	return p->refused ? xasprintf("no: %s", p->refused) : xstrdup("yes");
}

static const struct column {
	const char *head;
	bool right;			/* numbers */
	char *(*text)(const struct host_process *p);	/* to be freed */
} columns[] = {
	{ "PID", true, pid_text },
	{ "COMMAND", false, comm_text },
	{ "GO", false, version_text },
	{ "STRIPPED", false, stripped_text },
	{ "CONTAINER", false, container_text },
	{ "RSS", true, rss_text },
	{ "LIVE HEAP", true, heap_text },
	{ "GOROUTINES", true, goroutines_text },
	{ "PROFILER", false, profiler_text },
	{ "TRACEABLE", false, traceable_text },
};

enum {
	N_COLUMNS = ARRAY_SIZE(columns),
	INDENT = 8,		/* of what goes on below */
	UNBROKEN = 1 << 30,	/* likewise: nothing does */
};

/* As wide as its widest cell; the last one is not filled up. */
static int width_of(const struct column *c, const struct host *h)
{
	size_t width = report_columns(c->head), n;

	for (size_t i = 0; i < h->n; i++) {
		char *text = c->text(&h->v[i]);

		n = report_columns(text);
		width = n > width ? n : width;
		free(text);
	}
	return (int)width;
}

static void put_cell(struct line *l, const char *text, size_t column, const int widths[N_COLUMNS])
{
	int fill = widths[column] - (int)report_columns(text);
	bool right = columns[column].right, last = column + 1 == N_COLUMNS;

	item(l, column ? "  " : "", "%*s%s%*s", right ? fill : 0, "", text,
	     right || last ? 0 : fill, "");
}

/* p: NULL: the heads. */
static void put_row(const struct page *page, size_t indent, const struct host_process *p,
		    const int widths[N_COLUMNS])
{
	struct line l = begin_line(page, "", indent);

	for (size_t c = 0; c < N_COLUMNS; c++) {
		char *text = p ? columns[c].text(p) : xstrdup(columns[c].head);

		put_cell(&l, text, c, widths);
		free(text);
	}
	end_line(&l);
}

/* On a terminal rows go on below, elsewhere each is one line, to be searched. */
static void list_text(const struct host *h)
{
	const struct page page = { .file = stdout, .columns = terminal_columns(STDOUT_FILENO) };
	const size_t indent = isatty(STDOUT_FILENO) && page.columns ? INDENT : UNBROKEN;
	int widths[N_COLUMNS];

	for (size_t c = 0; c < N_COLUMNS; c++)
		widths[c] = width_of(&columns[c], h);
	put_row(&page, indent, NULL, widths);
	for (size_t i = 0; i < h->n; i++)
		put_row(&page, indent, &h->v[i], widths);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* One object a line. */
static void put_json(const struct host_process *p)
{
	struct json j = { .out = stdout };

	open_level(&j, NULL, '{');
	field_i64(&j, "pid", p->pid);
	field_string(&j, "comm", p->comm);
	field_string(&j, "exe", p->exe);
	field_string(&j, "go_version", p->go_version);
	if (p->opened)
		field_bool(&j, "stripped", p->stripped);
	else
		field_null(&j, "stripped");
	field_string(&j, "container", p->container);
	field_u64(&j, "rss", p->rss);
	field_u64(&j, "live_heap", p->live_heap);
	field_u64(&j, "goroutines", p->goroutines);
	field_u64(&j, "profile_rate", p->profile_rate);
	field_bool(&j, "traceable", !p->refused);
	field_string(&j, "refused", p->refused);
	close_level(&j, '}');
	putchar('\n');
}

static int list(const struct opts *o)
{
	struct host h;
	int err;

	if (host_look(&h))
		return EXIT_FAILED;
	if (o->json)
		for (size_t i = 0; i < h.n; i++)
			put_json(&h.v[i]);
	else
		list_text(&h);
	err = report_finish(stdout);
	if (err && err != -EPIPE)
		say_error("stdout: the list cannot be written: %s", strerror(-err));
	host_say_hidden(h.n_hidden);
	host_fini(&h);
	return err && err != -EPIPE ? EXIT_FAILED : EXIT_DONE;
}

const struct command cmd_list = {
	.line = { "list", CMD_LIST, 0 },
	.brief = "the Go processes of this host, and whether each can be traced",
	.usage = "list [OPTIONS]",
	.help = "List the Go processes of this host: what each is, how large, and whether it can\n"
		"be traced, with the reason if not. Nothing is planted.",
	.run = list,
};
