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
 * own (scripts/gen-layout compares again).  What is found twice must agree.
 */
#include "user/go/golayout.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/code/insn.h"
#include "user/go/gobin.h"
#include "user/go/golayout_internal.h"
#include "user/go/image.h"

/* A function of its own only in a build with -N -l. */
#define NOT_INLINED_MARK "runtime.spanOf"

enum ref {
	REF_MHEAP, REF_HEAPSTATS, REF_SWEEPGEN, REF_ARENAS, REF_ALLGLEN, REF_ALLGPTR, REF_ALLP,
	REF_HEAPLIVE, REF_WAITREASONS, REF_GCPHASE, REF_WORK, REF_SWEEP, REF_SCHED,
	REF_MBUCKETS, REF_MEMPROFILERATE, REF_ALLFIN, REF_GCCLEANUPS, N_REFS
};

enum { SELF = 0 };	/* instead of a field: the variable's own address */

/* What is referred to, and where its variable's address goes.  One that is not needed must be
 * found a second time: then nothing is refused where it is not, and nothing wrong believed. */
static const struct {
	const char *name;
	size_t to;			/* in struct go_layout */
	size_t field;			/* likewise, the member referred to; or SELF */
	const char *also[2];		/* one of them refers to it too; none: it is needed */
	size_t also_field;
} vars[N_REFS] = {
#define AT(member) offsetof(struct go_layout, member)
	[REF_MHEAP] = { "mheap_", AT(mheap), SELF, { NULL }, SELF },
	[REF_HEAPSTATS] = { "memstats.heapStats", AT(memstats_heapstats), SELF, { NULL }, SELF },
	[REF_SWEEPGEN] = { "mheap_.sweepgen", AT(sweepgen), SELF, { NULL }, SELF },
	[REF_ARENAS] = { "mheap_.arenas", AT(arenas), SELF, { NULL }, SELF },
	[REF_ALLGLEN] = { "allglen", AT(allglen), SELF, { NULL }, SELF },
	[REF_ALLGPTR] = { "allgptr", AT(allgptr), SELF, { NULL }, SELF },
	[REF_ALLP] = { "allp", AT(allp), SELF, { NULL }, SELF },
	[REF_HEAPLIVE] = { "gcController.heapLive", AT(gccontroller), AT(gccontroller_heaplive),
			   { NULL }, SELF },
	[REF_WAITREASONS] = { "waitReasonStrings", AT(waitreasonstrings), SELF, { NULL }, SELF },
	[REF_GCPHASE] = { "gcphase", AT(gcphase), SELF, { "runtime.gcMarkTermination" },
			 SELF },
	[REF_WORK] = { "work.markDoneSema", AT(work), AT(work_markdonesema), { "runtime.gcStart" },
		       AT(work_startsema) },
	[REF_SWEEP] = { "sweep.active", AT(sweep), AT(sweep_active),
			{ "runtime.(*mcentral).cacheSpan" }, AT(sweep_active) },
	[REF_SCHED] = { "sched.lock", AT(sched), AT(sched_lock), { "runtime.startm" },
			AT(sched_lock) },
	[REF_MBUCKETS] = { "mbuckets", AT(mbuckets), SELF, { "runtime.stkbucket" }, SELF },
	[REF_MEMPROFILERATE] = { "MemProfileRate", AT(memprofilerate), SELF,
				 { "runtime.schedinit", "runtime.parsedebugvars" }, SELF },
	[REF_ALLFIN] = { "allfin", AT(allfin), SELF, { "runtime.markroot" }, SELF },
	[REF_GCCLEANUPS] = { "gcCleanups", AT(gccleanups), SELF, { "runtime.freeSpecial" }, SELF },
#undef AT
};

enum { INLINED = 1, NOT_INLINED = 2, ANY = INLINED | NOT_INLINED, NEWEST = 99 };

static const struct reference {
	enum ref ref;
	int builds;			/* those with -N -l, the others, or ANY */
	int first, last;		/* series */
	const char *func;
	unsigned ordinal;		/* of its references to data, in order of address, from 0 */
} references[] = {
	{ REF_MHEAP, ANY, 0, NEWEST, "runtime.(*mcache).allocLarge", 0 },
	{ REF_HEAPSTATS, ANY, 0, NEWEST, "runtime.(*mcache).allocLarge", 1 },
	{ REF_SWEEPGEN, ANY, 0, NEWEST, "runtime.(*mcache).prepareForSweep", 0 },
	{ REF_ARENAS, INLINED, 0, NEWEST, "runtime.findObject", 0 },
	{ REF_ARENAS, NOT_INLINED, 0, NEWEST, "runtime.spanOf", 0 },
	{ REF_ALLGLEN, INLINED, 0, NEWEST, "runtime.forEachGRace", 0 },
	{ REF_ALLGLEN, NOT_INLINED, 0, NEWEST, "runtime.atomicAllG", 0 },
	{ REF_ALLGPTR, INLINED, 0, NEWEST, "runtime.forEachGRace", 1 },
	{ REF_ALLGPTR, NOT_INLINED, 0, NEWEST, "runtime.atomicAllG", 1 },
	{ REF_ALLP, ANY, 0, NEWEST, "runtime.gcMarkTinyAllocs", 0 },
	{ REF_HEAPLIVE, INLINED, 0, NEWEST, "runtime.deductSweepCredit", 3 },
	{ REF_HEAPLIVE, NOT_INLINED, 0, 20, "runtime.deductSweepCredit", 3 },
	{ REF_HEAPLIVE, NOT_INLINED, 21, NEWEST, "runtime.deductSweepCredit", 2 },
	{ REF_WAITREASONS, ANY, 0, NEWEST, "runtime.waitReason.String", 1 },
	{ REF_GCPHASE, ANY, 0, NEWEST, "runtime.gcSweep", 0 },
	{ REF_WORK, ANY, 0, NEWEST, "runtime.gcMarkDone", 0 },
	{ REF_SWEEP, ANY, 18, NEWEST, "runtime.sweepone", 0 },
	{ REF_SCHED, ANY, 0, NEWEST, "runtime.schedEnableUser", 0 },
	{ REF_MBUCKETS, ANY, 0, 18, "runtime.mProf_FlushLocked", 1 },
	{ REF_MBUCKETS, INLINED, 19, NEWEST, "runtime.mProf_FlushLocked", 0 },
	{ REF_MBUCKETS, NOT_INLINED, 19, NEWEST, "runtime.mProf_FlushLocked", 2 },
	{ REF_MEMPROFILERATE, INLINED, 0, NEWEST, "runtime.profilealloc", 1 },
	{ REF_MEMPROFILERATE, NOT_INLINED, 0, NEWEST, "runtime.nextSample", 0 },
	{ REF_ALLFIN, ANY, 0, NEWEST, "runtime.queuefinalizer", 6 },
	{ REF_GCCLEANUPS, ANY, 25, NEWEST, "runtime.(*activeSweep).end", 11 },
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

/* The next reference to data at or behind instruction *i: its vaddr; 0: no more. */
static uint64_t next_reference(const struct gobin *gb, const struct insns *code, size_t *i)
{
	const struct go_module *mod = gobin_module(gb);

	while (*i < code->n) {
		const struct insn *in = &code->v[(*i)++];

		if (in->rip_relative && in->addr_ref &&
		    !(in->addr_ref >= mod->text && in->addr_ref < mod->etext))
			return in->addr_ref;
	}
	return 0;
}

/* The vaddr behind the n-th reference to data in a function; 0: there are fewer. */
static uint64_t data_reference(const struct gobin *gb, const char *func, unsigned n)
{
	struct insns code;
	uint64_t addr;
	size_t i = 0;

	if (!decode(gb, func, &code))
		return 0;
	do
		addr = next_reference(gb, &code, &i);
	while (addr && n--);
	insns_free(&code);
	return addr;
}

static bool refers_to(const struct gobin *gb, const char *func, uint64_t vaddr)
{
	struct insns code;
	uint64_t addr;
	size_t i = 0;

	if (!vaddr || !decode(gb, func, &code))
		return false;
	do
		addr = next_reference(gb, &code, &i);
	while (addr && addr != vaddr);
	insns_free(&code);
	return addr;
}

static uint64_t offset(const struct go_layout *lo, size_t field)
{
	return field == SELF ? 0 : (uint64_t)*(const int32_t *)((const char *)lo + field);
}

static bool needed(enum ref ref)
{
	return !vars[ref].also[0];
}

static bool found_again(const struct gobin *gb, enum ref ref, uint64_t vaddr)
{
	bool found = needed(ref);

	for (size_t i = 0; i < ARRAY_SIZE(vars[ref].also) && vars[ref].also[i] && !found; i++)
		found = refers_to(gb, vars[ref].also[i], vaddr);
	return found;
}

/* The address of the variable, 0: not found; lo: the fields. */
static uint64_t find_var(const struct gobin *gb, const struct go_layout *lo, enum ref ref)
{
	struct go_func f;
	int build = gobin_find_func(gb, NOT_INLINED_MARK, &f) ? NOT_INLINED : INLINED;
	int minor = gobin_version(gb)->minor;

	for (size_t i = 0; i < ARRAY_SIZE(references); i++) {
		const struct reference *r = &references[i];
		uint64_t addr;

		if (r->ref != ref || !(r->builds & build) || minor < r->first ||
		    minor > r->last)
			continue;
		addr = data_reference(gb, r->func, r->ordinal);
		if (!image_mapped(gobin_image(gb), addr, sizeof(uint64_t)))
			return 0;
		addr -= offset(lo, vars[ref].field);
		return found_again(gb, ref, addr + offset(lo, vars[ref].also_field)) ? addr : 0;
	}
	return 0;
}

static int find_vars(const struct gobin *gb, struct go_layout *lo)
{
	for (enum ref ref = 0; ref < N_REFS; ref++) {
		uint64_t addr = find_var(gb, lo, ref);

		if (!addr && needed(ref)) {
			say_error("%s: cannot find the variable runtime.%s: the code of %s does "
				  "not refer to it as in other builds; build the program with "
				  "symbols (without -ldflags=-s)", image_name(gobin_image(gb)),
				  vars[ref].name, gobin_version(gb)->text);
			return -EBADMSG;
		}
		*(uint64_t *)((char *)lo + vars[ref].to) = addr;
	}
	return 0;
}

int golayout_vars_from_code(const struct gobin *gb, struct go_layout *out)
{
	struct go_layout lo = *out;
	int err;

	err = find_vars(gb, &lo);
	if (err)
		return err;
	if (lo.sweepgen - lo.mheap != (uint64_t)lo.mheap_sweepgen ||
	    lo.arenas - lo.mheap != (uint64_t)lo.mheap_arenas) {
		say_error("%s: the code of its runtime and the layout of %s contradict each other "
			  "on the place of mheap_.sweepgen or mheap_.arenas; build the program "
			  "with symbols (without -ldflags=-s)", image_name(gobin_image(gb)),
			  gobin_version(gb)->text);
		return -EBADMSG;
	}
	lo.memstats = lo.memstats_heapstats - (uint64_t)lo.mstats_heapstats;
	snprintf(lo.vars_from, sizeof(lo.vars_from), "code of the runtime");
	*out = lo;
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
#define X(name, symbol) \
	if (!image_symbol(img, symbol, &lo.name, &size)) \
		lo.name = 0;
	GO_OPTIONAL_VARS(X)
#undef X
	if (lo.sweep_active < 0)
		lo.sweep = 0;		/* up to Go 1.17 it is another struct, without use */
	lo.memstats = lo.memstats_heapstats;
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
