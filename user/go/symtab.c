// SPDX-License-Identifier: BSD-2-Clause
/*
 * symtab.c - the symbol table of an ELF file by name.  Of equal names (C's static functions) the
 * first is found.
 */
#include "user/go/symtab.h"

#include <elf.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/nameindex.h"

struct symtab {
	const Elf64_Sym *v;
	const char *strings;		/* end with a NUL */
	size_t n, n_strings;
	struct nameindex **by_name;	/* NAMEINDEX_PARTS of them, filled when asked */
};

Elf_Scn *symtab_section(Elf *elf)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	while ((scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &sh) && sh.sh_type == SHT_SYMTAB)
			return scn;
	return NULL;
}

/* NULL for what names no place in the program: undefined, section and file symbols. */
static const char *symbol_name(const struct symtab *st, size_t i)
{
	const Elf64_Sym *s = &st->v[i];
	unsigned type = ELF64_ST_TYPE(s->st_info);

	if (s->st_shndx == SHN_UNDEF || !s->st_name || s->st_name >= st->n_strings ||
	    type == STT_SECTION || type == STT_FILE)
		return NULL;
	return st->strings + s->st_name;
}

static bool symbol_is(const void *ctx, uint32_t number, const char *name)
{
	const char *s = symbol_name(ctx, number);

	return s && !strcmp(s, name);
}

static struct nameindex *index_names(const struct symtab *st, enum nameindex_part part)
{
	struct nameindex *ix = nameindex_new(st->n, symbol_is, st);
	const char *name;
	size_t i, len;

	for (i = 0; i < st->n; i++) {
		name = symbol_name(st, i);
		if (!name || nameindex_part_of(name) != part)
			continue;
		len = strnlen(name, MAX_NAME + 1);
		if (len && len <= MAX_NAME)
			nameindex_add(ix, name, len, i);
	}
	return ix;
}

struct symtab *symtab_new(Elf *elf)
{
	Elf_Scn *scn = symtab_section(elf);
	Elf_Data *data = elf_getdata(scn, NULL), *strings;
	struct symtab *st;
	GElf_Shdr sh;

	if (!scn || !data || data->d_type != ELF_T_SYM || !data->d_buf || !gelf_getshdr(scn, &sh))
		return NULL;
	strings = elf_getdata(elf_getscn(elf, sh.sh_link), NULL);
	if (!strings || !strings->d_buf || !strings->d_size ||
	    ((char *)strings->d_buf)[strings->d_size - 1])
		return NULL;
	st = xcalloc(1, sizeof(*st));
	st->v = data->d_buf;
	st->n = data->d_size / sizeof(*st->v);
	st->strings = strings->d_buf;
	st->n_strings = strings->d_size;
	st->by_name = xcalloc(NAMEINDEX_PARTS, sizeof(*st->by_name));
	return st;
}

void symtab_free(struct symtab *st)
{
	if (!st)
		return;
	for (int part = 0; part < NAMEINDEX_PARTS; part++)
		nameindex_free(st->by_name[part]);
	free(st->by_name);
	free(st);
}

bool symtab_find(const struct symtab *st, const char *name, uint64_t *vaddr, uint64_t *size)
{
	enum nameindex_part part = nameindex_part_of(name);
	uint32_t i;

	if (!st->by_name[part])
		st->by_name[part] = index_names(st, part);
	if (!nameindex_find(st->by_name[part], name, &i))
		return false;
	*vaddr = st->v[i].st_value;
	*size = st->v[i].st_size;
	return true;
}

const char *symtab_next_object(const struct symtab *st, size_t *i, uint64_t *vaddr, uint64_t *size)
{
	while (*i < st->n) {
		const Elf64_Sym *s = &st->v[*i];
		const char *name = symbol_name(st, (*i)++);

		if (!name || ELF64_ST_TYPE(s->st_info) != STT_OBJECT)
			continue;
		*vaddr = s->st_value;
		*size = s->st_size;
		return name;
	}
	return NULL;
}
