/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake_go.h - writes the smallest file that is a Go program to us: ELF headers, build info,
 * pclntab with inlining, moduledata, some types; in the layout of any Go version from 1.17 to
 * 1.27, position independent (all pointers by relocations) or not, with or without section
 * headers.
 *
 * Written from Go's sources (cmd/link/internal/ld/pcln.go, runtime/symtab.go), not from our parser.
 * Everything lies at FAKE_BASE plus its file offset.
 */
#ifndef FAKE_GO_H
#define FAKE_GO_H

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	FAKE_BASE = 0x400000,
	FAKE_TEXT = FAKE_BASE + 0x1000,
	FAKE_FUNC_SIZE = 0x40,
	FAKE_RODATA = FAKE_BASE + 0x2000,
	FAKE_PCLNTAB = FAKE_RODATA + 0x40,
	FAKE_TYPES = FAKE_BASE + 0x3000,
	FAKE_ETYPES = FAKE_TYPES + 0x600,
	FAKE_NAMES = 0x400,			/* offset of type names in the types */
	FAKE_FUNCDATA = FAKE_BASE + 0x3800,
	FAKE_DATA = FAKE_BASE + 0x4000,
	FAKE_BUILDINFO = FAKE_DATA + 0x10,
	FAKE_MODULEDATA = FAKE_DATA + 0x800,
	FAKE_DYNAMIC = FAKE_DATA + 0xb00,
	FAKE_RELA = FAKE_DATA + 0xc00,
	FAKE_SECTIONS = FAKE_BASE + 0x5800,
	FAKE_SIZE = 0x6000,
	FAKE_BSS_SIZE = 0x3000,
};

/* The functions, in order of address, each FAKE_FUNC_SIZE bytes. */
enum fake_func {
	FAKE_LEAF,
	FAKE_CALLER,		/* main.middle inlined at 0x20, and main.inner into that at 0x10 */
	FAKE_WRAPPER,		/* of a method that is inlined at 0x10 */
	FAKE_GOPANIC,
	FAKE_SIGPANIC,
	FAKE_PANICWRAP,
	FAKE_ASYNC_PREEMPT,
	FAKE_GENERIC,
	FAKE_LOOP,		/* its inlined call is its own parent */
	FAKE_N_FUNCS,
};

struct fake_go {
	int minor;
	bool pie, sections;
	const char *version;	/* NULL: go1.MINOR.1 */
	const char *settings;	/* "build\tKEY=VALUE\n"...; NULL: none */

	uint8_t bytes[FAKE_SIZE];
	size_t n_rela;
};

static uint8_t *fake_at(struct fake_go *f, uint64_t vaddr)
{
	return f->bytes + (vaddr - FAKE_BASE);
}

static void fake_put(struct fake_go *f, uint64_t vaddr, const void *p, size_t n)
{
	memcpy(fake_at(f, vaddr), p, n);
}

static void fake_8(struct fake_go *f, uint64_t vaddr, uint8_t v)
{
	fake_put(f, vaddr, &v, sizeof(v));
}

static void fake_32(struct fake_go *f, uint64_t vaddr, uint32_t v)
{
	fake_put(f, vaddr, &v, sizeof(v));
}

static void fake_64(struct fake_go *f, uint64_t vaddr, uint64_t v)
{
	fake_put(f, vaddr, &v, sizeof(v));
}

/* A pointer: in a position-independent file zero and a relocation. */
static void fake_ptr(struct fake_go *f, uint64_t vaddr, uint64_t to)
{
	Elf64_Rela r = { vaddr, ELF64_R_INFO(0, R_X86_64_RELATIVE), to };

	if (!f->pie) {
		fake_64(f, vaddr, to);
		return;
	}
	fake_put(f, FAKE_RELA + sizeof(r) * f->n_rela++, &r, sizeof(r));
}

/* A Go slice or string header. */
static void fake_slice(struct fake_go *f, uint64_t vaddr, uint64_t to, uint64_t n)
{
	fake_ptr(f, vaddr, to);
	fake_64(f, vaddr + 8, n);
	fake_64(f, vaddr + 16, n);
}

static void fake_elf(struct fake_go *f)
{
	const struct { uint32_t type, flags; uint64_t vaddr, filesz, memsz; } segs[] = {
		{ PT_LOAD, PF_R | PF_X, FAKE_BASE, 0x2000, 0x2000 },
		{ PT_LOAD, PF_R, FAKE_RODATA, 0x2000, 0x2000 },
		{ PT_LOAD, PF_R | PF_W, FAKE_DATA, 0x1800, 0x1800 + FAKE_BSS_SIZE },
		{ PT_DYNAMIC, PF_R, FAKE_DYNAMIC, 3 * sizeof(Elf64_Dyn), 3 * sizeof(Elf64_Dyn) },
	};
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = f->pie ? ET_DYN : ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(eh),
		.e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = f->pie ? 4 : 3,
		.e_shentsize = sizeof(Elf64_Shdr),
	};
	size_t i;

	fake_put(f, FAKE_BASE, &eh, sizeof(eh));
	for (i = 0; i < eh.e_phnum; i++) {
		const uint64_t vaddr = segs[i].vaddr;
		Elf64_Phdr ph = { segs[i].type, segs[i].flags, vaddr - FAKE_BASE, vaddr, vaddr,
				  segs[i].filesz, segs[i].memsz, 0x1000 };

		fake_put(f, FAKE_BASE + sizeof(eh) + i * sizeof(ph), &ph, sizeof(ph));
	}
}

static void fake_section_headers(struct fake_go *f)
{
	const struct { const char *name; uint64_t vaddr, size; } secs[] = {
		{ "", 0, 0 },
		{ ".text", FAKE_TEXT, FAKE_FUNC_SIZE * FAKE_N_FUNCS },
		{ ".gopclntab", FAKE_PCLNTAB, FAKE_TYPES - FAKE_PCLNTAB },
		{ ".go.buildinfo", FAKE_BUILDINFO, 0x20 },
		{ ".go.module", FAKE_MODULEDATA, 0x280 },
		{ ".shstrtab", 0, 0x80 },
	};
	const uint64_t names = FAKE_SECTIONS + 0x300;
	const size_t n = sizeof(secs) / sizeof(secs[0]);
	size_t i, name = 0;
	Elf64_Ehdr eh;

	memcpy(&eh, f->bytes, sizeof(eh));
	eh.e_shoff = FAKE_SECTIONS - FAKE_BASE;
	eh.e_shnum = n;
	eh.e_shstrndx = n - 1;
	fake_put(f, FAKE_BASE, &eh, sizeof(eh));
	for (i = 0; i < n; i++) {
		Elf64_Shdr sh = { .sh_name = name, .sh_type = i ? SHT_PROGBITS : SHT_NULL,
				  .sh_addr = secs[i].vaddr, .sh_size = secs[i].size,
				  .sh_offset = secs[i].vaddr ? secs[i].vaddr - FAKE_BASE : 0 };

		if (i == n - 1) {
			sh.sh_type = SHT_STRTAB;
			sh.sh_offset = names - FAKE_BASE;
		}
		fake_put(f, FAKE_SECTIONS + i * sizeof(sh), &sh, sizeof(sh));
		fake_put(f, names + name, secs[i].name, strlen(secs[i].name) + 1);
		name += strlen(secs[i].name) + 1;
	}
}

static void fake_build_info(struct fake_go *f)
{
	static const char frame[17] = "0123456789abcdef";
	char version[64], module[1024];
	uint64_t at = FAKE_BUILDINFO;
	size_t n, m;

	snprintf(version, sizeof(version), "go1.%d.1", f->minor);
	if (f->version)
		snprintf(version, sizeof(version), "%s", f->version);
	n = strlen(version);
	m = snprintf(module, sizeof(module), "%spath\tmain\n%s%s", frame,
		     f->settings ? f->settings : "", frame);
	fake_put(f, at, "\xff Go buildinf:", 14);
	fake_8(f, at + 14, 8);
	if (f->minor >= 18) {
		fake_8(f, at + 15, 2);
		fake_8(f, at + 32, n);
		fake_put(f, at + 33, version, n);
		fake_8(f, at + 33 + n, (m & 0x7f) | 0x80);
		fake_8(f, at + 34 + n, m >> 7);
		fake_put(f, at + 35 + n, module, m);
		return;
	}
	fake_ptr(f, at + 16, at + 32);
	fake_ptr(f, at + 24, at + 48);
	fake_ptr(f, at + 32, at + 64);
	fake_64(f, at + 40, n);
	fake_ptr(f, at + 48, at + 128);
	fake_64(f, at + 56, m);
	fake_put(f, at + 64, version, n);
	fake_put(f, at + 128, module, m);
}

/* Where the next piece of one of pclntab's tables goes, relative to the table. */
struct fake_table {
	uint64_t vaddr;
	uint32_t n;
};

static uint32_t fake_string(struct fake_go *f, struct fake_table *t, const char *s)
{
	uint32_t off = t->n;

	fake_put(f, t->vaddr + off, s, strlen(s) + 1);
	t->n += strlen(s) + 1;
	return off;
}

static void fake_varint(struct fake_go *f, struct fake_table *t, uint32_t v)
{
	for (; v >= 0x80; v >>= 7)
		fake_8(f, t->vaddr + t->n++, v | 0x80);
	fake_8(f, t->vaddr + t->n++, v);
}

/* A pc table: values[i] holds from 0x10 * i up to 0x10 * (i + 1). */
static uint32_t fake_pc_table(struct fake_go *f, struct fake_table *t, const int32_t values[4])
{
	uint32_t off = t->n;
	int32_t last = -1, delta;
	int i, from = 0;

	for (i = 1; i <= 4; i++) {
		if (i < 4 && values[i] == values[i - 1])
			continue;
		delta = values[i - 1] - last;
		fake_varint(f, t, delta < 0 ? -2 * delta - 1 : 2 * delta);
		fake_varint(f, t, 0x10 * (i - from));
		last = values[i - 1];
		from = i;
	}
	fake_8(f, t->vaddr + t->n++, 0);
	return off;
}

static uint8_t fake_func_id(int minor, enum fake_func fn)
{
	switch (fn) {
	case FAKE_WRAPPER:
		return minor >= 25 ? 23 : minor >= 22 || minor == 17 ? 22 : 21;
	case FAKE_GOPANIC:
		return minor >= 22 ? 10 : 9;
	case FAKE_SIGPANIC:
		return minor >= 25 ? 20 : minor >= 22 || minor == 17 ? 19 : 18;
	case FAKE_PANICWRAP:
		return minor >= 22 || minor == 17 ? 15 : 14;
	case FAKE_ASYNC_PREEMPT:
		return 3;
	default:
		return 0;
	}
}

/* One record of an inline tree. */
static void fake_inlined(struct fake_go *f, uint64_t vaddr, uint32_t name, uint32_t parent_pc)
{
	fake_32(f, vaddr + (f->minor >= 20 ? 4 : 12), name);
	fake_32(f, vaddr + (f->minor >= 20 ? 8 : 16), parent_pc);
}

/* Two stack maps, of two words of arguments and of three of locals, and two variables whose address
 * is taken: of 16 bytes 16 below the frame pointer, with a pointer at their begin, and of 8 behind
 * the first argument, whose map is a program. */
enum {
	FAKE_ARGS_MAPS = 0, FAKE_LOCALS_MAPS = 0x20, FAKE_STACK_OBJECTS = 0x40,
	FAKE_OBJECT_MAP = 0x80,
};

static void fake_stack_maps(struct fake_go *f, uint64_t vaddr)
{
	const uint64_t locals = vaddr + FAKE_LOCALS_MAPS, objects = vaddr + FAKE_STACK_OBJECTS;
	const uint64_t second = objects + 8 + (f->minor == 17 ? 24 : 16);

	fake_32(f, vaddr, 2);
	fake_32(f, vaddr + 4, 2);
	fake_8(f, vaddr + 8, 1);
	fake_8(f, vaddr + 9, 2);
	fake_32(f, locals, 2);
	fake_32(f, locals + 4, 3);
	fake_8(f, locals + 8, 4);
	fake_8(f, locals + 9, 5);
	fake_64(f, objects, 2);
	fake_32(f, objects + 8, (uint32_t)-16);
	fake_32(f, objects + 12, 16);
	fake_32(f, objects + 16, 8);
	if (f->minor == 17)
		fake_ptr(f, objects + 24, vaddr + FAKE_OBJECT_MAP);
	else
		fake_32(f, objects + 20, (uint32_t)(vaddr + FAKE_OBJECT_MAP - FAKE_RODATA));
	fake_32(f, second, 8);
	fake_32(f, second + 4, 8);
	fake_32(f, second + 8, (uint32_t)-8);
	fake_8(f, vaddr + FAKE_OBJECT_MAP, 1);
}

struct fake_func_data {
	uint32_t name, sp, file, line, inl;	/* offsets of tables; inl 0: no inlining */
	uint32_t map;			/* likewise, which stack map; 0: there are none */
	uint64_t tree, maps;
	uint8_t id;
};

/* vaddr of funcdata number i; 0: there is none. */
static uint64_t fake_funcdata(const struct fake_func_data *d, int i)
{
	static const uint32_t maps[] = { FAKE_ARGS_MAPS, FAKE_LOCALS_MAPS, FAKE_STACK_OBJECTS };

	if (i == 3)
		return d->inl ? d->tree : 0;
	return d->map ? d->maps + maps[i] : 0;
}

/* A _func at vaddr; returns its size. */
static uint32_t fake_func(struct fake_go *f, uint64_t vaddr, uint32_t entry,
			  const struct fake_func_data *d)
{
	const int m = f->minor;
	uint64_t at = vaddr + (m == 17 ? 8 : 4), tables;
	int i;

	if (m == 17)
		fake_ptr(f, vaddr, FAKE_TEXT + entry);
	else
		fake_32(f, vaddr, entry);
	fake_32(f, at, d->name);
	fake_32(f, at + 4, d->map ? 16 : 0);	/* args */
	fake_32(f, at + 12, d->sp);
	fake_32(f, at + 16, d->file);
	fake_32(f, at + 20, d->line);
	fake_32(f, at + 24, 3);			/* npcdata */
	fake_32(f, at + 28, 0);			/* cuOffset */
	at += m >= 20 ? 36 : 32;		/* behind startLine */
	fake_8(f, at, d->id);
	fake_8(f, at + 3, 4);			/* nfuncdata */
	tables = at + 4;
	fake_32(f, tables + 4, d->map);
	fake_32(f, tables + 8, d->inl);
	tables += 12;
	if (m == 17) {
		tables = (tables + 7) & ~7ull;
		for (i = 0; i < 4; i++)
			if (fake_funcdata(d, i))
				fake_ptr(f, tables + 8 * i, fake_funcdata(d, i));
		return tables + 32 - vaddr;
	}
	for (i = 0; i < 4; i++)
		fake_32(f, tables + 4 * i, fake_funcdata(d, i) ? fake_funcdata(d, i) - FAKE_FUNCDATA :
								 UINT32_MAX);
	return (tables + 16 - vaddr + 7) & ~7u;
}

static void fake_moduledata(struct fake_go *f, const uint64_t parts[5], const uint64_t sizes[5],
			    uint64_t n_functab)
{
	const int m = f->minor;
	const uint64_t md = FAKE_MODULEDATA, end = FAKE_TEXT + FAKE_FUNC_SIZE * FAKE_N_FUNCS;
	const uint64_t types = md + (m >= 20 ? 296 : 280), gofunc = m == 27 ? 344 : m >= 20 ? 320 : 304;
	static const uint16_t next[] = { 528, 544, 544, 560, 584, 584, 576, 576, 576, 584, 560 };
	int i;

	fake_ptr(f, md, FAKE_PCLNTAB);
	for (i = 0; i < 5; i++)
		fake_slice(f, md + 8 + 24 * i, parts[i], i == 1 ? sizes[i] / 4 : sizes[i]);
	fake_slice(f, md + 128, parts[4], n_functab);
	fake_ptr(f, md + 160, FAKE_TEXT);	/* minpc */
	fake_ptr(f, md + 168, end);
	fake_ptr(f, md + 176, FAKE_TEXT);
	fake_ptr(f, md + 184, end);
	fake_ptr(f, md + 208, FAKE_DATA);
	fake_ptr(f, md + 216, FAKE_DATA + 0x1000);
	fake_ptr(f, md + 224, FAKE_DATA + 0x2000);	/* bss */
	fake_ptr(f, md + 232, FAKE_DATA + 0x3000);
	fake_ptr(f, md + 240, FAKE_DATA + 0x3000);
	fake_ptr(f, md + 248, FAKE_DATA + 0x4000);
	fake_ptr(f, types, FAKE_TYPES);
	fake_ptr(f, types + (m == 27 ? 16 : 8), FAKE_ETYPES);
	if (m >= 18) {
		fake_ptr(f, md + gofunc - 8, FAKE_RODATA);
		fake_ptr(f, md + gofunc, FAKE_FUNCDATA);
	}
	fake_64(f, md + next[m - 17], 0);
}

static void fake_pclntab(struct fake_go *f)
{
	static const int32_t sp[] = { 0, 0x28, 0x28, 0 }, none[] = { -1, -1, -1, -1 };
	static const int32_t map[] = { -1, 1, 0, 0 };
	static const int32_t zero[] = { 0, 0, 0, 0 };
	static const struct {
		const char *name;
		int32_t inl[4], file[4], line[4];
	} funcs[FAKE_N_FUNCS] = {
#define NONE { -1, -1, -1, -1 }
		[FAKE_LEAF] = { "main.leaf", NONE, { 0 }, { 1, 2, 3, 4 } },
		[FAKE_CALLER] = { "main.caller", { -1, 1, 0, -1 }, { 0, 1, 2, 0 },
				  { 10, 20, 30, 11 } },
		[FAKE_WRAPPER] = { "main.(*T).M", { -1, 0, -1, -1 }, { 3, 1, 3, 3 },
				   { 1, 40, 1, 1 } },
		[FAKE_GOPANIC] = { "runtime.gopanic", NONE, { 0 }, { 50, 50, 50, 50 } },
		[FAKE_SIGPANIC] = { "runtime.sigpanic", NONE, { 0 }, { 60, 60, 60, 60 } },
		[FAKE_PANICWRAP] = { "runtime.panicwrap", NONE, { 0 }, { 70, 70, 70, 70 } },
		[FAKE_ASYNC_PREEMPT] = { "runtime.asyncPreempt", NONE, { 0 }, { 80, 80, 80, 80 } },
		[FAKE_GENERIC] = { "main.F[go.shape.int].func1", NONE, { 0 }, { 90, 91, 92, 93 } },
		[FAKE_LOOP] = { "main.init", { 0 }, { 1, 1, 1, 1 }, { 100, 100, 100, 100 } },
#undef NONE
	};
	static const char *const files[] = { "/src/main.go", "/src/inner.go", "/src/middle.go",
					     "<autogenerated>" };
	const int m = f->minor;
	const uint64_t pcln = FAKE_PCLNTAB;
	struct fake_table names = { pcln + 0x80, 0 }, filetab = { pcln + 0x1e0, 0 };
	struct fake_table pctab = { pcln + 0x280, 1 };	/* offset 0 means: no table */
	const uint64_t cu = pcln + 0x1c0, functab = pcln + 0x480;
	const uint64_t entry_size = m == 17 ? 16 : 8;
	uint32_t func_off = (FAKE_N_FUNCS + 1) * entry_size, inner, middle, method, i;
	const uint64_t call_size = m >= 20 ? 16 : 20, trees = FAKE_FUNCDATA + 0x20,
		       maps = FAKE_FUNCDATA + 0x100;
	uint64_t at;

	fake_string(f, &names, "");
	inner = fake_string(f, &names, "main.inner");
	middle = fake_string(f, &names, "main.middle");
	method = fake_string(f, &names, "main.T.M");
	for (i = 0; i < 4; i++)
		fake_32(f, cu + 4 * i, fake_string(f, &filetab, files[i]));
	fake_inlined(f, trees, middle, 0x04);
	fake_inlined(f, trees + call_size, inner, 0x24);
	fake_inlined(f, trees + 0x40, method, 0x04);
	fake_inlined(f, trees + 0x80, inner, 0);
	fake_stack_maps(f, maps);
	for (i = 0; i < FAKE_N_FUNCS; i++) {
		const bool inl = memcmp(funcs[i].inl, none, sizeof(none));
		const bool cut = m <= 20 && i == FAKE_GENERIC;	/* by the linker */
		const char *name = cut ? "main.F[...].func1" : funcs[i].name;
		struct fake_func_data d = {
			.name = fake_string(f, &names, name),
			.sp = fake_pc_table(f, &pctab, sp),
			.file = fake_pc_table(f, &pctab, funcs[i].file),
			.line = fake_pc_table(f, &pctab, funcs[i].line),
			.inl = inl ? fake_pc_table(f, &pctab, funcs[i].inl) : 0,
			.tree = trees + (i == FAKE_WRAPPER ? 0x40 : i == FAKE_LOOP ? 0x80 : 0),
			.map = i == FAKE_LEAF ? fake_pc_table(f, &pctab, map) : 0, .maps = maps,
			.id = fake_func_id(m, i),
		};

		at = functab + entry_size * i;
		if (m == 17) {
			fake_ptr(f, at, FAKE_TEXT + FAKE_FUNC_SIZE * i);
			fake_64(f, at + 8, func_off);
		} else {
			fake_32(f, at, FAKE_FUNC_SIZE * i);
			fake_32(f, at + 4, func_off);
		}
		func_off += fake_func(f, functab + func_off, FAKE_FUNC_SIZE * i, &d);
	}
	at = functab + entry_size * i;
	if (m == 17)
		fake_ptr(f, at, FAKE_TEXT + FAKE_FUNC_SIZE * i);
	else
		fake_32(f, at, FAKE_FUNC_SIZE * i);
	fake_pc_table(f, &pctab, zero);

	fake_32(f, pcln, m >= 20 ? 0xfffffff1 : m >= 18 ? 0xfffffff0 : 0xfffffffa);
	fake_8(f, pcln + 6, 1);
	fake_8(f, pcln + 7, 8);
	fake_64(f, pcln + 8, FAKE_N_FUNCS);
	fake_64(f, pcln + 16, 4);
	at = pcln + 24;
	if (m >= 18) {
		if (m < 26)
			fake_ptr(f, at, FAKE_TEXT);
		at += 8;
	}
	const uint64_t parts[5] = { names.vaddr, cu, filetab.vaddr, pctab.vaddr, functab };
	const uint64_t sizes[5] = { names.n, 16, filetab.n, pctab.n, func_off };

	for (i = 0; i < 5; i++)
		fake_64(f, at + 8 * i, parts[i] - pcln);
	fake_moduledata(f, parts, sizes, FAKE_N_FUNCS + 1);
}

static void fake_go_make(struct fake_go *f)
{
	memset(f->bytes, 0, sizeof(f->bytes));
	f->n_rela = 0;
	fake_elf(f);
	if (f->sections)
		fake_section_headers(f);
	fake_build_info(f);
	fake_pclntab(f);
	if (f->pie) {
		const Elf64_Dyn dyn[] = {
			{ DT_RELA, { FAKE_RELA } },
			{ DT_RELASZ, { f->n_rela * sizeof(Elf64_Rela) } },
			{ DT_NULL, { 0 } },
		};

		fake_put(f, FAKE_DYNAMIC, dyn, sizeof(dyn));
	}
}

/* Puts bytes into a file without a name; returns its descriptor and the path to open it by. */
static int fake_file(const void *bytes, size_t size, char path[32])
{
	int fd = memfd_create("fake", MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size)
		return -1;
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

#endif
