// SPDX-License-Identifier: BSD-2-Clause
/*
 * spans.c - all spans of a live heap, and which of their objects are allocated.
 *
 * The table mheap_.allspans only grows; when it is full it is copied, and the old one is freed a
 * while later (recordspan in runtime/mheap.go).  An mspan lies outside of the heap and stays an
 * mspan for ever.  Where the mark bits are tells the essay in alive.c.
 */
#include "user/gomem/spans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/util.h"
#include "user/gomem/gomem_internal.h"

enum {
	TRIES = 4,
	ROUNDS = 6,		/* how often spans that change are looked at */
	QUICK_ROUNDS = 2,	/* of these without a pause */
	PAUSE_US = 100,
	LAST_ARENA_BITMAP = 21,	/* heapArena.bitmap, its first field: runtime/mheap.go */
	LAST_SCAN_BITS = 19,
};

int gomem_allspans(struct gomem *gm, size_t max, uint64_t **spans, size_t *n)
{
	uint64_t addr = gm->lo->mheap + gm->bias + (uint32_t)gm->lo->mheap_allspans;
	uint64_t header[2], again[2], *v = NULL;	/* array, length */
	int err, failed;

	for (int i = 0; i < TRIES; i++) {
		err = target_read(gm->t, addr, header, sizeof(header));
		if (err)
			return err;
		if (!header[0])
			return -EAGAIN;
		if (header[0] % 8 || header[1] > max)
			return -EBADMSG;
		v = xreallocarray(v, header[1] ? header[1] : 1, sizeof(*v));
		failed = target_read(gm->t, header[0], v, header[1] * sizeof(*v));
		err = target_read(gm->t, addr, again, sizeof(again));
		if (!err && !failed && again[0] == header[0]) {
			*spans = v;
			*n = header[1];
			return 0;
		}
	}
	free(v);
	return err ? err : failed ? failed : -EAGAIN;
}

static bool span_sane(const struct go_span *s)
{
	uint64_t bytes = s->npages << GO_PAGE_SHIFT;
	unsigned size_class = s->spanclass >> 1;

	return s->state == SPAN_IN_USE && s->start && s->start % (1 << GO_PAGE_SHIFT) == 0 &&
	       s->npages && s->npages < GO_ADDR_END >> GO_PAGE_SHIFT &&
	       s->start < GO_ADDR_END - bytes && s->spanclass < N_SPAN_CLASSES &&
	       s->nelems && s->nelems <= MAX_ELEMS && s->elemsize &&
	       s->elemsize <= bytes / s->nelems && s->limit > s->start &&
	       s->limit <= s->start + bytes &&
	       (!size_class || s->elemsize == golayout_class_size(size_class)) &&
	       (size_class || s->nelems == 1);
}

/* Copies the n mspans to raw, and if gen is not NULL the generation behind them. */
static void read_raw(struct gomem *gm, const uint64_t *addrs, size_t n, uint8_t *raw,
		     struct target_read *reads, uint32_t *gen)
{
	const size_t size = (size_t)gm->lo->mspan_size;

	for (size_t i = 0; i < n; i++)
		reads[i] = (struct target_read){ .addr = addrs[i], .buf = raw + i * size,
						 .len = (uint32_t)size };
	if (gen)
		reads[n] = (struct target_read){ .addr = gm->lo->sweepgen + gm->bias, .buf = gen,
						 .len = sizeof(*gen) };
	target_read_many(gm->t, reads, n + !!gen);
}

void gomem_read_spans(struct gomem *gm, const uint64_t *addrs, size_t n, struct go_span *out,
		      bool *ok)
{
	struct target_read reads[SPANS_BATCH];
	uint8_t raw[SPANS_BATCH * MAX_RAW];

	for (size_t done = 0, part; done < n; done += part) {
		part = n - done < SPANS_BATCH ? n - done : SPANS_BATCH;
		read_raw(gm, addrs + done, part, raw, reads, NULL);
		for (size_t i = 0; i < part; i++) {
			ok[done + i] = reads[i].ok;
			if (!reads[i].ok)
				continue;
			gomem_parse_span(gm, raw + i * (size_t)gm->lo->mspan_size, &out[done + i]);
			ok[done + i] = span_sane(&out[done + i]);
		}
	}
}

/* One round of gomem_span_marks(), for those of todo. */
struct marks_round {
	struct gomem *gm;
	const uint64_t *addrs;	/* of all */
	struct span_marks *out;
	uint16_t todo[SPANS_BATCH];	/* indices */
	size_t n;
	uint32_t gen;
	uint64_t mspans[SPANS_BATCH];	/* addresses of those of todo */
	struct target_read reads[SPANS_BATCH + 1];
	uint8_t raw[SPANS_BATCH * MAX_RAW];
};

static void read_todo(struct marks_round *r, uint32_t *gen)
{
	for (size_t i = 0; i < r->n; i++)
		r->mspans[i] = r->addrs[r->todo[i]];
	read_raw(r->gm, r->mspans, r->n, r->raw, r->reads, gen);
}

/* Reads the bits of those that are spans; the others are settled: not known. */
static void read_bits(struct marks_round *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		struct span_marks *m = &r->out[r->todo[i]];
		uint64_t addr = 0;

		if (!r->reads[i].ok)
			continue;
		gomem_parse_span(r->gm, r->raw + i * (size_t)r->gm->lo->mspan_size, &m->span);
		if (!span_sane(&m->span))
			continue;
		r->todo[n] = r->todo[i];
		r->reads[n] = (struct target_read){ .buf = m->marked };
		if (gomem_find_bits(r->gm, &m->span, r->gen, &addr, &m->swept)) {
			r->reads[n].addr = addr;
			r->reads[n].len = (uint32_t)(m->span.nelems + 7) / 8;
		}
		n++;
	}
	r->n = n;
	target_read_many(r->gm->t, r->reads, n);
	for (size_t i = 0; i < n; i++)
		r->out[r->todo[i]].known = r->reads[i].len && r->reads[i].ok;
}

/* Settles those that have not changed. */
static void settle(struct marks_round *r)
{
	uint32_t gen_after = r->gen + 1;	/* if it cannot be read: differs */
	size_t n = 0;

	read_todo(r, &gen_after);
	for (size_t i = 0; i < r->n; i++) {
		struct span_marks *m = &r->out[r->todo[i]];
		struct go_span again;

		if (m->known && r->reads[i].ok && gen_after == r->gen) {
			gomem_parse_span(r->gm, r->raw + i * (size_t)r->gm->lo->mspan_size, &again);
			if (gomem_span_kept(&m->span, &again, m->swept, r->gen))
				continue;
		}
		m->known = false;
		r->todo[n++] = r->todo[i];
	}
	r->n = n;
}

int gomem_span_marks(struct gomem *gm, const uint64_t *addrs, size_t n, struct span_marks *out,
		     uint32_t *gen)
{
	struct marks_round *r = xcalloc(1, sizeof(*r));
	int err = 0;

	r->gm = gm;
	r->addrs = addrs;
	r->out = out;
	for (r->n = 0; r->n < n; r->n++) {
		r->todo[r->n] = (uint16_t)r->n;
		out[r->n].known = false;
	}
	for (int round = 0; round < ROUNDS && r->n && !err; round++) {
		if (round > QUICK_ROUNDS)
			usleep(PAUSE_US);
		err = gomem_sweepgen(gm, &r->gen);
		if (err)
			break;
		read_todo(r, NULL);
		read_bits(r);
		settle(r);
	}
	*gen = r->gen;
	free(r);
	return err;
}

uint64_t gomem_pointer_bits(struct gomem *gm, uint64_t addr)
{
	const int minor = gobin_version(gm->gb)->minor;
	uint64_t arena, off = addr % (1ull << GO_ARENA_SHIFT);

	if (minor > LAST_ARENA_BITMAP || gomem_arena(gm, addr, &arena) || !arena)
		return 0;
	return arena + off / (minor > LAST_SCAN_BITS ? 64 : 32);
}
