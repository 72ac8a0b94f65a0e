// SPDX-License-Identifier: BSD-2-Clause
/*
 * roster.c - two readings in order of goid are compared as lists: a goid is never used twice.
 */
#include "user/roster.h"

#include <stdlib.h>

#include "user/base/table.h"
#include "user/base/util.h"
#include "user/gomem/gomem.h"
#include "user/judge/window.h"

/* Of the memory: half; an eighth for who waits for what; the rest for two lists. */
enum { WINDOW_SHARE = 2, WAITING_SHARE = 8, LISTS_SHARE = 4 };

struct member {
	uint64_t goid, gopc;
	uint64_t birth_ns;	/* when it was first seen, or the window's begin */
};

struct roster {
	struct window *window;
	struct member *members;	/* by goid */
	size_t n, max;
	uint64_t start_ns;
	struct table waiting;
	bool begun;		/* a reading has been taken */
};

void roster_new(struct roster **out, uint64_t start_ns, size_t max_bytes)
{
	struct roster *r = xcalloc(1, sizeof(*r));

	r->start_ns = start_ns;
	r->max = max_bytes / LISTS_SHARE / 2 / sizeof(*r->members);
	table_init(&r->waiting, sizeof(struct roster_waiting), max_bytes / WAITING_SHARE);
	window_new(&r->window, start_ns, max_bytes / WINDOW_SHARE);
	*out = r;
}

static void forget_waiting(struct roster *r)
{
	for (struct roster_waiting *w = table_next(&r->waiting, NULL); w;
	     w = table_next(&r->waiting, w))
		free(w->state);
	table_clear(&r->waiting);
}

void roster_free(struct roster *r)
{
	if (!r)
		return;
	forget_waiting(r);
	table_fini(&r->waiting);
	window_free(r->window);
	free(r->members);
	free(r);
}

const struct window *roster_window(const struct roster *r)
{
	return r->window;
}

const struct roster_waiting *roster_waiting(const struct roster *r, const struct roster_waiting *w)
{
	return table_next(&r->waiting, w);
}

/* Of one reading each text of a state is there once. */
static void note_waiting(struct roster *r, const struct goroutine *g)
{
	uint64_t key = table_mix(table_mix(r->waiting.seed, g->gopc), (uintptr_t)g->state);
	bool is_new;
	struct roster_waiting *w = table_put(&r->waiting, key ? key : 1, &is_new);

	if (!w)
		return;
	if (is_new) {
		w->gopc = g->gopc;
		w->startpc = g->startpc;
		w->state = xstrdup(g->state);
	}
	w->n++;
	w->main |= g->goid == 1;
}

static struct member *list(const struct goroutines *gs, uint64_t birth_ns, size_t *n)
{
	struct member *v = xcalloc(gs->n, sizeof(*v));

	*n = 0;
	for (size_t i = 0; i < gs->n; i++)
		if (!gs->v[i].system)
			v[(*n)++] = (struct member){ gs->v[i].goid, gs->v[i].gopc, birth_ns };
	return v;
}

static void tell_death(struct roster *r, const struct member *m)
{
	window_death(r->window, m->gopc, m->birth_ns, 1);
}

static void tell_birth(struct roster *r, const struct member *m)
{
	window_birth(r->window, m->gopc, m->birth_ns, 1);
}

/* Takes the members of now; those of before keep when they were born. */
static void replace(struct roster *r, struct member *now, size_t n)
{
	size_t old = 0;

	for (size_t i = 0; i < n; i++) {
		while (old < r->n && r->members[old].goid < now[i].goid)
			tell_death(r, &r->members[old++]);
		if (old < r->n && r->members[old].goid == now[i].goid)
			now[i].birth_ns = r->members[old++].birth_ns;
		else
			tell_birth(r, &now[i]);
	}
	while (old < r->n)
		tell_death(r, &r->members[old++]);
	free(r->members);
	r->members = now;
	r->n = n;
}

void roster_read(struct roster *r, const struct goroutines *gs, uint64_t time_ns)
{
	struct member *now;
	size_t n;

	if (gs->n_unreadable || gs->n_left_out || gs->interrupted || gs->n > r->max)
		return;
	window_look(r->window, time_ns);
	now = list(gs, r->begun ? time_ns : r->start_ns, &n);
	replace(r, now, n);
	forget_waiting(r);
	for (size_t i = 0; i < gs->n; i++)
		if (!gs->v[i].system)
			note_waiting(r, &gs->v[i]);
	r->begun = true;
}
