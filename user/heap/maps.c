// SPDX-License-Identifier: BSD-2-Clause
/*
 * maps.c - parts of maps known by the parts they point to.
 *
 * The header of a map does not say of which type the map is, but its groups or buckets may be
 * known: by their malloc header, since from Go 1.22 on those above 512 bytes have one.  What has
 * the size of a header and points to them where a header does, is theirs; so it is with tables and
 * directories.
 */
#include "user/heap/look.h"

#include "user/base/reader.h"

enum {
	WORD = 8,
	MAP_SIZE = 48, MAP_PTR = 16, MAP_DIRLEN = 24,	/* hmap.buckets lies where dirPtr does */
	TABLE_SIZE = 32, TABLE_GROUPS = 16, TABLE_MASK = 24,
	MAX_TABLES = 64,	/* of a directory that are looked at */
};

/* The type of what the pointer leads to the begin of. */
static const struct type *target_type(const struct look *l, uint64_t addr, enum strength *strength)
{
	struct place p;
	uint32_t type;

	if (!space_find(&l->space, addr, &p) || p.off || !p.span->labels)
		return NULL;
	type = known_type(l, p.span->labels[p.index], strength);
	return type ? types_at(l->types, type) : NULL;
}

static uint64_t word_at(const uint8_t *b, size_t off)
{
	return load_u64(b + off);
}

static bool power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

static uint32_t header_of(struct look *l, const uint8_t *b, enum strength *strength)
{
	const struct type *t = target_type(l, word_at(b, MAP_PTR), strength);
	uint8_t wanted = FORM_BUCKETS;

	if (types_swiss(l->types)) {
		uint64_t len = word_at(b, MAP_DIRLEN);

		wanted = len ? FORM_DIRECTORY : FORM_GROUPS;
		if (len && !power_of_two(len))
			return 0;
	}
	return t && t->form == wanted ? types_get(l->types, t->rtype, FORM_MAP) : 0;
}

static uint32_t table_of(struct look *l, const uint8_t *b, enum strength *strength)
{
	const struct type *t = target_type(l, word_at(b, TABLE_GROUPS), strength);

	if (!t || t->form != FORM_GROUPS || !power_of_two(word_at(b, TABLE_MASK) + 1))
		return 0;
	return types_get(l->types, t->rtype, FORM_TABLE);
}

/* Pointers to tables of one and the same map, all of them. */
static uint32_t directory_of(struct look *l, const struct place *p, enum strength *strength)
{
	const struct type *first = NULL, *t;
	enum strength s;

	for (uint64_t off = 0; off < p->size && off < MAX_TABLES * WORD; off += WORD) {
		const uint8_t *b = window_get(&l->win, p->base + off, WORD);
		uint64_t word = b ? load_u64(b) : 0;

		if (!word && first)
			break;
		t = target_type(l, word, &s);
		if (!t || t->form != FORM_TABLE || (first && first->rtype != t->rtype))
			return 0;
		*strength = s;
		first = t;
	}
	return first ? types_get(l->types, first->rtype, FORM_DIRECTORY) : 0;
}

uint32_t map_type(struct look *l, const struct place *p, enum strength *strength)
{
	enum strength found = STRENGTH_NONE;
	const uint8_t *b = p->size >= TABLE_SIZE ? window_get(&l->win, p->base, TABLE_SIZE) : NULL;
	uint32_t type = 0;

	if (p->size == MAP_SIZE && b)
		type = header_of(l, b, &found);
	else if (p->size == TABLE_SIZE && b && types_swiss(l->types))
		type = table_of(l, b, &found);
	if (!type && types_swiss(l->types))
		type = directory_of(l, p, &found);
	if (type)
		*strength = found < STRENGTH_EDGE ? found : STRENGTH_EDGE;
	return type;
}
