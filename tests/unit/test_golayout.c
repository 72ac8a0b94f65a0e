// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_golayout.c - layouts from hand-made DWARF, from the table, and from hand-made machine code.
 *
 * Stands in for image and gobin: a "binary" here is a version, a file with DWARF, a handful of
 * symbols and functions.  Real binaries of all series are compared by the tests that have Go.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <elf.h>
#include <endian.h>
#include <zlib.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/go/image.h"

enum {
	TEXT = 0x401000,
	DATA = 0x600000,
	DATA_SIZE = 0x100000,
	FUNC_BYTES = 128,	/* of each function, filled up with int3 */
	MAX_FUNCS = 28,
	N_SERIES = 11,
	FIRST_SERIES = 17,
	RAX = 0, RCX = 1, RDX = 2,
};

/* ---- the binary ---- */

struct symbol {
	const char *name;
	uint64_t vaddr, size;
};

struct image {
	int fd;
	const struct symbol *symbols;	/* NULL: stripped; ends with a NULL name */
	uint8_t text[MAX_FUNCS * FUNC_BYTES];
};

struct gobin {
	struct image img;
	struct go_version version;
	const char *experiment;		/* the one asked for, "no..." to switch one off */
	struct go_module module;
	const char *funcs[MAX_FUNCS];
	size_t n_funcs, used;		/* used: bytes of the last function */
};

static void binary_init(struct gobin *gb, int minor, int patch)
{
	memset(gb, 0, sizeof(*gb));
	memset(gb->img.text, 0xcc, sizeof(gb->img.text));
	gb->img.fd = -1;
	gb->version.minor = minor;
	gb->version.patch = patch;
	snprintf(gb->version.text, sizeof(gb->version.text), "go1.%d.%d", minor, patch);
	gb->module.text = TEXT;
	gb->module.etext = TEXT + sizeof(gb->img.text);
}

static void add_func(struct gobin *gb, const char *name)
{
	assert_true(gb->n_funcs < MAX_FUNCS);
	gb->funcs[gb->n_funcs++] = name;
	gb->used = 0;
}

static void emit(struct gobin *gb, const void *code, size_t len)
{
	assert_true(gb->used + len <= FUNC_BYTES);
	memcpy(&gb->img.text[(gb->n_funcs - 1) * FUNC_BYTES + gb->used], code, len);
	gb->used += len;
}

static void emit_rip(struct gobin *gb, uint8_t opcode, int reg, uint64_t vaddr)
{
	uint8_t code[7] = { 0x48, opcode, (uint8_t)(reg << 3 | 5) };
	uint64_t next = TEXT + (gb->n_funcs - 1) * FUNC_BYTES + gb->used + sizeof(code);
	int32_t rel = (int32_t)(vaddr - next);

	memcpy(code + 3, &rel, sizeof(rel));
	emit(gb, code, sizeof(code));
}

static void emit_lea(struct gobin *gb, int reg, uint64_t vaddr)
{
	emit_rip(gb, 0x8d, reg, vaddr);
}

static void emit_load(struct gobin *gb, int reg, uint64_t vaddr)
{
	emit_rip(gb, 0x8b, reg, vaddr);
}

static void emit_ret(struct gobin *gb)
{
	emit(gb, "\xc3", 1);
}

const struct image *gobin_image(const struct gobin *gb)
{
	return &gb->img;
}

const struct go_version *gobin_version(const struct gobin *gb)
{
	return &gb->version;
}

const struct go_module *gobin_module(const struct gobin *gb)
{
	return &gb->module;
}

bool gobin_experiment(const struct gobin *gb, const char *name)
{
	const char *e = gb->experiment ? gb->experiment : "";

	if (!strncmp(e, "no", 2) && !strcmp(e + 2, name))
		return false;
	return !strcmp(e, name) || (gb->version.minor >= 22 && !strcmp(name, "allocheaders"));
}

bool gobin_find_func(const struct gobin *gb, const char *name, struct go_func *out)
{
	size_t i;

	for (i = 0; i < gb->n_funcs; i++) {
		if (strcmp(gb->funcs[i], name))
			continue;
		out->name = gb->funcs[i];
		out->entry = TEXT + i * FUNC_BYTES;
		out->end = out->entry + FUNC_BYTES;
		return true;
	}
	return false;
}

int image_fd(const struct image *img)
{
	return img->fd;
}

const char *image_name(const struct image *img)
{
	return "test";
}

uint16_t image_machine(const struct image *img)
{
	return EM_X86_64;
}

bool image_stripped(const struct image *img)
{
	return !img->symbols;
}

bool image_symbol(const struct image *img, const char *name, uint64_t *vaddr, uint64_t *size)
{
	const struct symbol *s;

	for (s = img->symbols; s && s->name; s++) {
		if (strcmp(s->name, name))
			continue;
		*vaddr = s->vaddr;
		*size = s->size;
		return true;
	}
	return false;
}

const void *image_at(const struct image *img, uint64_t vaddr, uint64_t *avail)
{
	if (vaddr < TEXT || vaddr >= TEXT + sizeof(img->text))
		return NULL;
	*avail = TEXT + sizeof(img->text) - vaddr;
	return img->text + (vaddr - TEXT);
}

bool image_read(const struct image *img, uint64_t vaddr, void *buf, size_t len)
{
	uint64_t avail;
	const void *p = image_at(img, vaddr, &avail);

	if (!p || avail < len)
		return false;
	memcpy(buf, p, len);
	return true;
}

bool image_mapped(const struct image *img, uint64_t vaddr, uint64_t len)
{
	return vaddr >= DATA && vaddr + len <= DATA + DATA_SIZE;
}

/* ---- the DWARF ---- */

struct bytes {
	uint8_t v[1 << 19];
	size_t n;
};

static void put(struct bytes *b, const void *p, size_t n)
{
	assert_true(b->n + n <= sizeof(b->v));
	memcpy(b->v + b->n, p, n);
	b->n += n;
}

static void put8(struct bytes *b, uint8_t v)
{
	put(b, &v, 1);
}

static void put32(struct bytes *b, uint32_t v)
{
	put(b, &v, 4);
}

static void put_name(struct bytes *b, const char *s)
{
	put(b, s, strlen(s) + 1);
}

static void put_uleb(struct bytes *b, uint64_t v)
{
	do {
		put8(b, (v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		v >>= 7;
	} while (v);
}

enum { UNIT = 1, STRUCT, MEMBER, BASE, TYPEDEF };

/* code, tag, has children, then pairs of attribute and form: name as string, type as ref4, size and
 * place as udata. */
static const uint8_t abbrevs[] = {
	UNIT, 0x11, 1, 0x03, 0x08, 0, 0,
	STRUCT, 0x13, 1, 0x03, 0x08, 0x0b, 0x0f, 0, 0,
	MEMBER, 0x0d, 0, 0x03, 0x08, 0x49, 0x13, 0x38, 0x0f, 0, 0,
	BASE, 0x24, 0, 0x03, 0x08, 0x0b, 0x0f, 0, 0,
	TYPEDEF, 0x16, 0, 0x03, 0x08, 0x49, 0x13, 0, 0,
	0,
};

static uint32_t dw_base(struct bytes *b, const char *name, unsigned size)
{
	uint32_t at = (uint32_t)b->n;

	put8(b, BASE);
	put_name(b, name);
	put_uleb(b, size);
	return at;
}

static uint32_t dw_typedef(struct bytes *b, const char *name, uint32_t type)
{
	uint32_t at = (uint32_t)b->n;

	put8(b, TYPEDEF);
	put_name(b, name);
	put32(b, type);
	return at;
}

static uint32_t dw_struct(struct bytes *b, const char *name, unsigned size)
{
	uint32_t at = (uint32_t)b->n;

	put8(b, STRUCT);
	put_name(b, name);
	put_uleb(b, size);
	return at;
}

static void dw_member(struct bytes *b, const char *name, uint32_t type, uint64_t offset)
{
	put8(b, MEMBER);
	put_name(b, name);
	put32(b, type);
	put_uleb(b, offset);
}

static void dw_end(struct bytes *b)
{
	put8(b, 0);
}

static void dw_unit_begin(struct bytes *b, const char *name)
{
	put32(b, 0);			/* length, see dw_unit_end */
	put(b, "\4\0", 2);		/* DWARF 4 */
	put32(b, 0);			/* abbreviations */
	put8(b, 8);			/* bytes of an address */
	put8(b, UNIT);
	put_name(b, name);
}

static void dw_unit_end(struct bytes *b, size_t begin)
{
	uint32_t len = (uint32_t)(b->n - begin - 4);

	dw_end(b);
	len++;
	memcpy(b->v + begin, &len, sizeof(len));
}

/* A runtime with odd offsets: nothing is where a Go release has it. */
static void make_runtime(struct bytes *b, const char *without)
{
	static const char *const others[] = {
		"runtime.p", "runtime.mcache", "runtime.heapArena", "runtime.mheap",
		"runtime.mstats", "runtime.gcControllerState", "runtime.sweepdata",
		"runtime.schedt", "runtime.bucket", "runtime.memRecord", "runtime.memRecordCycle",
		"runtime.special", "runtime.hchan", "runtime.sudog", "runtime.heapStatsDelta",
	};
	uint32_t u64, u16, stack, wrapped, alias;
	size_t i, begin;

	dw_unit_begin(b, "runtime");	/* one of the assembler's: no types */
	dw_unit_end(b, 0);
	begin = b->n;
	dw_unit_begin(b, "runtime");
	/* References count from the unit's header. */
	u64 = dw_base(b, "uint64", 8) - (uint32_t)begin;
	u16 = dw_base(b, "uint16", 2) - (uint32_t)begin;
	stack = dw_struct(b, "runtime.stack", 16) - (uint32_t)begin;
	dw_member(b, "lo", u64, 16);
	dw_member(b, "hi", u64, 24);
	dw_member(b, "pc", u64, 16);
	dw_end(b);
	wrapped = dw_struct(b, "runtime/internal/atomic.Uint32", 8) - (uint32_t)begin;
	dw_member(b, "value", u64, 0);
	dw_end(b);
	alias = dw_typedef(b, "runtime.stack", stack) - (uint32_t)begin;
	dw_typedef(b, "runtime.g", alias);	/* the type's name is there, too: no struct */

	dw_struct(b, "runtime.g", 1000);
	dw_member(b, "stack", alias, 100);
	dw_member(b, "sched", alias, UINT64_MAX - 15);	/* + 16 would be 0 */
	dw_member(b, "atomicstatus", wrapped, 444);
	dw_member(b, "goid", u64, 8008);
	dw_end(b);
	dw_struct(b, "runtime.mspan", 333);
	dw_member(b, "freeindex", u16, 48);
	dw_member(b, "nelems", u64, 1ull << 40);
	dw_end(b);
	dw_struct(b, "struct { runtime.full runtime.lfstack; runtime.empty runtime.lfstack }", 99);
	dw_member(b, "tMark", u64, 55);
	dw_end(b);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		if (without && !strcmp(others[i], without))
			continue;
		dw_struct(b, others[i], i + 1 < ARRAY_SIZE(others) ? 16 : 1 << 27);
		dw_end(b);
	}
	dw_unit_end(b, begin);
}

/* How .debug_info is packed: not at all, as ELF defines it, or as .zdebug_info. */
enum form { PLAIN, COMPRESSED, ZDEBUG };

/* Bytes of .debug_abbrev, zeros behind what is needed. */
static size_t n_abbrevs = sizeof(abbrevs);

/* A file with .debug_abbrev, and .debug_info as it is given. */
static int make_elf(const void *info, size_t n_info, enum form form)
{
	static const char names[] = "\0.debug_info\0.debug_abbrev\0.shstrtab\0.zdebug_info";
	Elf64_Ehdr eh = { .e_ident = ELFMAG "\2\1\1", .e_type = ET_EXEC, .e_machine = EM_X86_64,
		.e_version = 1, .e_ehsize = sizeof(eh), .e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 4, .e_shstrndx = 3 };
	Elf64_Shdr sh[4] = {
		{ 0 },
		{ .sh_name = form == ZDEBUG ? 37 : 1, .sh_type = SHT_PROGBITS,
		  .sh_flags = form == COMPRESSED ? SHF_COMPRESSED : 0, .sh_addralign = 1 },
		{ .sh_name = 13, .sh_type = SHT_PROGBITS, .sh_addralign = 1 },
		{ .sh_name = 27, .sh_type = SHT_STRTAB, .sh_addralign = 1 },
	};
	int fd = memfd_create("elf", 0);

	assert_true(fd >= 0);
	eh.e_shoff = sizeof(eh);
	sh[1].sh_offset = sizeof(eh) + sizeof(sh);
	sh[1].sh_size = n_info;
	sh[2].sh_offset = sh[1].sh_offset + n_info;
	sh[2].sh_size = n_abbrevs;
	sh[3].sh_offset = sh[2].sh_offset + n_abbrevs;
	sh[3].sh_size = sizeof(names);
	assert_int_equal(write(fd, &eh, sizeof(eh)), sizeof(eh));
	assert_int_equal(write(fd, sh, sizeof(sh)), sizeof(sh));
	assert_int_equal(write(fd, info, n_info), n_info);
	assert_int_equal(write(fd, abbrevs, sizeof(abbrevs)), sizeof(abbrevs));
	assert_int_equal(pwrite(fd, names, sizeof(names), (off_t)sh[3].sh_offset), sizeof(names));
	return fd;
}

static int read_info(const void *info, size_t n, enum form form, struct go_layout *lo)
{
	struct gobin gb;
	int err;

	binary_init(&gb, 26, 0);
	gb.img.fd = make_elf(info, n, form);
	err = golayout_fields_from_dwarf(&gb, lo);
	close(gb.img.fd);
	return err;
}

static int read_dwarf(const struct bytes *info, struct go_layout *lo)
{
	return read_info(info->v, info->n, PLAIN, lo);
}

static void test_dwarf_fields(void **state)
{
	struct bytes b = { .n = 0 };
	struct go_layout lo = { 0 };

	make_runtime(&b, NULL);
	assert_int_equal(read_dwarf(&b, &lo), 0);
	assert_int_equal(lo.g_stack_lo, 116);		/* nested, behind a typedef */
	assert_int_equal(lo.g_stack_hi, 124);
	assert_int_equal(lo.g_atomicstatus, 444);	/* the wrapper's own place */
	assert_int_equal(lo.g_goid, 8008);
	assert_int_equal(lo.g_size, 1000);
	assert_int_equal(lo.mspan_alloccountbeforecache, GL_NO_FIELD);
	assert_int_equal(lo.mspan_size, 333);
	assert_int_equal(lo.work_tmark, 55);		/* of a struct without a name of its own */
	assert_int_equal(lo.mspan_freeindex, 48);
	assert_int_equal(lo.mspan_nelems, GL_NO_FIELD);	/* no struct is that large */
	assert_int_equal(lo.heapstats_size, GL_NO_FIELD);
	assert_int_equal(lo.g_sched_pc, GL_NO_FIELD);
	assert_int_equal(lo.mheap_arenas, GL_NO_FIELD);
	assert_string_equal(lo.fields_from, "DWARF of the binary");
}

static void test_dwarf_without_runtime(void **state)
{
	struct bytes b = { .n = 0 };
	struct go_layout lo = { .g_goid = 7 };
	struct gobin gb;

	make_runtime(&b, "runtime.mheap");
	assert_int_equal(read_dwarf(&b, &lo), -EBADMSG);
	assert_int_equal(lo.g_goid, 7);			/* untouched */

	binary_init(&gb, 26, 0);
	assert_int_not_equal(golayout_fields_from_dwarf(&gb, &lo), 0);	/* no file at all */
}

static void test_dwarf_cycle_of_typedefs(void **state)
{
	struct bytes b = { .n = 0 };
	struct go_layout lo = { 0 };
	uint32_t self;

	dw_unit_begin(&b, "runtime");
	self = dw_typedef(&b, "runtime.stack", 0);
	memcpy(b.v + self + 1 + sizeof("runtime.stack"), &self, sizeof(self));
	dw_struct(&b, "runtime.g", 64);
	dw_member(&b, "stack", self, 8);
	dw_end(&b);
	dw_unit_end(&b, 0);
	assert_int_equal(read_dwarf(&b, &lo), -EBADMSG);
}

/* A compressed section of a few bytes that claims to be larger than any program. */
static void test_dwarf_bomb(void **state)
{
	Elf64_Chdr ch = { .ch_type = ELFCOMPRESS_ZLIB, .ch_size = 1ull << 40, .ch_addralign = 1 };
	struct bytes b = { .n = 0 };
	struct go_layout lo = { 0 };

	put(&b, &ch, sizeof(ch));
	put(&b, "x\234\3\0\0\0\0\1", 8);
	assert_int_equal(read_info(b.v, b.n, COMPRESSED, &lo), -EBADMSG);

	b.n = 0;
	put(&b, "ZLIB\0\0\1\0\0\0\0\0", 12);
	put(&b, "x\234\3\0\0\0\0\1", 8);
	assert_int_equal(read_info(b.v, b.n, ZDEBUG, &lo), -EBADMSG);
}

/* The runtime's units behind, and before, other units of several megabytes; packed in each way, and
 * cut off at several places. */
static void test_dwarf_packed(void **state)
{
	enum { PAD = 5 << 20, HEADER = 24 };
	static struct bytes runtime, pad;
	uint8_t *info = xcalloc(2 * PAD + sizeof(runtime.v), 1), *packed;
	size_t n = 2 * PAD, i;
	uLongf n_packed = compressBound(n + sizeof(runtime.v));
	Elf64_Chdr ch = { .ch_type = ELFCOMPRESS_ZLIB, .ch_addralign = 1 };
	struct go_layout lo;
	uint32_t len = PAD - 4;
	uint64_t size;

	packed = xcalloc(n_packed + HEADER, 1);
	make_runtime(&runtime, NULL);
	dw_unit_begin(&pad, "main");
	memcpy(pad.v, &len, sizeof(len));
	memcpy(info, pad.v, pad.n);
	memcpy(info + PAD, runtime.v, runtime.n);
	memcpy(info + PAD + runtime.n, pad.v, pad.n);
	for (i = pad.n; i < PAD; i++)		/* so that it does not pack to nothing */
		info[PAD + runtime.n + i] = info[i] = (uint8_t)(i * i >> 7);
	n += runtime.n;
	assert_int_equal(compress2(packed + HEADER, &n_packed, info, n, 1), Z_OK);

	ch.ch_size = n;
	memcpy(packed, &ch, sizeof(ch));
	memset(&lo, 0, sizeof(lo));
	assert_int_equal(read_info(packed, n_packed + HEADER, COMPRESSED, &lo), 0);
	assert_int_equal(lo.g_goid, 8008);
	assert_int_not_equal(read_info(packed, n_packed / 3, COMPRESSED, &lo), 0);
	/* What lies behind the runtime is not looked at. */
	assert_int_equal(read_info(packed, n_packed / 4 * 3, COMPRESSED, &lo), 0);
	packed[HEADER + 1000] ^= 0xff;
	assert_int_equal(read_info(packed, n_packed + HEADER, COMPRESSED, &lo), -EBADMSG);
	packed[HEADER + 1000] ^= 0xff;

	size = htobe64(n);
	memcpy(packed + HEADER - 12, "ZLIB", 4);
	memcpy(packed + HEADER - 8, &size, sizeof(size));
	memset(&lo, 0, sizeof(lo));
	assert_int_equal(read_info(packed + HEADER - 12, n_packed + 12, ZDEBUG, &lo), 0);
	assert_int_equal(lo.g_goid, 8008);
	assert_int_equal(read_info(packed + HEADER - 12, 11, ZDEBUG, &lo), -EBADMSG);

	memset(&lo, 0, sizeof(lo));
	assert_int_equal(read_info(info, n, PLAIN, &lo), 0);
	assert_int_equal(lo.g_goid, 8008);
	free(info);
	free(packed);
}

/* The runtime's unit behind a unit of more than may be held at a time, and as large itself. */
static void test_dwarf_large(void **state)
{
	enum { LARGE = MAX_DWARF_BYTES + 4096 };
	static struct bytes runtime;
	uint8_t *info = xcalloc(LARGE + sizeof(runtime.v), 1);
	struct bytes first = { .n = 0 };
	const uint32_t len = LARGE - 4;
	struct go_layout lo = { 0 };

	make_runtime(&runtime, NULL);
	dw_unit_begin(&first, "main");
	memcpy(first.v, &len, sizeof(len));
	memcpy(info, first.v, first.n);
	memcpy(info + LARGE, runtime.v, runtime.n);
	assert_int_equal(read_info(info, LARGE + runtime.n, PLAIN, &lo), 0);
	assert_int_equal(lo.g_goid, 8008);

	first.n = 0;
	dw_unit_begin(&first, "runtime");
	memcpy(first.v, &len, sizeof(len));
	memcpy(info, first.v, first.n);
	assert_int_equal(read_info(info, LARGE + runtime.n, PLAIN, &lo), -EFBIG);
	free(info);
}

/* What libdw makes out of many small things takes more room than they do. */
static void test_dwarf_many(void **state)
{
	static struct bytes runtime;
	struct bytes unit = { .n = 0 };
	struct go_layout lo = { 0 };
	uint8_t *info;
	size_t i;

	make_runtime(&runtime, NULL);
	dw_unit_begin(&unit, "main");
	dw_unit_end(&unit, 0);
	info = xcalloc(MAX_DWARF_UNITS * unit.n + runtime.n, 1);
	for (i = 0; i < MAX_DWARF_UNITS; i++)
		memcpy(info + i * unit.n, unit.v, unit.n);
	memcpy(info + i * unit.n, runtime.v, runtime.n);
	assert_int_equal(read_info(info, i * unit.n + runtime.n, PLAIN, &lo), -EFBIG);
	free(info);

	n_abbrevs = MAX_DWARF_ABBREVS + 1;
	assert_int_equal(read_dwarf(&runtime, &lo), -EFBIG);
	n_abbrevs = sizeof(abbrevs);
	assert_int_equal(read_dwarf(&runtime, &lo), 0);
}

static void assert_sane(const struct go_layout *lo)
{
#define X(name, strukt, path) assert_in_range(lo->name + 1, 0, 1 << 27);
	GO_FIELDS(X)
#undef X
}

/* Every byte of the DWARF wrong once, and every length: no crash, no endless loop, nothing wild. */
static void test_dwarf_damaged(void **state)
{
	struct bytes b = { .n = 0 }, damaged;
	struct go_layout lo;
	size_t i;

	make_runtime(&b, NULL);
	for (i = 0; i < b.n; i++) {
		memset(&lo, 0, sizeof(lo));
		damaged = b;
		damaged.v[i] ^= 0xff;
		read_dwarf(&damaged, &lo);
		assert_sane(&lo);
		damaged = b;
		damaged.n = i;
		read_dwarf(&damaged, &lo);
		assert_sane(&lo);
	}
}

/* ---- the table ---- */

static void add_acquire(struct gobin *gb, int32_t stride)
{
	uint8_t imul[7] = { 0x48, 0x69, 0xca };	/* imul rcx, rdx, imm32 */

	memcpy(imul + 3, &stride, sizeof(stride));
	add_func(gb, "runtime.(*consistentHeapStats).acquire");
	emit(gb, "\x48\x0f\xaf\xf3", 4);		/* imul rsi, rbx: another one, not meant */
	emit(gb, imul, sizeof(imul));
	emit_ret(gb);
}

static int32_t stride_of(int minor)
{
	return minor >= 25 ? 1168 : 1176;
}

/* Numbers read with other programs from the DWARF of the toolchains. */
static void test_table_fields(void **state)
{
	static const struct {
		int goid, spans, sweepgen, arenas, heaplive;
	} known[N_SERIES] = {
		{ 152, 2097152, 88, 65944, 48 },
		{ 152, 2097152, 88, 65936, 120 },
		{ 152, 2097152, 88, 65936, 136 },
		{ 152, 1064960, 88, 65904, 80 },
		{ 152, 1064960, 96, 65944, 104 },
		{ 152, 0, 88, 66008, 104 },
		{ 160, 0, 88, 66008, 104 },
		{ 160, 0, 88, 66008, 104 },
		{ 152, 0, 88, 66008, 104 },
		{ 152, 0, 88, 66008, 104 },
		{ 152, 0, 88, 66008, 104 },
	};
	static const int patches[] = { 0, 5, 13, 99 };
	size_t i, k;

	for (i = 0; i < N_SERIES * ARRAY_SIZE(patches); i++) {
		struct go_layout lo = { 0 };
		struct gobin gb;
		int minor;

		k = i / ARRAY_SIZE(patches);
		minor = FIRST_SERIES + (int)k;
		binary_init(&gb, minor, patches[i % ARRAY_SIZE(patches)]);
		add_acquire(&gb, stride_of(minor));
		assert_int_equal(golayout_fields_from_table(&gb, &lo), 0);
		assert_int_equal(lo.g_goid, known[k].goid);
		assert_int_equal(lo.heaparena_spans, known[k].spans);
		assert_int_equal(lo.mspan_sweepgen, known[k].sweepgen);
		assert_int_equal(lo.mheap_arenas, known[k].arenas);
		assert_int_equal(lo.gccontroller_heaplive, known[k].heaplive);
		assert_int_equal(lo.mspan_alloccountbeforecache == GL_NO_FIELD, minor < 19);
		assert_int_equal(lo.heapstats_size, stride_of(minor));
		assert_true(strstr(lo.fields_from, "table, from go1.") != NULL);
	}
}

static void test_table_unknown(void **state)
{
	struct go_layout lo = { .g_goid = 7 };
	struct gobin gb;

	binary_init(&gb, 16, 0);
	add_acquire(&gb, 1184);
	assert_int_equal(golayout_fields_from_table(&gb, &lo), -ENOENT);
	binary_init(&gb, 28, 0);
	add_acquire(&gb, 1168);
	assert_int_equal(golayout_fields_from_table(&gb, &lo), -ENOENT);
	assert_int_equal(lo.g_goid, 7);
}

/* The size of heapStatsDelta comes from the code, whatever the row says. */
static void test_table_heapstats_size(void **state)
{
	struct go_layout lo = { 0 };
	struct gobin gb;

	binary_init(&gb, 18, 0);
	add_acquire(&gb, 1184);
	assert_int_equal(golayout_fields_from_table(&gb, &lo), 0);
	assert_int_equal(lo.heapstats_size, 1184);

	binary_init(&gb, 18, 0);		/* no such function */
	assert_int_equal(golayout_fields_from_table(&gb, &lo), -EBADMSG);
	binary_init(&gb, 18, 0);		/* not what lies behind the last array */
	add_acquire(&gb, 1200);
	assert_int_equal(golayout_fields_from_table(&gb, &lo), -EBADMSG);
}

/* An experiment that puts fields where the table does not have them. */
static void test_table_experiment(void **state)
{
	struct go_layout lo = { 0 };
	struct gobin gb;

	binary_init(&gb, 22, 5);
	add_acquire(&gb, 1176);
	gb.experiment = "noallocheaders";
	assert_int_equal(golayout_fields_from_table(&gb, &lo), -ENOENT);
	gb.experiment = "staticlockranking";
	assert_int_equal(golayout_fields_from_table(&gb, &lo), -ENOENT);
	gb.experiment = "greenteagc";
	assert_int_equal(golayout_fields_from_table(&gb, &lo), 0);
	binary_init(&gb, 21, 5);		/* before there were headers */
	add_acquire(&gb, 1176);
	assert_int_equal(golayout_fields_from_table(&gb, &lo), 0);
}

/* ---- variables ---- */

enum {
	MHEAP = DATA + 0x1000,
	HEAPSTATS = DATA + 0x40000,
	ALLGLEN = DATA + 0x50000,
	ALLGPTR = DATA + 0x50010,
	ALLP = DATA + 0x50020,
	GCCONTROLLER = DATA + 0x51000,
	WAITREASONS = DATA + 0x52000,
	OTHER = DATA + 0x53000,
	GCPHASE = DATA + 0x54000,
	WORK = DATA + 0x55000,
	SCHED = DATA + 0x56000,
	SWEEP = DATA + 0x56800,
	MBUCKETS = DATA + 0x57000,
	MEMPROFILERATE = DATA + 0x57008,
	ALLFIN = DATA + 0x58000,
	GCCLEANUPS = DATA + 0x59000,
};

/* Those of the variables that not every answer needs.  Each is in a first and in another function;
 * wrong: of one that is not, OTHER stands in the other, 0: nothing is wrong. */
static void add_optional_references(struct gobin *gb, const struct go_layout *lo, bool inlined,
				    uint64_t wrong)
{
	int minor = gb->version.minor, i;

	add_func(gb, "runtime.gcSweep");
	emit_load(gb, RAX, GCPHASE);
	emit_ret(gb);
	add_func(gb, "runtime.gcMarkDone");
	emit_lea(gb, RAX, WORK + (uint64_t)lo->work_markdonesema);
	emit_ret(gb);
	add_func(gb, "runtime.sweepone");
	emit_load(gb, RAX, SWEEP + (uint64_t)lo->sweep_active);
	emit_ret(gb);
	add_func(gb, "runtime.schedEnableUser");
	emit_lea(gb, RAX, SCHED + (uint64_t)lo->sched_lock);
	emit_ret(gb);
	add_func(gb, "runtime.mProf_FlushLocked");
	for (i = minor < 19 ? 1 : inlined ? 0 : 2; i > 0; i--)
		emit_lea(gb, RAX, OTHER);
	emit_load(gb, RAX, MBUCKETS);
	emit_ret(gb);
	add_func(gb, inlined ? "runtime.profilealloc" : "runtime.nextSample");
	if (inlined)
		emit_load(gb, RAX, OTHER);
	emit_load(gb, RAX, MEMPROFILERATE);
	emit_ret(gb);
	add_func(gb, "runtime.queuefinalizer");
	for (i = 0; i < 6; i++)
		emit_load(gb, RAX, OTHER);
	emit_load(gb, RAX, ALLFIN);
	emit_ret(gb);
	add_func(gb, "runtime.(*activeSweep).end");
	for (i = 0; i < 11; i++)
		emit_load(gb, RAX, OTHER);
	emit_lea(gb, RAX, GCCLEANUPS);
	emit_ret(gb);

	add_func(gb, "runtime.gcMarkTermination");
	emit_load(gb, RAX, OTHER);
	emit_load(gb, RAX, wrong == GCPHASE ? OTHER : GCPHASE);
	emit_ret(gb);
	add_func(gb, "runtime.gcStart");
	emit_lea(gb, RAX, wrong == WORK ? OTHER : WORK + (uint64_t)lo->work_startsema);
	emit_ret(gb);
	add_func(gb, "runtime.(*mcentral).cacheSpan");
	emit_load(gb, RAX, wrong == SWEEP ? OTHER : SWEEP + (uint64_t)lo->sweep_active);
	emit_ret(gb);
	add_func(gb, "runtime.startm");
	emit_lea(gb, RAX, wrong == SCHED ? OTHER : SCHED + (uint64_t)lo->sched_lock);
	emit_ret(gb);
	add_func(gb, "runtime.stkbucket");
	emit_load(gb, RAX, wrong == MBUCKETS ? OTHER : MBUCKETS);
	emit_ret(gb);
	add_func(gb, minor < 20 ? "runtime.parsedebugvars" : "runtime.schedinit");
	emit_load(gb, RAX, wrong == MEMPROFILERATE ? OTHER : MEMPROFILERATE);
	emit_ret(gb);
	add_func(gb, "runtime.markroot");
	emit_load(gb, RAX, wrong == ALLFIN ? OTHER : ALLFIN);
	emit_ret(gb);
	add_func(gb, "runtime.freeSpecial");
	emit_lea(gb, RAX, wrong == GCCLEANUPS ? OTHER : GCCLEANUPS);
	emit_ret(gb);
}

/* The functions that refer to the variables, as the compiler writes them. */
static void add_references(struct gobin *gb, const struct go_layout *lo, bool inlined)
{
	add_acquire(gb, stride_of(gb->version.minor));
	add_func(gb, "runtime.(*mcache).allocLarge");
	emit_lea(gb, RCX, TEXT + 8);		/* a function's address does not count */
	emit_lea(gb, RAX, MHEAP);
	emit_lea(gb, RAX, HEAPSTATS);
	emit_ret(gb);
	add_func(gb, "runtime.(*mcache).prepareForSweep");
	emit_load(gb, RCX, MHEAP + (uint64_t)lo->mheap_sweepgen);
	emit_ret(gb);
	add_func(gb, inlined ? "runtime.findObject" : "runtime.spanOf");
	emit_load(gb, RDX, MHEAP + (uint64_t)lo->mheap_arenas);
	emit_ret(gb);
	add_func(gb, inlined ? "runtime.forEachGRace" : "runtime.atomicAllG");
	emit_load(gb, RAX, ALLGLEN);
	emit_load(gb, RCX, ALLGPTR);
	emit_ret(gb);
	add_func(gb, "runtime.gcMarkTinyAllocs");
	emit_load(gb, RAX, ALLP);
	emit_ret(gb);
	add_func(gb, "runtime.deductSweepCredit");
	emit_load(gb, RAX, OTHER);
	emit_load(gb, RAX, OTHER + 8);
	if (inlined || gb->version.minor <= 20)
		emit_load(gb, RAX, OTHER + 16);
	emit_load(gb, RAX, GCCONTROLLER + (uint64_t)lo->gccontroller_heaplive);
	emit_ret(gb);
	add_func(gb, "runtime.waitReason.String");
	emit_lea(gb, RAX, OTHER);
	emit_lea(gb, RAX, WAITREASONS);
	emit_ret(gb);
}

static void assert_vars(const struct go_layout *lo)
{
	assert_int_equal(lo->mheap, MHEAP);
	assert_int_equal(lo->memstats_heapstats, HEAPSTATS);
	assert_int_equal(lo->allglen, ALLGLEN);
	assert_int_equal(lo->allgptr, ALLGPTR);
	assert_int_equal(lo->allp, ALLP);
	assert_int_equal(lo->gccontroller, GCCONTROLLER);
	assert_int_equal(lo->waitreasonstrings, WAITREASONS);
	assert_int_equal(lo->sweepgen, MHEAP + lo->mheap_sweepgen);
	assert_int_equal(lo->arenas, MHEAP + lo->mheap_arenas);
}

/* The fields of a version, without a binary of it. */
static void table_fields(int minor, struct go_layout *lo)
{
	struct gobin gb;

	binary_init(&gb, minor, 0);
	add_acquire(&gb, stride_of(minor));
	memset(lo, 0, sizeof(*lo));
	assert_int_equal(golayout_fields_from_table(&gb, lo), 0);
}

static void test_vars_from_code(void **state)
{
	int minor, inlined;

	for (minor = FIRST_SERIES; minor < FIRST_SERIES + N_SERIES; minor++) {
		for (inlined = 0; inlined < 2; inlined++) {
			struct go_layout lo;
			struct gobin gb;

			table_fields(minor, &lo);
			binary_init(&gb, minor, 0);
			add_references(&gb, &lo, inlined);
			assert_int_equal(golayout_vars_from_code(&gb, &lo), 0);
			assert_vars(&lo);
			assert_string_equal(lo.vars_from, "code of the runtime");
		}
	}
}

/* Where they are found they are right; one that is not found again is unknown, the others are not,
 * and nothing is refused. */
static void test_optional_vars(void **state)
{
	static const uint64_t all[] = {
		0, GCPHASE, WORK, SWEEP, SCHED, MBUCKETS, MEMPROFILERATE, ALLFIN, GCCLEANUPS,
	};
	int minor;

	for (minor = FIRST_SERIES; minor < FIRST_SERIES + N_SERIES; minor++) {
		for (size_t i = 0; i < 2 * ARRAY_SIZE(all); i++) {
			uint64_t wrong = all[i / 2];
			struct go_layout lo;
			struct gobin gb;

			table_fields(minor, &lo);
			binary_init(&gb, minor, 0);
			add_references(&gb, &lo, i % 2);
			add_optional_references(&gb, &lo, i % 2, wrong);
			assert_int_equal(golayout_vars_from_code(&gb, &lo), 0);
			assert_vars(&lo);
			assert_int_equal(lo.memstats, HEAPSTATS - (uint64_t)lo.mstats_heapstats);
			assert_int_equal(lo.gcphase, wrong == GCPHASE ? 0 : GCPHASE);
			assert_int_equal(lo.work, wrong == WORK ? 0 : WORK);
			assert_int_equal(lo.sweep, wrong == SWEEP || minor < 18 ? 0 : SWEEP);
			assert_int_equal(lo.sched, wrong == SCHED ? 0 : SCHED);
			assert_int_equal(lo.mbuckets, wrong == MBUCKETS ? 0 : MBUCKETS);
			assert_int_equal(lo.memprofilerate,
					 wrong == MEMPROFILERATE ? 0 : MEMPROFILERATE);
			assert_int_equal(lo.allfin, wrong == ALLFIN ? 0 : ALLFIN);
			assert_int_equal(lo.gccleanups,
					 wrong == GCCLEANUPS || minor < 25 ? 0 : GCCLEANUPS);
		}
	}
}

/* Each function in turn is not what it should be: refused, not guessed. */
static void test_vars_from_wrong_code(void **state)
{
	struct go_layout lo;
	size_t i;

	table_fields(26, &lo);
	for (i = 1; i < 8; i++) {
		struct gobin gb;

		binary_init(&gb, 26, 0);
		add_references(&gb, &lo, true);
		gb.img.text[i * FUNC_BYTES] = 0xc3;
		memset(&gb.img.text[i * FUNC_BYTES + 1], 0xcc, FUNC_BYTES - 1);
		assert_int_equal(golayout_vars_from_code(&gb, &lo), -EBADMSG);
		gb.funcs[i] = "";
		assert_int_equal(golayout_vars_from_code(&gb, &lo), -EBADMSG);
	}
}

/* Code and layout contradict each other. */
static void test_vars_contradiction(void **state)
{
	struct go_layout lo, other;
	struct gobin gb;

	table_fields(26, &lo);
	other = lo;
	other.mheap_arenas += 8;
	binary_init(&gb, 26, 0);
	add_references(&gb, &other, true);
	assert_int_equal(golayout_vars_from_code(&gb, &lo), -EBADMSG);
	other = lo;
	other.mheap_sweepgen += 8;
	binary_init(&gb, 26, 0);
	add_references(&gb, &other, true);
	assert_int_equal(golayout_vars_from_code(&gb, &lo), -EBADMSG);
}

static void test_get_stripped(void **state)
{
	struct go_layout lo, want;
	struct gobin gb;

	table_fields(22, &want);
	binary_init(&gb, 22, 3);
	add_references(&gb, &want, true);
	assert_int_equal(golayout_get(&gb, &lo), 0);
	assert_vars(&lo);
	assert_true(lo.malloc_header);
	assert_false(lo.inline_marks);

	table_fields(26, &want);
	binary_init(&gb, 26, 3);
	add_references(&gb, &want, true);
	gb.experiment = "greenteagc";
	assert_int_equal(golayout_get(&gb, &lo), 0);
	assert_true(lo.inline_marks);
	gb.experiment = "nogreenteagc";
	assert_int_equal(golayout_get(&gb, &lo), 0);
	assert_false(lo.inline_marks);

	table_fields(21, &want);
	binary_init(&gb, 21, 3);
	add_references(&gb, &want, true);
	assert_int_equal(golayout_get(&gb, &lo), 0);
	assert_false(lo.malloc_header);
}

/* Symbols before code; DWARF that lacks fields every version has is not believed. */
static void test_get_with_symbols(void **state)
{
	struct symbol symbols[] = {
		{ "runtime.mheap_", MHEAP, 8 }, { "runtime.memstats", HEAPSTATS, 8 },
		{ "runtime.allglen", ALLGLEN, 8 }, { "runtime.allgptr", ALLGPTR, 8 },
		{ "runtime.allp", ALLP, 8 }, { "runtime.gcController", GCCONTROLLER, 8 },
		{ "runtime.waitReasonStrings", WAITREASONS, 8 }, { "runtime.gcphase", GCPHASE, 8 },
		{ NULL, 0, 0 },
	};
	struct bytes dwarf = { .n = 0 };
	struct go_layout lo, want;
	struct gobin gb;

	make_runtime(&dwarf, NULL);
	table_fields(18, &want);
	symbols[1].vaddr -= (uint64_t)want.mstats_heapstats;
	binary_init(&gb, 18, 3);
	gb.img.symbols = symbols;
	gb.img.fd = make_elf(dwarf.v, dwarf.n, PLAIN);
	add_acquire(&gb, 1176);
	assert_int_equal(golayout_get(&gb, &lo), 0);
	assert_vars(&lo);
	assert_string_equal(lo.vars_from, "symbol table");
	assert_int_equal(lo.memstats, symbols[1].vaddr);
	assert_int_equal(lo.gcphase, GCPHASE);
	assert_int_equal(lo.sched, 0);			/* there is no such symbol */
	assert_true(strstr(lo.fields_from, "table") != NULL);

	symbols[3].name = "runtime.allgpointer";	/* one missing: by code, all of them */
	add_references(&gb, &want, true);
	assert_int_equal(golayout_get(&gb, &lo), 0);
	assert_vars(&lo);
	assert_string_equal(lo.vars_from, "code of the runtime");
	close(gb.img.fd);
}

/* The fields that a runtime has, for DWARF of any. */
static const struct {
	const char *strukt, *path;
	size_t at;
} rows[] = {
#define X(name, strukt, path) { strukt, path, offsetof(struct go_layout, name) },
	GO_FIELDS(X)
#undef X
};

static int32_t row_value(const struct go_layout *lo, size_t i)
{
	int32_t value;

	memcpy(&value, (const char *)lo + rows[i].at, sizeof(value));
	return value;
}

/* The first row of the same struct whose path begins with the same member. */
static size_t first_of_member(size_t i)
{
	const size_t len = strcspn(rows[i].path, ".");
	size_t k = 0;

	while (strcmp(rows[k].strukt, rows[i].strukt) || strcspn(rows[k].path, ".") != len ||
	       strncmp(rows[k].path, rows[i].path, len) != 0)
		k++;
	return k;
}

/* A struct of the runtime, from rows[i] on, as lo has it; begin: of the unit. */
static void dw_runtime_struct(struct bytes *b, size_t begin, size_t i, const struct go_layout *lo)
{
	char name[64];
	uint32_t types[ARRAY_SIZE(rows)] = { 0 };
	unsigned size = 1 << 20;
	size_t k, n, end = i;

	while (end < ARRAY_SIZE(rows) && !strcmp(rows[end].strukt, rows[i].strukt))
		end++;
	types[0] = dw_base(b, "uint64", 8) - (uint32_t)begin;
	for (k = i; k < end; k++) {
		if (!strcmp(rows[k].path, "#size") && row_value(lo, k) >= 0)
			size = (unsigned)row_value(lo, k);
		if (!strchr(rows[k].path, '.') || first_of_member(k) != k || row_value(lo, k) < 0)
			continue;
		types[k] = dw_struct(b, "inner", 8) - (uint32_t)begin;
		for (n = k; n < end; n++)
			if (strchr(rows[n].path, '.') && first_of_member(n) == k)
				dw_member(b, strchr(rows[n].path, '.') + 1, types[0],
					  (uint64_t)(row_value(lo, n) - row_value(lo, k)));
		dw_end(b);
	}
	snprintf(name, sizeof(name), "runtime.%s", rows[i].strukt);
	dw_struct(b, name, size);
	for (k = i; k < end; k++) {
		if (*rows[k].path == '#' || first_of_member(k) != k || row_value(lo, k) < 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(rows[k].path, "."), rows[k].path);
		dw_member(b, name, types[k] ? types[k] : types[0], (uint64_t)row_value(lo, k));
	}
	dw_end(b);
}

static bool only_variable(const char *strukt)
{
	return !strcmp(strukt, "mstats") || !strcmp(strukt, "workType") ||
	       !strcmp(strukt, "sweepdata") || !strcmp(strukt, "schedt");
}

static void dw_release(struct bytes *b, const struct go_layout *lo, bool whole)
{
	const size_t begin = b->n = 0;

	dw_unit_begin(b, "runtime");
	for (int far = 0; far < 1 + whole; far++) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			if ((!i || strcmp(rows[i].strukt, rows[i - 1].strukt)) &&
			    only_variable(rows[i].strukt) == far)
				dw_runtime_struct(b, begin, i, lo);
		put8(b, BASE);		/* the far end is that of a long name */
		for (size_t i = 0; !far && i < 300000; i++)
			put8(b, 'x');
		put8(b, 0);
		put_uleb(b, 8);
	}
	dw_unit_end(b, begin);
}

static void get_release(const struct go_layout *dwarf, bool whole, const struct symbol *symbols,
			int minor, struct go_layout *out)
{
	static struct bytes b;
	struct gobin gb;

	memset(&b, 0, sizeof(b));
	dw_release(&b, dwarf, whole);
	binary_init(&gb, minor, 99);
	add_acquire(&gb, stride_of(minor));
	gb.img.symbols = symbols;
	gb.img.fd = make_elf(b.v, b.n, PLAIN);
	assert_int_equal(golayout_get(&gb, out), 0);
	close(gb.img.fd);
}

/* What lies at the far end of the DWARF comes from the table if the rest is as in the table and the
 * variables have their sizes; if not, it is read. */
static void test_get_release(void **state)
{
	for (int minor = FIRST_SERIES; minor < FIRST_SERIES + N_SERIES; minor++) {
		struct go_layout lo, want, patched;
		struct gobin gb;

		binary_init(&gb, minor, 99);
		add_acquire(&gb, stride_of(minor));
		memset(&want, 0, sizeof(want));
		assert_int_equal(golayout_fields_from_table(&gb, &want), 0);
		struct symbol symbols[] = {
			{ "runtime.mheap_", MHEAP, 8 }, { "runtime.allglen", ALLGLEN, 8 },
			{ "runtime.allgptr", ALLGPTR, 8 }, { "runtime.allp", ALLP, 8 },
			{ "runtime.gcController", GCCONTROLLER, 8 },
			{ "runtime.waitReasonStrings", WAITREASONS, 8 },
			{ "runtime.memstats", HEAPSTATS, (uint64_t)want.mstats_size },
			{ "runtime.work", DATA, (uint64_t)want.work_size },
			{ "runtime.sweep", DATA, (uint64_t)want.sweep_size },
			{ "runtime.sched", DATA, (uint64_t)want.sched_size },
			{ NULL, 0, 0 },
		};

		for (int whole = 0; whole < 2; whole++) {
			get_release(&want, whole, symbols, minor, &lo);
			assert_non_null(strstr(lo.fields_from, "where that agrees"));
			for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
				assert_int_equal(row_value(&lo, i), row_value(&want, i));
		}

		patched = want;		/* a field that lies near: */
		patched.g_goid += 8;
		patched.work_tmark += 16;
		get_release(&patched, true, symbols, minor, &lo);
		assert_string_equal(lo.fields_from, "DWARF of the binary");
		assert_int_equal(lo.g_goid, patched.g_goid);
		assert_int_equal(lo.work_tmark, patched.work_tmark);

		patched = want;		/* one at the far end, by the size of the variable */
		patched.work_tmark += 16;
		for (int k = 6; k < 10; k++) {
			symbols[k].size += 8;
			get_release(&patched, true, symbols, minor, &lo);
			assert_string_equal(lo.fields_from, "DWARF of the binary");
			assert_int_equal(lo.work_tmark, patched.work_tmark);
			symbols[k].size -= 8;
		}
		symbols[9].name = "runtime.nothing";
		get_release(&patched, true, symbols, minor, &lo);
		assert_string_equal(lo.fields_from, "DWARF of the binary");

		/* Without the far end there is nothing to read. */
		get_release(&want, false, symbols, minor, &lo);
		assert_non_null(strstr(lo.fields_from, "table, from"));
		assert_null(strstr(lo.fields_from, "DWARF"));
	}
}

/* ---- sizes of objects ---- */

static void test_class_sizes(void **state)
{
	unsigned i;

	assert_int_equal(golayout_class_size(0), 0);
	assert_int_equal(golayout_class_size(1), 8);
	assert_int_equal(golayout_class_size(67), 32768);
	assert_int_equal(golayout_class_size(68), 0);
	assert_int_equal(golayout_span_objects(0), 0);
	assert_int_equal(golayout_span_objects(1), 1024);
	assert_int_equal(golayout_span_objects(60), 4);		/* of 18432 bytes, in nine pages */
	assert_int_equal(golayout_span_objects(67), 1);
	assert_int_equal(golayout_span_objects(68), 0);
	for (i = 1; i < 68; i++) {
		assert_true(golayout_class_size(i) > golayout_class_size(i - 1));
		assert_int_equal(golayout_class_size(i) % 8, 0);
		assert_true(golayout_span_objects(i) > 0);
	}
}

static void test_object_size(void **state)
{
	static const struct {
		uint64_t size;
		uint64_t noscan;	/* without pointers */
		uint64_t old, header;	/* with pointers: up to 1.21, from 1.22 on */
	} cases[] = {
		{ 0, 0, 0, 0 },
		{ 1, 16, 8, 8 }, { 8, 16, 8, 8 }, { 15, 16, 16, 16 }, { 16, 16, 16, 16 },
		{ 17, 24, 24, 24 }, { 24, 24, 24, 24 }, { 25, 32, 32, 32 }, { 33, 48, 48, 48 },
		{ 512, 512, 512, 512 }, { 513, 576, 576, 576 },
		{ 568, 576, 576, 576 }, { 569, 576, 576, 640 }, { 576, 576, 576, 640 },
		{ 1016, 1024, 1024, 1024 }, { 1017, 1024, 1024, 1152 }, { 1024, 1024, 1024, 1152 },
		{ 1025, 1152, 1152, 1152 }, { 28665, 28672, 28672, 32768 },
		{ 28673, 32768, 32768, 32768 }, { 32760, 32768, 32768, 32768 },
		{ 32761, 32768, 32768, 32768 }, { 32768, 32768, 32768, 32768 },
		{ 32769, 40960, 40960, 40960 }, { 40960, 40960, 40960, 40960 },
		{ 40961, 49152, 49152, 49152 }, { 1000000, 1007616, 1007616, 1007616 },
		{ UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX },
	};
	struct go_layout old = { .malloc_header = false }, header = { .malloc_header = true };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t size = cases[i].size;

		assert_int_equal(golayout_object_size(&old, size, false), cases[i].noscan);
		assert_int_equal(golayout_object_size(&header, size, false), cases[i].noscan);
		assert_int_equal(golayout_object_size(&old, size, true), cases[i].old);
		assert_int_equal(golayout_object_size(&header, size, true), cases[i].header);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dwarf_fields),
		cmocka_unit_test(test_dwarf_without_runtime),
		cmocka_unit_test(test_dwarf_cycle_of_typedefs),
		cmocka_unit_test(test_dwarf_bomb),
		cmocka_unit_test(test_dwarf_packed),
		cmocka_unit_test(test_dwarf_large),
		cmocka_unit_test(test_dwarf_many),
		cmocka_unit_test(test_dwarf_damaged),
		cmocka_unit_test(test_table_fields),
		cmocka_unit_test(test_table_unknown),
		cmocka_unit_test(test_table_heapstats_size),
		cmocka_unit_test(test_table_experiment),
		cmocka_unit_test(test_vars_from_code),
		cmocka_unit_test(test_optional_vars),
		cmocka_unit_test(test_vars_from_wrong_code),
		cmocka_unit_test(test_vars_contradiction),
		cmocka_unit_test(test_get_stripped),
		cmocka_unit_test(test_get_with_symbols),
		cmocka_unit_test(test_get_release),
		cmocka_unit_test(test_class_sizes),
		cmocka_unit_test(test_object_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
