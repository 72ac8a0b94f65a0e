// SPDX-License-Identifier: BSD-2-Clause
/*
 * moduledata.c - finds the pclntab and the moduledata that belongs to it.
 *
 * Nothing names them in a stripped file, so: the pclntab begins with a magic number, and the
 * moduledata begins with the address of the pclntab followed by the addresses of its parts, which
 * the header of the pclntab gives as offsets.  Six words that agree are no accident, so a pclntab
 * inside of an embedded file (whose own moduledata holds other addresses) is never taken.
 *
 * Sections are hints only.  Position-independent files have the pclntab in .data.rel.ro, under a
 * name of its own or not; external linkers may merge it; from Go 1.26 on .go.module is the
 * moduledata.  Layouts: runtime/symtab.go of Go 1.17 to 1.27.
 */
#include "user/go/moduledata.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/reader.h"
#include "user/base/util.h"
#include "user/go/image.h"

enum {
	MODULEDATA_BYTES = 376,		/* as far as it is read in the file, in Go 1.27 */
	N_TABLES = 6,
};

/* Where fields of runtime.moduledata lie; those at the start are the same in all versions. */
enum {
	MD_TABLES = 8,			/* funcname, cu, file, pc, pcln, functab: slices */
	MD_MINPC = 160,
	MD_TEXT = 176,
	MD_DATA = 208,
	MD_BSS = 224,
};

struct md_layout {
	int first_minor, last_minor;
	uint32_t magic;			/* of the pclntab */
	bool has_text_start;		/* a word in the header between nfiles and the offsets */
	uint16_t types, etypes, gofunc, textsectmap, path, masks, next;
};

static const struct md_layout layouts[] = {
	{ 17, 17, 0xfffffffa, false, 280, 288,   0, 296, 392, 480, 528 },
	{ 18, 19, 0xfffffff0, true,  280, 288, 304, 312, 408, 496, 544 },
	{ 20, 20, 0xfffffff1, true,  296, 304, 320, 328, 424, 512, 560 },
	{ 21, 22, 0xfffffff1, true,  296, 304, 320, 328, 424, 536, 584 },
	{ 23, 25, 0xfffffff1, true,  296, 304, 320, 328, 424, 536, 576 },
	{ 26, 26, 0xfffffff1, true,  296, 304, 320, 336, 432, 544, 584 },
	{ 27, 27, 0xfffffff1, true,  296, 312, 344, 360, 408, 520, 560 },
};

/* What the header of a pclntab says. */
struct header {
	uint64_t vaddr;
	uint64_t n_funcs;
	uint64_t parts[N_TABLES - 1];	/* vaddrs of funcname, cu, file, pc, pcln */
	uint8_t quantum;
};

/* What one search needs, so that the steps of it stay short. */
struct search {
	const struct image *img;
	const struct md_layout *lo;
	struct header pcln;
	unsigned n_candidates;
	struct moduledata *out;
};

static const struct md_layout *layout_of(int minor)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(layouts); i++)
		if (minor >= layouts[i].first_minor && minor <= layouts[i].last_minor)
			return &layouts[i];
	return NULL;
}

/* magic, 0, 0, size of an instruction, size of a pointer: one word. */
static uint64_t header_word(const struct image *img, uint32_t magic, uint8_t *quantum)
{
	*quantum = image_machine(img) == EM_X86_64 ? 1 : 4;
	return magic | (uint64_t)*quantum << 48 | (uint64_t)8 << 56;
}

static bool read_header(const struct search *s, uint64_t vaddr, struct header *out)
{
	uint64_t w[9];
	size_t i, first = s->lo->has_text_start ? 4 : 3;
	struct header h = { .vaddr = vaddr };

	if (!image_read(s->img, vaddr, w, (first + N_TABLES - 1) * sizeof(w[0])))
		return false;
	if (w[0] != header_word(s->img, s->lo->magic, &h.quantum))
		return false;
	h.n_funcs = w[1];
	for (i = 0; i < N_TABLES - 1; i++)
		h.parts[i] = vaddr + w[first + i];
	*out = h;
	return true;
}

/* A Go slice of elements of the given size, all of it in the file. */
static bool read_slice(const struct image *img, const uint8_t *p, uint64_t elem,
		       struct go_table *out)
{
	uint64_t avail, len = load_u64(p + 8);

	out->p = image_at(img, load_u64(p), &avail);
	if (!out->p || len > avail / elem)
		return false;
	out->n = len * elem;
	return true;
}

/* The tables of Go 1.17 have absolute addresses of code. */
static void relocate_tables(const struct search *s, const uint8_t *md,
			    const struct moduledata *out)
{
	const uint8_t *pcln = md + MD_TABLES + 24 * (N_TABLES - 2), *functab = pcln + 24;

	if (!s->lo->has_text_start) {
		image_relocate(s->img, load_u64(pcln), out->pcln.n);
		image_relocate(s->img, load_u64(functab), out->functab.n);
	}
}

/* Names are used in place: each of them ends inside of its table if the last one does. */
static bool ends_with_nul(const struct go_table *t)
{
	return t->n && !t->p[t->n - 1];
}

static bool read_tables(const struct search *s, const uint8_t *md, struct moduledata *out)
{
	const struct { struct go_table *table; uint64_t elem; } tables[N_TABLES] = {
		{ &out->funcname, 1 }, { &out->cu, 4 }, { &out->file, 1 }, { &out->pc, 1 },
		{ &out->pcln, 1 }, { &out->functab, s->lo->magic == 0xfffffffa ? 16 : 8 },
	};
	size_t i;

	for (i = 0; i < N_TABLES; i++)
		if (!read_slice(s->img, md + MD_TABLES + 24 * i, tables[i].elem, tables[i].table))
			return false;
	/* One entry more than functions: the end of the last one. */
	out->n_funcs = out->functab.n / tables[N_TABLES - 1].elem - 1;
	return out->functab.n && out->n_funcs == s->pcln.n_funcs && out->n_funcs &&
	       out->n_funcs < UINT32_MAX && ends_with_nul(&out->funcname) &&
	       ends_with_nul(&out->file);
}

static void read_module(const struct md_layout *lo, const uint8_t *md, struct go_module *out)
{
	out->text = load_u64(md + MD_TEXT);
	out->etext = load_u64(md + MD_TEXT + 8);
	out->types = load_u64(md + lo->types);
	out->etypes = load_u64(md + lo->etypes);
	out->data = load_u64(md + MD_DATA);
	out->edata = load_u64(md + MD_DATA + 8);
	out->bss = load_u64(md + MD_BSS);
	out->ebss = load_u64(md + MD_BSS + 8);
	out->masks = lo->masks;
	out->path = lo->path;
	out->next = lo->next;
}

void moduledata_read(const uint8_t *md, int minor, struct go_module *out)
{
	read_module(layout_of(minor), md, out);
}

static bool sane_module(const struct search *s, const struct moduledata *m)
{
	const struct go_module *mod = &m->module;
	uint64_t avail;

	return mod->text <= m->minpc && m->minpc < m->maxpc && m->maxpc <= mod->etext &&
	       image_mapped(s->img, mod->text, mod->etext - mod->text) &&
	       mod->data <= mod->edata && image_mapped(s->img, mod->data, mod->edata - mod->data) &&
	       mod->bss <= mod->ebss && image_mapped(s->img, mod->bss, mod->ebss - mod->bss) &&
	       mod->types <= mod->etypes && image_at(s->img, mod->types, &avail) &&
	       mod->etypes - mod->types <= avail;
}

static bool is_moduledata(struct search *s, uint64_t vaddr)
{
	struct moduledata m = { .quantum = s->pcln.quantum };
	uint8_t md[MODULEDATA_BYTES] = { 0 };
	size_t i;

	if (!image_read(s->img, vaddr, md, s->lo->textsectmap + 16) ||
	    load_u64(md) != s->pcln.vaddr)
		return false;
	for (i = 0; i < N_TABLES - 1; i++)
		if (load_u64(md + MD_TABLES + 24 * i) != s->pcln.parts[i])
			return false;
	if (!read_tables(s, md, &m))
		return false;
	m.minpc = load_u64(md + MD_MINPC);
	m.maxpc = load_u64(md + MD_MINPC + 8);
	if (s->lo->gofunc) {
		m.rodata = load_u64(md + s->lo->gofunc - 8);
		m.gofunc = load_u64(md + s->lo->gofunc);
	}
	read_module(s->lo, md, &m.module);
	m.module.addr = vaddr;
	if (!sane_module(s, &m))
		return false;
	/* Several text sections: only where the linker splits them, which it does on neither of our
	 * architectures (cmd/link/internal/ld/data.go, splitTextSections). */
	if (load_u64(md + s->lo->textsectmap + 8) > 1)
		return false;
	relocate_tables(s, md, &m);
	*s->out = m;
	return true;
}

/* Calls visit(s, vaddr) for each place that a relocation makes point to value, until it returns
 * true. */
static bool scan_relocations(struct search *s, uint64_t value,
			     bool (*visit)(struct search *s, uint64_t vaddr))
{
	uint64_t vaddr;
	size_t i = 0;

	while (image_next_pointer(s->img, value, &i, &vaddr))
		if (visit(s, vaddr))
			return true;
	return false;
}

/* Calls visit(s, vaddr) for each 8-aligned word of the file part of the segments that has this
 * value: writable segments first, then read-only ones, then code, until it returns true. */
static bool scan(struct search *s, uint64_t value,
		 bool (*visit)(struct search *s, uint64_t vaddr))
{
	const struct image_segment *segs;
	uint64_t avail, off, start;
	const uint8_t *p;
	size_t i, n;
	int round;

	segs = image_segments(s->img, &n);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < n; i++) {
			if ((segs[i].write ? 0 : segs[i].exec ? 2 : 1) != round)
				continue;
			start = (segs[i].vaddr + 7) & -(uint64_t)8;
			p = image_at(s->img, start, &avail);
			for (off = 0; p && off + 8 <= avail; off += 8)
				if (load_u64(p + off) == value && visit(s, start + off))
					return true;
		}
	}
	return false;
}

static bool find_moduledata(struct search *s, uint64_t pclntab)
{
	uint64_t vaddr, size;

	if (s->n_candidates == MAX_PCLNTABS || !read_header(s, pclntab, &s->pcln))
		return false;
	s->n_candidates++;
	if (image_section(s->img, ".go.module", &vaddr, &size) && is_moduledata(s, vaddr))
		return true;
	return scan_relocations(s, pclntab, is_moduledata) || scan(s, pclntab, is_moduledata);
}

static bool find_pclntab(struct search *s)
{
	static const char *const hints[] = { ".gopclntab", ".data.rel.ro.gopclntab" };
	uint64_t vaddr, size;
	uint8_t quantum;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hints); i++)
		if (image_section(s->img, hints[i], &vaddr, &size) && find_moduledata(s, vaddr))
			return true;
	return scan(s, header_word(s->img, s->lo->magic, &quantum), find_moduledata);
}

int moduledata_find(struct moduledata *out, const struct image *img, int minor)
{
	struct search s = { .img = img, .lo = layout_of(minor), .out = out };

	if (s.lo && find_pclntab(&s))
		return 0;
	say_error("%s: built with Go 1.%d, but its function table or module data is damaged or of "
		  "an unknown form; rebuild or reinstall the program", image_name(img),
		  minor);
	return -EBADMSG;
}
