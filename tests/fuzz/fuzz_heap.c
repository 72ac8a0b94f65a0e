// SPDX-License-Identifier: BSD-2-Clause
/*
 * fuzz_heap.c - forged heaps, spans and types: a look at each must end, must not crash, and must
 * not count more than there is.
 *
 *	fuzz_heap ROUNDS SEED
 *
 * A heap of a few hundred objects is made by hand (tests/unit/fake_heap.h), of all that user/heap
 * knows: structs, slices, strings, interfaces, maps of both generations, large objects, headers.
 * In each round words of it are overwritten, by what is likely to be taken for something: addresses
 * of objects and types, small and huge numbers; and so are the types in the file, the variables and
 * the spans.  Made for SAN=1.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

#include "tests/fuzz/random.h"
#include "tests/unit/fake_heap.h"
#include "user/base/limits.h"
#include "user/base/util.h"

enum {
	N_OBJECTS = 300,
	MAX_DAMAGE = 48,		/* words in a round */
	ROUND_S = 60,			/* of processor time, far more than a round may take */
	MAX_BYTES = 1 << 20,
	N_KINDS = 12,
};

struct world {
	struct fake_heap h;
	uint64_t types[N_KINDS];
	uint64_t objects[N_OBJECTS];
};

static void fail(const char *what, uint64_t round)
{
	printf("fuzz_heap: round %llu: %s\n", (unsigned long long)round, what);
	exit(1);
}

static void make_types(struct world *w)
{
	struct fake_types *t = &w->h.t;
	uint64_t *k = w->types;

	k[0] = fake_type(t, FAKE_UINT8, "uint8", 1, 0);
	k[1] = fake_string_type(t);
	k[2] = fake_interface_type(t, "interface {}", 0);
	k[3] = fake_of(t, FAKE_SLICE, "[]uint8", k[0]);
	k[4] = fake_of(t, FAKE_POINTER, "*main.node", k[0]);
	k[5] = fake_struct_type(t, "main.node", 64, 64, (struct fake_field[]){
		{ "next", k[4], 0, false }, { "name", k[1], 8, false }, { "data", k[3], 24, false },
		{ "any", k[2], 48, false } }, 4);
	fake_ptr(&w->h.f, k[4] + 48, k[5]);
	k[6] = fake_array_type(t, "[40]main.node", k[5], 40, 64, 40 * 64);
	k[7] = fake_of(t, FAKE_SLICE, "[][40]main.node", k[6]);
	k[8] = fake_type(t, FAKE_UNSAFE_POINTER, "unsafe.Pointer", 8, 8);
	k[9] = fake_struct_type(t, "map.group[string]*main.node", 40, 40, (struct fake_field[]){
		{ "ctrl", k[3], 0, false }, { "elem", k[4], 24, false },
		{ "overflow", k[8], 32, false } }, 3);
	k[10] = fake_map_type(t, "map[string]*main.node", k[1], k[4], k[9]);
	k[11] = fake_of(t, FAKE_CHAN, "chan main.node", k[5]);
}

/* An address that may be taken for something, or a number. */
static uint64_t likely(struct world *w, uint64_t *state)
{
	switch (random_below(state, 8)) {
	case 0:
		return w->types[random_below(state, N_KINDS)];
	case 1:
		return random_below(state, 200);
	case 2:
		return random_u64(state) >> random_below(state, 64);
	case 3:
		return FAKE_BSS + 8 * random_below(state, 512);
	case 4:
		return FAKE_HEAP + random_below(state, FAKE_PAGES * FAKE_PAGE);
	default:
		return w->objects[random_below(state, N_OBJECTS)] + 8 * random_below(state, 2) *
		       random_below(state, 8);
	}
}

static void make_objects(struct world *w, uint64_t *state)
{
	static const uint16_t sizes[] = { 8, 16, 24, 40, 48, 64, 96, 256, 1024, 2560, 40000 };

	for (size_t i = 0; i < N_OBJECTS; i++) {
		uint64_t size = sizes[random_below(state, i % 50 ? 9 : ARRAY_SIZE(sizes))];
		bool noscan = !random_below(state, 4);

		w->objects[i] = fake_alloc(&w->h, size, noscan);
		if (w->h.lo.malloc_header && !noscan && size > 512 && size < 32000)
			fake_word(&w->h, w->objects[i] - 8,
				  w->types[random_below(state, N_KINDS)]);
		for (uint64_t off = 0; off < size && off < 512; off += 8)
			if (random_below(state, 3))
				fake_word(&w->h, w->objects[i] + off, likely(w, state));
	}
	for (uint64_t off = 0; off < 0x400; off += 16) {
		fake_word(&w->h, FAKE_BSS + off, w->types[random_below(state, N_KINDS)]);
		fake_word(&w->h, FAKE_BSS + off + 8, w->objects[random_below(state, N_OBJECTS)]);
	}
}

/* In a frame with maps, damaged ones at times, that a signal may have interrupted. */
static void make_stack(struct world *w, uint64_t *state)
{
	struct fake_heap *h = &w->h;

	h->n_stack = 1 + random_below(state, FAKE_STACK_WORDS);
	for (size_t i = 0; i < h->n_stack; i++)
		h->stack[i] = random_below(state, 2) ? likely(w, state)
				: FAKE_STACK + random_below(state, 8 * FAKE_STACK_WORDS);
	h->deferred = random_below(state, 2) ? likely(w, state) : FAKE_STACK;
	h->frame = (struct stack_frame){
		.pc = random_below(state, 4) ? FAKE_TEXT + FAKE_LEAF * FAKE_FUNC_SIZE + 0x11 : 0,
		.addr = FAKE_STACK, .size = 0x28, .interrupted = !random_below(state, 4),
	};
	for (uint64_t i = random_below(state, 4); i > 0; i--)
		fake_8(&h->f, FAKE_FUNCDATA + random_below(state, 0x200),
		       (uint8_t)random_u64(state));
}

/* Blocks of finalizers and of cleanups, which lead to each other, and now and then elsewhere. */
static void make_queues(struct world *w, uint64_t *state)
{
	enum { BLOCK = 512, N_BLOCKS = FAKE_QUEUES / BLOCK };

	for (uint64_t off = 0; off < FAKE_QUEUES; off += 8)
		fake_word(&w->h, FAKE_QUEUE + off, likely(w, state));
	for (uint64_t i = 0; i < N_BLOCKS; i++) {
		uint64_t next = FAKE_QUEUE + BLOCK * random_below(state, N_BLOCKS);

		/* where the one or the other kind has the next block, and how many are in use */
		fake_word(&w->h, FAKE_QUEUE + BLOCK * i, random_below(state, 4) ? next : 0);
		fake_word(&w->h, FAKE_QUEUE + BLOCK * i + 16,
			  random_below(state, 2) ? random_below(state, 110) : next);
		fake_word(&w->h, FAKE_QUEUE + BLOCK * i + 24, random_below(state, 64));
	}
	fake_word(&w->h, FAKE_ALLFIN, FAKE_QUEUE + BLOCK * random_below(state, N_BLOCKS));
	fake_word(&w->h, FAKE_CLEANUPS + 128, FAKE_QUEUE + BLOCK * random_below(state, N_BLOCKS));
}

static void damage_span(struct world *w, uint64_t *state)
{
	struct go_span *s = &w->h.spans[random_below(state, w->h.n_spans)].s;
	uint64_t *const words[] = { &s->start, &s->npages, &s->largetype, &s->freeindex };

	if (random_below(state, 3))
		*words[random_below(state, ARRAY_SIZE(words))] = likely(w, state);
	else
		s->spanclass = (uint8_t)random_below(state, 136);
	s->start &= ~(uint64_t)(FAKE_PAGE - 1);
	if (!s->npages)
		s->npages = 1;
	/* what spans.c would not let pass */
	s->elemsize = s->spanclass >> 1 ? golayout_class_size(s->spanclass >> 1)
					: s->npages * FAKE_PAGE;
	s->nelems = s->spanclass >> 1 ? s->npages * FAKE_PAGE / s->elemsize : 1;
	if (s->nelems > MAX_ELEMS || !s->nelems)
		s->nelems = 1;
}

static void damage_file(struct world *w, uint64_t *state)
{
	uint64_t at = FAKE_ROOM + random_below(state, FAKE_ROOM_END - FAKE_ROOM - 8);

	if (random_below(state, 2))
		fake_8(&w->h.f, at, (uint8_t)random_u64(state));
	else
		fake_64(&w->h.f, at & ~7ull, likely(w, state));
}

static uint64_t count_slots(const struct fake_heap *h)
{
	uint64_t n = 0;

	for (size_t i = 0; i < h->n_spans; i++)
		n += h->spans[i].s.nelems;
	return n;
}

static void check(const struct world *w, const struct heapmap *m, uint64_t round)
{
	uint64_t n = m->pointers.objects.high + m->no_pointers.objects.high;

	if (n > count_slots(&w->h))
		fail("more objects than slots", round);
	if (m->cost.own_bytes > 2 * MAX_BYTES)
		fail("more memory than allowed", round);
	for (size_t i = 0; i < m->n_types; i++)
		if (m->types[i].objects.low > m->types[i].objects.high)
			fail("an interval that ends before it begins", round);
}

/* What it did comes out as a number, so that the fuzzer can be seen to reach something. */
static uint64_t run_round(struct world *w, uint64_t seed, uint64_t round)
{
	const struct heap_options o = { .max_bytes = MAX_BYTES, .n_detailed = 1000 };
	uint64_t state = random_start(seed, round), n_damage, typed = 0;
	struct heapmap m;
	struct heap *heap;

	fake_heap_begin(&w->h, 17 + (int)(round % 11));
	make_types(w);
	make_objects(w, &state);
	make_stack(w, &state);
	make_queues(w, &state);
	n_damage = random_below(&state, MAX_DAMAGE);
	for (uint64_t i = 0; i < n_damage; i++) {
		if (!random_below(&state, 8))
			damage_span(w, &state);
		else if (!random_below(&state, 4))
			damage_file(w, &state);
		else
			fake_word(&w->h, FAKE_HEAP + 8 * random_below(&state, w->h.n_pages *
								      FAKE_PAGE / 8),
				  likely(w, &state));
	}
	fake_heap_open(&w->h);
	if (!heap_open(&heap, NULL, NULL)) {
		if (!heap_look(heap, &o, &m)) {
			check(w, &m, round);
			typed = m.pointers.exact_objects;
			heapmap_free(&m);
		}
		heap_close(heap);
	}
	fake_heap_end(&w->h);
	return typed;
}

int main(int argc, char **argv)
{
	const struct itimerval guard = { .it_value.tv_sec = ROUND_S };	/* SIGPROF ends a hang */
	struct world *w = calloc(1, sizeof(*w));
	uint64_t n, seed, typed = 0;

	if (argc != 3 || !w) {
		fprintf(stderr, "usage: fuzz_heap ROUNDS SEED\n");
		return 2;
	}
	n = strtoull(argv[1], NULL, 0);
	seed = strtoull(argv[2], NULL, 0);
	for (uint64_t i = 0; i < n; i++) {
		setitimer(ITIMER_PROF, &guard, NULL);
		typed += run_round(w, seed, i);
	}
	free(w);
	if (n && !typed)
		fail("no object of any round was typed", n);
	printf("fuzz_heap: %llu rounds, %llu objects typed\n", (unsigned long long)n,
	       (unsigned long long)typed);
	return 0;
}
