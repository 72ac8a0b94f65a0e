// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_image.c - ELF files: this program itself, hand-made ones, damaged ones.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/fake_go.h"
#include "user/go/image.h"
#include "user/go/nameindex.h"

int image_test_global = 42;
static const char text[] = "what a pointer in read-only data points to";
const char *const image_test_pointer = text;

/* Load bias and number of loaded segments of this program. */
struct self {
	uint64_t bias;
	size_t n_load;
};

static int on_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct self *self = ctx;
	int i;

	self->bias = info->dlpi_addr;
	for (i = 0; i < info->dlpi_phnum; i++)
		self->n_load += info->dlpi_phdr[i].p_type == PT_LOAD;
	return 1;	/* the first one is the program */
}

static void test_own_program(void **state)
{
	struct self self = { 0 };
	const struct image_segment *segs;
	struct image *img;
	uint64_t vaddr, size, off, pointer, byte;
	size_t n;

	dl_iterate_phdr(on_object, &self);
	assert_int_equal(image_open(&img, "/proc/self/exe", "me"), 0);
	assert_string_equal(image_name(img), "me");
	assert_true(image_fd(img) >= 0);
	segs = image_segments(img, &n);
	assert_int_equal(n, self.n_load);
	assert_false(image_stripped(img));

	assert_true(image_symbol(img, "image_test_global", &vaddr, &size));
	assert_ptr_equal((void *)(vaddr + self.bias), &image_test_global);
	assert_int_equal(size, sizeof(int));
	assert_true(image_read(img, vaddr, &n, sizeof(int)));
	assert_int_equal((int)n, 42);
	assert_false(image_symbol(img, "no_such_symbol", &vaddr, &size));
	assert_false(image_symbol(img, "", &vaddr, &size));

	/* The file has the pointer as a relocation, if it is position independent. */
	assert_true(image_symbol(img, "image_test_pointer", &vaddr, &size));
	assert_true(image_read(img, vaddr, &pointer, sizeof(pointer)));
	assert_string_equal(image_at(img, pointer, NULL), text);

	assert_true(image_section(img, ".text", &vaddr, &size));
	assert_true(image_mapped(img, vaddr, size));
	assert_true(image_file_off(img, vaddr, &off));
	assert_int_equal(pread(image_fd(img), &byte, sizeof(byte), off), sizeof(byte));
	assert_memory_equal(image_at(img, vaddr, NULL), &byte, sizeof(byte));
	assert_false(image_section(img, ".no_such_section", &vaddr, &size));
	assert_non_null(segs);
	image_close(img);
}

/* Messages go nowhere. */
static int open_quietly(struct image **img, const char *path)
{
	FILE *was = stderr;
	int err;

	stderr = fopen("/dev/null", "w");
	err = image_open(img, path, "fake");
	fclose(stderr);
	stderr = was;
	return err;
}

static int open_bytes(struct image **img, const void *bytes, size_t size)
{
	char path[32];
	int fd = fake_file(bytes, size, path), err;

	assert_true(fd >= 0);
	err = open_quietly(img, path);
	close(fd);
	return err;
}

static void test_segments(void **state)
{
	struct fake_go f = { .minor = 22 };
	const struct image_segment *segs;
	uint64_t avail, off, v;
	struct image *img;
	size_t n;

	fake_go_make(&f);
	fake_64(&f, FAKE_DATA + 0x1800 - 8, 0x1122334455667788);
	assert_int_equal(open_bytes(&img, f.bytes, sizeof(f.bytes)), 0);
	assert_int_equal(image_machine(img), EM_X86_64);
	assert_true(image_stripped(img));
	assert_null(image_build_id(img));
	segs = image_segments(img, &n);
	assert_int_equal(n, 3);
	assert_int_equal(segs[2].vaddr, FAKE_DATA);
	assert_true(segs[2].write && !segs[2].exec && segs[0].exec && !segs[0].write);
	assert_int_equal(segs[2].memsz - segs[2].filesz, FAKE_BSS_SIZE);

	/* The last word of the file part, and what lies around it. */
	assert_non_null(image_at(img, FAKE_DATA + 0x1800 - 8, &avail));
	assert_int_equal(avail, 8);
	assert_true(image_read(img, FAKE_DATA + 0x1800 - 8, &v, 8));
	assert_int_equal(v, 0x1122334455667788);
	assert_false(image_read(img, FAKE_DATA + 0x1800 - 7, &v, 8));
	assert_null(image_at(img, FAKE_DATA + 0x1800, &avail));
	assert_true(image_mapped(img, FAKE_DATA + 0x1800, FAKE_BSS_SIZE));
	assert_false(image_mapped(img, FAKE_DATA + 0x1800, FAKE_BSS_SIZE + 1));
	assert_false(image_mapped(img, FAKE_DATA + 0x1800, UINT64_MAX));
	assert_false(image_mapped(img, FAKE_DATA + 0x1800 + FAKE_BSS_SIZE, 1));
	assert_true(image_file_off(img, FAKE_RODATA + 5, &off));
	assert_int_equal(off, FAKE_RODATA - FAKE_BASE + 5);
	assert_null(image_at(img, FAKE_BASE - 1, &avail));
	assert_null(image_at(img, 0, &avail));
	assert_null(image_at(img, UINT64_MAX, &avail));
	image_close(img);
}

static void test_truncated(void **state)
{
	struct fake_go f = { .minor = 22 };
	const struct image_segment *segs;
	struct image *img;
	uint64_t avail;
	size_t n;

	fake_go_make(&f);
	assert_int_equal(open_bytes(&img, f.bytes, FAKE_RODATA - FAKE_BASE + 0x10), 0);
	segs = image_segments(img, &n);
	assert_int_equal(segs[1].filesz, 0x10);
	assert_int_equal(segs[2].filesz, 0);
	assert_non_null(image_at(img, FAKE_RODATA, &avail));
	assert_int_equal(avail, 0x10);
	assert_null(image_at(img, FAKE_DATA, &avail));
	assert_true(image_mapped(img, FAKE_DATA, 8));
	image_close(img);
}

/* Opens the file and returns its descriptor too; its time is long past, so that a write shows. */
static int open_old(struct image **img, const struct fake_go *f)
{
	const struct timespec past[2] = { { 1, 0 }, { 1, 0 } };
	char path[32];
	int fd = fake_file(f->bytes, sizeof(f->bytes), path);

	assert_true(fd >= 0);
	assert_int_equal(futimens(fd, past), 0);
	assert_int_equal(open_quietly(img, path), 0);
	return fd;
}

/* Reads every byte through pointers that were taken before. */
static uint64_t read_all(const uint8_t *p, uint64_t n)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum += *(const volatile uint8_t *)(p + i);
	return sum;
}

static void check_unknown(const struct image *img)
{
	uint64_t v, avail, size;

	assert_true(image_changed(img));
	assert_null(image_at(img, FAKE_RODATA, &avail));
	assert_false(image_read(img, FAKE_RODATA, &v, sizeof(v)));
	assert_false(image_symbol(img, "x", &v, &size));
	image_section(img, ".gopclntab", &v, &size);
	image_stripped(img);
}

static void test_truncated_while_open(void **state)
{
	struct fake_go f = { .minor = 22, .sections = true, .pie = true };
	const uint8_t *segs[8];
	uint64_t avail[8] = { 0 };
	struct image *img;
	size_t n;
	int fd;

	fake_go_make(&f);
	fd = open_old(&img, &f);
	image_segments(img, &n);
	for (size_t i = 0; i < n && i < 8; i++)
		segs[i] = image_at(img, image_segments(img, &n)[i].vaddr, &avail[i]);
	assert_false(image_changed(img));
	assert_int_equal(ftruncate(fd, 0), 0);
	for (size_t i = 0; i < n; i++)
		read_all(segs[i], avail[i]);
	check_unknown(img);
	assert_int_equal(pwrite(fd, f.bytes, sizeof(f.bytes), 0), sizeof(f.bytes));
	check_unknown(img);	/* once is for ever */
	image_close(img);
	close(fd);
}

static void test_overwritten_while_open(void **state)
{
	struct fake_go f = { .minor = 22 };
	struct image *img;
	const char *end;
	uint64_t avail;
	int fd;

	fake_go_make(&f);
	fd = open_old(&img, &f);
	end = image_at(img, FAKE_DATA, &avail);
	memset(f.bytes, 'x', sizeof(f.bytes));
	assert_int_equal(pwrite(fd, f.bytes, sizeof(f.bytes), 0), sizeof(f.bytes));
	check_unknown(img);
	assert_true(strlen(end) >= avail);	/* ends behind the file at the latest */
	image_close(img);
	close(fd);
}

/* What happens to the name of a file is nothing to its bytes. */
static void test_replaced_while_open(void **state)
{
	struct fake_go f = { .minor = 22 };
	char path[] = "/tmp/test_image.XXXXXX", other[64];
	struct image *img;
	uint64_t v;
	int fd = mkstemp(path);

	fake_go_make(&f);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, f.bytes, sizeof(f.bytes)), sizeof(f.bytes));
	assert_int_equal(open_quietly(&img, path), 0);
	snprintf(other, sizeof(other), "%s.old", path);
	assert_int_equal(fchmod(fd, 0755), 0);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(unlink(other), 0);
	assert_false(image_changed(img));
	assert_true(image_read(img, FAKE_RODATA, &v, sizeof(v)));
	image_close(img);
	close(fd);
}

/* A SIGBUS outside of an open image ends the program as before. */
static void test_other_sigbus(void **state)
{
	struct fake_go f = { .minor = 22 };
	struct image *img, *second;
	char path[32];
	int fd, status;
	char *p;
	pid_t pid;

	fake_go_make(&f);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		signal(SIGBUS, SIG_DFL);	/* a sanitizer's handler would exit with a status */
		fd = fake_file(f.bytes, sizeof(f.bytes), path);
		if (open_quietly(&img, path) || open_quietly(&second, path))
			_exit(1);
		image_close(second);
		p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED || ftruncate(fd, 0))
			_exit(2);
		read_all((uint8_t *)p, 1);
		_exit(3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
}

static void test_relocations(void **state)
{
	struct fake_go f = { .minor = 22, .pie = true };
	const Elf64_Rela relocs[] = {
		{ FAKE_TYPES, ELF64_R_INFO(0, R_X86_64_RELATIVE), 0x1234 },
		{ FAKE_TYPES + 8, ELF64_R_INFO(1, R_X86_64_64), 0x1234 },	/* a symbol's */
		{ FAKE_TYPES - 1, ELF64_R_INFO(0, R_X86_64_RELATIVE), -1 },	/* odd */
		/* half outside */
		{ FAKE_DATA + 0x1800 - 4, ELF64_R_INFO(0, R_X86_64_RELATIVE), -1 },
		{ UINT64_MAX - 3, ELF64_R_INFO(0, R_X86_64_RELATIVE), -1 },
		{ FAKE_TYPES, ELF64_R_INFO(0, R_X86_64_RELATIVE), 0x5678 },
	};
	Elf64_Dyn size = { DT_RELASZ, { sizeof(relocs) } };
	struct image *img;
	size_t i = 0;
	uint64_t v;

	fake_go_make(&f);
	fake_put(&f, FAKE_RELA, relocs, sizeof(relocs));
	fake_put(&f, FAKE_DYNAMIC + sizeof(size), &size, sizeof(size));
	fake_64(&f, FAKE_TYPES + 8, 7);
	fake_32(&f, FAKE_DATA + 0x1800 - 4, 9);
	assert_int_equal(open_bytes(&img, f.bytes, sizeof(f.bytes)), 0);
	assert_true(image_read(img, FAKE_TYPES, &v, 8) && v == 0x5678);
	assert_true(image_read(img, FAKE_TYPES + 8, &v, 8) && v == 7);
	/* Parts of a word. */
	v = 0;
	assert_true(image_read(img, FAKE_TYPES + 1, &v, 2) && v == 0x56);
	assert_true(image_read(img, FAKE_TYPES - 3, &v, 8) && v == 0x5678ff0000);
	assert_false(image_next_pointer(img, 0x9999, &(size_t){ 0 }, &v));
	assert_true(image_next_pointer(img, 0x5678, &i, &v) && v == FAKE_TYPES);
	assert_false(image_next_pointer(img, 0x5678, &i, &v));
	/* Pages that nobody asks for are not written to. */
	memcpy(&v, image_at(img, FAKE_TYPES, NULL), 8);
	assert_int_equal(v, 0);
	image_relocate(img, FAKE_TYPES, 8);
	memcpy(&v, image_at(img, FAKE_TYPES, NULL), 8);
	assert_int_equal(v, 0x5678);
	assert_true(image_read(img, FAKE_DATA + 0x1800 - 4, &v, 4) && (uint32_t)v == 9);
	image_close(img);

	/* A table that ends outside of the file is taken as far as it is there. */
	size.d_un.d_val = UINT64_MAX;
	fake_put(&f, FAKE_DYNAMIC + sizeof(size), &size, sizeof(size));
	assert_int_equal(open_bytes(&img, f.bytes, sizeof(f.bytes)), 0);
	assert_true(image_read(img, FAKE_TYPES, &v, 8) && v == 0x5678);
	image_close(img);

	/* Not in a file that is linked for one address. */
	f.bytes[offsetof(Elf64_Ehdr, e_type)] = ET_EXEC;
	assert_int_equal(open_bytes(&img, f.bytes, sizeof(f.bytes)), 0);
	assert_true(image_read(img, FAKE_TYPES, &v, 8) && v == 0);
	image_close(img);
}

/* Notes at FAKE_TYPES, seen through a program header that takes the place of PT_DYNAMIC. */
static void put_notes(struct fake_go *f, const void *notes, size_t size)
{
	Elf64_Phdr ph = { PT_NOTE, PF_R, FAKE_TYPES - FAKE_BASE, FAKE_TYPES, FAKE_TYPES, size, size,
			  4 };

	fake_put(f, FAKE_TYPES, notes, size);
	fake_put(f, FAKE_BASE + sizeof(Elf64_Ehdr) + 3 * sizeof(ph), &ph, sizeof(ph));
}

static void test_build_id(void **state)
{
	static const struct {
		Elf64_Nhdr go;
		char go_owner[4], go_id[8];
		Elf64_Nhdr gnu;
		char gnu_owner[4];
		uint8_t gnu_id[4];
	} notes = {
		{ 4, 8, 4 }, "Go", "ab/c\x1b-_1",
		{ 4, 4, NT_GNU_BUILD_ID }, "GNU", { 0xde, 0xad, 0x00, 0x0f },
	};
	struct fake_go f = { .minor = 22, .pie = true };
	struct image *img;

	fake_go_make(&f);
	put_notes(&f, &notes, sizeof(notes));
	assert_int_equal(open_bytes(&img, f.bytes, sizeof(f.bytes)), 0);
	assert_string_equal(image_build_id(img), "dead000f");
	image_close(img);
	put_notes(&f, &notes, offsetof(typeof(notes), gnu));
	assert_int_equal(open_bytes(&img, f.bytes, sizeof(f.bytes)), 0);
	assert_string_equal(image_build_id(img), "ab/c?-_1");
	image_close(img);
	put_notes(&f, &notes, offsetof(typeof(notes), go_id) + 2);	/* cut short */
	assert_int_equal(open_bytes(&img, f.bytes, sizeof(f.bytes)), 0);
	assert_null(image_build_id(img));
	image_close(img);
}

static void test_sections(void **state)
{
	struct fake_go f = { .minor = 22, .sections = true };
	uint64_t vaddr, size;
	struct image *img;

	fake_go_make(&f);
	assert_int_equal(open_bytes(&img, f.bytes, sizeof(f.bytes)), 0);
	assert_true(image_section(img, ".gopclntab", &vaddr, &size));
	assert_int_equal(vaddr, FAKE_PCLNTAB);
	assert_int_equal(size, FAKE_TYPES - FAKE_PCLNTAB);
	assert_true(image_stripped(img));
	assert_false(image_symbol(img, "x", &vaddr, &size));
	image_close(img);
}

static void test_symbols(void **state)
{
	static const char strings[] = "\0twice\0file\0undefined\0function";
	const uint64_t at = FAKE_SECTIONS + 0x200;
	const unsigned char object = ELF64_ST_INFO(STB_LOCAL, STT_OBJECT);
	const Elf64_Sym syms[] = {
		{ .st_name = 0, .st_shndx = 1, .st_info = object, .st_value = 1 },
		{ .st_name = 7, .st_shndx = SHN_ABS, .st_info = STT_FILE, .st_value = 2 },
		{ .st_name = 12, .st_shndx = SHN_UNDEF, .st_info = object, .st_value = 3 },
		{ .st_name = sizeof(strings), .st_shndx = 1, .st_info = object, .st_value = 4 },
		{ .st_name = UINT32_MAX, .st_shndx = 1, .st_info = object, .st_value = 5 },
		{ .st_name = 22, .st_shndx = 1, .st_info = STT_FUNC, .st_value = 8 },
		{ .st_name = 1, .st_shndx = 1, .st_info = STT_FUNC, .st_value = 9 },
		{ .st_name = 1, .st_shndx = 1, .st_info = object, .st_value = 6, .st_size = 60 },
		{ .st_name = 1, .st_shndx = 1, .st_info = object, .st_value = 7 },
	};
	Elf64_Shdr sh[] = {
		{ .sh_type = SHT_NULL },
		{ .sh_type = SHT_SYMTAB, .sh_offset = at - FAKE_BASE, .sh_size = sizeof(syms),
		  .sh_link = 2, .sh_entsize = sizeof(syms[0]), .sh_addralign = 8 },
		{ .sh_type = SHT_STRTAB, .sh_offset = at - FAKE_BASE + sizeof(syms),
		  .sh_size = sizeof(strings), .sh_addralign = 1 },
	};
	struct fake_go f = { .minor = 22, .sections = true };
	uint64_t vaddr, size;
	struct image *img;

	fake_go_make(&f);
	f.bytes[offsetof(Elf64_Ehdr, e_shnum)] = 3;
	f.bytes[offsetof(Elf64_Ehdr, e_shstrndx)] = 2;
	fake_put(&f, FAKE_SECTIONS, sh, sizeof(sh));
	fake_put(&f, at, syms, sizeof(syms));
	fake_put(&f, at + sizeof(syms), strings, sizeof(strings));
	assert_int_equal(open_bytes(&img, f.bytes, sizeof(f.bytes)), 0);
	assert_false(image_stripped(img));
	assert_true(image_symbol(img, "twice", &vaddr, &size));
	assert_int_equal(vaddr, 6);
	assert_int_equal(size, 60);
	assert_false(image_symbol(img, "file", &vaddr, &size));
	assert_false(image_symbol(img, "undefined", &vaddr, &size));
	assert_false(image_symbol(img, "function", &vaddr, &size));
	assert_false(image_symbol(img, "", &vaddr, &size));
	image_close(img);

	/* A section that does not lie in the file. */
	sh[1].sh_size = sizeof(f.bytes);
	fake_put(&f, FAKE_SECTIONS, sh, sizeof(sh));
	assert_int_equal(open_bytes(&img, f.bytes, sizeof(f.bytes)), 0);
	assert_false(image_symbol(img, "twice", &vaddr, &size));
	image_close(img);
	sh[1].sh_size = sizeof(syms);
	fake_put(&f, FAKE_SECTIONS, sh, sizeof(sh));

	/* Names that do not end inside of their section. */
	fake_8(&f, at + sizeof(syms) + sizeof(strings) - 1, 'x');
	assert_int_equal(open_bytes(&img, f.bytes, sizeof(f.bytes)), 0);
	assert_false(image_symbol(img, "twice", &vaddr, &size));
	image_close(img);
}

static void refuse(const struct fake_go *f, size_t at, const void *bytes, size_t n, int err)
{
	struct image *img = (struct image *)-1;
	struct fake_go damaged = *f;

	memcpy(damaged.bytes + at, bytes, n);
	assert_int_equal(open_bytes(&img, damaged.bytes, sizeof(damaged.bytes)), err);
	assert_ptr_equal(img, (struct image *)-1);
}

static void test_refused(void **state)
{
	struct fake_go f = { .minor = 22 };
	struct image *img = NULL;
	uint16_t v;

	fake_go_make(&f);
	refuse(&f, 0, "#!/", 3, -ENOEXEC);
	refuse(&f, EI_CLASS, (uint8_t[]){ ELFCLASS32 }, 1, -ENOTSUP);
	refuse(&f, EI_DATA, (uint8_t[]){ ELFDATA2MSB }, 1, -ENOTSUP);
	v = EM_386;
	refuse(&f, offsetof(Elf64_Ehdr, e_machine), &v, 2, -ENOTSUP);
	v = EM_AARCH64;
	refuse(&f, offsetof(Elf64_Ehdr, e_machine), &v, 2, -ENOTSUP);
	v = ET_CORE;
	refuse(&f, offsetof(Elf64_Ehdr, e_type), &v, 2, -ENOEXEC);
	v = 0;
	refuse(&f, offsetof(Elf64_Ehdr, e_phnum), &v, 2, -EBADMSG);
	v = 1000;
	refuse(&f, offsetof(Elf64_Ehdr, e_phnum), &v, 2, -EBADMSG);
	refuse(&f, offsetof(Elf64_Ehdr, e_phoff), (uint64_t[]){ UINT64_MAX - 8 }, 8, -EBADMSG);
	assert_int_equal(open_bytes(&img, f.bytes, 0), -ENOEXEC);
	assert_int_equal(open_bytes(&img, f.bytes, 20), -ENOEXEC);
	assert_int_equal(open_bytes(&img, f.bytes, sizeof(Elf64_Ehdr)), -EBADMSG);
	assert_int_equal(open_quietly(&img, "/no/such/file"), -ENOENT);
	assert_int_equal(open_quietly(&img, "/"), -ENOEXEC);
	assert_null(img);
	image_close(NULL);
}

/* Program headers that each show the whole file again. */
static void test_repeated_segments(void **state)
{
	struct fake_go f = { .minor = 22 };
	uint16_t i, n = 8;
	struct image *img = NULL;

	fake_go_make(&f);
	for (i = 0; i < n; i++) {
		Elf64_Phdr ph = { PT_LOAD, PF_R, 0, FAKE_BASE + i * 0x10000, 0, sizeof(f.bytes),
				  sizeof(f.bytes), 0x1000 };

		memcpy(f.bytes + sizeof(Elf64_Ehdr) + i * sizeof(ph), &ph, sizeof(ph));
	}
	memcpy(f.bytes + offsetof(Elf64_Ehdr, e_phnum), &n, sizeof(n));
	assert_int_equal(open_bytes(&img, f.bytes, sizeof(f.bytes)), -EBADMSG);
}

static unsigned n_compared;

static bool same_name(const void *ctx, uint32_t number, const char *name)
{
	char s[32];

	n_compared++;
	snprintf(s, sizeof(s), "%s%u", (const char *)ctx, number % 5000);
	return !strcmp(s, name);
}

static void test_nameindex(void **state)
{
	struct nameindex *ix = nameindex_new(10000, same_name, "runtime.f");
	char s[32];
	uint32_t i, n;

	/* Each name twice, at number i and i + 5000. */
	for (i = 0; i < 10000; i++) {
		snprintf(s, sizeof(s), "runtime.f%u", i % 5000);
		nameindex_add(ix, s, strlen(s), i);
	}
	nameindex_add(ix, "one too many", 12, i);
	for (i = 0; i < 5000; i++) {
		snprintf(s, sizeof(s), "runtime.f%u", i);
		assert_true(nameindex_find(ix, s, &n));
		assert_int_equal(n, i);
	}
	assert_false(nameindex_find(ix, "runtime.f5000", &n));
	assert_false(nameindex_find(ix, "", &n));
	nameindex_free(ix);
}

/* How many names are compared until each of the 5000 is found, one after the other. */
static void count_comparisons(uint16_t counts[5000])
{
	struct nameindex *ix = nameindex_new(5000, same_name, "runtime.f");
	char s[32];
	uint32_t i, n;

	for (i = 0; i < 5000; i++) {
		snprintf(s, sizeof(s), "runtime.f%u", i);
		nameindex_add(ix, s, strlen(s), i);
	}
	for (i = 0; i < 5000; i++) {
		snprintf(s, sizeof(s), "runtime.f%u", i);
		n_compared = 0;
		assert_true(nameindex_find(ix, s, &n));
		counts[i] = (uint16_t)n_compared;
	}
	nameindex_free(ix);
}

/* Names that collide in one run of the program do not in another. */
static void test_nameindex_seed(void **state)
{
	static uint16_t once[5000], again[5000];

	count_comparisons(once);
	count_comparisons(again);
	assert_memory_not_equal(once, again, sizeof(once));
}

/* Half a table of one and the same name does not make all others slow to find. */
static void test_nameindex_one_name(void **state)
{
	struct nameindex *ix = nameindex_new(200000, same_name, "f");
	char s[32];
	uint32_t i, n;

	n_compared = 0;
	for (i = 0; i < 100000; i++)
		nameindex_add(ix, "f7", 2, 5000 * i + 7);
	for (i = 0; i < 5000; i++) {
		snprintf(s, sizeof(s), "no such name %u", i);
		assert_false(nameindex_find(ix, s, &n));
	}
	assert_true(nameindex_find(ix, "f7", &n));
	assert_int_equal(n, 7);
	assert_in_range(n_compared, 1, 200000);
	nameindex_free(ix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_program),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_truncated_while_open),
		cmocka_unit_test(test_overwritten_while_open),
		cmocka_unit_test(test_replaced_while_open),
		cmocka_unit_test(test_other_sigbus),
		cmocka_unit_test(test_relocations),
		cmocka_unit_test(test_build_id),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_symbols),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_repeated_segments),
		cmocka_unit_test(test_nameindex),
		cmocka_unit_test(test_nameindex_seed),
		cmocka_unit_test(test_nameindex_one_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
