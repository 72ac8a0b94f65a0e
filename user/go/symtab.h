/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symtab.h - the data of an ELF file's symbol table, by name.
 */
#ifndef SYMTAB_H
#define SYMTAB_H

#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>

struct symtab;

/* file: the bytes of elf, a 64-bit file of this machine's byte order, which stay where they are,
 * with a 0 behind them.  NULL: it has no (or a damaged) .symtab. */
struct symtab *symtab_new(Elf *elf, const uint8_t *file, uint64_t size);
void symtab_free(struct symtab *st);

/* The section itself, NULL: none. */
Elf_Scn *symtab_section(Elf *elf);

/* Of equal names (C's static variables) the first is found. */
bool symtab_find(const struct symtab *st, const char *name, uint64_t *vaddr, uint64_t *size);

/* The symbols of data, one after the other: *i starts at 0; NULL: no more.  The name ends inside of
 * its section. */
const char *symtab_next_object(const struct symtab *st, size_t *i, uint64_t *vaddr, uint64_t *size);

#endif
