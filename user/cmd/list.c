// SPDX-License-Identifier: BSD-2-Clause
/*
 * list.c - the Go processes of this host, and whether each can be traced.
 */
#include "user/cmd/cmd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/base/json.h"
#include "user/base/text.h"
#include "user/host.h"

static void put_cell(const char *text, int width)
{
	char *clean = text_clean(text ? text : "-");

	printf("%-*s ", width, clean);
	free(clean);
}

static void put_size(uint64_t bytes)
{
	if (bytes == UNKNOWN_U64)
		printf("%10s ", "?");
	else
		printf("%7.1fMiB ", (double)bytes / (1 << 20));
}

static void put_row(const struct host_process *p)
{
	printf("%7d ", (int)p->pid);
	put_cell(p->comm, 15);
	put_cell(p->go_version, 12);
	put_cell(p->refused ? "?" : p->stripped ? "yes" : "no", 8);
	put_size(p->rss);
	put_size(p->live_heap);
	put_cell(p->refused ? p->refused : "yes", 1);
	putchar('\n');
}

static void list_text(const struct host *h)
{
	printf("%7s %-15s %-12s %-8s %10s %10s %s\n", "PID", "COMMAND", "GO", "STRIPPED", "RSS",
	       "LIVE HEAP", "TRACEABLE");
	for (size_t i = 0; i < h->n; i++)
		put_row(&h->v[i]);
	if (h->n_hidden)
		printf("%zu processes of other users are not shown: run as root\n", h->n_hidden);
}

/* One object a line. */
static void list_json(const struct host *h)
{
	for (size_t i = 0; i < h->n; i++) {
		const struct host_process *p = &h->v[i];
		struct json j = { .out = stdout };

		open_level(&j, NULL, '{');
		field_i64(&j, "pid", p->pid);
		field_string(&j, "comm", p->comm);
		field_string(&j, "go_version", p->go_version);
		if (p->refused)
			field_null(&j, "stripped");
		else
			field_bool(&j, "stripped", p->stripped);
		field_u64(&j, "rss", p->rss);
		field_u64(&j, "live_heap", p->live_heap);
		field_bool(&j, "traceable", !p->refused);
		field_string(&j, "refused", p->refused);
		close_level(&j, '}');
		putchar('\n');
	}
}

static int list(const struct opts *o)
{
	struct host h;

	if (host_look(&h))
		return EXIT_FAILED;
	if (o->json)
		list_json(&h);
	else
		list_text(&h);
	host_fini(&h);
	return ferror(stdout) || fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
}

const struct command cmd_list = {
	.line = { "list", CMD_LIST, 0 },
	.brief = "the Go processes of this host, and whether each can be traced",
	.usage = "list [OPTIONS]",
	.help = "List the Go processes of this host, and whether each can be traced: with the\n"
		"reason, if not.",
	.run = list,
};
