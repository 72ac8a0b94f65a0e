// SPDX-License-Identifier: BSD-2-Clause
/*
 * window.c - births and deaths by key, in a bounded number of steps of time.
 *
 * Growth between two moments is what was born in between and lives at the second, less what lived
 * at the first and died in between; what lived throughout or came and went in between must not
 * appear, not even in the variance: of a stack with much churn and a small leak only the leak is
 * left.  The moments move as the window grows.  So for each key it is kept how much was born in
 * which step, and in which later step it died: half a matrix.  When the steps are used up,
 * neighbours become one, and new ones are as long as these.
 *
 * The variance of a sum of weights is the sum of their squares if objects come and go independently
 * of each other: that of a compound Poisson process, the luck of the sampling included.
 */
#include "user/judge/window.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/table.h"
#include "user/base/util.h"

enum {
	OLDER = 0,		/* row of what is older than the window; step i has row i + 1 */
	N_ROWS = WINDOW_STEPS + 1,
	N_DEAD = WINDOW_STEPS * (WINDOW_STEPS + 1) / 2,
	OLD_LOOKS = 5,		/* an object is old when it has lived for so many looks */
	OLD_SHARE = 6,		/* and one in so many of the window */
};

struct cell {
	float sum, squares;
};

struct population {
	uint32_t n_live;			/* objects, without weight */
	struct cell live[N_ROWS];		/* by row of birth */
	struct cell dead[N_DEAD];		/* by row of birth and step of death: dead_at() */
};

struct window {
	uint64_t start_ns;
	uint64_t ends_ns[WINDOW_STEPS];	/* of the steps */
	size_t n;			/* steps; the last one may still grow, */
	uint64_t length_ns;		/* up to this */
	uint64_t n_looks, n_lost;
	struct table populations;	/* struct place */
	size_t max_populations;
	size_t n_empty;			/* where nobody lives */
};

/* A population is too large to be moved about whenever the table grows. */
struct place {
	uint64_t key;
	struct population *p;
};

enum {
	INDEX_SHARE = 16,		/* of the room */
	HEAP_BYTES = 16,		/* that malloc() adds */
};

/* Of row r there are the steps from r on: whoever was born in step r - 1 dies in a later one. */
static size_t dead_at(size_t row, size_t step)
{
	return row * (2 * WINDOW_STEPS + 1 - row) / 2 + step - row;
}

void window_new(struct window **out, uint64_t start_ns, size_t max_bytes)
{
	struct window *w = xcalloc(1, sizeof(*w));

	w->start_ns = start_ns;
	table_init(&w->populations, sizeof(struct place), max_bytes / INDEX_SHARE);
	w->max_populations = (max_bytes - max_bytes / INDEX_SHARE) /
			     (sizeof(struct population) + HEAP_BYTES);
	*out = w;
}

void window_free(struct window *w)
{
	if (!w)
		return;
	for (struct place *e = table_next(&w->populations, NULL); e;
	     e = table_next(&w->populations, e))
		free(e->p);
	table_fini(&w->populations);
	free(w);
}

/* ---- looks ----------------------------------------------------------------------------------- */

static void add_cell(struct cell *to, const struct cell *from)
{
	to->sum += from->sum;
	to->squares += from->squares;
}

/* Rows 1 and 2 become row 1 and so on; what was born in one and died in the other is gone. */
static void halve_population(struct population *p)
{
	struct population joined = { .n_live = p->n_live };

	for (size_t row = 0; row < N_ROWS; row++) {
		size_t to = (row + 1) / 2;

		add_cell(&joined.live[to], &p->live[row]);
		for (size_t step = row; step < WINDOW_STEPS; step++)
			if (step / 2 >= to)
				add_cell(&joined.dead[dead_at(to, step / 2)],
					 &p->dead[dead_at(row, step)]);
	}
	*p = joined;
}

static void halve(struct window *w)
{
	for (struct place *e = table_next(&w->populations, NULL); e;
	     e = table_next(&w->populations, e))
		halve_population(e->p);
	for (size_t i = 0; i < WINDOW_STEPS / 2; i++)
		w->ends_ns[i] = w->ends_ns[2 * i + 1];
	w->n = WINDOW_STEPS / 2;
	w->length_ns = (w->ends_ns[w->n - 1] - w->start_ns) / w->n;
}

static uint64_t begin_of(const struct window *w, size_t step)
{
	return step ? w->ends_ns[step - 1] : w->start_ns;
}

void window_look(struct window *w, uint64_t time_ns)
{
	if (time_ns <= (w->n ? w->ends_ns[w->n - 1] : w->start_ns))
		return;
	w->n_looks++;
	if (w->n && time_ns - begin_of(w, w->n - 1) <= w->length_ns) {
		w->ends_ns[w->n - 1] = time_ns;
		return;
	}
	if (w->n == WINDOW_STEPS)
		halve(w);
	w->ends_ns[w->n++] = time_ns;
}

/* ---- births and deaths ----------------------------------------------------------------------- */

static size_t row_of(const struct window *w, uint64_t birth_ns)
{
	size_t step = 0;

	if (birth_ns <= w->start_ns)
		return OLDER;
	while (step + 1 < w->n && birth_ns > w->ends_ns[step])
		step++;
	return step + 1;
}

/* 0 is a key like any other, but not in a table.  Keys are hashes, none meets this one. */
static uint64_t table_key(uint64_t key)
{
	return key ? key : UINT64_MAX;
}

static bool has_population(void *ctx, void *entry)
{
	return ((struct place *)entry)->p;
}

static void drop_empty(struct window *w)
{
	for (struct place *e = table_next(&w->populations, NULL); e;
	     e = table_next(&w->populations, e)) {
		if (e->p->n_live)
			continue;
		free(e->p);
		e->p = NULL;
	}
	table_filter(&w->populations, has_population, NULL);
	w->n_empty = 0;
}

static struct population *find(const struct window *w, uint64_t key)
{
	const struct place *e = table_find(&w->populations, table_key(key));

	return e ? e->p : NULL;
}

/* NULL: there is no room. */
static struct population *get(struct window *w, uint64_t key)
{
	struct population *p = find(w, key);
	struct place *e;
	bool is_new;

	if (p)
		return p;
	if (w->populations.n >= w->max_populations && w->n_empty)
		drop_empty(w);
	if (w->populations.n >= w->max_populations)
		return NULL;
	e = table_put(&w->populations, table_key(key), &is_new);
	if (!e)
		return NULL;
	e->p = xcalloc(1, sizeof(*e->p));
	w->n_empty++;
	return e->p;
}

void window_birth(struct window *w, uint64_t key, uint64_t birth_ns, double weight)
{
	struct population *p = w->n ? get(w, key) : NULL;

	if (!p) {
		w->n_lost++;
		return;
	}
	w->n_empty -= !p->n_live++;
	add_cell(&p->live[row_of(w, birth_ns)],
		 &(struct cell){ (float)weight, (float)(weight * weight) });
}

void window_death(struct window *w, uint64_t key, uint64_t birth_ns, double weight)
{
	struct population *p = find(w, key);
	struct cell one = { (float)weight, (float)(weight * weight) };
	size_t row = row_of(w, birth_ns);

	if (!p || !p->n_live)
		return;		/* its birth was lost */
	p->n_live--;
	add_cell(&p->live[row], &(struct cell){ -one.sum, -one.squares });
	if (row < w->n)
		add_cell(&p->dead[dead_at(row, w->n - 1)], &one);
	if (p->n_live)
		return;
	w->n_empty++;
	memset(p->live, 0, sizeof(p->live));	/* sums of floats may leave a rest */
}

uint64_t window_lost(const struct window *w)
{
	return w->n_lost;
}

/* ---- the split ------------------------------------------------------------------------------- */

/* Steps [0, ends[0]) are part 1, and so on. */
struct split {
	size_t ends[WINDOW_PARTS];
};

static double seconds(const struct window *w, size_t from, size_t to)
{
	return to > from ? (double)(w->ends_ns[to - 1] - begin_of(w, from)) / 1e9 : 0;
}

/* The number of steps, at least least and at most most, that come nearest to so much of the
 * window. */
static size_t nearest(const struct window *w, double until_s, size_t least, size_t most)
{
	size_t best = least;
	double best_off = -1;

	for (size_t i = least; i <= most; i++) {
		double off = seconds(w, 0, i) - until_s;

		off = off < 0 ? -off : off;
		if (best_off < 0 || off < best_off) {
			best = i;
			best_off = off;
		}
	}
	return best;
}

static bool split(const struct window *w, struct split *out)
{
	double all = seconds(w, 0, w->n);

	if (w->n < WINDOW_PARTS)
		return false;
	out->ends[0] = nearest(w, all / 3, 1, w->n - 2);
	out->ends[1] = nearest(w, all * 2 / 3, out->ends[0] + 1, w->n - 1);
	out->ends[2] = w->n;
	return true;
}

void window_span(const struct window *w, struct window_span *out)
{
	struct split s;

	*out = (struct window_span){
		.seconds = seconds(w, 0, w->n), .n_steps = w->n, .n_looks = w->n_looks,
	};
	for (size_t i = 0; i < w->n; i++)
		out->step_s[i] = seconds(w, i, i + 1);
	if (!split(w, &s))
		return;
	for (size_t i = 0; i < WINDOW_PARTS; i++)
		out->part_s[i] = seconds(w, i ? s.ends[i - 1] : 0, s.ends[i]);
	out->late_s = seconds(w, s.ends[0], w->n);
}

/* ---- flows ----------------------------------------------------------------------------------- */

static void add(struct weights *to, double sum, double squares)
{
	to->sum += sum;
	to->squares += squares;
}

static void add_of(struct weights *to, const struct cell *c)
{
	add(to, c->sum, c->squares);
}

/* Between the begin of step from and the begin of step to. */
static void fill_change(const struct window *w, const struct population *p, size_t from, size_t to,
			struct window_change *out)
{
	for (size_t row = from + 1; row <= to; row++) {
		add_of(&out->born, &p->live[row]);
		for (size_t step = to; step < w->n; step++)
			add_of(&out->born, &p->dead[dead_at(row, step)]);
	}
	for (size_t row = 0; row <= from; row++)
		for (size_t step = from; step < to; step++)
			add_of(&out->died, &p->dead[dead_at(row, step)]);
}

/* Seconds since the begin of the window, of what was born or died in a step: its middle. */
static double middle(const struct window *w, size_t step)
{
	return (seconds(w, 0, step) + seconds(w, 0, step + 1)) / 2;
}

static void add_old(const struct cell *c, double age, double old_age, struct window_flow *out)
{
	if (age <= old_age)
		return;
	add_of(&out->old, c);
	out->old_seconds += c->sum * (age - old_age);
}

static void fill_old(const struct window *w, const struct population *p, struct window_flow *out)
{
	double all = seconds(w, 0, w->n), old_age = all * OLD_LOOKS / (double)w->n_looks;

	if (old_age < all / OLD_SHARE)
		old_age = all / OLD_SHARE;
	for (size_t row = 0; row <= w->n; row++) {
		double birth = row ? middle(w, row - 1) : 0;

		add_old(&p->live[row], all - birth, old_age, out);
		for (size_t step = row; step < w->n; step++) {
			const struct cell *c = &p->dead[dead_at(row, step)];
			double age = middle(w, step) - birth;

			add_old(c, age, old_age, out);
			if (age > old_age)
				add_of(&out->old_died, c);
		}
	}
}

void window_flow(const struct window *w, uint64_t key, struct window_flow *out)
{
	const struct population *p = find(w, key);
	struct split s;

	*out = (struct window_flow){ 0 };
	if (!p || !w->n)
		return;
	for (size_t row = 0; row <= w->n; row++)
		add_of(&out->live, &p->live[row]);
	for (size_t i = 0; i < w->n; i++)
		fill_change(w, p, i, i + 1, &out->step[i]);
	fill_old(w, p, out);
	if (!split(w, &s))
		return;
	for (size_t i = 0; i < WINDOW_PARTS; i++)
		fill_change(w, p, i ? s.ends[i - 1] : 0, s.ends[i], &out->part[i]);
	fill_change(w, p, s.ends[0], w->n, &out->late);
}

/* ---- sums of flows --------------------------------------------------------------------------- */

static void add_weights(struct weights *to, const struct weights *from, double factor)
{
	add(to, from->sum * factor, from->squares * factor * factor);
}

static void add_change(struct window_change *to, const struct window_change *from, double factor)
{
	add_weights(&to->born, &from->born, factor);
	add_weights(&to->died, &from->died, factor);
}

void window_flow_add(struct window_flow *sum, const struct window_flow *f, double factor)
{
	add_weights(&sum->live, &f->live, factor);
	for (size_t i = 0; i < WINDOW_PARTS; i++)
		add_change(&sum->part[i], &f->part[i], factor);
	add_change(&sum->late, &f->late, factor);
	for (size_t i = 0; i < WINDOW_STEPS; i++)
		add_change(&sum->step[i], &f->step[i], factor);
	add_weights(&sum->old_died, &f->old_died, factor);
	add_weights(&sum->old, &f->old, factor);
	sum->old_seconds += f->old_seconds * factor;
}
