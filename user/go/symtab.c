// SPDX-License-Identifier: BSD-2-Clause
/*
 * symtab.c - the data of an ELF file's symbol table, by name.
 *
 * Where it is in the file, and not in a copy: of a program of 135 MB the symbols and their names
 * are 14 MB, most of them functions', and nobody asks for those.
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
	const uint8_t *symbols;		/* Elf64_Sym, at whatever address */
	const char *strings;		/* end with a NUL */
	size_t n, n_strings, n_objects;
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

static Elf64_Sym symbol_at(const struct symtab *st, size_t i)
{
	Elf64_Sym s;

	memcpy(&s, st->symbols + i * sizeof(s), sizeof(s));
	return s;
}

/* NULL: it is not data of the program. */
static const char *object_name(const struct symtab *st, const Elf64_Sym *s)
{
	if (ELF64_ST_TYPE(s->st_info) != STT_OBJECT || s->st_shndx == SHN_UNDEF || !s->st_name ||
	    s->st_name >= st->n_strings)
		return NULL;
	return st->strings + s->st_name;
}

static bool symbol_is(const void *ctx, uint32_t number, const char *name)
{
	const Elf64_Sym sym = symbol_at(ctx, number);
	const char *s = object_name(ctx, &sym);

	return s && !strcmp(s, name);
}

static struct nameindex *index_names(const struct symtab *st, enum nameindex_part part)
{
	struct nameindex *ix = nameindex_new(st->n_objects, symbol_is, st);
	size_t i, len;

	for (i = 0; i < st->n; i++) {
		const Elf64_Sym sym = symbol_at(st, i);
		const char *name = object_name(st, &sym);

		if (!name || nameindex_part_of(name) != part)
			continue;
		len = strnlen(name, MAX_NAME + 1);
		if (len && len <= MAX_NAME)
			nameindex_add(ix, name, len, i);
	}
	return ix;
}

static size_t count_objects(const struct symtab *st)
{
	size_t n = 0;

	for (size_t i = 0; i < st->n; i++) {
		const Elf64_Sym sym = symbol_at(st, i);

		n += object_name(st, &sym) != NULL;
	}
	return n;
}

/* The bytes of a section; NULL: it has none in the file. */
static const uint8_t *section_bytes(Elf_Scn *scn, const uint8_t *file, uint64_t size, GElf_Shdr *sh)
{
	if (!scn || !gelf_getshdr(scn, sh) || sh->sh_type == SHT_NOBITS ||
	    sh->sh_flags & SHF_COMPRESSED || sh->sh_offset > size ||
	    sh->sh_size > size - sh->sh_offset)
		return NULL;
	return file + sh->sh_offset;
}

struct symtab *symtab_new(Elf *elf, const uint8_t *file, uint64_t size)
{
	const uint8_t *symbols, *strings;
	struct symtab *st;
	GElf_Shdr sh, names;

	symbols = section_bytes(symtab_section(elf), file, size, &sh);
	strings = symbols ? section_bytes(elf_getscn(elf, sh.sh_link), file, size, &names) : NULL;
	if (!strings || !names.sh_size || strings[names.sh_size - 1])
		return NULL;
	st = xcalloc(1, sizeof(*st));
	st->symbols = symbols;
	st->n = sh.sh_size / sizeof(Elf64_Sym);
	st->strings = (const char *)strings;
	st->n_strings = names.sh_size;
	st->n_objects = count_objects(st);
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
	Elf64_Sym sym;
	uint32_t i;

	if (!st->by_name[part])
		st->by_name[part] = index_names(st, part);
	if (!nameindex_find(st->by_name[part], name, &i))
		return false;
	sym = symbol_at(st, i);
	*vaddr = sym.st_value;
	*size = sym.st_size;
	return true;
}

const char *symtab_next_object(const struct symtab *st, size_t *i, uint64_t *vaddr, uint64_t *size)
{
	while (*i < st->n) {
		const Elf64_Sym sym = symbol_at(st, (*i)++);
		const char *name = object_name(st, &sym);

		if (!name)
			continue;
		*vaddr = sym.st_value;
		*size = sym.st_size;
		return name;
	}
	return NULL;
}
