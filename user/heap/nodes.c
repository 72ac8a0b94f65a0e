// SPDX-License-Identifier: BSD-2-Clause
/*
 * nodes.c - the ways by which objects are held, as a tree.
 *
 * A way is a root, and from there a slot of each object on it.  Objects held the same way share a
 * node, so that millions of them take a number each and can be counted by adding up.  What goes
 * round in circles (lists, trees) would have a node for every length of the way: an object that is
 * held through a slot like one further up on the way, and is of the same type, gets that one's
 * node, which is marked: it stands for many.
 */
#include "user/heap/look.h"

#include <stdlib.h>

#include "user/base/limits.h"
#include "user/base/table.h"
#include "user/base/util.h"

struct child {
	uint64_t key;
	uint32_t parent, slot, type;
	uint32_t node;
	bool guess;
};

struct nodes {
	struct budget *budget;
	struct node *v;			/* [1, n) */
	size_t n, cap, max;
	uint64_t *addrs;		/* of roots, by node.slot */
	size_t n_roots, cap_roots;
	struct table roots, children;
	uint64_t seed;
};

/* A node, its place in the table of children, and what it is counted with. */
enum { NODE_BYTES = 216, NODES_SHARE = 8 };

struct nodes *nodes_new(struct budget *b)
{
	struct nodes *ns = xcalloc(1, sizeof(*ns));
	size_t room = b->max / NODES_SHARE / NODE_BYTES;

	ns->budget = b;
	ns->n = 1;
	ns->max = room < MAX_HEAP_NODES ? room : MAX_HEAP_NODES;
	ns->cap = 1 << 10;
	ns->v = xcalloc(ns->cap, sizeof(*ns->v));
	ns->seed = table_seed() | 1;
	table_init(&ns->roots, sizeof(struct root), 4 * sizeof(struct root) * MAX_HEAP_ROOTS);
	table_init(&ns->children, sizeof(struct child), 4 * sizeof(struct child) * MAX_HEAP_NODES);
	return ns;
}

void nodes_free(struct nodes *ns)
{
	if (!ns)
		return;
	table_fini(&ns->roots);
	table_fini(&ns->children);
	free(ns->v);
	free(ns->addrs);
	free(ns);
}

const struct node *nodes_at(const struct nodes *ns, uint32_t node)
{
	return &ns->v[node];
}

size_t nodes_count(const struct nodes *ns)
{
	return ns->n;
}

uint64_t nodes_root_addr(const struct nodes *ns, uint32_t node)
{
	return ns->addrs[ns->v[node].slot];
}

static uint32_t add_node(struct nodes *ns, const struct node *new)
{
	ns->budget->used += NODE_BYTES;
	if (ns->budget->used > ns->budget->peak)
		ns->budget->peak = ns->budget->used;
	ns->v = grow(ns->v, ns->n, &ns->cap, sizeof(*ns->v));
	ns->v[ns->n] = *new;
	return (uint32_t)ns->n++;
}

uint32_t nodes_root(struct nodes *ns, enum heap_root root, uint64_t addr)
{
	uint64_t key = table_mix(table_mix(ns->seed, root), addr) | 1;
	struct root *e = table_find(&ns->roots, key);
	bool is_new;

	if (e)
		return e->node;
	if (ns->n >= ns->max && root != HEAP_ROOT_CUT)
		return nodes_root(ns, HEAP_ROOT_CUT, addr == ROOT_UNSURE ? ROOT_UNSURE : 0);
	e = table_put(&ns->roots, key, &is_new);
	if (!e)
		return 0;
	ns->addrs = grow(ns->addrs, ns->n_roots, &ns->cap_roots, sizeof(*ns->addrs));
	ns->addrs[ns->n_roots] = addr;
	e->addr = addr;
	e->node = add_node(ns, &(struct node){ .slot = (uint32_t)ns->n_roots++,
					       .root = (uint8_t)root,
					       .unsure = addr == ROOT_UNSURE });
	return e->node;
}

/* The node further up that the way has been through in the same manner; 0: none.  Of objects
 * without a type only the offset is known. */
static uint32_t find_again(const struct nodes *ns, uint32_t parent, uint32_t slot, uint32_t type)
{
	for (uint32_t i = parent; ns->v[i].parent; i = ns->v[i].parent)
		if (ns->v[i].slot == slot && ns->v[i].type == type &&
		    ns->v[ns->v[i].parent].type == ns->v[parent].type)
			return i;
	return 0;
}

/* Where the way does not matter any more, all objects of a type are held alike. */
static bool is_cut(const struct nodes *ns, uint32_t parent)
{
	return ns->n >= ns->max || ns->v[parent].depth >= MAX_HOLDER_LEVELS ||
	       (!ns->v[parent].parent && ns->v[parent].root == HEAP_ROOT_CUT);
}

static uint32_t make_child(struct nodes *ns, const struct node *new)
{
	uint32_t again = find_again(ns, new->parent, new->slot, new->type);

	if (again) {
		ns->v[again].again = true;
		return again;
	}
	return add_node(ns, new);
}

uint32_t nodes_child(struct nodes *ns, uint32_t parent, uint32_t slot, uint32_t type, bool guess,
		     bool *cut)
{
	struct node new = { .parent = parent, .slot = slot, .type = type, .guess = guess,
			    .unsure = ns->v[parent].unsure };
	struct child *e;
	uint64_t key;
	bool is_new;

	*cut = is_cut(ns, parent);
	if (*cut) {
		new.parent = nodes_root(ns, HEAP_ROOT_CUT, new.unsure ? ROOT_UNSURE : 0);
		new.slot = NODE_OFFSET;
	}
	key = table_mix(ns->seed, (uint64_t)new.parent << 32 | new.slot);
	key = table_mix(key, (uint64_t)type << 1 | guess) | 1;
	e = table_put(&ns->children, key, &is_new);
	if (!e || (!is_new && (e->parent != new.parent || e->slot != new.slot || e->type != type ||
			       e->guess != guess)))
		return 0;
	if (is_new) {
		new.depth = (uint8_t)(ns->v[new.parent].depth + 1);
		e->parent = new.parent;
		e->slot = new.slot;
		e->type = type;
		e->guess = guess;
		e->node = make_child(ns, &new);
	}
	return e->node;
}
