// SPDX-License-Identifier: BSD-2-Clause
/*
 * golayout_dwarf.c - offsets of the runtime's struct fields, read from a binary's DWARF.
 *
 * The only file that knows libdw.  The Go linker puts the descriptions of all types of the program
 * behind the functions of one compile unit named "runtime" (movetomodule in cmd/link/internal/ld,
 * dwarf.go; the other units of that name are assembler files), and writes names in place, so two
 * sections are enough, and the strings that the C code of a cgo program may use.
 *
 * Unpacking is what costs time and memory: libdw unpacks every section that it sees, a second's
 * work in a program of 170 MB.  So libdw gets an ELF file made in memory of the few sections, and
 * of the large one, .debug_info, only what is about to be read is there, one compile unit at a
 * time: those before it are passed over and let go.  What does not fit into MAX_DWARF_BYTES all the
 * same is not read, and the table serves instead.
 *
 * libelf reads the sections and does not map them: the file may be truncated meanwhile.
 *
 * The DWARF is as hostile as the rest of the file: what it says is bounded here, and compared with
 * the live process by gomem_check before it is believed.
 */
#include "user/go/golayout.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <endian.h>
#include <errno.h>
#include <gelf.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "user/base/limits.h"
#include "user/base/reader.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/image.h"

enum {
	MAX_PACKED_RATIO = 1032,	/* zlib cannot pack tighter */
	UNPACK_STEP = 1 << 20,
	UNIT_BEGIN = 4096,		/* bytes of a unit that certainly hold its name */
};

static const struct field {
	const char *strukt, *path;
	size_t at;			/* in struct go_layout */
} fields[] = {
#define X(name, strukt, path) { strukt, path, offsetof(struct go_layout, name) },
	GO_FIELDS(X)
#undef X
};

static int32_t *value_of(struct go_layout *lo, const struct field *f)
{
	return (int32_t *)((char *)lo + f->at);
}

/* The struct or basic type behind the names that die's type goes by. */
static bool type_of(Dwarf_Die *die, Dwarf_Die *type)
{
	Dwarf_Attribute attr;
	int i;

	*type = *die;
	for (i = 0; i < MAX_TYPEDEFS; i++) {
		if (!dwarf_attr(type, DW_AT_type, &attr) || !dwarf_formref_die(&attr, type))
			return false;
		if (dwarf_tag(type) != DW_TAG_typedef)
			return true;
	}
	return false;
}

static bool find_member(Dwarf_Die *strukt, const char *name, size_t len, Dwarf_Die *member)
{
	const char *s;

	if (dwarf_child(strukt, member) != 0)
		return false;
	do {
		s = dwarf_tag(member) == DW_TAG_member ? dwarf_diename(member) : NULL;
		if (s && strlen(s) == len && !memcmp(s, name, len))
			return true;
	} while (dwarf_siblingof(member, member) == 0);
	return false;
}

static int32_t bounded(Dwarf_Word value)
{
	return value <= MAX_STRUCT_BYTES ? (int32_t)value : GL_NO_FIELD;
}

/* Follows a path of GO_FIELDS from a struct: offset or size, GL_NO_FIELD where there is none. */
static int32_t resolve(Dwarf_Die *strukt, const char *path)
{
	Dwarf_Die in = *strukt, member;
	Dwarf_Attribute attr;
	Dwarf_Word off = 0, part;

	for (;;) {
		size_t len = strcspn(path, ".");

		if (!strcmp(path, "#size"))
			return bounded(dwarf_bytesize(&in));
		if (!find_member(&in, path, len, &member) ||
		    !dwarf_attr(&member, DW_AT_data_member_location, &attr) ||
		    dwarf_formudata(&attr, &part) != 0 || part > MAX_STRUCT_BYTES)
			return GL_NO_FIELD;
		off += part;
		if (!path[len])
			return bounded(off);
		if (!type_of(&member, &in))
			return GL_NO_FIELD;
		path += len + 1;
	}
}

/* Fills the fields of one struct of the runtime; returns how many there are. */
static size_t read_struct(Dwarf_Die *strukt, const char *name, struct go_layout *lo, bool *done)
{
	size_t i, n = 0;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		if (done[i] || strcmp(fields[i].strukt, name))
			continue;
		*value_of(lo, &fields[i]) = resolve(strukt, fields[i].path);
		done[i] = true;
		n++;
	}
	return n;
}

/* The name of a struct type of package runtime within it; NULL: another's.  That of the variable
 * work has none of its own up to Go 1.18, so it goes by its first members. */
static const char *runtime_struct(Dwarf_Die *die)
{
	static const char prefix[] = "runtime.", work[] = "struct { runtime.full runtime.lfstack; ";
	const char *name = dwarf_tag(die) == DW_TAG_structure_type ? dwarf_diename(die) : NULL;

	if (name && !strncmp(name, prefix, sizeof(prefix) - 1))
		return name + sizeof(prefix) - 1;
	return name && !strncmp(name, work, sizeof(work) - 1) ? "workType" : NULL;
}

/* Returns how many of the *left fields are still unknown after this compile unit. */
static size_t read_unit(Dwarf_Die *unit, struct go_layout *lo, bool *done, size_t left)
{
	Dwarf_Die die;
	const char *name;

	if (dwarf_child(unit, &die) != 0)
		return left;
	do {
		name = runtime_struct(&die);
		if (name)
			left -= read_struct(&die, name, lo, done);
	} while (left && dwarf_siblingof(&die, &die) == 0);
	return left;
}

/* The sections that libdw gets.  The older form of a compressed one is called .zdebug_*. */
enum { INFO, ABBREV, STR, STR_OFFSETS, LINE_STR, N_SECTIONS };
static const char *const section_names[N_SECTIONS] = {
	".debug_info", ".debug_abbrev", ".debug_str", ".debug_str_offsets", ".debug_line_str",
};

struct section {
	const uint8_t *from;		/* in the file; NULL: it has no such section */
	uint64_t n_from;
	bool packed;
	uint8_t *to;			/* in the copy */
	uint64_t size, done;		/* of the copy; bytes behind done are 0 so far ... */
	uint64_t gone;			/* ... and those before gone may be 0 again */
	z_stream z;			/* where unpacking stands */
};

/* An ELF file in memory, of the wanted sections. */
struct copy {
	struct section sections[N_SECTIONS];
	uint8_t *elf;			/* mapped, NULL: not yet */
	size_t size;
	size_t held;			/* bytes of all sections but .debug_info */
};

/* The size of a section when it is unpacked, and where its packed bytes begin: ELF's own
 * compression, or the older one, "ZLIB" and the size as eight bytes, high first. */
static bool find_packed(Elf_Scn *scn, const GElf_Shdr *sh, const char *name, struct section *s)
{
	struct reader r = reader_of(s->from, s->n_from);
	const char *magic;
	GElf_Chdr ch;

	s->size = s->n_from;
	if (sh->sh_flags & SHF_COMPRESSED) {
		if (!gelf_getchdr(scn, &ch) || ch.ch_type != ELFCOMPRESS_ZLIB)
			return false;
		reader_bytes(&r, sizeof(Elf64_Chdr));
		s->size = ch.ch_size;
	} else if (name[1] == 'z') {
		magic = reader_bytes(&r, strlen("ZLIB"));
		if (!magic || memcmp(magic, "ZLIB", strlen("ZLIB")))
			return false;
		s->size = be64toh(reader_u64(&r));
	}
	s->packed = r.p > s->from;
	if (r.bad || s->n_from > MAX_DWARF_SECTION || s->size > MAX_DWARF_SECTION)
		return false;
	s->from = r.p;
	s->n_from = (uint64_t)(r.end - r.p);
	return !s->packed || s->size / MAX_PACKED_RATIO <= s->n_from;
}

static int section_index(const char *name)
{
	int i;

	for (i = 0; i < N_SECTIONS; i++)
		if (!strcmp(name, section_names[i]) ||
		    (!strncmp(name, ".z", 2) && !strcmp(name + 2, section_names[i] + 1)))
			return i;
	return -1;
}

static int find_sections(Elf *elf, struct section *sections)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) != 0)
		return -ENOENT;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *name;
		Elf_Data *data;
		GElf_Shdr sh;
		int i;

		if (!gelf_getshdr(scn, &sh) || !(name = elf_strptr(elf, names, sh.sh_name)))
			return -EBADMSG;
		i = sh.sh_type == SHT_NOBITS ? -1 : section_index(name);
		if (i < 0 || sections[i].from)
			continue;
		data = elf_rawdata(scn, NULL);
		if (!data || !data->d_buf)
			return -EBADMSG;
		sections[i].from = data->d_buf;
		sections[i].n_from = data->d_size;
		if (!find_packed(scn, &sh, name, &sections[i]))
			return -EBADMSG;
	}
	return sections[INFO].from && sections[ABBREV].from ? 0 : -ENOENT;
}

/* Brings the first bytes of a section, up to upto of them, into the copy. */
static int unpack(struct section *s, uint64_t upto)
{
	uint64_t n;

	upto = upto < s->size ? upto : s->size;
	if (upto <= s->done)
		return 0;
	n = upto - s->done;
	if (n < UNPACK_STEP)
		n = s->size - s->done < UNPACK_STEP ? s->size - s->done : UNPACK_STEP;
	if (!s->packed) {
		memcpy(s->to + s->done, s->from + s->done, n);
	} else {
		s->z.next_out = s->to + s->done;
		s->z.avail_out = (uInt)n;
		while (s->z.avail_out)
			if (inflate(&s->z, Z_NO_FLUSH) != Z_OK)
				break;
		if (s->z.avail_out)
			return -EBADMSG;
	}
	s->done += n;
	return 0;
}

/* Gives the memory back that holds what lies before that offset, but for parts of pages. */
static void let_go(struct section *s, uint64_t before)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)s->to + s->gone + page - 1) & -page;
	uintptr_t end = ((uintptr_t)s->to + before) & -page;

	if (end <= from)
		return;
	madvise((void *)from, end - from, MADV_DONTNEED);
	s->gone = before;
}

/* Passes over what of .debug_info lies before that offset. */
static int pass_over(struct section *info, uint64_t before)
{
	int err = 0;

	if (!info->packed && info->done < before)
		info->done = before < info->size ? before : info->size;
	while (!err && info->done < before && info->done < info->size) {
		err = unpack(info, before - info->done < UNPACK_STEP ? before :
			     info->done + UNPACK_STEP);
		let_go(info, info->done < before ? info->done : before);
	}
	let_go(info, before);
	return err;
}

/* Brings the bytes [from, upto) of .debug_info into the copy, at the cost of those before.
 * -EFBIG: they are too many. */
static int show(struct copy *c, uint64_t from, uint64_t upto)
{
	struct section *info = &c->sections[INFO];

	if (upto - from > MAX_DWARF_BYTES - c->held)
		return -EFBIG;
	return pass_over(info, from) ? -EBADMSG : unpack(info, upto);
}

static size_t align8(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* Section headers: the first is empty, the last is that of the names. */
static void write_headers(struct copy *c, uint16_t machine)
{
	Elf64_Ehdr *eh = (Elf64_Ehdr *)c->elf;
	Elf64_Shdr *sh = (Elf64_Shdr *)(eh + 1);
	Elf64_Shdr *names = &sh[N_SECTIONS + 1];
	char *name;
	int i;

	*eh = (Elf64_Ehdr) {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = machine, .e_version = EV_CURRENT,
		.e_shoff = sizeof(*eh), .e_ehsize = sizeof(*eh), .e_shentsize = sizeof(*sh),
		.e_shnum = N_SECTIONS + 2, .e_shstrndx = N_SECTIONS + 1,
	};
	names->sh_type = SHT_STRTAB;
	names->sh_offset = sizeof(*eh) + (N_SECTIONS + 2) * sizeof(*sh);
	names->sh_addralign = 1;
	name = (char *)c->elf + names->sh_offset;
	names->sh_size = 1;		/* offset 0 is the empty name */
	for (i = 0; i < N_SECTIONS; i++) {
		if (!c->sections[i].from)
			continue;	/* stays SHT_NULL */
		sh[i + 1] = (Elf64_Shdr) {
			.sh_name = (Elf64_Word)names->sh_size, .sh_type = SHT_PROGBITS,
			.sh_offset = (Elf64_Off)(c->sections[i].to - c->elf),
			.sh_size = c->sections[i].size, .sh_addralign = 1,
		};
		strcpy(name + names->sh_size, section_names[i]);
		names->sh_size += strlen(section_names[i]) + 1;
	}
}

/* All sections but .debug_info are there afterwards; of that, nothing. */
static int make_copy(struct copy *c, uint16_t machine)
{
	size_t begin = sizeof(Elf64_Ehdr) + (N_SECTIONS + 2) * sizeof(Elf64_Shdr) + 1;
	int i, err = 0;
	void *elf;

	for (i = 0; i < N_SECTIONS; i++)
		begin += strlen(section_names[i]) + 1;
	c->size = begin = align8(begin);
	for (i = 0; i < N_SECTIONS; i++)
		c->size += align8(c->sections[i].size);
	c->held = c->size - align8(c->sections[INFO].size);
	if (c->held > MAX_DWARF_BYTES || c->sections[ABBREV].size > MAX_DWARF_ABBREVS)
		return -EFBIG;
	elf = mmap(NULL, c->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (elf == MAP_FAILED)
		return -errno;
	c->elf = elf;
	for (i = 0; i < N_SECTIONS; i++) {
		struct section *s = &c->sections[i];

		s->to = c->elf + begin;
		begin += align8(s->size);
		s->z.next_in = (Bytef *)s->from;	/* zlib does not write there */
		s->z.avail_in = (uInt)s->n_from;
		if (s->packed && inflateInit(&s->z) != Z_OK)
			return -ENOMEM;
	}
	write_headers(c, machine);
	for (i = 0; i < N_SECTIONS && !err; i++)
		if (i != INFO)
			err = unpack(&c->sections[i], c->sections[i].size);
	return err;
}

static void free_copy(struct copy *c)
{
	int i;

	for (i = 0; i < N_SECTIONS; i++)
		if (c->sections[i].packed)
			inflateEnd(&c->sections[i].z);
	if (c->elf)
		munmap(c->elf, c->size);
}

/* libdw reads the copy in place, so a unit can be unpacked between its header and its content. */
static int read_fields(Dwarf *dw, struct copy *c, struct go_layout *lo)
{
	bool done[ARRAY_SIZE(fields)] = { false };
	size_t header, left = ARRAY_SIZE(fields), n_units = 0;
	Dwarf_Off off, next;
	Dwarf_Die unit;
	const char *name;
	int err;

	for (off = 0; left && off < c->sections[INFO].size; off = next) {
		err = n_units++ == MAX_DWARF_UNITS ? -EFBIG : show(c, off, off + UNIT_BEGIN);
		if (err)
			return err;
		if (dwarf_next_unit(dw, off, &next, &header, NULL, NULL, NULL, NULL, NULL,
				    NULL) != 0 ||
		    next <= off || !dwarf_offdie(dw, off + header, &unit))
			return -EBADMSG;
		name = dwarf_diename(&unit);
		if (!name || strcmp(name, "runtime"))
			continue;
		err = show(c, off, next);
		if (err)
			return err;
		left = read_unit(&unit, lo, done, left);
	}
	return left ? -EBADMSG : 0;
}

static int read_copy(struct copy *c, struct go_layout *lo)
{
	Elf *elf = elf_memory((char *)c->elf, c->size);
	Dwarf *dw = elf ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
	int err = dw ? read_fields(dw, c, lo) : -EBADMSG;

	dwarf_end(dw);
	elf_end(elf);
	return err;
}

int golayout_fields_from_dwarf(const struct gobin *gb, struct go_layout *out)
{
	const struct image *img = gobin_image(gb);
	struct copy c = { .elf = NULL };
	struct go_layout lo = *out;
	Elf *elf;
	int err;

	elf_version(EV_CURRENT);
	elf = elf_begin(image_fd(img), ELF_C_READ, NULL);
	if (!elf)
		return -EBADMSG;
	err = find_sections(elf, c.sections);
	if (!err)
		err = make_copy(&c, image_machine(img));
	if (!err)
		err = read_copy(&c, &lo);
	if (!err) {
		snprintf(lo.fields_from, sizeof(lo.fields_from), "DWARF of the binary");
		*out = lo;
	}
	free_copy(&c);
	elf_end(elf);
	return err;
}
