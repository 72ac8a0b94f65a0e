/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * golayout.h - where the runtime keeps things: offsets of struct fields, addresses of variables.
 *
 * Offsets come from the binary's DWARF when it has it, else from the generated table of its Go
 * version (layout_table.h, made by scripts/gen-layout).  Variables come from the symbol table when
 * there is one, else from the instruction of a known runtime function that refers to them.  Both
 * say where each number came from.  A binary and its stripped twin get the same answers.
 */
#ifndef GOLAYOUT_H
#define GOLAYOUT_H

#include <stdbool.h>
#include <stdint.h>

struct gobin;

/*
 * name in C, struct of package runtime, member path.  The value is the member's offset in the outer
 * struct, in bytes; where the path ends in "#size", the size of what stands before it.  A path that
 * a version does not have is GL_NO_FIELD (-1): golayout.c lists which versions may lack which, and
 * golayout_get refuses a binary that lacks any other.  After a change here run scripts/gen-layout.
 */
#define GO_FIELDS(X) \
	X(g_stack_lo, "g", "stack.lo") \
	X(g_stack_hi, "g", "stack.hi") \
	X(g_sched_sp, "g", "sched.sp") \
	X(g_sched_pc, "g", "sched.pc") \
	X(g_sched_bp, "g", "sched.bp") \
	X(g_syscallsp, "g", "syscallsp") \
	X(g_syscallpc, "g", "syscallpc") \
	X(g_syscallbp, "g", "syscallbp") \
	X(g_atomicstatus, "g", "atomicstatus") \
	X(g_goid, "g", "goid") \
	X(g_waitsince, "g", "waitsince") \
	X(g_waitreason, "g", "waitreason") \
	X(g_parentgoid, "g", "parentGoid") \
	X(g_gopc, "g", "gopc") \
	X(g_startpc, "g", "startpc") \
	X(g_waiting, "g", "waiting") \
	X(g_size, "g", "#size") \
	X(p_mcache, "p", "mcache") \
	X(p_goidcache, "p", "goidcache") \
	X(p_goidcacheend, "p", "goidcacheend") \
	X(mcache_tinyallocs, "mcache", "tinyAllocs") \
	X(mcache_alloc, "mcache", "alloc") \
	X(mspan_startaddr, "mspan", "startAddr") \
	X(mspan_npages, "mspan", "npages") \
	X(mspan_freeindex, "mspan", "freeindex") \
	X(mspan_nelems, "mspan", "nelems") \
	X(mspan_allocbits, "mspan", "allocBits") \
	X(mspan_gcmarkbits, "mspan", "gcmarkBits") \
	X(mspan_sweepgen, "mspan", "sweepgen") \
	X(mspan_alloccount, "mspan", "allocCount") \
	X(mspan_alloccountbeforecache, "mspan", "allocCountBeforeCache") \
	X(mspan_spanclass, "mspan", "spanclass") \
	X(mspan_state, "mspan", "state") \
	X(mspan_elemsize, "mspan", "elemsize") \
	X(mspan_limit, "mspan", "limit") \
	X(mspan_specials, "mspan", "specials") \
	X(mspan_isuserarenachunk, "mspan", "isUserArenaChunk") \
	X(mspan_largetype, "mspan", "largeType") \
	X(mspan_size, "mspan", "#size") \
	X(heaparena_spans, "heapArena", "spans") \
	X(mheap_sweepgen, "mheap", "sweepgen") \
	X(mheap_allspans, "mheap", "allspans") \
	X(mheap_arenas, "mheap", "arenas") \
	X(mstats_heapstats, "mstats", "heapStats") \
	X(mstats_stacks_sys, "mstats", "stacks_sys") \
	X(mstats_mspan_sys, "mstats", "mspan_sys") \
	X(mstats_mcache_sys, "mstats", "mcache_sys") \
	X(mstats_buckhash_sys, "mstats", "buckhash_sys") \
	X(mstats_gcmisc_sys, "mstats", "gcMiscSys") \
	X(mstats_other_sys, "mstats", "other_sys") \
	X(mstats_last_gc_unix, "mstats", "last_gc_unix") \
	X(mstats_last_gc_nanotime, "mstats", "last_gc_nanotime") \
	X(mstats_pause_total_ns, "mstats", "pause_total_ns") \
	X(mstats_pause_ns, "mstats", "pause_ns") \
	X(mstats_pause_end, "mstats", "pause_end") \
	X(mstats_numgc, "mstats", "numgc") \
	X(mstats_numforcedgc, "mstats", "numforcedgc") \
	X(mstats_gc_cpu_fraction, "mstats", "gc_cpu_fraction") \
	X(mstats_heap_sys, "mstats", "heap_sys") \
	X(mstats_size, "mstats", "#size") \
	X(heapstats_inheap, "heapStatsDelta", "inHeap") \
	X(heapstats_released, "heapStatsDelta", "released") \
	X(heapstats_instacks, "heapStatsDelta", "inStacks") \
	X(heapstats_inworkbufs, "heapStatsDelta", "inWorkBufs") \
	X(heapstats_inptrscalarbits, "heapStatsDelta", "inPtrScalarBits") \
	X(heapstats_tinyalloccount, "heapStatsDelta", "tinyAllocCount") \
	X(heapstats_largealloc, "heapStatsDelta", "largeAlloc") \
	X(heapstats_largealloccount, "heapStatsDelta", "largeAllocCount") \
	X(heapstats_smallalloccount, "heapStatsDelta", "smallAllocCount") \
	X(heapstats_largefree, "heapStatsDelta", "largeFree") \
	X(heapstats_largefreecount, "heapStatsDelta", "largeFreeCount") \
	X(heapstats_smallfreecount, "heapStatsDelta", "smallFreeCount") \
	X(heapstats_size, "heapStatsDelta", "#size") \
	X(gccontroller_gcpercent, "gcControllerState", "gcPercent") \
	X(gccontroller_trigger, "gcControllerState", "trigger") \
	X(gccontroller_runway, "gcControllerState", "runway") \
	X(gccontroller_heaplive, "gcControllerState", "heapLive") \
	X(gccontroller_heapmarked, "gcControllerState", "heapMarked") \
	X(gccontroller_heapgoal, "gcControllerState", "heapGoal") \
	X(gccontroller_gcpercentheapgoal, "gcControllerState", "gcPercentHeapGoal") \
	X(gccontroller_sweepdistmintrigger, "gcControllerState", "sweepDistMinTrigger") \
	X(gccontroller_triggered, "gcControllerState", "triggered") \
	X(gccontroller_heapinuse, "gcControllerState", "heapInUse") \
	X(gccontroller_heapfree, "gcControllerState", "heapFree") \
	X(gccontroller_heapreleased, "gcControllerState", "heapReleased") \
	X(gccontroller_memorylimit, "gcControllerState", "memoryLimit") \
	X(gccontroller_mappedready, "gcControllerState", "mappedReady") \
	X(gccontroller_totalalloc, "gcControllerState", "totalAlloc") \
	X(gccontroller_totalfree, "gcControllerState", "totalFree") \
	X(work_startsema, "workType", "startSema") \
	X(work_markdonesema, "workType", "markDoneSema") \
	X(work_mode, "workType", "mode") \
	X(work_userforced, "workType", "userForced") \
	X(work_initialheaplive, "workType", "initialHeapLive") \
	X(work_cycles, "workType", "cycles") \
	X(work_tsweepterm, "workType", "tSweepTerm") \
	X(work_tmark, "workType", "tMark") \
	X(work_tmarkterm, "workType", "tMarkTerm") \
	X(work_tend, "workType", "tEnd") \
	X(work_heap0, "workType", "heap0") \
	X(work_heap1, "workType", "heap1") \
	X(work_heap2, "workType", "heap2") \
	X(work_size, "workType", "#size") \
	X(sweep_active, "sweepdata", "active.state") \
	X(sweep_size, "sweepdata", "#size") \
	X(sched_goidgen, "schedt", "goidgen") \
	X(sched_lock, "schedt", "lock") \
	X(sched_size, "schedt", "#size") \
	X(bucket_allnext, "bucket", "allnext") \
	X(bucket_typ, "bucket", "typ") \
	X(bucket_objectsize, "bucket", "size") \
	X(bucket_nstk, "bucket", "nstk") \
	X(bucket_size, "bucket", "#size") \
	X(memrecord_active, "memRecord", "active") \
	X(memrecord_future, "memRecord", "future") \
	X(memrecord_size, "memRecord", "#size") \
	X(memrecordcycle_allocs, "memRecordCycle", "allocs") \
	X(memrecordcycle_frees, "memRecordCycle", "frees") \
	X(memrecordcycle_size, "memRecordCycle", "#size") \
	X(special_next, "special", "next") \
	X(special_offset, "special", "offset") \
	X(special_kind, "special", "kind") \
	X(hchan_qcount, "hchan", "qcount") \
	X(hchan_dataqsiz, "hchan", "dataqsiz") \
	X(hchan_buf, "hchan", "buf") \
	X(hchan_elemsize, "hchan", "elemsize") \
	X(hchan_elemtype, "hchan", "elemtype") \
	X(hchan_closed, "hchan", "closed") \
	X(sudog_g, "sudog", "g") \
	X(sudog_elem, "sudog", "elem") \
	X(sudog_next, "sudog", "next") \
	X(sudog_waitlink, "sudog", "waitlink") \
	X(sudog_c, "sudog", "c") \
	X(sudog_size, "sudog", "#size")

/* Runtime variables.  name in C, symbol. */
#define GO_VARS(X) \
	X(mheap, "runtime.mheap_") \
	X(memstats_heapstats, "runtime.memstats") /* the address of memstats.heapStats */ \
	X(allglen, "runtime.allglen") \
	X(allgptr, "runtime.allgptr") \
	X(allp, "runtime.allp") \
	X(gccontroller, "runtime.gcController") \
	X(waitreasonstrings, "runtime.waitReasonStrings")

/* Those that not every answer needs: 0 where they are not found, and nothing is refused for it. */
#define GO_OPTIONAL_VARS(X) \
	X(gcphase, "runtime.gcphase") \
	X(work, "runtime.work") \
	X(sweep, "runtime.sweep") \
	X(sched, "runtime.sched") \
	X(mbuckets, "runtime.mbuckets") \
	X(memprofilerate, "runtime.MemProfileRate") \
	X(allfin, "runtime.allfin") \
	X(gccleanups, "runtime.gcCleanups")

#define GL_NO_FIELD (-1)

struct go_layout {
#define X(name, strukt, path) int32_t name;
	GO_FIELDS(X)
#undef X
#define X(name, symbol) uint64_t name;		/* vaddr, 0: not found */
	GO_VARS(X)
	GO_OPTIONAL_VARS(X)
#undef X
	uint64_t sweepgen;	/* vaddr of mheap_.sweepgen */
	uint64_t arenas;	/* vaddr of mheap_.arenas */
	uint64_t memstats;	/* vaddr of memstats itself */
	bool inline_marks;	/* Green Tea: mark bits of small objects' spans lie in the span */
	bool malloc_header;	/* 1.22+: objects with pointers above 512 bytes have 8 in front */
	char fields_from[96];	/* "DWARF of the binary", "table, from go1.26.11", or both */
	char vars_from[96];	/* "symbol table", "code of the runtime" */
};

/* Fills *out for the binary; untouched on failure.  Tells the user then: which field or variable is
 * missing and why. */
int golayout_get(const struct gobin *gb, struct go_layout *out);

/*
 * The same from one source only, for the generator and the tests.  The fields first: the variables
 * need those of *out.  -ENOENT: there is no such source; -EBADMSG: there is, but it does not have
 * all that is needed; -EFBIG: DWARF that would take too much memory (limits.h).  The second
 * choices, table and code, tell the user; the first keep silent.
 */
int golayout_fields_from_dwarf(const struct gobin *gb, struct go_layout *out);
int golayout_fields_from_table(const struct gobin *gb, struct go_layout *out);
int golayout_vars_from_symbols(const struct gobin *gb, struct go_layout *out);
int golayout_vars_from_code(const struct gobin *gb, struct go_layout *out);

/* Heap size class of an allocation: bytes that an object of the asked size occupies, by the rules
 * of mallocgc (size classes are the same in Go 1.17 to 1.27).  Tiny objects (no pointers, below 16
 * bytes) occupy their share of a 16-byte block: 16 is returned.  0 for size 0, which allocates
 * nothing; UINT64_MAX for a size that no address space holds. */
uint64_t golayout_object_size(const struct go_layout *lo, uint64_t size, bool pointers);
/* Size of class number 1..67; 0 for others. */
uint64_t golayout_class_size(unsigned size_class);
/* How many of them a span has. */
uint64_t golayout_span_objects(unsigned size_class);
/* The class whose slots have room for so many bytes; 0: they are a large object. */
unsigned golayout_size_class(uint64_t size);

#endif
