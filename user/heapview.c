// SPDX-License-Identifier: BSD-2-Clause
/*
 * heapview.c - joins two looks at the heap by the keys of types and holders, and takes differences.
 *
 * Growth lies between what certainly lives now less what may have lived before, and the other way
 * round, and took as long as lies between the times that the counts are of: no less and no more
 * than is known of these.  A list of holders may have been cut: what one that is not in it held is
 * then known to be no more bytes than the last of the list held, no more objects than there are
 * slots in these, and no more than all that is left out.
 */
#include "user/heapview.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/table.h"
#include "user/base/util.h"

enum { SMALLEST_SLOT = 8 };	/* bytes; runtime/sizeclasses.go */

static const struct estimate no_rate = { .value = NAN, .low = NAN, .high = NAN };

/* ---- differences ----------------------------------------------------------------------------- */

static struct estimate rate(struct heap_range now, struct heap_range before,
			    const struct heap_span *span)
{
	const double low = (double)now.low - (double)before.high;
	const double high = (double)now.high - (double)before.low;

	return (struct estimate){ .value = (low + high) / 2 / span->s,
				  .low = low / (low > 0 ? span->most_s : span->least_s),
				  .high = high / (high > 0 ? span->least_s : span->most_s) };
}

static void compare(struct heap_amount *a, struct heap_range objects, struct heap_range bytes,
		    const struct heap_span *span)
{
	a->objects_per_s = rate(a->objects, objects, span);
	a->bytes_per_s = rate(a->bytes, bytes, span);
}

/* What nothing was seen to hold is in the upper limits only. */
static struct heap_range held_of(const struct heapmap *m)
{
	uint64_t low = m->pointers.bytes.low + m->no_pointers.bytes.low;
	uint64_t high = m->pointers.bytes.high + m->no_pointers.bytes.high;

	high -= m->pointers.unreached_bytes + m->no_pointers.unreached_bytes;
	return (struct heap_range){ low, high > low ? high : low };	/* that is capped */
}

/* ---- keys of one map ------------------------------------------------------------------------- */

struct index_entry {
	uint64_t key;
	size_t index;
};

static void put(struct table *t, uint64_t key, size_t index)
{
	bool is_new;
	struct index_entry *e = table_put(t, key ? key : 1, &is_new);

	if (is_new)
		e->index = index;
}

/* SIZE_MAX: it is not there. */
static size_t find(const struct table *t, uint64_t key)
{
	const struct index_entry *e = table_find(t, key ? key : 1);

	return e ? e->index : SIZE_MAX;
}

static void index_types(struct table *t, const struct heapmap *m)
{
	table_init(t, sizeof(struct index_entry), SIZE_MAX);
	for (size_t i = 0; i < m->n_types; i++)
		put(t, m->types[i].key, i);
}

static void index_holders(struct table *t, const struct heap_type *type)
{
	table_init(t, sizeof(struct index_entry), SIZE_MAX);
	for (size_t i = 0; i < type->n_holders; i++)
		put(t, type->holders[i].key, i);
}

/* ---- holders --------------------------------------------------------------------------------- */

/* Of its slots; where not all are known by their size, that of the smallest that there is. */
static uint64_t least_size(const struct heap_type *type)
{
	uint64_t least = UINT64_MAX, n = 0;

	for (size_t i = 0; i < type->n_sizes; i++) {
		n += type->sizes[i].objects;
		if (type->sizes[i].size < least)
			least = type->sizes[i].size;
	}
	return n && n >= type->objects.high ? least : SMALLEST_SLOT;
}

/* What a holder that is not in the list may have held at most. */
static struct heap_range unlisted(const struct heap_type *type, bool of_bytes)
{
	uint64_t all = of_bytes ? type->bytes.high : type->objects.high, listed = 0, last = all;

	for (size_t i = 0; i < type->n_holders; i++)
		listed += of_bytes ? type->holders[i].bytes.low : type->holders[i].objects.low;
	if (type->n_holders) {
		last = type->holders[type->n_holders - 1].bytes.high;
		last = of_bytes ? last : last / least_size(type);
	}
	all = all > listed ? all - listed : 0;
	return (struct heap_range){ 0, all < last ? all : last };
}

/* Whether the list of holders leaves some out. */
static bool is_cut(const struct heap_type *type)
{
	return type->holders_cut || (!type->n_holders && type->objects.high);
}

/* The same holder at the other look: what it held there. */
static void held_there(const struct heap_type *type, const struct table *holders, uint64_t key,
		       struct heap_range *objects, struct heap_range *bytes)
{
	size_t i = type ? find(holders, key) : SIZE_MAX;

	*objects = *bytes = (struct heap_range){ 0 };
	if (i != SIZE_MAX) {
		*objects = type->holders[i].objects;
		*bytes = type->holders[i].bytes;
	} else if (type && is_cut(type)) {
		*objects = unlisted(type, false);
		*bytes = unlisted(type, true);
	}
}

/* By what is certain to live: how far an interval reaches up says how little is known. */
static int compare_ranges(struct heap_range x, struct heap_range y)
{
	if (x.low != y.low)
		return x.low < y.low ? 1 : -1;
	return x.high != y.high ? (x.high < y.high ? 1 : -1) : 0;
}

static int by_held_bytes(const void *a, const void *b)
{
	const struct heap_held *x = a, *y = b;
	int order = compare_ranges(x->amount.bytes, y->amount.bytes);

	if (!order)
		order = compare_ranges(x->amount.objects, y->amount.objects);
	if (order)
		return order;
	return x->holder->key < y->holder->key ? -1 : x->holder->key > y->holder->key;
}

/* By what has grown for certain: how far an interval reaches up says how little is known.  Of what
 * may as well have become less, the low end would put that which stayed before all the others. */
static int compare_growth(const struct heap_amount *a, const struct heap_amount *b)
{
	const struct estimate *x = &a->bytes_per_s, *y = &b->bytes_per_s;
	const double p = fmax(x->low, 0), q = fmax(y->low, 0);

	if (p != q)
		return p < q ? 1 : -1;
	return x->value != y->value ? (x->value < y->value ? 1 : -1) : 0;
}

static int by_held_growth(const void *a, const void *b)
{
	int order = compare_growth(&((const struct heap_held *)a)->amount,
				   &((const struct heap_held *)b)->amount);

	return order ? order : by_held_bytes(a, b);
}

/* A holder at both looks. */
struct change {
	const struct heap_holder *holder;
	struct heap_range objects, bytes, objects_before, bytes_before;
	uint64_t near;		/* hash of its innermost level; 0: there is none */
};

static uint64_t near_of(const struct heap_holder *h)
{
	const struct heap_level *level = h->levels;

	if (!h->n_levels)
		return 0;
	return table_mix_text(table_mix_text(level->size, level->type), level->field) | 1;
}

static void add_change(struct change *c, const struct heap_holder *holder,
		       const struct heap_type *now, const struct table *of_now,
		       const struct heap_type *before, const struct table *of_before)
{
	c->holder = holder;
	c->near = near_of(holder);
	held_there(now, of_now, holder->key, &c->objects, &c->bytes);
	held_there(before, of_before, holder->key, &c->objects_before, &c->bytes_before);
}

static int by_near(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->near != y->near)
		return x->near < y->near ? -1 : 1;
	return x->holder->key < y->holder->key ? -1 : x->holder->key > y->holder->key;
}

static void add_range(struct heap_range *to, struct heap_range r)
{
	to->low += r.low;
	to->high += r.high;
}

/* All of them as the one that holds most now. */
static struct change sum_of(const struct change *v, size_t n)
{
	struct change sum = v[0];
	uint64_t most = v[0].objects.high;

	for (size_t i = 1; i < n; i++) {
		add_range(&sum.objects, v[i].objects);
		add_range(&sum.bytes, v[i].bytes);
		add_range(&sum.objects_before, v[i].objects_before);
		add_range(&sum.bytes_before, v[i].bytes_before);
		if (v[i].objects.high > most) {
			most = v[i].objects.high;
			sum.holder = v[i].holder;
		}
	}
	return sum;
}

/*
 * What is held in several ways has one of them told, and which one may be another at the next look.
 * Ways that begin alike, of which one lost objects and another gained some, are one: how that grew
 * is certain.
 */
static size_t join_changes(struct change *v, size_t n)
{
	size_t kept = 0;

	qsort(v, n, sizeof(*v), by_near);
	for (size_t i = 0, end; i < n; i = end) {
		bool lost = false, gained = false;

		for (end = i; end < n && v[end].near == v[i].near; end++) {
			lost |= v[end].objects.high < v[end].objects_before.low;
			gained |= v[end].objects.low > v[end].objects_before.high;
		}
		if (v[i].near && lost && gained) {
			v[kept++] = sum_of(v + i, end - i);
			continue;
		}
		for (size_t k = i; k < end; k++)
			v[kept++] = v[k];
	}
	return kept;
}

/* Those of now, then those that were and are no more; either type may be NULL, and so may span, of
 * one look. */
static void add_holders(struct heap_row *row, const struct heap_type *now,
			const struct heap_type *before, const struct heap_span *span)
{
	static const struct heap_type none;
	struct table of_now, of_before;
	size_t most = (now ? now->n_holders : 0) + (before ? before->n_holders : 0), n = 0;
	struct change *v = xcalloc(most ? most : 1, sizeof(*v));

	index_holders(&of_now, now ? now : &none);
	index_holders(&of_before, before ? before : &none);
	for (size_t i = 0; now && i < now->n_holders; i++)
		add_change(&v[n++], &now->holders[i], now, &of_now, before, &of_before);
	for (size_t i = 0; before && i < before->n_holders; i++)
		if (find(&of_now, before->holders[i].key) == SIZE_MAX)
			add_change(&v[n++], &before->holders[i], now, &of_now, before, &of_before);
	if (span)
		n = join_changes(v, n);
	row->held = xcalloc(n ? n : 1, sizeof(*row->held));
	row->n_held = n;
	for (size_t i = 0; i < n; i++) {
		struct heap_amount *a = &row->held[i].amount;

		row->held[i].holder = v[i].holder;
		*a = (struct heap_amount){ v[i].objects, v[i].bytes, no_rate, no_rate };
		if (span)
			compare(a, v[i].objects_before, v[i].bytes_before, span);
	}
	qsort(row->held, row->n_held, sizeof(*row->held), span ? by_held_growth : by_held_bytes);
	free(v);
	table_fini(&of_now);
	table_fini(&of_before);
}

/* ---- types ----------------------------------------------------------------------------------- */

static void add_row(struct heap_view *v, const struct heap_type *now,
		    const struct heap_type *before)
{
	static const struct heap_range none;
	struct heap_row *row = &v->rows[v->n_rows++];

	row->type = now ? now : before;
	row->before = before;
	row->amount = (struct heap_amount){ .objects_per_s = no_rate, .bytes_per_s = no_rate };
	if (now) {
		row->amount.objects = now->objects;
		row->amount.bytes = now->bytes;
	}
	if (v->before) {
		compare(&row->amount, before ? before->objects : none,
			before ? before->bytes : none, &v->span);
		row->objects_before = before ? before->objects.high : 0;
	}
	add_holders(row, now, before, v->before ? &v->span : NULL);
}

static int by_bytes(const void *a, const void *b)
{
	const struct heap_row *x = a, *y = b;
	const int order = compare_ranges(x->amount.bytes, y->amount.bytes);

	if (order)
		return order;
	return x->type->key < y->type->key ? -1 : x->type->key > y->type->key;
}

int heapview_by_growth(const void *a, const void *b)
{
	int order = compare_growth(&((const struct heap_row *)a)->amount,
				   &((const struct heap_row *)b)->amount);

	return order ? order : by_bytes(a, b);
}

static void add_rows(struct heap_view *v)
{
	static const struct heapmap nothing;
	const struct heapmap *before = v->before ? v->before : &nothing;
	struct table of_now, of_before;

	index_types(&of_now, v->now);
	index_types(&of_before, before);
	v->rows = xcalloc(v->now->n_types + before->n_types + 1, sizeof(*v->rows));
	for (size_t i = 0; i < v->now->n_types; i++) {
		size_t there = find(&of_before, v->now->types[i].key);

		add_row(v, &v->now->types[i], there == SIZE_MAX ? NULL : &before->types[there]);
	}
	for (size_t i = 0; i < before->n_types; i++)
		if (find(&of_now, before->types[i].key) == SIZE_MAX)
			add_row(v, NULL, &before->types[i]);
	table_fini(&of_now);
	table_fini(&of_before);
}

/* ---- losses ---------------------------------------------------------------------------------- */

static void add_losses(struct heap_view *v)
{
	const size_t told_apart = offsetof(struct heap_losses, unreached);
	static const struct { const char *name, *text; size_t at; } rows[N_HEAP_LOSSES] = {
		{ "spans_changed", "spans never kept still",
		  offsetof(struct heap_losses, spans_changed) },
		{ "spans_unreadable", "spans not readable",
		  offsetof(struct heap_losses, spans_unreadable) },
		{ "objects_dropped", "objects died or may have been replaced between two passes",
		  offsetof(struct heap_losses, objects_dropped) },
		{ "edges_once", "references seen by one pass only",
		  offsetof(struct heap_losses, edges_once) },
		{ "types_contradicted", "objects of which two types were said",
		  offsetof(struct heap_losses, types_contradicted) },
		{ "heap_stacks_unreadable", "stacks of goroutines that ran not read",
		  offsetof(struct heap_losses, stacks_unreadable) },
		{ "heap_stacks_cut", "stacks of goroutines not followed to their end",
		  offsetof(struct heap_losses, stacks_cut) },
		{ "heap_plugins", "plugins whose own types and functions are not read",
		  offsetof(struct heap_losses, plugins) },
		{ "unsure_left_out", "objects left out to which words led that may be left over",
		  offsetof(struct heap_losses, unsure_left_out) },
		{ "holders_cut", "objects whose chain of holders found no room",
		  offsetof(struct heap_losses, holders_cut) },
		{ "unreached", "marked objects that no root led to",
		  offsetof(struct heap_losses, unreached) },
		{ "over_memory", "objects left out, no memory left (--memory)",
		  offsetof(struct heap_losses, over_memory) },
		{ "outrun", "spans and references added faster than they were followed",
		  offsetof(struct heap_losses, outrun) },
		{ "queues_unread", "queues of finalizers or cleanups not read to their end",
		  offsetof(struct heap_losses, queues_unread) },
	};

	for (size_t i = 0; i < N_HEAP_LOSSES; i++) {
		const char *now = (const char *)&v->now->losses + rows[i].at;
		const char *before = v->before ? (const char *)&v->before->losses + rows[i].at :
						 NULL;

		v->losses[i] = (struct coverage_row){
			.name = rows[i].name, .text = rows[i].text, .loss = rows[i].at != told_apart,
			.value = *(const uint64_t *)now +
				 (before ? *(const uint64_t *)before : 0) };
	}
}

static struct heap_span span_of(const struct heapmap *now, const struct heapmap *before)
{
	return (struct heap_span){
		.s = (double)(heapmap_time_ns(now) - heapmap_time_ns(before)) / 1e9,
		.least_s = (double)(now->from_ns - before->to_ns) / 1e9,
		.most_s = (double)(now->to_ns - before->from_ns) / 1e9 };
}

void heapview_make(const struct heapmap *now, const struct heapmap *before, struct heap_view *out)
{
	*out = (struct heap_view){ .now = now, .before = before, .held_per_s = no_rate };
	if (before) {
		out->span = span_of(now, before);
		out->held_per_s = rate(held_of(now), held_of(before), &out->span);
	}
	add_rows(out);
	qsort(out->rows, out->n_rows, sizeof(*out->rows), before ? heapview_by_growth : by_bytes);
	add_losses(out);
}

/* ---- objects of some sizes ------------------------------------------------------------------- */

static bool is_of_sizes(const struct heap_sizes *sizes, uint64_t size)
{
	return size >= sizes->least && size <= sizes->most;
}

/* What may not live, and what was counted under no size, may be of these sizes or not. */
static struct heap_range part_of(struct heap_range all, uint64_t counted, uint64_t part)
{
	const uint64_t doubtful = counted > all.low ? counted - all.low : 0;
	const uint64_t lacking = all.high > counted ? all.high - counted : 0;

	return (struct heap_range){ part > doubtful ? part - doubtful : 0, part + lacking };
}

/* At one look; type: NULL: there were none. */
static void count_sizes(const struct heap_type *type, const struct heap_sizes *sizes,
			struct heap_range *objects, struct heap_range *bytes)
{
	uint64_t n = 0, n_bytes = 0, part = 0, part_bytes = 0;

	*objects = *bytes = (struct heap_range){ 0 };
	for (size_t i = 0; type && i < type->n_sizes; i++) {
		const struct heap_size *s = &type->sizes[i];

		n += s->objects;
		n_bytes += s->objects * s->size;
		if (is_of_sizes(sizes, s->size)) {
			part += s->objects;
			part_bytes += s->objects * s->size;
		}
	}
	if (type) {
		*objects = part_of(type->objects, n, part);
		*bytes = part_of(type->bytes, n_bytes, part_bytes);
	}
}

/* By their mean: how many of each size it holds is not known. */
static bool holds_sizes(const struct heap_held *held, const struct heap_sizes *sizes)
{
	const struct heap_amount *a = &held->amount;

	return a->objects.high && is_of_sizes(sizes, a->bytes.high / a->objects.high);
}

static bool are_all_of_sizes(const struct heap_type *type, const struct heap_sizes *sizes)
{
	for (size_t i = 0; type && i < type->n_sizes; i++)
		if (!is_of_sizes(sizes, type->sizes[i].size))
			return false;
	return true;
}

/* Where there is but one of them. */
static void keep_size(struct heap_type *type, const struct heap_sizes *sizes)
{
	struct heap_size *all = type->sizes;
	size_t n = type->n_sizes, kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_of_sizes(sizes, all[i].size))
			continue;
		type->sizes = &all[i];
		kept++;
	}
	type->n_sizes = kept;
	if (kept != 1) {
		type->sizes = all;
		type->n_sizes = n;
	}
}

void heapview_of_sizes(const struct heap_view *v, const struct heap_row *row,
		       const struct heap_sizes *sizes, struct heap_type *type,
		       struct heap_held *held, struct heap_row *out)
{
	struct heap_range objects, bytes;
	struct heap_amount *a = &out->amount;

	*out = *row;
	if (are_all_of_sizes(row->type, sizes) && are_all_of_sizes(row->before, sizes))
		return;
	count_sizes(row->before, sizes, &objects, &bytes);
	out->objects_before = objects.high;
	count_sizes(row->amount.objects.high ? row->type : NULL, sizes, &a->objects, &a->bytes);
	compare(a, objects, bytes, &v->span);
	*type = *row->type;
	type->objects = a->objects;
	type->bytes = a->bytes;
	if (type->guessed_objects > a->objects.high)
		type->guessed_objects = a->objects.high;
	if (type->guessed_bytes > a->bytes.high)
		type->guessed_bytes = a->bytes.high;
	keep_size(type, sizes);
	out->type = type;
	out->held = held;
	out->n_held = 0;
	for (size_t i = 0; i < row->n_held; i++)
		if (holds_sizes(&row->held[i], sizes))
			held[out->n_held++] = row->held[i];
}

void heapview_leave_out(struct heap_view *v,
			bool (*is_out)(void *ctx, const struct heap_type *type),
			void *ctx)
{
	struct heap_row *out = xcalloc(v->n_rows + 1, sizeof(*out));
	size_t n = 0;

	for (size_t i = 0; i < v->n_rows; i++) {
		if (is_out(ctx, v->rows[i].type))
			out[v->n_suppressed++] = v->rows[i];
		else
			v->rows[n++] = v->rows[i];
	}
	memcpy(v->rows + n, out, v->n_suppressed * sizeof(*out));
	v->n_rows = n;
	free(out);
}

void heapview_fini(struct heap_view *v)
{
	for (size_t i = 0; i < v->n_rows + v->n_suppressed; i++)
		free(v->rows[i].held);
	free(v->rows);
	*v = (struct heap_view){ 0 };
}

double heapview_typed(const struct heap_sums *sums)
{
	uint64_t all = sums->exact_bytes + sums->guessed_bytes + sums->untyped_bytes;

	return all ? (double)(sums->exact_bytes + sums->guessed_bytes) / (double)all : NAN;
}

bool heapview_grew(const struct heap_amount *a)
{
	return a->bytes_per_s.low > 0;
}

static bool has_share(const struct heap_row *row, const struct heap_held *held)
{
	enum { MIN_SHARE = 200 };

	if (isnan(row->amount.bytes_per_s.value))
		return held->amount.bytes.high * MIN_SHARE > row->amount.bytes.high;
	return held->amount.bytes_per_s.value * MIN_SHARE > row->amount.bytes_per_s.value;
}

static bool is_certain(const struct heap_row *row, const struct heap_held *held)
{
	return isnan(row->amount.bytes_per_s.value) ? held->amount.objects.low :
						      heapview_grew(&held->amount);
}

bool heapview_is_told(const struct heap_row *row, const struct heap_held *held)
{
	if (!has_share(row, held))
		return false;
	for (size_t i = 0; i < row->n_held && !is_certain(row, held); i++)
		if (has_share(row, &row->held[i]) && is_certain(row, &row->held[i]))
			return false;
	return true;
}

bool heapview_of_runtime(const struct heap_type *t)
{
	const char *name = t->name ? t->name : "";

	if (t->package)
		return !strcmp(t->package, "runtime");
	name += strspn(name, "[]*0123456789");
	/* of a type without a name the path is not known; what others export is none of these */
	return !strncmp(name, "runtime.", 8) && (islower((unsigned char)name[8]) || name[8] == '_');
}
