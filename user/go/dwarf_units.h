/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dwarf_units.h - the compile units of a binary's DWARF, one after the other.
 *
 * libdw can be asked about the unit that was given last, and only about it.
 */
#ifndef DWARF_UNITS_H
#define DWARF_UNITS_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

struct dwarf_units;
struct image;

/* -ENOENT: the file has no DWARF; -EBADMSG: it is damaged; -EFBIG: it would take too much memory
 * (limits.h).  Says nothing to the user. */
int dwarf_units_open(struct dwarf_units **out, const struct image *img);
void dwarf_units_close(struct dwarf_units *u);

/* The next unit, of which no more than its own attributes are there until dwarf_units_show();
 * -ENOENT: no more. */
int dwarf_units_next(struct dwarf_units *u, Dwarf_Die *unit);
int dwarf_units_show(struct dwarf_units *u);
/* Only so many bytes of it; *end: the offset in .debug_info behind them. */
int dwarf_units_show_begin(struct dwarf_units *u, uint64_t bytes, uint64_t *end);
/* Where that unit lies in .debug_info. */
uint64_t dwarf_units_begin(const struct dwarf_units *u);
bool dwarf_units_has(const struct dwarf_units *u, uint64_t off);
/* The entry at that offset of .debug_info; false: it is not in this unit. */
bool dwarf_units_die(struct dwarf_units *u, uint64_t off, Dwarf_Die *die);

#endif
