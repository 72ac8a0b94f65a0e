// SPDX-License-Identifier: BSD-2-Clause
/*
 * golayout.c - chooses where a binary's layout comes from, and holds the table for stripped ones.
 *
 * DWARF before the table, since it also knows runtimes that somebody has patched, and the table for
 * what it would take long to find in the DWARF, once both agree on the rest; symbols before code,
 * since they are exact in every build.  Does not know processes: gomem_check compares the
 * result with a live one.
 */
#include "user/go/golayout.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/golayout_internal.h"
#include "user/go/image.h"

enum {
	PAGE_SIZE = 8192,		/* the runtime's, not the kernel's */
	MAX_SMALL_SIZE = 32768,
	MALLOC_HEADER_SIZE = 8,
	MAX_SIZE_WITHOUT_HEADER = 512,	/* heapBitsInSpan in runtime/mbitmap.go */
	TINY_SIZE = 16,
	FIRST_MALLOC_HEADER = 22,	/* Go 1.22 */
	FIRST_INLINE_MARKS = 25,
	ALL_LATER = 99,
};

struct layout_row {
	int minor, patch;		/* the row counts from go1.minor.patch on */
	const char *from;		/* the toolchain whose DWARF it is */
	struct {
#define X(name, strukt, path) int32_t name;
		GO_FIELDS(X)
#undef X
	} f;
};

#include "user/go/layout_table.h"

#define X(name, strukt, path) + 1
_Static_assert(LAYOUT_TABLE_FIELDS == 0 GO_FIELDS(X),
	       "layout_table.h is older than GO_FIELDS: run scripts/gen-layout");
#undef X

/* Fields that not every version has: the first and the last series that do (runtime2.go, mstats.go,
 * mgcpacer.go, mheap.go of the 11 series). */
static const struct {
	size_t at;
	int first, last;
} some_have[] = {
	{ offsetof(struct go_layout, g_syscallbp), 23, ALL_LATER },
	{ offsetof(struct go_layout, g_parentgoid), 21, ALL_LATER },
	{ offsetof(struct go_layout, mspan_alloccountbeforecache), 19, ALL_LATER },
	{ offsetof(struct go_layout, mspan_isuserarenachunk), 20, ALL_LATER },
	{ offsetof(struct go_layout, mspan_largetype), 22, ALL_LATER },
	{ offsetof(struct go_layout, mstats_heap_sys), 0, 18 },
	{ offsetof(struct go_layout, heapstats_inptrscalarbits), 0, 24 },
	{ offsetof(struct go_layout, gccontroller_trigger), 0, 18 },
	{ offsetof(struct go_layout, gccontroller_runway), 19, ALL_LATER },
	{ offsetof(struct go_layout, gccontroller_heapgoal), 0, 18 },
	{ offsetof(struct go_layout, gccontroller_gcpercentheapgoal), 19, ALL_LATER },
	{ offsetof(struct go_layout, gccontroller_sweepdistmintrigger), 19, ALL_LATER },
	{ offsetof(struct go_layout, gccontroller_triggered), 19, ALL_LATER },
	{ offsetof(struct go_layout, gccontroller_heapinuse), 19, ALL_LATER },
	{ offsetof(struct go_layout, sweep_active), 18, ALL_LATER },
	{ offsetof(struct go_layout, gccontroller_heapfree), 19, ALL_LATER },
	{ offsetof(struct go_layout, gccontroller_heapreleased), 19, ALL_LATER },
	{ offsetof(struct go_layout, gccontroller_memorylimit), 19, ALL_LATER },
	{ offsetof(struct go_layout, gccontroller_totalalloc), 19, ALL_LATER },
	{ offsetof(struct go_layout, gccontroller_totalfree), 19, ALL_LATER },
	{ offsetof(struct go_layout, gccontroller_mappedready), 19, ALL_LATER },
};

/* runtime/sizeclasses.go, from 1.25 on internal/runtime/gc/sizeclasses.go: class_to_size. */
static const uint16_t class_sizes[] = {
	0, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288,
	320, 352, 384, 416, 448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536,
	1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864, 5376, 6144, 6528, 6784, 6912, 8192,
	9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576,
	27264, 28672, MAX_SMALL_SIZE,
};

/* class_to_allocnpages of the same file, in pages of the runtime. */
static const uint8_t class_pages[] = {
	0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 2, 1, 2, 1, 2, 1, 3, 2, 3, 1, 3, 2, 3, 4, 5, 6, 1, 7, 6, 5, 4, 3, 5, 7, 2,
	9, 7, 5, 8, 3, 10, 7, 4,
};
_Static_assert(ARRAY_SIZE(class_pages) == ARRAY_SIZE(class_sizes), "size classes");

static bool has_field(size_t at, int minor)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(some_have); i++)
		if (some_have[i].at == at)
			return minor >= some_have[i].first && minor <= some_have[i].last;
	return true;
}

/* "g.stack.lo" of the first field that this version has and *lo lacks; NULL: none. */
static const char *missing_field(const struct go_layout *lo, int minor)
{
#define X(name, strukt, path) \
	if (lo->name == GL_NO_FIELD && has_field(offsetof(struct go_layout, name), minor)) \
		return strukt "." path;
	GO_FIELDS(X)
#undef X
	return NULL;
}

static const struct layout_row *find_row(const struct go_version *v)
{
	const struct layout_row *row = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(layout_table); i++)
		if (layout_table[i].minor == v->minor && layout_table[i].patch <= v->patch)
			row = &layout_table[i];
	return row;
}

/*
 * Go 1.17 and 1.18 lost eight bytes at the end of heapStatsDelta between two releases of the
 * series, and not every release can be had to say where.  The struct is the stride of an array, so
 * a wrong size makes wrong statistics; it is read from the code in every series.
 */
static bool find_heapstats_size(const struct gobin *gb, const struct layout_row *row, int32_t *size)
{
	int32_t end = row->f.heapstats_smallfreecount +
		      (int32_t)(ARRAY_SIZE(class_sizes) * sizeof(uint64_t));

	return golayout_heapstats_size(gb, size) == 0 && *size >= end && *size <= end + 8;
}

/* An experiment (GOEXPERIMENT) with which the runtime was built, and by which fields of the
 * table move; NULL: none.  The others that touch the runtime were built for each series and
 * compared: they move nothing. */
static const char *moving_experiment(const struct gobin *gb)
{
	if (gobin_experiment(gb, "staticlockranking"))	/* every mutex has a rank */
		return "staticlockranking";
	if (gobin_version(gb)->minor >= FIRST_MALLOC_HEADER &&	/* only 1.22 could do without */
	    !gobin_experiment(gb, "allocheaders"))
		return "noallocheaders";
	return NULL;
}

int golayout_fields_from_table(const struct gobin *gb, struct go_layout *out)
{
	const struct go_version *v = gobin_version(gb);
	const struct layout_row *row = find_row(v);
	const char *name = image_name(gobin_image(gb));
	const char *experiment = moving_experiment(gb);
	int32_t heapstats_size;

	if (experiment) {
		say_error("%s: no DWARF, and no layout of %s with GOEXPERIMENT=%s in the table: "
			  "build it without -ldflags=-w", name, v->text, experiment);
		return -ENOENT;
	}
	if (!row) {
		say_error("%s: no DWARF, and no layout of %s in the table: "
			  "build it without -ldflags=-w", name, v->text);
		return -ENOENT;
	}
	if (!find_heapstats_size(gb, row, &heapstats_size)) {
		say_error("%s: no DWARF, and the size of runtime.heapStatsDelta is not found in "
			  "the code: build it without -ldflags=-w", name);
		return -EBADMSG;
	}
#define X(name, strukt, path) out->name = row->f.name;
	GO_FIELDS(X)
#undef X
	out->heapstats_size = heapstats_size;
	snprintf(out->fields_from, sizeof(out->fields_from), "table, from %s", row->from);
	return 0;
}

/* The types that only variables have, whose sizes the symbols tell. */
static const struct {
	const char *strukt, *symbol;
	size_t size_at;			/* in struct go_layout */
} of_variables[] = {
	{ "mstats", "runtime.memstats", offsetof(struct go_layout, mstats_size) },
	{ "workType", "runtime.work", offsetof(struct go_layout, work_size) },
	{ "sweepdata", "runtime.sweep", offsetof(struct go_layout, sweep_size) },
	{ "schedt", "runtime.sched", offsetof(struct go_layout, sched_size) },
};

static bool has_size(const struct gobin *gb, const char *strukt, const struct go_layout *lo)
{
	for (size_t i = 0; i < ARRAY_SIZE(of_variables); i++) {
		uint64_t vaddr, size;
		int32_t wanted;

		if (strcmp(of_variables[i].strukt, strukt))
			continue;
		memcpy(&wanted, (const char *)lo + of_variables[i].size_at, sizeof(wanted));
		return image_symbol(gobin_image(gb), of_variables[i].symbol, &vaddr, &size) &&
		       wanted > 0 && size == (uint64_t)wanted;
	}
	return false;
}

/*
 * The table, where all that the DWARF does say is what the table says, and each type of which it
 * does not say anything has at least the size that it has there.  So a runtime that somebody has
 * patched is told from the release: a field more or less moves others, or the end.
 */
static bool rest_from_table(const struct gobin *gb, struct go_layout *lo)
{
	const struct layout_row *row = find_row(gobin_version(gb));
	struct go_layout all = *lo;

	if (!row || moving_experiment(gb))
		return false;
#define X(name, strukt, path) \
	if (all.name == GL_NOT_READ) \
		all.name = row->f.name; \
	else if (all.name != row->f.name) \
		return false;
	GO_FIELDS(X)
#undef X
#define X(name, strukt, path) \
	if (lo->name == GL_NOT_READ && !has_size(gb, strukt, &all)) \
		return false;
	GO_FIELDS(X)
#undef X
	*lo = all;
	snprintf(lo->fields_from, sizeof(lo->fields_from),
		 "DWARF of the binary and, where that agrees, the table, from %s", row->from);
	return true;
}

static int get_fields(const struct gobin *gb, struct go_layout *lo)
{
	const struct go_version *v = gobin_version(gb);
	const char *missing;
	int err;

	err = golayout_fields_near(gb, rest_from_table, lo);
	if (err && err != -ENOENT)
		say_verbose("%s: its DWARF is %s; the table of %s is used",
			    image_name(gobin_image(gb)), err == -EFBIG ? "too large" : "damaged",
			    v->text);
	if (!err) {
		missing = missing_field(lo, v->minor);
		if (!missing)
			return 0;
		say_verbose("%s: its DWARF does not tell runtime.%s; the table of %s is used",
			    image_name(gobin_image(gb)), missing, v->text);
	}
	err = golayout_fields_from_table(gb, lo);
	if (err)
		return err;
	missing = missing_field(lo, v->minor);
	if (missing) {
		say_error("%s: the layout table has no runtime.%s for %s: run scripts/gen-layout",
			  image_name(gobin_image(gb)), missing, v->text);
		return -EBADMSG;
	}
	return 0;
}

int golayout_get(const struct gobin *gb, struct go_layout *out)
{
	const struct go_version *v = gobin_version(gb);
	struct go_layout lo = { 0 };
	int err;

	err = get_fields(gb, &lo);
	if (err)
		return err;
	if (golayout_vars_from_symbols(gb, &lo) != 0) {
		err = golayout_vars_from_code(gb, &lo);
		if (err)
			return err;
	}
	lo.inline_marks = v->minor >= FIRST_INLINE_MARKS && gobin_experiment(gb, "greenteagc");
	lo.malloc_header = v->minor >= FIRST_MALLOC_HEADER && gobin_experiment(gb, "allocheaders");
	*out = lo;
	return 0;
}

uint64_t golayout_class_size(unsigned size_class)
{
	return size_class < ARRAY_SIZE(class_sizes) ? class_sizes[size_class] : 0;
}

uint64_t golayout_span_objects(unsigned size_class)
{
	if (!size_class || size_class >= ARRAY_SIZE(class_sizes))
		return 0;
	return (uint64_t)class_pages[size_class] * PAGE_SIZE / class_sizes[size_class];
}

unsigned golayout_size_class(uint64_t size)
{
	unsigned lo = 1, hi = ARRAY_SIZE(class_sizes) - 1;

	if (size > class_sizes[hi])
		return 0;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (class_sizes[mid] < size)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint64_t round_to_class(uint64_t size)
{
	return class_sizes[golayout_size_class(size)];
}

/* mallocgc in runtime/malloc.go: up to 1.21 everything up to 32768 bytes has a class, from 1.22 on
 * only what leaves room for the header, whether it gets one or not; the rest takes whole pages. */
uint64_t golayout_object_size(const struct go_layout *lo, uint64_t size, bool pointers)
{
	uint64_t header = lo->malloc_header ? MALLOC_HEADER_SIZE : 0;

	if (size == 0)
		return 0;
	if (size > UINT64_MAX - PAGE_SIZE)
		return UINT64_MAX;
	if (size > MAX_SMALL_SIZE - header)
		return (size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
	if (!pointers)
		return size < TINY_SIZE ? TINY_SIZE : round_to_class(size);
	return round_to_class(size > MAX_SIZE_WITHOUT_HEADER ? size + header : size);
}
