// SPDX-License-Identifier: BSD-2-Clause
/*
 * relocs.c - the relative relocations of a position-independent file by address.
 *
 * Go's linker writes them in no order.  Applied to a private mapping of the file they would make
 * almost each page of its types and tables our own memory: 85 MB of a program of 112 MB that has
 * 800,000 of them.  So there is an index of 4 bytes for each, by granules of the address space,
 * made by counting; the table itself stays in the file.
 */
#include "user/go/relocs.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"

enum {
	GRANULE_SHIFT = 10,
	WORD = 8,
	MAX_IN_GRANULE = 2 << GRANULE_SHIFT >> 3,	/* twice as many as there are pointers */
};

struct relocs {
	const uint8_t *table;
	size_t n;
	uint64_t low, high;
	uint32_t *first;	/* of each granule, in order; one more than there are granules */
	uint32_t *order;	/* numbers in the table */
};

static bool get(const struct relocs *r, size_t i, Elf64_Rela *out)
{
	memcpy(out, r->table + i * sizeof(*out), sizeof(*out));
	return ELF64_R_TYPE(out->r_info) == R_X86_64_RELATIVE && out->r_offset >= r->low &&
	       out->r_offset < r->high && r->high - out->r_offset >= WORD;
}

static size_t granule(const struct relocs *r, uint64_t vaddr)
{
	return (vaddr - r->low) >> GRANULE_SHIFT;
}

/* False: there is nothing, or a granule has more than fit. */
static bool count(struct relocs *r, size_t n_granules)
{
	Elf64_Rela rela;

	for (size_t i = 0; i < r->n; i++)
		if (get(r, i, &rela) && ++r->first[granule(r, rela.r_offset)] > MAX_IN_GRANULE)
			return false;
	for (size_t g = 1; g <= n_granules; g++)
		r->first[g] += r->first[g - 1];
	return r->first[n_granules];
}

/* first[] has the ends of the granules, and the beginnings when this is done.  The file may be
 * changing. */
static void fill(struct relocs *r, size_t n_granules)
{
	Elf64_Rela rela;

	r->order = xcalloc(r->first[n_granules], sizeof(*r->order));
	for (size_t i = r->n; i-- > 0;)
		if (get(r, i, &rela) && r->first[granule(r, rela.r_offset)])
			r->order[--r->first[granule(r, rela.r_offset)]] = (uint32_t)i;
}

struct relocs *relocs_new(const void *table, size_t bytes, uint64_t low, uint64_t high)
{
	struct relocs *r = xcalloc(1, sizeof(*r));
	size_t n_granules;

	r->table = table;
	r->n = bytes / sizeof(Elf64_Rela);
	r->low = low;
	r->high = high;
	if (low >= high || r->n > UINT32_MAX)
		goto none;
	n_granules = granule(r, high - 1) + 1;
	r->first = xcalloc(n_granules + 1, sizeof(*r->first));
	if (!count(r, n_granules))
		goto none;
	fill(r, n_granules);
	return r;
none:
	relocs_free(r);
	return NULL;
}

void relocs_free(struct relocs *r)
{
	if (!r)
		return;
	free(r->first);
	free(r->order);
	free(r);
}

static void apply(const Elf64_Rela *rela, uint64_t vaddr, uint8_t *copy, size_t len)
{
	const uint8_t *word = (const uint8_t *)&rela->r_addend;

	for (size_t i = 0; i < WORD; i++)
		if (rela->r_offset + i - vaddr < len)
			copy[rela->r_offset + i - vaddr] = word[i];
}

void relocs_apply(const struct relocs *r, uint64_t vaddr, void *copy, size_t len)
{
	uint64_t from = vaddr, to = vaddr + len;
	Elf64_Rela rela;

	if (!r || !len || to <= r->low || from >= r->high)
		return;
	/* One that begins before vaddr may reach into it. */
	from = from - r->low < WORD || from < r->low ? r->low : from - (WORD - 1);
	to = to < r->high ? to : r->high;
	for (uint32_t i = r->first[granule(r, from)]; i < r->first[granule(r, to - 1) + 1]; i++)
		if (get(r, r->order[i], &rela))
			apply(&rela, vaddr, copy, len);
}

bool relocs_next_to(const struct relocs *r, uint64_t value, size_t *i, uint64_t *vaddr)
{
	Elf64_Rela rela;

	while (r && *i < r->n) {
		if (!get(r, (*i)++, &rela) || (uint64_t)rela.r_addend != value)
			continue;
		*vaddr = rela.r_offset;
		return true;
	}
	return false;
}
