// SPDX-License-Identifier: BSD-2-Clause
/*
 * profile.c - walks the runtime's buckets.
 *
 * runtime/mprof.go: a bucket is a header, the pcs of its stack, and a memRecord.  All memory
 * buckets hang on one list by allnext, the newest first; none ever leaves it, and header and stack
 * do not change once they are on it.  So what is new stands before what the last look began with,
 * and only the counters must be read again.
 *
 * A memRecord has the counts that are published ("active") and those of three collections to come.
 * After a mark phase the oldest of the three is added to active in all buckets, and by runtime.GC()
 * the second as well.  While that is being done some buckets are ahead of others: so active is read
 * until two looks agree.  Before the first collection nothing is published; MemProfile adds all up
 * then.
 *
 * The bytes that records have up to Go 1.26 are those of the objects times the bucket's size.
 */
#include "user/gomem/profile.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/gomem/gomem_internal.h"

enum {
	BATCH = 256,		/* records of one read */
	MAX_RECORD = 256,	/* bytes of a header or a record; 48 and 128 up to Go 1.26 */
	N_FUTURE = 3,		/* len(memRecord.future) */
	MEM_PROFILE = 1,	/* bucketType of memory, runtime/mprof.go */
	TRIES = 8,
	INITIAL_BUCKETS = 256,
};

struct found {			/* on the list */
	uint64_t addr;
	struct profile_bucket b;	/* but for its stack and its counts */
};

struct profile_reader {
	struct gomem *gm;
	struct profile_limits limits;
	struct profile p;
	uint64_t *addrs;	/* of p.v's records in the target */
	size_t cap, cap_pcs;
	uint64_t head;		/* where the list began at the last look */
};

/* ---- the layout ------------------------------------------------------------------------------ */

static bool fits(int32_t off, int32_t width, int32_t size)
{
	return off >= 0 && off <= size - width;
}

/* The offsets may come from a hostile file. */
static bool layout_known(const struct go_layout *lo)
{
	int32_t cycle = lo->memrecordcycle_size;

	return lo->mbuckets && lo->memprofilerate && lo->bucket_size > 0 &&
	       lo->bucket_size <= MAX_RECORD && fits(lo->bucket_allnext, 8, lo->bucket_size) &&
	       fits(lo->bucket_typ, 8, lo->bucket_size) &&
	       fits(lo->bucket_objectsize, 8, lo->bucket_size) &&
	       fits(lo->bucket_nstk, 8, lo->bucket_size) &&
	       lo->memrecord_size > 0 && lo->memrecord_size <= MAX_RECORD && cycle > 0 &&
	       cycle <= lo->memrecord_size && fits(lo->memrecordcycle_allocs, 8, cycle) &&
	       fits(lo->memrecordcycle_frees, 8, cycle) &&
	       fits(lo->memrecord_active, cycle, lo->memrecord_size) &&
	       fits(lo->memrecord_future, N_FUTURE * cycle, lo->memrecord_size);
}

int profile_rate(struct gomem *gm, uint64_t *rate)
{
	uint64_t v;
	uint32_t gen;
	int err = layout_known(gm->lo) ? gomem_sweepgen(gm, &gen) : -ENOENT;

	if (!err)
		err = gomem_read_u64(gm, gm->lo->memprofilerate + gm->bias, &v);
	if (!err)
		*rate = (int64_t)v > 0 ? v : 0;
	return err;
}

/* ---- the list -------------------------------------------------------------------------------- */

static bool interrupted(const struct profile_reader *r)
{
	return r->limits.interrupted && r->limits.interrupted(r->limits.ctx);
}

/* What is behind the header: stack and record.  *next: the bucket before this one in time. */
static int read_header(const struct profile_reader *r, uint64_t addr, struct profile_bucket *b,
		       uint64_t *next)
{
	const struct go_layout *lo = r->gm->lo;
	uint8_t raw[MAX_RECORD];
	uint64_t n_pcs;
	int err = gomem_bad_pointer(addr) ? -EBADMSG : 0;

	if (!err)
		err = target_read(r->gm->t, addr, raw, (size_t)lo->bucket_size);
	if (err)
		return err;
	n_pcs = gomem_u64(raw, lo->bucket_nstk);
	if (gomem_u64(raw, lo->bucket_typ) != MEM_PROFILE || n_pcs > MAX_PROFILE_STACK)
		return -EBADMSG;
	*next = gomem_u64(raw, lo->bucket_allnext);
	*b = (struct profile_bucket){ .size = gomem_u64(raw, lo->bucket_objectsize),
				      .n_pcs = (uint32_t)n_pcs };
	return b->size < GO_ADDR_END ? 0 : -EBADMSG;
}

static bool has_room(const struct profile_reader *r, const struct profile_bucket *b)
{
	size_t bytes = (r->p.n + 1) * (sizeof(*r->p.v) + sizeof(*r->addrs)) +
		       (r->p.n_pcs + b->n_pcs) * sizeof(*r->p.pcs);

	return bytes <= r->limits.max_bytes;
}

static int add_bucket(struct profile_reader *r, uint64_t addr, struct profile_bucket b)
{
	struct profile *p = &r->p;
	uint64_t stack = addr + (uint32_t)r->gm->lo->bucket_size, *pcs;
	int err;

	if (!has_room(r, &b)) {
		p->n_left_out++;
		return 0;
	}
	if (p->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : INITIAL_BUCKETS;
		p->v = xreallocarray(p->v, r->cap, sizeof(*p->v));
		r->addrs = xreallocarray(r->addrs, r->cap, sizeof(*r->addrs));
	}
	while (p->n_pcs + b.n_pcs > r->cap_pcs) {
		r->cap_pcs = r->cap_pcs ? 2 * r->cap_pcs : 16 * INITIAL_BUCKETS;
		p->pcs = xreallocarray(p->pcs, r->cap_pcs, sizeof(*p->pcs));
	}
	pcs = p->pcs + p->n_pcs;
	err = b.n_pcs ? target_read(r->gm->t, stack, pcs, b.n_pcs * sizeof(*pcs)) : 0;
	for (uint32_t i = 0; i < b.n_pcs; i++)
		pcs[i] -= r->gm->bias;
	b.first_pc = p->n_pcs;
	r->addrs[p->n] = stack + b.n_pcs * sizeof(*pcs);
	p->v[p->n++] = b;
	p->n_pcs += b.n_pcs;
	return err;
}

/*
 * What is new, newest first, to be freed.  A list that leads back into itself is found by Brent's
 * way: one pointer waits while the other goes twice as far each time.
 */
static int list_new(struct profile_reader *r, uint64_t head, struct found **out, size_t *n_out)
{
	size_t n = 0, cap = 0, wait = 1, passed = 0;
	uint64_t at = head, waiting = 0;
	struct found *v = NULL;
	int err = 0;

	while (at && at != r->head && !err) {
		if (at == waiting || n == MAX_PROFILE_BUCKETS) {
			err = -EBADMSG;
			break;
		}
		if (passed++ == wait) {
			waiting = at;
			wait *= 2;
			passed = 0;
		}
		v = grow(v, n, &cap, sizeof(*v));
		v[n].addr = at;
		err = n % BATCH || !interrupted(r) ? read_header(r, at, &v[n].b, &at) : -EINTR;
		n++;
	}
	*out = v;
	*n_out = n;
	return err;
}

/* What could not be read is tried again at the next look. */
static int add_new(struct profile_reader *r)
{
	struct found *v;
	uint64_t head;
	size_t n;
	int err = gomem_read_u64(r->gm, r->gm->lo->mbuckets + r->gm->bias, &head);

	if (err || head == r->head)
		return err;
	err = list_new(r, head, &v, &n);
	while (!err && n-- > 0) {
		err = n % BATCH || !interrupted(r) ? add_bucket(r, v[n].addr, v[n].b) : -EINTR;
		if (!err)
			r->head = v[n].addr;
	}
	free(v);
	return err;
}

/* ---- the counters ---------------------------------------------------------------------------- */

struct counts {
	uint64_t allocs, frees, new_allocs, new_frees;
};

static struct counts counts_of(const struct go_layout *lo, const uint8_t *raw)
{
	const uint8_t *active = raw + lo->memrecord_active, *future = raw + lo->memrecord_future;
	struct counts c = {
		.allocs = gomem_u64(active, lo->memrecordcycle_allocs),
		.frees = gomem_u64(active, lo->memrecordcycle_frees),
	};

	for (int i = 0; i < N_FUTURE; i++, future += lo->memrecordcycle_size) {
		c.new_allocs += gomem_u64(future, lo->memrecordcycle_allocs);
		c.new_frees += gomem_u64(future, lo->memrecordcycle_frees);
	}
	return c;
}

/* *same: what is published was that before. */
static int read_batch(struct profile_reader *r, size_t first, size_t n, bool *same)
{
	const struct go_layout *lo = r->gm->lo;
	struct target_read reads[BATCH];
	uint8_t raw[BATCH][MAX_RECORD];

	for (size_t i = 0; i < n; i++)
		reads[i] = (struct target_read){ .addr = r->addrs[first + i], .buf = raw[i],
						 .len = (uint32_t)lo->memrecord_size };
	if (target_read_many(r->gm->t, reads, n) != n)
		return -EFAULT;
	for (size_t i = 0; i < n; i++) {
		struct profile_bucket *b = &r->p.v[first + i];
		struct counts c = counts_of(lo, raw[i]);

		*same = *same && c.allocs == b->allocs && c.frees == b->frees;
		b->allocs = c.allocs;
		b->frees = c.frees;
		b->new_allocs = c.new_allocs;
		b->new_frees = c.new_frees;
	}
	return 0;
}

static int read_counters(struct profile_reader *r, bool *same)
{
	int err = 0;

	*same = true;
	for (size_t i = 0, n; i < r->p.n && !err; i += n) {
		n = r->p.n - i < BATCH ? r->p.n - i : BATCH;
		err = interrupted(r) ? -EINTR : read_batch(r, i, n, same);
	}
	return err;
}

/* As MemProfile does where no collection has published anything. */
static void publish_all(struct profile *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].allocs || p->v[i].frees)
			return;
	for (size_t i = 0; i < p->n; i++) {
		struct profile_bucket *b = &p->v[i];

		b->allocs = b->new_allocs;
		b->frees = b->new_frees;
		b->new_allocs = b->new_frees = 0;
	}
}

/* ---- the reader ------------------------------------------------------------------------------ */

struct profile_reader *profile_open(struct gomem *gm, const struct profile_limits *limits)
{
	struct profile_reader *r = xcalloc(1, sizeof(*r));

	r->gm = gm;
	r->limits = *limits;
	return r;
}

void profile_close(struct profile_reader *r)
{
	if (!r)
		return;
	free(r->p.v);
	free(r->p.pcs);
	free(r->addrs);
	free(r);
}

int profile_look(struct profile_reader *r, const struct profile **out)
{
	uint32_t gen;
	int err = profile_rate(r->gm, &r->p.rate);

	if (!err && !r->p.rate)
		err = -ENOENT;
	if (!err)
		err = add_new(r);
	r->p.settled = false;
	for (int i = 0; i < TRIES && !err && !r->p.settled; i++)
		err = read_counters(r, &r->p.settled);
	if (!err)
		err = gomem_sweepgen(r->gm, &gen);	/* the same program still */
	if (err)
		return err;
	publish_all(&r->p);
	*out = &r->p;
	return 0;
}

/* ---- what a sample stands for ---------------------------------------------------------------- */

double profile_chance(uint64_t rate, uint64_t size)
{
	return rate <= 1 || !size ? 1 : -expm1(-(double)size / (double)rate);
}
