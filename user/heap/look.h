/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * look.h - one look at the heap: what its passes share.
 *
 * First pass (learn.c): what is each object?  Seeds tell the types of some, their fields those of
 * others.  Second pass (reach.c): who holds each of them?  From the roots outwards along all
 * pointers, read anew.  Then objects are counted (count.c).
 */
#ifndef LOOK_H
#define LOOK_H

#include "user/base/table.h"
#include "user/heap/heap.h"
#include "user/heap/heap_internal.h"
#include "user/heapmap.h"

struct counts;
struct gomem;
struct goroutine_stack;
struct govars;
struct nodes;
struct shapes;

/* How an object's type came to be known.  A stronger one replaces a weaker one. */
enum strength {
	STRENGTH_NONE,
	STRENGTH_GUESS,		/* by its shape, or by who was guessed himself */
	STRENGTH_DERIVED,	/* by a slice of the end of an array */
	STRENGTH_SEED,		/* by what the allocator was given when the slot was allocated */
	STRENGTH_EDGE,		/* by the type of a pointer to it */
	STRENGTH_OWN,		/* by what it says of itself: malloc header */
};

/* Labels of the first pass. */
enum {
	LABEL_TYPE = (1 << 20) - 1,
	LABEL_STRENGTH_SHIFT = 20,
	LABEL_STRENGTH = 7 << LABEL_STRENGTH_SHIFT,
	LABEL_WALKED = 1 << 23,
	LABEL_SEARCHED = 1 << 24,	/* its memory, for pairs */
	LABEL_CHANGES_SHIFT = 25,	/* how often its type was replaced */
	LABEL_CHANGES = 7 << LABEL_CHANGES_SHIFT,
	LABEL_FOUND = 1 << 28,		/* by a pointer that says no type; is to be searched */
};

/* Labels of the second pass: of an object that has been reached; the others keep theirs. */
#define LABEL_REACHED (1u << 31)
#define LABEL_CONFIRMED (1u << 30)	/* its type was seen again */
#define LABEL_EXPANDED (1u << 29)
#define LABEL_AGAIN (1u << 28)	/* the second reading reached it, too, */
#define LABEL_LATE (1u << 27)	/* or it alone did */
#define LABEL_REPLACED (1u << 26)	/* it may be another object by now: survive.c */
#define LABEL_LEFT_OVER (1u << 25)	/* in the second reading no more than left-over words lead to it */
#define LABEL_NODE (LABEL_LEFT_OVER - 1)

static inline uint32_t label_type(uint32_t label)
{
	return label & LABEL_TYPE;
}

static inline enum strength label_strength(uint32_t label)
{
	return (label & LABEL_STRENGTH) >> LABEL_STRENGTH_SHIFT;
}

/* A typed part of an object whose whole is not known, walked once; or an object to which words lead
 * that may be left over. */
struct part {
	uint64_t key;		/* of the table: address and type (0: the whole object) */
};

struct part_todo {
	uint64_t addr, bytes;
	uint32_t type;
	uint32_t from;		/* strength or node of who pointed to it */
};

/* A variable, or a part of one, to which a typed pointer led. */
struct static_part {
	uint64_t vaddr, size;
	uint32_t type;
	uint32_t slot;		/* by which the variable at from leads there, or NO_SLOT */
	uint64_t from;		/* vaddr; 0: an object does */
};

enum { N_SPAN_KINDS = 2 * HEAP_CLASSES };	/* runtime.numSpanClasses */

/* What a look is for, if not for everything: scope.c. */
struct scope {
	bool on;
	bool kinds[N_SPAN_KINDS];	/* span classes with objects that it is for */
	bool any[2];			/* with pointers, without */
	uint8_t *leads;			/* of each type, whether its values may lead to such */
};

/* Whose pointers are being walked. */
struct holder {
	enum heap_root root;	/* HEAP_ROOT_UNKNOWN: an object */
	uint32_t node;		/* second pass: of the object or the root */
	enum strength strength;	/* first pass: of the object's type */
	uint64_t addr;		/* variables: vaddr of walk.base; stacks: entry of the function, or
				 * ROOT_UNSURE */
	bool typed;		/* variables: it has the type whose slots are walked */
	bool unsure;		/* stacks: words that may be left over */
	uint32_t span, index;	/* objects: which */
};

/* A pointer to where no span is known: one has been made meanwhile. */
struct blind {
	struct edge edge;
	struct holder holder;
};

/* How many typed pointers led there. */
struct blind_type {
	uint64_t key;		/* the type */
	uint64_t n;
};

/* Of a node. */
struct retyped {
	uint64_t key;
	uint64_t objects, bytes;
};

/* Edges that wait to be dealt with, each with who holds it: edges.c. */
enum { EDGES_WAIT = 32 };	/* a power of two */

struct edge_line {
	struct waiting_edge {
		struct edge edge;
		struct holder holder;
	} v[EDGES_WAIT];
	uint32_t begin, end;	/* they only grow; modulo EDGES_WAIT */
	edge_fn edge;		/* who deals with them */
};

/* runtime/mcleanup.go: of Go 1.x; their own queue, and the argument in the record of one. */
enum { FIRST_CLEANUP = 24, FIRST_CLEANUP_QUEUE = 25, FIRST_CLEANUP_ARGUMENT = 26 };

/* Goroutines begin with one of these to run finalizers or cleanups. */
enum { N_RUNNER_STARTS = 3 };

/* One that runs such a thing, or may. */
struct runner {
	uint64_t goid;
	bool cleanup;		/* no finalizer */
	char state[96];
	uint64_t waitsince_ns;	/* as of struct goroutine */
	const char *function;	/* as of struct heap_runner */
};

/* The program, or a plugin, by the places of its variables: vaddrs of the program, also where they
 * lie in another file. */
struct module {
	uint64_t data, edata, bss, ebss;
	uint64_t masks;		/* where the pointer masks of these are */
	char *plugin;		/* its path; NULL: not known, or it is the program */
};

struct look {
	const struct heap *heap;
	const struct heap_options *options;
	struct gomem *gm;
	const struct gobin *gb;
	const struct go_layout *lo;
	struct types *types;
	const struct typeindex *index;
	uint64_t bias;
	struct module *modules;		/* the first is the program */
	size_t n_modules, cap_modules;
	struct budget budget;
	struct feed feed;
	struct space space;
	struct scope scope;
	/* An object that is known to be of a type by other means than a pointer to it. */
	void (*own_type)(struct look *l, const struct place *p, uint32_t type,
			 enum strength strength);
	struct window win, bits, part;
	struct walk walk;
	struct edge_line line;
	struct holder holder;
	struct table parts;
	uint64_t stack_low, stack_high;	/* of the goroutine whose stack is walked */
	struct table frames;		/* what the code says of return addresses on stacks */
	struct {
		uint32_t type;		/* runtime._defer; 0: not known */
		uint64_t pc, sp;	/* where it says from where the call was deferred, and the
					 * stack pointer there; */
		uint64_t fn, link;	/* what is to be called, and the next record */
	} deferred;
	struct {			/* until Go 1.22 in the heap of timers; 0: there are none */
		uint32_t timer;		/* runtime.timer, */
		uint64_t period;	/* where that has its period; */
		uint32_t once, again;	/* time.Timer, time.Ticker */
	} timers;
	struct part_todo *todo;		/* parts to be walked */
	size_t n_todo, cap_todo;
	struct static_part *statics;
	size_t n_statics, cap_statics, n_walked;
	struct blind *blind;
	size_t n_blind, cap_blind;
	uint64_t n_blind_dropped;	/* there was no room for them, */
	uint64_t n_not_followed;	/* and some of them may have led to a new span */
	struct blind *unsure;		/* second pass: what words led to that may be left over */
	size_t n_unsure, cap_unsure;
	struct table blind_types;	/* of the second reading */
	struct table retyped;		/* of nodes, objects that are another's by now: what these held
					 * is still told by the node */
	size_t n_new_spans;		/* made since the look began */
	uint32_t gen;			/* when the look began, */
	uint64_t n_mallocs;		/* and as far as the runtime had counted then */
	uint64_t cpu_ns;		/* and what the program had computed */
	uint32_t read_gen;		/* when the last reading of the second pass began */
	uint32_t marks_gen;		/* of the marks that were read last */
	uint32_t survived_gen;		/* the last that was asked what survived; 0: none is yet */
	uint64_t n_reached;		/* objects, by the second pass; of these ... */
	uint64_t n_late, n_again;	/* ... by its second reading alone, by that as well */
	uint64_t late_ns;		/* from then on no more is followed; 0: there is time */
	bool moved;			/* the program has done something by the end of it */
	enum turn turn;			/* second pass: what is of a later one is put off */
	bool left_over;			/* what words that may be left over lead to is followed */
	bool again;			/* all is reached a second time, */
	bool still;			/* and that found the same */
	uint64_t reach_ns, counted_ns;	/* when the second pass began, and when all was counted */
	bool collected;			/* there has been a collection since the look began */
	uint32_t *put_off;		/* spans with objects of a later turn */
	size_t n_put_off, cap_put_off;
	struct nodes *nodes;
	struct shapes *shapes;
	struct score {			/* how well an object agrees with a type: shapes.c */
		uint64_t n_edges, n_pointers;	/* seen, and there to be seen */
		uint64_t n_wrong;		/* lead to what they cannot */
		int points;
	} score;
	struct {			/* finalizers and cleanups that are to run: queues.c */
		uint64_t finalizers, cleanups;	/* UNKNOWN_U64: not known */
		uint64_t starts[N_RUNNER_STARTS];	/* functions; 0: there is none */
		struct runner *runners;
		size_t n_runners, cap_runners;
		uint64_t fn, function;	/* of the last entry: its func value, the entry of that */
	} queues;
	struct {			/* what pointed_type() was asked last, and said */
		uint64_t ptr;
		uint32_t type;
	} pointed;
	struct counts *counts;
	struct heap_losses losses;
	uint64_t n_spans_read, n_guessed;
	bool interrupted;
	int err;
};

bool look_interrupted(struct look *l);

struct heap {
	struct gomem *gm;
	struct types *types;
	const struct typeindex *index;
	const struct govars *vars;
	struct gofacts *own_facts;	/* who has both; NULL: somebody else */
};

/* When the spans are known. */
void scope_init(struct look *l);
void scope_fini(struct look *l);
/* Whether the look is for objects of the span. */
bool scope_has(const struct look *l, const struct span *s);
/* Whether it can do without the object, which is of the type (0: that is not known), and without
 * all that it leads to. */
bool scope_leaves_out(struct look *l, const struct place *p, uint32_t type);

/* What is known of an object, in whichever pass. */
uint32_t known_type(const struct look *l, uint32_t label, enum strength *strength);

/* Reads which there are now. */
void modules_find(struct look *l);
void modules_free(struct look *l);
/* Whose variables are there; NULL: nobody's. */
const struct module *modules_at(const struct look *l, uint64_t vaddr);
void stacks_init(struct look *l);
void queues_init(struct look *l);
void learn_init(struct look *l);
/* Until Go 1.22 the heap of timers leads to the second field of a time.Timer or time.Ticker {C, r},
 * where r is a runtime.timer by another name, of which only a Ticker's has a period (time/sleep.go,
 * tick.go): if it is such an edge it is made one to the whole. */
void lead_to_timer(struct look *l, struct edge *e, struct place *p);
/* Walk roots: l->holder says which, edges go to l->walk.edge. */
void roots_variables(struct look *l);	/* whose types are known */
void roots_regions(struct look *l);	/* all words of variables in which there are pointers */
void roots_stacks(struct look *l);
/* What finalizers and cleanups need; then, if unheld, the objects with finalizers that nobody else
 * holds: the next collection has these finalized. */
void roots_finalizers(struct look *l, bool unheld);
/* Finalizers and cleanups that are to run. */
void roots_queues(struct look *l);
/* Notes the goroutine, if it runs such a thing; its stack is read. */
void note_runner(struct look *l, const struct goroutine_stack *st);
/* The entry of the function that a func value at addr leads to; 0: not known. */
uint64_t closure_entry(struct look *l, uint64_t addr);
/* The same of a cleanup's: until Go 1.25 this is a closure of the runtime's that calls the
 * program's, of which nothing is known. */
uint64_t cleanup_entry(struct look *l, uint64_t fn);
/* What the Go type at address ptr is a pointer to; 0: it is none. */
uint32_t pointed_type(struct look *l, uint64_t ptr);
/* What the record of a deferred call at addr leads to is held for the function that deferred it. */
void hold_by_deferrer(struct look *l, uint64_t addr);
/* Whether there is a record on a stack at addr, in the frame of the function that deferred the call:
 * frames come and go, and what they leave behind is no record. */
bool is_deferred_on_stack(struct look *l, uint64_t addr);
bool is_static(const struct look *l, uint64_t addr);
/* A typed pointer leads to a variable: that is remembered, to be walked by its type. */
void static_found(struct look *l, const struct edge *e);
void walk_static(struct look *l, uint64_t vaddr, uint32_t type, uint64_t size);
/* By address, once none is walked any more; then they can be asked for. */
void statics_sort(struct look *l);
/* NULL: no typed pointer to the type was seen to lead there. */
const struct static_part *statics_at(const struct look *l, uint64_t vaddr, uint32_t type);

/* Calls visit for each object that is pending, as long as there are any, with its memory in the
 * window. */
struct visitor {
	bool (*pending)(const struct look *l, const struct span *s, uint32_t label);
	void (*visit)(struct look *l, const struct place *p, uint32_t *label);
	void (*part)(struct look *l, const struct part_todo *t);
};
void visit_all(struct look *l, const struct visitor *v);
/* The same for one span, whose memory is in the window. */
void visit_span(struct look *l, const struct visitor *v, struct span *s);

/* Goes over all spans that are wanted, in order of address, each with its marks (NULL: it is not
 * what it was, or did not keep still), and with its memory in the window if that is asked for. */
struct sweep {
	bool memory;
	bool (*wanted)(const struct look *l, const struct span *s);	/* NULL: all */
	void (*span)(struct look *l, struct span *s, const struct span_marks *m);
};
void sweep_spans(struct look *l, const struct sweep *sw);

/* Between these, what walks give to l->walk.edge comes to it some edges later. */
void edges_begin(struct look *l);
void edges_flush(struct look *l);	/* nothing waits any more */
bool edges_lead_to(const struct look *l, const struct span *s);	/* whether any that wait do */
void edges_end(struct look *l);

/* The edge leads to no span: it is to be followed when more are known. */
void blind_found(struct look *l, const struct edge *e);
/* Asks a collection that has ended since what of all that was reached it found alive; the rest is
 * replaced.  Nothing that was read may wait to be followed. */
void survive_check(struct look *l);

/* Learns of new spans, also such as lie where others were, and calls again for each object that
 * pointed to where none was known.  What roots and parts pointed to is followed as it was read:
 * read anew, it may be in a newer span, over and over.  False: there are no new ones. */
bool blind_again(struct look *l, void (*again)(struct look *l, uint32_t *label));

/* Whether the program has done something since the look began, as far as that shows: what it
 * allocates from spans that it has at hand is counted late. */
bool has_moved(struct look *l);
uint64_t look_mallocs(const struct look *l);
uint64_t look_cpu_ns(const struct look *l);	/* 0: not known */

/* In look.parts: of an address, as what it was found. */
static inline uint64_t part_key(uint64_t addr, uint32_t type)
{
	return table_mix(table_mix(0x51ed270b, addr), type) | 1;
}

/* Remembers a part to be walked. */
void part_found(struct look *l, const struct edge *e, uint32_t from);
/* The edge leads to no span: whether it is one to the record of a deferred call, which may lie on a
 * stack; that is remembered as parts are. */
bool defer_found(struct look *l, const struct edge *e, uint32_t from);
/* Parts wait until visit_all(): whether a span's more may. */
bool has_room_for_parts(const struct look *l);
/* How much of the object is to be walked for it. */
uint64_t part_bytes(struct look *l, const struct part_todo *t);

/* The pointers of an object, by its type, or, if that is 0, by what they look like. */
void walk_whole(struct look *l, const struct place *p, uint32_t type);

/* An object is a goroutine that waits for a channel: what it is to get or give is of the type of
 * the channel's elements, and lies on its stack. */
void walk_waiting(struct look *l, const struct place *p, uint32_t type);

/* The type that an object says it has, and how sure that is: its header, its code pointer, what
 * makes a channel.  0: it says nothing. */
uint32_t own_type(struct look *l, const struct place *p);

/* What an object is that points to parts of a map like only other parts of it do; how sure that is.
 * 0: no part of a map. */
uint32_t map_type(struct look *l, const struct place *p, enum strength *strength);

/* What an object may be that says nothing, by its shape; the span's memory is in the window.  0:
 * nobody knows. */
uint32_t guess_type(struct look *l, const struct place *p);
void shapes_free(struct shapes *sh);

/* Which words of an object are pointers, as the collector has it, from the one at off on, at most
 * MASK_BYTES; the span's memory is in the window.  False: not known, all may be. */
enum { MASK_BYTES = 32768, MASK_WORDS = MASK_BYTES / 8 / 64 };
bool pointer_mask(struct look *l, const struct place *p, uint64_t off, uint64_t mask[MASK_WORDS]);

/* Objects of which the caller knows the type: calls own_type for each. */
void walk_seeds(struct look *l);

void learn_all(struct look *l);
void reach_all(struct look *l);
/* free() them; of what is a goroutine's stack, a finalizer or in a queue of such, and NULL where no
 * function is known. */
char *variable_name(const struct look *l, uint64_t vaddr);
char *root_name(const struct look *l, uint32_t node);

/* The rows of what has been learnt and reached. */
void rows_make(struct look *l, struct heapmap *out);

/* ---- nodes: the ways by which objects are held --------------------------------------------- */

/* A node stands for all objects that are held the same way: by the same slot of objects that are
 * themselves held the same way. */
struct node {
	uint32_t parent;	/* 0: a root */
	uint32_t slot;		/* through which: of the parent's type, or NODE_OFFSET | words; of a
				 * root its number */
	uint32_t type;		/* of the object; 0: unknown */
	uint8_t depth;
	bool guess, again;
	bool unsure;		/* a word that may be left over leads there, nothing else was seen to */
	uint8_t root;		/* enum heap_root, of a root */
};

#define NODE_OFFSET (1u << 31)
enum { ROOT_UNSURE = 1 };	/* instead of an address: what hangs there is unsure */
#define NODE_SOMEWHERE UINT32_MAX	/* in a large object of which nothing is known */

struct root {
	uint64_t key;
	uint64_t addr;		/* variable: vaddr; stack: entry of the function */
	uint32_t node;
};

struct nodes *nodes_new(struct budget *b);
void nodes_free(struct nodes *ns);
/* Where there is no room, one node for all (HEAP_ROOT_CUT); 0: not even that. */
uint32_t nodes_root(struct nodes *ns, enum heap_root root, uint64_t addr);
/* *cut: the way could not be kept. */
uint32_t nodes_child(struct nodes *ns, uint32_t parent, uint32_t slot, uint32_t type, bool guess,
		     bool *cut);
const struct node *nodes_at(const struct nodes *ns, uint32_t node);
size_t nodes_count(const struct nodes *ns);
uint64_t nodes_root_addr(const struct nodes *ns, uint32_t node);

#endif
