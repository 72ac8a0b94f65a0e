// SPDX-License-Identifier: BSD-2-Clause
/*
 * fuzz_gobin.c - damaged Go binaries: opens them, resolves functions, frames and types, reads the
 * layout from DWARF and code, makes a plan, names what sites allocate; must not crash.
 *
 *	fuzz_gobin FILE N SEED
 *
 * Damages a copy of FILE N times, each time anew and decided by SEED and the round alone, so a
 * round that failed can be run again.  FILE "-" stands for the hand-made binaries of fake_go.h,
 * of another Go version in each round.  In a real binary most bytes are code, so half of the
 * damage goes to the headers, the build info, the module data and the pclntab.  Made for SAN=1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "include/gobpfleak.h"
#include "tests/fuzz/random.h"
#include "tests/unit/fake_go.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/go/gotype.h"
#include "user/go/image.h"
#include "user/go/pclntab.h"
#include "user/go/sitetype.h"
#include "user/probe/plan.h"

enum {
	MAX_HOT = 16,
	MAX_DAMAGE = 12,	/* places per round */
	N_PCS = 40,
	N_FRAMES = 64,
	N_TYPES = 100,
	N_SITES = 20,
};

/* A range of the file that deserves damage. */
struct range {
	uint64_t off, len;
};

struct seed {
	uint8_t *bytes;
	size_t size;
	struct range hot[MAX_HOT];
	size_t n_hot;
	bool fake;
};

static void add_hot(struct seed *s, uint64_t off, uint64_t len)
{
	if (off >= s->size || s->n_hot == MAX_HOT)
		return;
	s->hot[s->n_hot++] = (struct range){ off, len < s->size - off ? len : s->size - off };
}

/* Where the undamaged file has its tables. */
static void find_hot(struct seed *s, const char *path)
{
	static const char *const sections[] = {
		".go.buildinfo", ".gopclntab", ".go.module", ".dynamic", ".data.rel.ro.gopclntab",
		".note.go.buildid",
	};
	uint64_t vaddr, size, off;
	struct image *img;
	struct gobin *gb;
	Elf64_Ehdr eh;
	size_t i;

	if (image_open(&img, path, path))
		exit(2);
	if (gobin_open(&gb, img))
		exit(2);
	memcpy(&eh, s->bytes, sizeof(eh));
	add_hot(s, 0, sizeof(eh) + eh.e_phnum * sizeof(Elf64_Phdr));
	add_hot(s, eh.e_shoff, eh.e_shnum * sizeof(Elf64_Shdr));
	if (image_file_off(img, gobin_module(gb)->addr, &off))
		add_hot(s, off, 600);
	if (image_file_off(img, gobin_module(gb)->types, &off))
		add_hot(s, off, 1 << 16);
	for (i = 0; i < ARRAY_SIZE(sections); i++)
		if (image_section(img, sections[i], &vaddr, &size) &&
		    image_file_off(img, vaddr, &off))
			add_hot(s, off, size < 1 << 12 ? size : 1 << 12);
	gobin_close(gb);
	image_close(img);
}

static void read_seed(struct seed *s, const char *path)
{
	FILE *f = fopen(path, "r");
	struct stat st;

	if (!f || fstat(fileno(f), &st)) {
		perror(path);
		exit(2);
	}
	s->size = st.st_size;
	s->bytes = xcalloc(s->size, 1);
	if (fread(s->bytes, 1, s->size, f) != s->size)
		exit(2);
	fclose(f);
	find_hot(s, path);
}

/* The round's own seed file: Go version, PIE and sections by its number; a few types. */
static void make_fake(struct seed *s, uint64_t round)
{
	static struct fake_go f;
	size_t i;

	f.minor = 17 + round % 11;
	f.pie = round / 11 & 1;
	f.sections = round / 22 & 1;
	f.settings = "build\t-race=true\nbuild\t\"k\"=\"v\\\"\"\n";
	fake_go_make(&f);
	fake_put(&f, FAKE_TYPES + FAKE_NAMES, "\1\5*main", 7);
	for (i = 0; i < 8; i++) {
		fake_64(&f, FAKE_TYPES + 0x40 * i, 8);
		fake_32(&f, FAKE_TYPES + 0x40 * i + 20, 0x16080802);	/* pointer, starred */
		fake_32(&f, FAKE_TYPES + 0x40 * i + 40, FAKE_NAMES);
		fake_64(&f, FAKE_TYPES + 0x40 * i + 48, FAKE_TYPES + 0x40 * ((i + 1) % 8));
	}
	s->bytes = f.bytes;
	s->size = sizeof(f.bytes);
	s->n_hot = 0;
	add_hot(s, 0, 0x130);
	add_hot(s, FAKE_PCLNTAB - FAKE_BASE, 0x480);
	add_hot(s, FAKE_PCLNTAB - FAKE_BASE + 0x480, 0x480);	/* the functions */
	add_hot(s, FAKE_TYPES - FAKE_BASE, 0x420);
	add_hot(s, FAKE_FUNCDATA - FAKE_BASE, 0x100);
	add_hot(s, FAKE_BUILDINFO - FAKE_BASE, 0x100);
	add_hot(s, FAKE_MODULEDATA - FAKE_BASE, 0x280);
	add_hot(s, FAKE_DYNAMIC - FAKE_BASE, 0x200);
	add_hot(s, FAKE_SECTIONS - FAKE_BASE, 0x200);
}

/* What loops and allocations trip over, or a neighbour of what is there. */
static uint64_t odd_value(uint64_t *state, uint64_t was)
{
	static const uint64_t odd[] = {
		0, 1, 2, 7, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
		UINT64_MAX, UINT64_MAX - 7, 1ull << 63, 0x400000, 0x401000, 0x7fffffffffff,
	};

	switch (random_below(state, 4)) {
	case 0:
		return was + random_below(state, 65) - 32;
	case 1:
		return random_u64(state);
	case 2:
		return was ^ 1ull << random_below(state, 64);
	default:
		return odd[random_below(state, ARRAY_SIZE(odd))];
	}
}

/* One change of 1, 2, 4 or 8 bytes of the file, aligned or not. */
static void damage_one(const struct seed *s, int fd, uint64_t *state)
{
	const size_t width = 1u << random_below(state, 4);
	const struct range whole = { 0, s->size };
	const struct range *r = &whole;
	uint64_t off, v = 0;

	if (s->n_hot && random_below(state, 2))
		r = &s->hot[random_below(state, s->n_hot)];
	off = r->off + random_below(state, r->len);
	if (random_below(state, 4))
		off &= ~(uint64_t)(width - 1);
	if (off + width > s->size)
		return;
	memcpy(&v, s->bytes + off, width);
	v = odd_value(state, v);
	if (pwrite(fd, &v, width, off) != (ssize_t)width)
		exit(2);
}

static void use_functions(const struct gobin *gb, uint64_t *state)
{
	const struct go_module *m = gobin_module(gb);
	struct frame frames[N_FRAMES];
	uint64_t pcs[N_PCS];
	struct stack_object object;
	struct live_words words;
	struct go_func f;
	size_t i, n;

	for (i = 0; i < N_PCS; i++) {
		pcs[i] = m->text + random_below(state, m->etext - m->text);
		if (gobin_func(gb, random_below(state, gobin_n_funcs(gb) + 1), &f) &&
		    strlen(f.name) && i % 2)
			pcs[i] = f.entry + random_below(state, f.end - f.entry);
		gobin_frame_size(gb, pcs[i]);
		if (!gobin_live_words(gb, pcs[i], &words))
			continue;
		for (uint32_t k = 0; k < 4; k++)
			gobin_stack_object(gb, &words, k, &object);
	}
	n = gobin_frames(gb, pcs, N_PCS, random_below(state, 2), frames, N_FRAMES);
	for (i = 0; i < n && i < N_FRAMES; i++)
		if ((frames[i].function && strlen(frames[i].function) > 1 << 30) ||
		    (frames[i].file && strlen(frames[i].file) > 1 << 30))
			abort();
	gobin_find_func(gb, "runtime.mallocgc", &f);
	gobin_find_func(gb, "main.F[...].func1", &f);
}

static void use_types(const struct gobin *gb, uint64_t *state)
{
	const struct go_module *m = gobin_module(gb);
	struct go_type t;
	uint64_t typ;
	int i;

	for (i = 0; i < N_TYPES; i++) {
		typ = (m->types + random_below(state, m->etypes - m->types)) & ~7ull;
		while (!gotype_read(gb, typ, &t)) {
			typ = t.elem;
			free(t.name);
			if (!random_below(state, 4))
				break;
		}
	}
}

static void use_layout(const struct gobin *gb)
{
	struct go_layout lo = { 0 };

	if (golayout_fields_from_table(gb, &lo))
		return;
	golayout_vars_from_code(gb, &lo);
	golayout_get(gb, &lo);
}

static void use_plan(const struct gobin *gb)
{
	const struct plan_wants wants = { .heap = true, .goroutines = true };
	struct plan plan = { 0 };

	if (!plan_make(&plan, gb, &wants))
		plan_fini(&plan);
}

static void use_sites(const struct gobin *gb, uint64_t *state)
{
	const struct go_module *m = gobin_module(gb);
	struct sitetype *st;
	struct site_type type;
	uint64_t pcs[8], typ;

	if (sitetype_new(&st, gb))
		return;
	for (int i = 0; i < N_SITES; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(pcs); k++)
			pcs[k] = m->text + random_below(state, m->etext - m->text);
		typ = GL_UNKNOWN;
		if (!random_below(state, 3))
			typ = m->types + random_below(state, m->etypes - m->types);
		sitetype_get(st, typ, pcs, ARRAY_SIZE(pcs), &type);
		if (!type.name)
			abort();
	}
	sitetype_free(st);
}

/* True if the file was still taken for a Go binary. */
static bool use_file(const char *path, uint64_t *state)
{
	struct image *img;
	struct gobin *gb;
	uint64_t a, b;

	if (image_open(&img, path, "damaged"))
		return false;
	image_build_id(img);
	image_symbol(img, "runtime.mheap_", &a, &b);
	image_section(img, ".text", &a, &b);
	if (gobin_open(&gb, img)) {
		image_close(img);
		return false;
	}
	gobin_setting(gb, "-race");
	gobin_experiment(gb, "greenteagc");
	use_functions(gb, state);
	use_types(gb, state);
	use_layout(gb);
	use_plan(gb);
	use_sites(gb, state);
	gobin_close(gb);
	image_close(img);
	return true;
}

static bool run_round(struct seed *s, uint64_t seed, uint64_t round)
{
	uint64_t state = random_start(seed, round), i, n;
	char path[32];
	bool opened;
	int fd;

	if (s->fake)
		make_fake(s, round);
	fd = fake_file(s->bytes, s->size, path);
	if (fd < 0)
		exit(2);
	n = 1 + random_below(&state, MAX_DAMAGE);
	for (i = 0; i < n; i++)
		damage_one(s, fd, &state);
	if (!random_below(&state, 16) && ftruncate(fd, random_below(&state, s->size)))
		exit(2);
	opened = use_file(path, &state);
	close(fd);
	return opened;
}

int main(int argc, char **argv)
{
	struct seed s = { 0 };
	uint64_t n, seed, i, n_opened = 0;
	FILE *null = fopen("/dev/null", "w"), *was = stderr;

	if (argc != 4 || !null) {
		fprintf(stderr, "usage: fuzz_gobin FILE|- N SEED\n");
		return 2;
	}
	n = strtoull(argv[2], NULL, 0);
	seed = strtoull(argv[3], NULL, 0);
	if (!strcmp(argv[1], "-"))
		s.fake = true;
	else
		read_seed(&s, argv[1]);
	stderr = null;		/* our own messages; sanitizers write to the descriptor */
	for (i = 0; i < n; i++)
		n_opened += run_round(&s, seed, i);
	stderr = was;
	fclose(null);
	if (!s.fake)
		free(s.bytes);
	printf("fuzz_gobin: %llu rounds, %llu still opened\n", (unsigned long long)n,
	       (unsigned long long)n_opened);
	return n && !n_opened;	/* nothing but refusals would mean that nothing was tested */
}
