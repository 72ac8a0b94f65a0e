// SPDX-License-Identifier: BSD-2-Clause
/*
 * heap.c - one look at the heap, from its begin to its end.
 */
#include "user/heap/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/gofacts.h"
#include "user/go/golayout.h"
#include "user/go/govars.h"
#include "user/go/image.h"
#include "user/gomem/gomem.h"
#include "user/heap/count_internal.h"
#include "user/heap/look.h"
#include "user/target.h"

enum { PIECE = 256 << 10, SMALL_PIECE = 4096 };
enum {
	CREDIT_NS = 20000000,	/* of reading may be saved up */
	SHORT_NS = 20000000,	/* is not waited for: each time that we wake takes something from
				 * the program */
	STEP_NS = 20000000,	/* of waiting, until it is asked whether to go on, */
	STEP_BYTES = 1 << 20,	/* or of reading: one object may have gigabytes */
	AT_WORK_NS = 500000,	/* in one piece, */
	NAP_NS = 20000,		/* and then the processor is anybody's for a moment */
};

int heap_open(struct heap **out, struct gomem *gm, const struct gofacts *facts)
{
	struct heap *h = xcalloc(1, sizeof(*h));
	int err = facts ? 0 : gofacts_new(&h->own_facts, gomem_gobin(gm));

	if (err) {
		free(h);
		return err;
	}
	facts = facts ? facts : h->own_facts;
	h->gm = gm;
	h->index = facts->index;
	h->vars = facts->vars;
	h->types = types_new(gomem_gobin(gm), gomem_layout(gm), h->index);
	*out = h;
	return 0;
}

void heap_close(struct heap *h)
{
	if (!h)
		return;
	types_free(h->types);
	gofacts_free(h->own_facts);
	free(h);
}

static void rest_until(struct look *l, uint64_t time_ns)
{
	for (uint64_t now = now_ns(); now < time_ns && !look_interrupted(l); now = now_ns()) {
		uint64_t step = time_ns - now < STEP_NS ? time_ns - now : STEP_NS;

		nanosleep(&(struct timespec){ .tv_nsec = (long)step }, NULL);
	}
}

/*
 * A thread of the program that wakes up where another one runs waits there for the end of its slice,
 * up to a tick of the kernel (4 ms at 250 Hz), unless some processor has nothing to do.  With all of
 * them at work, of which one for us, that were 49 waits of more than a millisecond in 6 s, 140 ms
 * together; with a nap of 20 us now and then 10, 15 ms, and without us 8, 21 ms (medians; Linux 6.18,
 * two processors).
 */
static void give_way(struct feed *f, uint64_t now)
{
	if (now - f->woken_ns < AT_WORK_NS)
		return;
	nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
	f->woken_ns = now_ns();
}

/* Waits as long as what was read is more than the rate allows.  Time in which nothing was read is
 * not made up for: it would be at the program's cost again. */
static void keep_rate(struct feed *f, uint64_t bytes)
{
	uint64_t now = now_ns();

	f->bytes += bytes;
	f->reads++;
	f->unasked += bytes;
	if (f->unasked >= STEP_BYTES) {
		f->unasked = 0;
		look_interrupted(f->look);
	}
	if (f->rate) {
		if (f->due_ns + CREDIT_NS < now)
			f->due_ns = now - CREDIT_NS;
		f->due_ns += (uint64_t)((double)bytes * 1e9 / (double)f->rate);
	}
	if (f->rate && f->due_ns > now + SHORT_NS) {
		rest_until(f->look, f->due_ns);
		f->woken_ns = now_ns();
	} else {
		give_way(f, now);
	}
}

size_t feed_many(struct feed *f, struct target_read *reads, size_t n)
{
	size_t n_ok = target_read_many(gomem_target(f->gm), reads, n);
	uint64_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += reads[i].ok ? reads[i].len : 0;
	keep_rate(f, bytes);
	return n_ok;
}

/* Nothing is readable any more once the look is to end, so that no walk goes on for long. */
bool feed_read(struct feed *f, uint64_t addr, void *buf, size_t len)
{
	bool ok = !f->look->interrupted && !target_read(gomem_target(f->gm), addr, buf, len);

	keep_rate(f, ok ? len : 0);
	return ok;
}

int feed_marks(struct feed *f, const uint64_t *mspans, size_t n, struct span_marks *out,
	       uint32_t *gen)
{
	int err = gomem_span_marks(f->gm, mspans, n, out, gen);
	uint64_t bytes = 0;

	for (size_t i = 0; i < n && !err; i++)	/* each is read twice */
		bytes += 2 * (uint64_t)gomem_layout(f->gm)->mspan_size +
			 (out[i].known ? (out[i].span.nelems + 7) / 8 : 0);
	keep_rate(f, bytes);
	return err;
}

void feed_spans(struct feed *f, const uint64_t *addrs, size_t n, struct go_span *out, bool *ok)
{
	gomem_read_spans(f->gm, addrs, n, out, ok);
	keep_rate(f, n * (uint64_t)gomem_layout(f->gm)->mspan_size);
}

bool look_interrupted(struct look *l)
{
	if (!l->interrupted && l->options->interrupted)
		l->interrupted = l->options->interrupted(l->options->ctx);
	return l->interrupted || l->err;
}

char *variable_name(const struct look *l, uint64_t vaddr)
{
	const struct go_variable *v = govars_at(l->heap->vars, vaddr);
	const struct module *m = modules_at(l, vaddr);

	if (v)
		return xstrdup(v->name);
	if (m && m->plugin)
		return xasprintf("package data at %#llx of plugin %s",
				 (unsigned long long)(vaddr + l->bias), m->plugin);
	return xasprintf("package data at %#llx", (unsigned long long)vaddr);
}

static bool is_function(uint8_t root)
{
	return root == HEAP_ROOT_STACK || root == HEAP_ROOT_FINALIZER ||
	       root == HEAP_ROOT_OWN_FINALIZER || root == HEAP_ROOT_CLEANUP ||
	       root == HEAP_ROOT_FINALIZER_QUEUE || root == HEAP_ROOT_CLEANUP_QUEUE;
}

char *root_name(const struct look *l, uint32_t node)
{
	const struct node *n = nodes_at(l->nodes, node);
	uint64_t addr = nodes_root_addr(l->nodes, node);
	struct go_func f;

	if (!is_function(n->root))
		return NULL;
	return addr && gobin_func_at(l->gb, addr, &f) ? xstrdup(f.name) : NULL;
}

static void look_init(struct look *l, struct heap *h, const struct heap_options *options)
{
	const struct go_module *m = gobin_module(gomem_gobin(h->gm));

	*l = (struct look){
		.heap = h, .options = options, .gm = h->gm, .gb = gomem_gobin(h->gm),
		.lo = gomem_layout(h->gm), .types = h->types, .index = h->index,
		.bias = gomem_bias(h->gm),
	};
	l->space = (struct space){ .budget = &l->budget, .header = l->lo->malloc_header };
	l->budget.max = options->max_bytes ? options->max_bytes : DEFAULT_MEMORY;
	l->feed = (struct feed){ .gm = h->gm, .look = l, .rate = options->rate, .start_ns = now_ns() };
	l->win = (struct window){ .feed = &l->feed, .piece = PIECE };
	l->part = l->bits = (struct window){ .feed = &l->feed, .piece = SMALL_PIECE };
	l->walk = (struct walk){ .look = l, .types = h->types, .space = &l->space,
				 .bias = l->bias, .win = &l->win,
				 .statics = m->data + l->bias, .statics_end = m->ebss + l->bias };
	l->nodes = nodes_new(&l->budget);
	table_init(&l->blind_types, sizeof(struct blind_type), SIZE_MAX);
	table_init(&l->retyped, sizeof(struct retyped), 64ul * MAX_HEAP_NODES);
	table_init(&l->parts, sizeof(struct part), 32ul * MAX_HEAP_PARTS);
	stacks_init(l);
	queues_init(l);
	learn_init(l);
}

static void look_fini(struct look *l)
{
	scope_fini(l);
	modules_free(l);
	space_free(&l->space);
	nodes_free(l->nodes);
	shapes_free(l->shapes);
	table_fini(&l->blind_types);
	table_fini(&l->retyped);
	table_fini(&l->parts);
	table_fini(&l->frames);
	free(l->queues.runners);
	free(l->todo);
	free(l->statics);
	free(l->put_off);
	free(l->blind);
	free(l->unsure);
	free(l->win.own);
	free(l->bits.own);
	free(l->part.own);
}

/* Which goroutines run them is of the last time that stacks were read. */
static void fill_queues(const struct look *l, struct heapmap *m)
{
	m->n_finalizers = l->queues.finalizers;
	m->n_cleanups = l->queues.cleanups;
	m->runners = xcalloc(l->queues.n_runners + 1, sizeof(*m->runners));
	for (size_t i = 0; i < l->queues.n_runners; i++) {
		const struct runner *r = &l->queues.runners[i];

		m->runners[m->n_runners++] = (struct heap_runner){
			.goid = r->goid, .cleanup = r->cleanup,
			.state = heapmap_text(m, r->state),
			.waitsince_ns = r->waitsince_ns,
			.function = heapmap_text(m, r->function),
		};
	}
}

static void fill_map(struct look *l, struct heapmap *m, uint32_t gen)
{
	uint64_t now = now_ns();

	/* Objects are found from the one on, and must still be allocated at the other. */
	m->from_ns = (int64_t)l->reach_ns;
	m->to_ns = (int64_t)l->counted_ns;
	m->n_cycles = gen / 2;
	m->interrupted = l->interrupted;
	m->only_size = l->options->only_size;
	m->min_size = l->options->min_size;
	m->max_size = l->options->max_size;
	m->losses = l->losses;
	m->losses.outrun += l->n_not_followed;
	fill_queues(l, m);
	m->cost = (struct heap_cost){
		.seconds = (double)(now - l->feed.start_ns) / 1e9,
		.bytes_read = l->feed.bytes, .reads = l->feed.reads,
		.n_spans = l->space.n, .n_spans_read = l->n_spans_read,
		.own_bytes = l->budget.peak,
	};
}

int heap_look(struct heap *h, const struct heap_options *options, struct heapmap *out)
{
	struct heapmap m = { 0 };
	struct counts counts = { 0 };
	struct look l;
	const struct image *img = gobin_image(gomem_gobin(h->gm));
	uint32_t gen = 0;
	int err;

	look_init(&l, h, options);
	image_defer_checks(img, true);
	err = gomem_sweepgen(h->gm, &gen);
	l.gen = gen;
	l.n_mallocs = look_mallocs(&l);
	l.cpu_ns = look_cpu_ns(&l);
	if (!err)
		err = space_fill(&l.space, &l.feed);
	if (!err) {
		scope_init(&l);
		learn_all(&l);
		l.reach_ns = now_ns();
		reach_all(&l);
		count_all(&l, &counts);
		l.counted_ns = now_ns();
		err = l.err;
	}
	if (!err)
		err = gomem_sweepgen(h->gm, &gen);
	if (!err) {
		rows_make(&l, &m);
		fill_map(&l, &m, gen);
	}
	image_defer_checks(img, false);
	if (!err && image_changed(img)) {
		heapmap_free(&m);
		err = -EBADMSG;
	}
	if (!err)
		*out = m;
	counts_free(&counts);
	look_fini(&l);
	return err;
}

bool heap_is_class(uint64_t size, uint64_t *below, uint64_t *above)
{
	uint64_t class;

	*below = *above = 0;
	for (unsigned i = 1; (class = golayout_class_size(i)); i++) {
		if (class == size)
			return true;
		if (class > size) {
			*above = class;
			return false;
		}
		*below = class;
	}
	return true;
}
