// SPDX-License-Identifier: BSD-2-Clause
/*
 * image.c - one ELF file: segments, sections, symbols, and its bytes by virtual address.
 *
 * libelf reads headers, sections and notes into memory of its own.  image_at() shows a private
 * mapping of the file, and the symbols are read there.  The relative relocations of a
 * position-independent file, without which the pointers in moduledata and in the read-only data are
 * zero, are applied to what image_read() copies, as the loader would at load bias 0, and to the
 * mapping where image_relocate() asks for it: each page of it that is written to costs memory.
 *
 * A private mapping is no copy: a page that nobody has written to yet shows what the file has now,
 * and behind the end of a truncated file every page is gone, also those that were written to, and a
 * touch is a SIGBUS.  While the program runs the kernel forbids both (ETXTBSY), but we read on when
 * it has ended.  So the handler puts a page of zeros under the touch and marks the image; size and
 * time of the file tell the rest.  A page of zeros lies behind the mapping, so that a text whose
 * end is not there any more ends there.
 */
#include "user/go/image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/relocs.h"
#include "user/go/symtab.h"

/* What is found out later, when the image is const for its users. */
struct later {
	bool symbols_read;
	int deferred;		/* checks: by so many */
	struct symtab *symbols;
	volatile sig_atomic_t changed;
};

struct image {
	int fd;
	char *name;
	Elf *elf;
	uint8_t *bytes;			/* the whole file, private */
	struct relocs *relocs;		/* to be applied to it; NULL: none */
	uint64_t size;
	uint16_t machine;
	bool pie;
	struct image_segment *segments;
	size_t n_segments;
	struct timespec mtime;
	struct later *later;
	char *build_id;
	struct image *next;		/* of those that are open */
};

/* For the handler of SIGBUS, which gets nothing but an address. */
static struct image *open_images;
static struct sigaction before;		/* what is done with a SIGBUS that is not ours */

static const struct image_segment *segment_of(const struct image *img, uint64_t vaddr)
{
	size_t i;

	for (i = 0; i < img->n_segments; i++)
		if (vaddr - img->segments[i].vaddr < img->segments[i].memsz)
			return &img->segments[i];
	return NULL;
}

static uint8_t *bytes_at(const struct image *img, uint64_t vaddr, uint64_t *avail)
{
	const struct image_segment *seg = segment_of(img, vaddr);
	uint64_t off;

	if (!seg)
		return NULL;
	off = vaddr - seg->vaddr;
	if (off >= seg->filesz)
		return NULL;
	if (avail)
		*avail = seg->filesz - off;
	return img->bytes + seg->file_off + off;
}

static int check_header(struct image *img)
{
	GElf_Ehdr eh;

	if (elf_kind(img->elf) != ELF_K_ELF) {
		say_error("%s: not an ELF file; gobpfleak traces Go programs for Linux", img->name);
		return -ENOEXEC;
	}
	if (gelf_getclass(img->elf) != ELFCLASS64) {
		say_error("%s: a 32-bit program; gobpfleak traces 64-bit programs only: build it "
			  "with GOARCH=amd64", img->name);
		return -ENOTSUP;
	}
	if (!gelf_getehdr(img->elf, &eh)) {
		say_error("%s: damaged ELF file (%s); reinstall the program", img->name,
			  elf_errmsg(-1));
		return -EBADMSG;
	}
	if (eh.e_ident[EI_DATA] != ELFDATA2LSB || eh.e_machine != EM_X86_64) {
		say_error("%s: built for another architecture (ELF machine %u); this version of "
			  "gobpfleak traces x86-64 programs only: build it with GOARCH=amd64",
			  img->name, eh.e_machine);
		return -ENOTSUP;
	}
	if (eh.e_type != ET_EXEC && eh.e_type != ET_DYN) {
		say_error("%s: not a program but another kind of ELF file (type %u)", img->name,
			  eh.e_type);
		return -ENOEXEC;
	}
	img->machine = eh.e_machine;
	img->pie = eh.e_type == ET_DYN;
	return 0;
}

static void add_segment(struct image *img, const GElf_Phdr *ph)
{
	struct image_segment seg = {
		.vaddr = ph->p_vaddr,
		.memsz = ph->p_memsz,
		.filesz = ph->p_filesz,
		.file_off = ph->p_offset,
		.write = ph->p_flags & PF_W,
		.exec = ph->p_flags & PF_X,
	};

	if (seg.file_off > img->size)
		seg.file_off = img->size;
	if (seg.filesz > img->size - seg.file_off)
		seg.filesz = img->size - seg.file_off;
	if (seg.memsz > UINT64_MAX - seg.vaddr)
		seg.memsz = UINT64_MAX - seg.vaddr;
	if (seg.filesz > seg.memsz)
		seg.filesz = seg.memsz;
	img->segments[img->n_segments++] = seg;
}

static int read_segments(struct image *img)
{
	uint64_t bytes = 0;
	size_t i, n;
	GElf_Phdr ph;

	if (elf_getphdrnum(img->elf, &n) || n > MAX_PROGRAM_HEADERS)
		goto damaged;
	img->segments = xcalloc(n, sizeof(*img->segments));
	for (i = 0; i < n; i++) {
		if (!gelf_getphdr(img->elf, i, &ph))
			goto damaged;
		if (ph.p_type != PT_LOAD)
			continue;
		add_segment(img, &ph);
		bytes += img->segments[img->n_segments - 1].filesz;
	}
	/* Segments that all show the same bytes would make each search through them as much
	 * longer. */
	if (img->n_segments && bytes <= 2 * img->size)
		return 0;
damaged:
	say_error("%s: damaged ELF file: no usable program headers; reinstall the program",
		  img->name);
	return -EBADMSG;
}

/* The vaddrs of what is in the file. */
static void file_range(const struct image *img, uint64_t *low, uint64_t *high)
{
	*low = UINT64_MAX;
	*high = 0;
	for (size_t i = 0; i < img->n_segments; i++) {
		const struct image_segment *seg = &img->segments[i];

		if (seg->filesz && seg->vaddr < *low)
			*low = seg->vaddr;
		if (seg->filesz && seg->vaddr + seg->filesz > *high)
			*high = seg->vaddr + seg->filesz;
	}
}

static void find_relocs(struct image *img, uint64_t table, uint64_t size)
{
	uint64_t avail, low, high;
	const uint8_t *p = bytes_at(img, table, &avail);

	file_range(img, &low, &high);
	/* Segments far apart are no linker's; what is in the file is all there is to index. */
	if (p && high > low && (high - low) / 4 <= img->size)
		img->relocs = relocs_new(p, size < avail ? size : avail, low, high);
}

/*
 * DT_RELR needs nothing: its relocations have their addend in place, and the load bias is 0.
 * A damaged dynamic section leaves pointers at zero, which whoever follows them will refuse.
 */
static void relocate(struct image *img)
{
	uint64_t avail, table = 0, size = 0, i, n_dyn;
	const uint8_t *p = NULL;
	GElf_Phdr ph;
	Elf64_Dyn d;
	size_t n;

	if (!img->pie || elf_getphdrnum(img->elf, &n))
		return;
	for (i = 0; i < n && !p; i++)
		if (gelf_getphdr(img->elf, i, &ph) && ph.p_type == PT_DYNAMIC)
			p = bytes_at(img, ph.p_vaddr, &avail);
	if (!p)
		return;
	n_dyn = (avail < ph.p_filesz ? avail : ph.p_filesz) / sizeof(d);
	for (i = 0; i < n_dyn; i++) {
		memcpy(&d, p + i * sizeof(d), sizeof(d));
		if (d.d_tag == DT_NULL)
			break;
		if (d.d_tag == DT_RELA)
			table = d.d_un.d_ptr;
		else if (d.d_tag == DT_RELASZ)
			size = d.d_un.d_val;
	}
	find_relocs(img, table, size);
}

/* Sections one after the other: *scn NULL starts.  False at the end or where the table is
 * damaged. */
static bool next_section(const struct image *img, Elf_Scn **scn, GElf_Shdr *sh)
{
	*scn = elf_nextscn(img->elf, *scn);
	return *scn && gelf_getshdr(*scn, sh);
}

/* GNU's build id as hex; Go's is text already (cmd/link/internal/ld/elf.go: "Go", type 4). */
static char *id_text(const uint8_t *desc, size_t len, bool gnu)
{
	char *text = xcalloc(2 * len + 1, 1);
	size_t i;

	for (i = 0; i < len; i++) {
		if (gnu)
			snprintf(text + 2 * i, 3, "%02x", desc[i]);
		else
			text[i] = desc[i] > ' ' && desc[i] < 0x7f ? desc[i] : '?';
	}
	return text;
}

static void read_notes(struct image *img, Elf_Data *data, bool *have_gnu)
{
	size_t off = 0, name, desc;
	const char *owner;
	GElf_Nhdr nh;
	bool gnu, go;

	while (data && (off = gelf_getnote(data, off, &nh, &name, &desc)) > 0) {
		owner = (char *)data->d_buf + name;
		gnu = nh.n_type == NT_GNU_BUILD_ID && nh.n_namesz == 4 && !memcmp(owner, "GNU", 4);
		go = nh.n_type == 4 && nh.n_namesz == 4 && !memcmp(owner, "Go\0", 4);
		if ((!gnu && !go) || *have_gnu || nh.n_descsz > MAX_BUILD_ID)
			continue;
		free(img->build_id);
		img->build_id = id_text((uint8_t *)data->d_buf + desc, nh.n_descsz, gnu);
		*have_gnu = gnu;
	}
}

/* From the note sections, since PT_NOTE of Go's internal linker covers Go's note only; from PT_NOTE
 * where there are no sections. */
static void read_build_id(struct image *img)
{
	bool have_gnu = false;
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	GElf_Phdr ph;
	size_t i, n;

	while (next_section(img, &scn, &sh))
		if (sh.sh_type == SHT_NOTE)
			read_notes(img, elf_getdata(scn, NULL), &have_gnu);
	if (img->build_id || elf_getphdrnum(img->elf, &n))
		return;
	for (i = 0; i < n; i++)
		if (gelf_getphdr(img->elf, i, &ph) && ph.p_type == PT_NOTE)
			read_notes(img, elf_getdata_rawchunk(img->elf, ph.p_offset, ph.p_filesz,
				   ph.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR), &have_gnu);
}

/* ---- what becomes of the file while it is open ---------------------------------------------- */

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Of the mapping, without the page behind it. */
static size_t mapped_size(const struct image *img)
{
	return (img->size + page_size() - 1) & ~(page_size() - 1);
}

static struct image *image_around(const void *addr)
{
	struct image *img = open_images;

	while (img && (uintptr_t)addr - (uintptr_t)img->bytes >= mapped_size(img))
		img = img->next;
	return img;
}

/* A fault outside of the images goes where it would have gone: the instruction is run again. */
static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(page_size() - 1);
	struct image *img = image_around(info->si_addr);
	int saved = errno;

	if (img && info->si_code == BUS_ADRERR &&
	    mmap((void *)page, page_size(), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
		img->later->changed = true;
	else
		sigaction(SIGBUS, &before, NULL);
	errno = saved;
}

static void add_open(struct image *img)
{
	struct sigaction act = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	if (!open_images)
		sigaction(SIGBUS, &act, &before);
	img->next = open_images;
	open_images = img;
}

static void remove_open(struct image *img)
{
	struct image **p = &open_images;

	while (*p && *p != img)
		p = &(*p)->next;
	if (!*p)
		return;		/* never added */
	*p = img->next;
	if (!open_images)
		sigaction(SIGBUS, &before, NULL);
}

/* Not by the time of the inode's last change: being removed or renamed is one, too. */
bool image_changed(const struct image *img)
{
	struct stat st;

	if (!img->later->changed && !fstat(img->fd, &st))
		img->later->changed = (uint64_t)st.st_size != img->size ||
				      st.st_mtim.tv_sec != img->mtime.tv_sec ||
				      st.st_mtim.tv_nsec != img->mtime.tv_nsec;
	return img->later->changed;
}

void image_defer_checks(const struct image *img, bool defer)
{
	img->later->deferred += defer ? 1 : -1;
}

bool image_seen_changed(const struct image *img)
{
	return img->later->deferred > 0 ? img->later->changed : image_changed(img);
}

/* ---- open ----------------------------------------------------------------------------------- */

/* The file's pages, and one of zeros behind them. */
static int map_bytes(struct image *img)
{
	size_t size = mapped_size(img);
	uint8_t *p = mmap(NULL, size + page_size(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	img->bytes = p;
	return mmap(p, img->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, img->fd, 0) ==
	       MAP_FAILED ? -errno : 0;
}

static int map_file(struct image *img, const char *path)
{
	struct stat st;
	int err;

	img->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (img->fd < 0 || fstat(img->fd, &st)) {
		err = -errno;
		say_error("cannot open %s: %s", img->name, strerror(-err));
		return err;
	}
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf64_Ehdr)) {
		say_error("%s: not an ELF file; gobpfleak traces Go programs for Linux", img->name);
		return -ENOEXEC;
	}
	img->size = st.st_size;
	img->mtime = st.st_mtim;
	err = map_bytes(img);
	if (err)
		say_error("cannot map %s: %s", img->name, strerror(-err));
	else
		add_open(img);
	return err;
}

int image_open(struct image **out, const char *path, const char *name)
{
	struct image *img = xcalloc(1, sizeof(*img));
	int err;

	img->fd = -1;
	img->name = xstrdup(name);
	img->later = xcalloc(1, sizeof(*img->later));
	err = map_file(img, path);
	if (err)
		goto fail;
	elf_version(EV_CURRENT);
	img->elf = elf_begin(img->fd, ELF_C_READ, NULL);
	err = check_header(img);
	if (err)
		goto fail;
	err = read_segments(img);
	if (err)
		goto fail;
	relocate(img);
	read_build_id(img);
	*out = img;
	return 0;
fail:
	image_close(img);
	return err;
}

void image_close(struct image *img)
{
	if (!img)
		return;
	remove_open(img);
	symtab_free(img->later->symbols);
	free(img->later);
	elf_end(img->elf);
	if (img->bytes)
		munmap(img->bytes, mapped_size(img) + page_size());
	if (img->fd >= 0)
		close(img->fd);
	free(img->segments);
	relocs_free(img->relocs);
	free(img->build_id);
	free(img->name);
	free(img);
}

int image_fd(const struct image *img)
{
	return img->fd;
}

const char *image_name(const struct image *img)
{
	return img->name;
}

uint16_t image_machine(const struct image *img)
{
	return img->machine;
}

const char *image_build_id(const struct image *img)
{
	return img->build_id;
}

const struct image_segment *image_segments(const struct image *img, size_t *n)
{
	*n = img->n_segments;
	return img->segments;
}

const void *image_at(const struct image *img, uint64_t vaddr, uint64_t *avail)
{
	return image_seen_changed(img) ? NULL : bytes_at(img, vaddr, avail);
}

bool image_read(const struct image *img, uint64_t vaddr, void *buf, size_t len)
{
	uint64_t avail;
	const uint8_t *p = bytes_at(img, vaddr, &avail);

	if (!p || avail < len)
		return false;
	memcpy(buf, p, len);
	relocs_apply(img->relocs, vaddr, buf, len);
	return !image_seen_changed(img);
}

void image_relocate(const struct image *img, uint64_t vaddr, uint64_t len)
{
	uint64_t avail;
	uint8_t *p = bytes_at(img, vaddr, &avail);

	if (p)
		relocs_apply(img->relocs, vaddr, p, len < avail ? len : avail);
}

bool image_next_pointer(const struct image *img, uint64_t value, size_t *i, uint64_t *vaddr)
{
	return relocs_next_to(img->relocs, value, i, vaddr);
}

bool image_file_off(const struct image *img, uint64_t vaddr, uint64_t *file_off)
{
	const uint8_t *p = bytes_at(img, vaddr, NULL);

	if (!p)
		return false;
	*file_off = p - img->bytes;
	return true;
}

bool image_mapped(const struct image *img, uint64_t vaddr, uint64_t len)
{
	const struct image_segment *seg = segment_of(img, vaddr);

	return seg && len <= seg->memsz - (vaddr - seg->vaddr);
}

bool image_section(const struct image *img, const char *name, uint64_t *vaddr, uint64_t *size)
{
	Elf_Scn *scn = NULL;
	const char *s;
	size_t strings;
	GElf_Shdr sh;

	if (elf_getshdrstrndx(img->elf, &strings))
		return false;
	while (next_section(img, &scn, &sh)) {
		s = elf_strptr(img->elf, strings, sh.sh_name);
		if (!s || strcmp(s, name))
			continue;
		*vaddr = sh.sh_addr;
		*size = sh.sh_size;
		return true;
	}
	return false;
}

bool image_stripped(const struct image *img)
{
	return !symtab_section(img->elf);
}

static const struct symtab *get_symbols(const struct image *img)
{
	struct later *later = img->later;

	if (!later->symbols_read) {
		later->symbols = symtab_new(img->elf, img->bytes, img->size);
		later->symbols_read = true;
	}
	return later->symbols;
}

bool image_symbol(const struct image *img, const char *name, uint64_t *vaddr, uint64_t *size)
{
	const struct symtab *st = get_symbols(img);

	return st && symtab_find(st, name, vaddr, size) && !image_seen_changed(img);
}

const char *image_next_object(const struct image *img, size_t *i, uint64_t *vaddr, uint64_t *size)
{
	const struct symtab *st = get_symbols(img);

	return st ? symtab_next_object(st, i, vaddr, size) : NULL;
}
