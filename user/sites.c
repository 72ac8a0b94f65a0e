// SPDX-License-Identifier: BSD-2-Clause
/*
 * sites.c - the store of sites.
 *
 * A frame is kept once, whatever number of stacks it stands in, and a site once, whatever number of
 * stacks of addresses lead to it (the allocator has several ways to the same object, which nobody
 * wants to see apart).  Everything lies in blocks that are freed together, when the last holder of
 * the store lets go.
 */
#include "user/sites.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/goname.h"
#include "user/base/table.h"
#include "user/base/util.h"

enum {
	BLOCK_BYTES = 1 << 16,
	TABLE_ENTRY_BYTES = 2 * 2 * 16,	/* of one index entry, half full, doubling included */
	UNNAMED_SHARE = 16,		/* of the room: to count stacks once that find none */
	N_RECENT = 1 << 10,
};

struct block {
	struct block *next;
	size_t used, size;
	max_align_t data[];
};

struct entry {			/* of the three tables */
	uint64_t key;
	const void *kept;
};

struct site_store {
	unsigned holders;
	struct block *blocks;
	size_t bytes;
	struct table by_stack, by_id;	/* struct site */
	struct table frames;		/* struct frame */
};

/* A frame that was kept a moment ago. */
struct recent {
	struct frame frame;
	uint64_t key;			/* 0: none */
	const struct frame *kept;	/* in the store; NULL: not yet */
};

struct sites {
	struct sites_ops ops;
	size_t max_bytes;
	struct site_store *store;
	struct table unnamed;	/* keys of stacks that found no room, as many as fit */
	uint64_t n_without_room;
	struct frame *found;	/* the frames of one stack, before they are kept */
	size_t cap_found;
	struct recent *recent;	/* N_RECENT of them */
};

/* ---- the store ------------------------------------------------------------------------------- */

static struct site_store *new_store(void)
{
	struct site_store *st = xcalloc(1, sizeof(*st));

	st->holders = 1;
	table_init(&st->by_stack, sizeof(struct entry), SIZE_MAX);
	table_init(&st->by_id, sizeof(struct entry), SIZE_MAX);
	table_init(&st->frames, sizeof(struct entry), SIZE_MAX);
	return st;
}

void sites_drop(struct site_store *st)
{
	if (!st || --st->holders)
		return;
	for (struct block *b = st->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	table_fini(&st->by_stack);
	table_fini(&st->by_id);
	table_fini(&st->frames);
	free(st);
}

struct site_store *sites_hold(struct sites *s)
{
	s->store->holders++;
	return s->store;
}

static void *keep(struct site_store *st, size_t bytes)
{
	struct block *b = st->blocks;

	bytes = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (!b || b->size - b->used < bytes) {
		size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;

		b = xcalloc(1, sizeof(*b) + size);
		b->size = size;
		b->next = st->blocks;
		st->blocks = b;
		st->bytes += sizeof(*b) + size;
	}
	b->used += bytes;
	return (char *)b->data + b->used - bytes;
}

static void put(struct site_store *st, struct table *t, uint64_t key, const void *kept)
{
	bool is_new;
	struct entry *e = table_put(t, key, &is_new);

	e->kept = kept;
	st->bytes += is_new ? TABLE_ENTRY_BYTES : 0;
}

static const void *find(const struct table *t, uint64_t key)
{
	const struct entry *e = table_find(t, key);

	return e ? e->kept : NULL;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* By what is shown, so that the same site has the same identity in every run of the binary. */
static uint64_t hash_name(uint64_t h, const char *name)
{
	for (; name && *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3ull;	/* FNV-1a */
	return h;
}

static uint64_t hash_frame(const struct frame *f)
{
	uint64_t h = table_mix(table_mix(0, f->pc), (uint64_t)f->line << 1 | f->inlined);

	return hash_name(h, f->function) | 1;
}

/* Of a frame that is the same once more, which most are, neither hash nor place is sought again. */
static struct recent *recent_of(struct sites *s, const struct frame *f)
{
	struct recent *r = &s->recent[table_mix(f->line, f->pc) % N_RECENT];

	if (!r->key || r->frame.pc != f->pc || r->frame.function != f->function ||
	    r->frame.line != f->line || r->frame.inlined != f->inlined)
		*r = (struct recent){ .frame = *f, .key = hash_frame(f) };
	return r;
}

static const struct frame *keep_frame(struct sites *s, const struct frame *f)
{
	struct recent *r = recent_of(s, f);
	struct frame *new;

	if (!r->kept)
		r->kept = find(&s->store->frames, r->key);
	if (r->kept)
		return r->kept;
	new = keep(s->store, sizeof(*new));
	*new = *f;
	put(s->store, &s->store->frames, r->key, new);
	r->kept = new;
	return new;
}

/* Into s->found; returns how many. */
static size_t find_frames(struct sites *s, const uint64_t *pcs, size_t n, bool leaf_is_return)
{
	size_t need = s->ops.frames(s->ops.ctx, pcs, n, leaf_is_return, s->found, s->cap_found);

	if (need <= s->cap_found)
		return need;
	s->found = xreallocarray(s->found, need, sizeof(*s->found));
	s->cap_found = need;
	return s->ops.frames(s->ops.ctx, pcs, n, leaf_is_return, s->found, need);
}

/* Of a stack that starts a goroutine, where the function with the go statement stands; 0: it is none.
 * A goroutine is started in newproc1 itself, into which others are inlined. */
static size_t go_statement(const struct frame *f, size_t n)
{
	size_t i = 0;

	while (i < n && f[i].inlined && goname_of_runtime(f[i].function))
		i++;
	while (i < n && goname_starts_goroutine(f[i].function))
		i++;
	return i && i < n && goname_starts_goroutine(f[i - 1].function) ? i : 0;
}

/* Where the stack begins to be of interest: behind the runtime's own functions at the leaf, unless
 * no other function is known.  A go statement may be the runtime's own: then whatever function of the
 * program happens to stand below has not started the goroutine. */
static size_t fold(const struct frame *f, size_t n)
{
	size_t i = go_statement(f, n), known;

	if (i)
		return i;
	while (i < n && goname_of_runtime(f[i].function))
		i++;
	for (known = i; known < n && !f[known].function; known++)
		;
	return known == n ? 0 : i;
}

static const struct site *keep_site(struct sites *s, const struct frame *f, size_t n, bool cut)
{
	struct site_store *st = s->store;
	const struct frame **v;
	const struct site *kept;
	struct site *new;
	uint64_t id = cut;

	for (size_t i = 0; i < n; i++)
		id = table_mix(id, recent_of(s, &f[i])->key);
	id |= 1;
	kept = find(&st->by_id, id);
	if (kept)
		return kept;
	v = keep(st, n * sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i] = keep_frame(s, &f[i]);
	new = keep(st, sizeof(*new));
	*new = (struct site){ .id = id, .frames = { .v = v, .n = n, .cut = cut } };
	put(st, &st->by_id, id, new);
	return new;
}

/* ---- sites ----------------------------------------------------------------------------------- */

void sites_new(struct sites **out, const struct sites_ops *ops, size_t max_bytes)
{
	struct sites *s = xcalloc(1, sizeof(*s));

	s->ops = *ops;
	s->max_bytes = max_bytes - max_bytes / UNNAMED_SHARE;
	s->store = new_store();
	s->recent = xcalloc(N_RECENT, sizeof(*s->recent));
	table_init(&s->unnamed, sizeof(uint64_t), max_bytes / UNNAMED_SHARE);
	*out = s;
}

void sites_free(struct sites *s)
{
	if (!s)
		return;
	sites_drop(s->store);
	table_fini(&s->unnamed);
	free(s->found);
	free(s->recent);
	free(s);
}

static const struct site *no_room(struct sites *s, uint64_t key)
{
	static const struct site unnamed = { .frames = { .cut = true } };
	bool is_new;

	table_put(&s->unnamed, key, &is_new);
	s->n_without_room += is_new;
	return &unnamed;
}

const struct site *sites_get(struct sites *s, const uint64_t *pcs, size_t n, unsigned flags)
{
	uint64_t key = table_mix(s->store->by_stack.seed, flags);
	const struct site *site;
	size_t n_frames, from;

	for (size_t i = 0; i < n; i++)
		key = table_mix(key, pcs[i]);
	key |= 1;
	site = find(&s->store->by_stack, key);
	if (site)
		return site;
	if (s->store->bytes >= s->max_bytes)
		return no_room(s, key);
	n_frames = find_frames(s, pcs, n, flags & SITE_RETURN);
	from = flags & SITE_FOLD ? fold(s->found, n_frames) : 0;
	site = keep_site(s, s->found + from, n_frames - from, flags & SITE_CUT);
	put(s->store, &s->store->by_stack, key, site);
	return site;
}

const struct site *sites_get_probed(struct sites *s, const uint64_t *pcs, size_t n, bool cut)
{
	return sites_get(s, pcs, n, SITE_FOLD | (cut ? SITE_CUT : 0));
}

void sites_words(struct sites *s, uint64_t typ, const uint64_t *pcs, size_t n,
		 struct site_words *out)
{
	s->ops.words(s->ops.ctx, typ, pcs, n, out);
}

void sites_renew(struct sites *s)
{
	if (s->store->bytes < s->max_bytes)
		return;
	sites_drop(s->store);
	s->store = new_store();
	memset(s->recent, 0, N_RECENT * sizeof(*s->recent));
	table_clear(&s->unnamed);
	s->n_without_room = 0;
}

uint64_t sites_without_room(const struct sites *s)
{
	return s->n_without_room;
}
