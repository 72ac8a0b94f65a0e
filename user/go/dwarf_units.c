// SPDX-License-Identifier: BSD-2-Clause
/*
 * dwarf_units.c - the compile units of a binary's DWARF, one after the other.
 *
 * The Go linker writes names in place, so two sections are enough, and the strings that the C code
 * of a cgo program may use.
 *
 * Unpacking is what costs time and memory: libdw unpacks every section that it sees, a second's
 * work in a program of 170 MB.  So libdw gets an ELF file made in memory of the few sections, and
 * of the large one, .debug_info, only what is about to be read is there, one compile unit at a
 * time: those before it are passed over and let go.  What does not fit into MAX_DWARF_BYTES all the
 * same is not read.
 *
 * Sections are read and not mapped: the file may be truncated meanwhile.  Of a packed one no more is
 * read than is unpacked.
 */
#include "user/go/dwarf_units.h"

#include <endian.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "user/base/limits.h"
#include "user/base/reader.h"
#include "user/base/util.h"
#include "user/go/image.h"

enum {
	MAX_PACKED_RATIO = 1032,	/* zlib cannot pack tighter */
	UNPACK_STEP = 1 << 18,
	READ_STEP = 1 << 16,
	UNIT_BEGIN = 4096,		/* bytes of a unit that certainly hold its name */
};

/* The sections that libdw gets.  The older form of a compressed one is called .zdebug_*. */
enum { INFO, ABBREV, STR, STR_OFFSETS, LINE_STR, N_SECTIONS };
static const char *const section_names[N_SECTIONS] = {
	".debug_info", ".debug_abbrev", ".debug_str", ".debug_str_offsets", ".debug_line_str",
};

struct section {
	bool there;			/* the file has it */
	int fd;
	uint64_t from, n_from;		/* what has not been read yet: where in the file */
	bool packed;
	uint8_t *chunk;			/* of a packed one, READ_STEP bytes */
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

/* zlib's own header (RFC 1950): deflate, and no dictionary.  It is passed over together with the
 * checksum at the end, which takes a tenth of the time and lies behind what is read. */
static bool is_zlib(struct reader *r)
{
	uint8_t method = reader_u8(r), flags = reader_u8(r);

	return (method & 0xf) == Z_DEFLATED && !(flags & 0x20);
}

/* The size of a section when it is unpacked, and where its packed bytes begin: ELF's own
 * compression, or the older one, "ZLIB" and the size as eight bytes, high first. */
static bool find_packed(const GElf_Shdr *sh, const char *name, struct section *s)
{
	uint8_t head[sizeof(Elf64_Chdr) + 2] = { 0 };
	ssize_t n = pread(s->fd, head, sizeof(head), (off_t)s->from);
	struct reader r = reader_of(head, n > 0 ? (size_t)n : 0);
	const char *magic;
	Elf64_Chdr ch;

	s->size = s->n_from;
	s->packed = sh->sh_flags & SHF_COMPRESSED || name[1] == 'z';
	if (sh->sh_flags & SHF_COMPRESSED) {
		memcpy(&ch, head, sizeof(ch));
		reader_bytes(&r, sizeof(ch));
		if (ch.ch_type != ELFCOMPRESS_ZLIB)
			return false;
		s->size = ch.ch_size;
	} else if (s->packed) {
		magic = reader_bytes(&r, strlen("ZLIB"));
		if (!magic || memcmp(magic, "ZLIB", strlen("ZLIB")))
			return false;
		s->size = be64toh(reader_u64(&r));
	}
	if (s->n_from > MAX_DWARF_SECTION || s->size > MAX_DWARF_SECTION)
		return false;
	if (!s->packed)
		return true;
	if (!is_zlib(&r) || r.bad || (uint64_t)(r.p - head) > s->n_from)
		return false;
	s->from += (uint64_t)(r.p - head);
	s->n_from -= (uint64_t)(r.p - head);
	return s->size / MAX_PACKED_RATIO <= s->n_from;
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

static int find_sections(Elf *elf, const struct image *img, struct section *sections)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) != 0)
		return -ENOENT;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *name;
		GElf_Shdr sh;
		int i;

		if (!gelf_getshdr(scn, &sh) || !(name = elf_strptr(elf, names, sh.sh_name)))
			return -EBADMSG;
		i = sh.sh_type == SHT_NOBITS ? -1 : section_index(name);
		if (i < 0 || sections[i].there)
			continue;
		sections[i].there = true;
		sections[i].fd = image_fd(img);
		sections[i].from = sh.sh_offset;
		sections[i].n_from = sh.sh_size;
		if (!find_packed(&sh, name, &sections[i]))
			return -EBADMSG;
	}
	return sections[INFO].there && sections[ABBREV].there ? 0 : -ENOENT;
}

/* The next n bytes of a section as they are in the file. */
static bool read_next(struct section *s, uint8_t *out, uint64_t n)
{
	if (n > s->n_from)
		return false;
	while (n) {
		ssize_t got = pread(s->fd, out, n, (off_t)s->from);

		if (got <= 0)
			return false;
		n -= (uint64_t)got;
		out += got;
		s->from += (uint64_t)got;
		s->n_from -= (uint64_t)got;
	}
	return true;
}

/* More for zlib. */
static bool refill(struct section *s)
{
	const uint64_t n = s->n_from < READ_STEP ? s->n_from : READ_STEP;

	if (s->z.avail_in)
		return true;
	if (!n || !read_next(s, s->chunk, n))
		return false;
	s->z.next_in = s->chunk;
	s->z.avail_in = (uInt)n;
	return true;
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
		if (!read_next(s, s->to + s->done, n))
			return -EBADMSG;
	} else {
		s->z.next_out = s->to + s->done;
		s->z.avail_out = (uInt)n;
		while (s->z.avail_out && refill(s))
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

	if (!info->packed && info->done < before) {
		uint64_t to = before < info->size ? before : info->size;

		info->from += to - info->done;
		info->n_from -= to - info->done;
		info->done = to;
	}
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
		if (!c->sections[i].there)
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
		if (s->packed)
			s->chunk = xcalloc(1, READ_STEP);
		if (s->packed && inflateInit2(&s->z, -MAX_WBITS) != Z_OK)
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

	for (i = 0; i < N_SECTIONS; i++) {
		if (c->sections[i].packed)
			inflateEnd(&c->sections[i].z);
		free(c->sections[i].chunk);
	}
	if (c->elf)
		munmap(c->elf, c->size);
}

struct dwarf_units {
	struct copy copy;
	Elf *file, *elf;	/* the binary; the copy */
	Dwarf *dw;
	Dwarf_Off off, next;	/* of the unit that was given last, of that behind it */
	size_t n;
};

int dwarf_units_open(struct dwarf_units **out, const struct image *img)
{
	struct dwarf_units *u = xcalloc(1, sizeof(*u));
	int err;

	elf_version(EV_CURRENT);
	u->file = elf_begin(image_fd(img), ELF_C_READ, NULL);
	err = u->file ? find_sections(u->file, img, u->copy.sections) : -EBADMSG;
	if (!err)
		err = make_copy(&u->copy, image_machine(img));
	if (!err) {
		u->elf = elf_memory((char *)u->copy.elf, u->copy.size);
		u->dw = u->elf ? dwarf_begin_elf(u->elf, DWARF_C_READ, NULL) : NULL;
		err = u->dw ? 0 : -EBADMSG;
	}
	if (err)
		dwarf_units_close(u);
	else
		*out = u;
	return err;
}

void dwarf_units_close(struct dwarf_units *u)
{
	if (!u)
		return;
	dwarf_end(u->dw);
	elf_end(u->elf);
	free_copy(&u->copy);
	elf_end(u->file);
	free(u);
}

int dwarf_units_next(struct dwarf_units *u, Dwarf_Die *unit)
{
	size_t header;
	int err;

	u->off = u->next;
	if (u->off >= u->copy.sections[INFO].size)
		return -ENOENT;
	err = u->n++ == MAX_DWARF_UNITS ? -EFBIG : show(&u->copy, u->off, u->off + UNIT_BEGIN);
	if (err)
		return err;
	if (dwarf_next_unit(u->dw, u->off, &u->next, &header, NULL, NULL, NULL, NULL, NULL,
			    NULL) != 0 ||
	    u->next <= u->off || !dwarf_offdie(u->dw, u->off + header, unit))
		return -EBADMSG;
	return 0;
}

int dwarf_units_show(struct dwarf_units *u)
{
	return show(&u->copy, u->off, u->next);
}

int dwarf_units_show_begin(struct dwarf_units *u, uint64_t bytes, uint64_t *end)
{
	*end = bytes < u->next - u->off ? u->off + bytes : u->next;
	return show(&u->copy, u->off, *end);
}

uint64_t dwarf_units_begin(const struct dwarf_units *u)
{
	return u->off;
}

bool dwarf_units_has(const struct dwarf_units *u, uint64_t off)
{
	return off >= u->off && off < u->next;
}

bool dwarf_units_die(struct dwarf_units *u, uint64_t off, Dwarf_Die *die)
{
	return dwarf_units_has(u, off) && dwarf_offdie(u->dw, off, die);
}
