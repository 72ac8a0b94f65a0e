// SPDX-License-Identifier: BSD-2-Clause
/*
 * golayout_vars.c - addresses of runtime variables, by symbol or by the code that refers to them.
 *
 * A stripped binary has no names of variables, but it has those of functions (tracebacks need
 * them), and x86-64 code names a variable by its distance to the instruction.  So "the n-th
 * reference to data in function f" finds a variable without a signature of bytes: the compiler may
 * choose other registers, but a function that loads allglen, then allgptr, does so in every build.
 * The ordinals below were compared with symbol tables in releases of all series from 1.17 to 1.27,
 * with PIE, cgo, -race, GOAMD64=v3 and PGO builds; -N -l, where nothing is inlined, has rows of its
 * own.  Two facts are found twice, and must agree.
 */
#include "user/go/golayout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/code/insn.h"
#include "user/go/gobin.h"
#include "user/go/golayout_internal.h"
#include "user/go/image.h"

#define NOT_INLINED "runtime.spanOf"	/* a function of its own only in a build with -N -l */

struct reference {
	const char *var;
	const char *func;
	unsigned ordinal;	/* of the references to data, in order of address, from 0 */
	unsigned ordinal_N;	/* the same in a build with -N -l of ... */
	int first_N;		/* ... this series and later ones */
	const char *func_N;	/* the function to look at in a build with -N -l; NULL: the same */
};

enum {
	REF_MHEAP, REF_HEAPSTATS, REF_SWEEPGEN, REF_ARENAS, REF_ALLGLEN, REF_ALLGPTR, REF_ALLP,
	REF_HEAPLIVE, REF_WAITREASONS, N_REFS
};

static const struct reference references[N_REFS] = {
	[REF_MHEAP] = { "mheap_", "runtime.(*mcache).allocLarge", 0, 0, 0, NULL },
	[REF_HEAPSTATS] = { "memstats.heapStats", "runtime.(*mcache).allocLarge", 1, 1, 0, NULL },
	[REF_SWEEPGEN] = { "mheap_.sweepgen", "runtime.(*mcache).prepareForSweep", 0, 0, 0, NULL },
	[REF_ARENAS] = { "mheap_.arenas", "runtime.findObject", 0, 0, 0, "runtime.spanOf" },
	[REF_ALLGLEN] = { "allglen", "runtime.forEachGRace", 0, 0, 0, "runtime.atomicAllG" },
	[REF_ALLGPTR] = { "allgptr", "runtime.forEachGRace", 1, 1, 0, "runtime.atomicAllG" },
	[REF_ALLP] = { "allp", "runtime.gcMarkTinyAllocs", 0, 0, 0, NULL },
	[REF_HEAPLIVE] = { "gcController.heapLive", "runtime.deductSweepCredit", 3, 2, 21, NULL },
	[REF_WAITREASONS] = { "waitReasonStrings", "runtime.waitReason.String", 1, 1, 0, NULL },
};

/* Decodes a function of the runtime; false if there is none of that name or it makes no sense. */
static bool decode(const struct gobin *gb, const char *name, struct insns *out)
{
	const struct image *img = gobin_image(gb);
	struct go_func f;
	uint64_t avail, len;
	const void *code;

	if (!gobin_find_func(gb, name, &f) || f.end <= f.entry)
		return false;
	code = image_at(img, f.entry, &avail);
	len = f.end - f.entry;
	if (!code || len > avail || len > MAX_FUNC_BYTES)
		return false;
	return insns_decode(out, image_machine(img), code, len, f.entry) == 0;
}

/* The vaddr behind the n-th reference to data in a function; 0: there are fewer. */
static uint64_t data_reference(const struct gobin *gb, const char *func, unsigned n)
{
	const struct go_module *mod = gobin_module(gb);
	struct insns code;
	uint64_t addr = 0;
	size_t i;

	if (!decode(gb, func, &code))
		return 0;
	for (i = 0; i < code.n && !addr; i++) {
		const struct insn *in = &code.v[i];

		if (!in->rip_relative || !in->addr_ref)
			continue;
		if (in->addr_ref >= mod->text && in->addr_ref < mod->etext)
			continue;
		if (n-- == 0)
			addr = in->addr_ref;
	}
	insns_free(&code);
	return addr;
}

static uint64_t find_reference(const struct gobin *gb, const struct reference *r, bool not_inlined)
{
	bool other = not_inlined && gobin_version(gb)->minor >= r->first_N;

	return data_reference(gb, other && r->func_N ? r->func_N : r->func,
			      other ? r->ordinal_N : r->ordinal);
}

static int find_references(const struct gobin *gb, uint64_t addrs[N_REFS])
{
	const struct image *img = gobin_image(gb);
	struct go_func f;
	bool not_inlined = gobin_find_func(gb, NOT_INLINED, &f);
	int i;

	for (i = 0; i < N_REFS; i++) {
		const struct reference *r = &references[i];

		addrs[i] = find_reference(gb, r, not_inlined);
		if (!image_mapped(img, addrs[i], 8)) {
			say_error("%s: cannot find the variable runtime.%s: %s does not refer to "
				  "it as in other builds of %s; build the program with symbols "
				  "(without -ldflags=-s)", image_name(img), r->var, r->func,
				  gobin_version(gb)->text);
			return -EBADMSG;
		}
	}
	return 0;
}

int golayout_vars_from_code(const struct gobin *gb, struct go_layout *out)
{
	uint64_t a[N_REFS];
	int err;

	err = find_references(gb, a);
	if (err)
		return err;
	if (a[REF_SWEEPGEN] - a[REF_MHEAP] != (uint64_t)out->mheap_sweepgen ||
	    a[REF_ARENAS] - a[REF_MHEAP] != (uint64_t)out->mheap_arenas) {
		say_error("%s: the code of its runtime and the layout of %s contradict each other "
			  "on the place of mheap_.sweepgen or mheap_.arenas; build the program "
			  "with symbols (without -ldflags=-s)", image_name(gobin_image(gb)),
			  gobin_version(gb)->text);
		return -EBADMSG;
	}
	out->mheap = a[REF_MHEAP];
	out->memstats_heapstats = a[REF_HEAPSTATS];
	out->sweepgen = a[REF_SWEEPGEN];
	out->arenas = a[REF_ARENAS];
	out->allglen = a[REF_ALLGLEN];
	out->allgptr = a[REF_ALLGPTR];
	out->allp = a[REF_ALLP];
	out->gccontroller = a[REF_HEAPLIVE] - (uint64_t)out->gccontroller_heaplive;
	out->waitreasonstrings = a[REF_WAITREASONS];
	snprintf(out->vars_from, sizeof(out->vars_from), "code of the runtime");
	return 0;
}

int golayout_vars_from_symbols(const struct gobin *gb, struct go_layout *out)
{
	const struct image *img = gobin_image(gb);
	struct go_layout lo = *out;
	uint64_t size;

	if (image_stripped(img))
		return -ENOENT;
#define X(name, symbol) \
	if (!image_symbol(img, symbol, &lo.name, &size)) \
		return -EBADMSG;
	GO_VARS(X)
#undef X
	lo.memstats_heapstats += (uint64_t)lo.mstats_heapstats;
	lo.sweepgen = lo.mheap + (uint64_t)lo.mheap_sweepgen;
	lo.arenas = lo.mheap + (uint64_t)lo.mheap_arenas;
	snprintf(lo.vars_from, sizeof(lo.vars_from), "symbol table");
	*out = lo;
	return 0;
}

/*
 * (*consistentHeapStats).acquire in runtime/mstats.go takes the address of stats[gen % 3]: a
 * multiplication by the size, imul r64, r64, imm32 (REX.W 69 /r).
 */
int golayout_heapstats_size(const struct gobin *gb, int32_t *size)
{
	enum { IMUL_LEN = 7, REX_MASK = 0xf8, REX_W = 0x48, IMUL_IMM32 = 0x69, MAX_SIZE = 1 << 16 };
	const struct image *img = gobin_image(gb);
	struct insns code;
	int n_found = 0;
	size_t i;

	if (!decode(gb, "runtime.(*consistentHeapStats).acquire", &code))
		return -ENOENT;
	for (i = 0; i < code.n; i++) {
		uint8_t b[IMUL_LEN];
		int32_t imm;

		if (code.v[i].len != IMUL_LEN || !image_read(img, code.v[i].addr, b, sizeof(b)) ||
		    (b[0] & REX_MASK) != REX_W || b[1] != IMUL_IMM32)
			continue;
		memcpy(&imm, b + 3, sizeof(imm));
		if (imm <= 0 || imm > MAX_SIZE)
			continue;
		*size = imm;
		n_found++;
	}
	insns_free(&code);
	return n_found == 1 ? 0 : -ENOENT;
}
