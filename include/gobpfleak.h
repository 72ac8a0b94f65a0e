/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gobpfleak.h - what crosses the boundary between the BPF programs and user space: records, the
 * probe table, the configuration, the counters of loss, and the limits that both sides keep.
 *
 * Fixed-width types only; both compilers check the sizes below.  Every address is the target's.
 */
#ifndef GOBPFLEAK_H
#define GOBPFLEAK_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define GL_VERSION "0.1"

/* Every cap of the BPF side stands here; user space adds its own in user/base/limits.h. */
enum {
	GL_MAX_FRAMES = 128,	/* frames of one stack; deeper ones are cut and marked */
	GL_CHUNK = 8192,	/* bytes of stack copied in one read, a power of two */
	GL_DEPTHS_LOG2 = 13,	/* stacks of which it is known how deep they are */
	GL_MAX_PROBES = 128,	/* rows of the probe table */
	GL_GROUPS = 8,		/* of probes that listen or do not, a power of two */
	GL_SLOTS_LOG2 = 10,	/* slots of the probe table, so many that a hash without collisions
				 * is found */
	GL_SLOTS = 1 << GL_SLOTS_LOG2,
	GL_STACK_SETS_LOG2 = 15, /* ids of stacks remembered as sent: so many sets */
	GL_STACK_WAYS = 4,	/* of so many ids */
	GL_WORK_SLOTS = 64,	/* work areas, claimed by one program run at a time */
	GL_RING_BYTES = 16 << 20,
	GL_STACK_CHANGES = 8,	/* of one walk: systemstack(), callbacks from C */
	GL_HEAPSTATS_BYTES = 3840, /* of memstats.heapStats; 3552 in Go 1.17, 3504 in Go 1.27 */
	GL_CHANCES = 768,	/* sizes that sampling tells apart, see gl_size_row() */
	GL_CPU_ROWS = 64,	/* of struct gl_cpu; processors share one from 64 on */
};

/* ---- probes: how a hit is to be read ------------------------------------------------------- */

enum gl_probe_kind {
	GL_PROBE_ALLOC = 1,	/* the pointer at .ptr is a new heap object */
	GL_PROBE_GOSTART,	/* the pointer at .ptr is the *g of a new goroutine */
	GL_PROBE_GOEND,		/* the pointer at .ptr is the *g of a goroutine that ends */
	GL_PROBE_GCSTART,	/* a mark phase begins, the world is stopped; .ptr is not used */
	GL_PROBE_GCEND,		/* a mark phase has ended; .ptr is not used */
};

/* Where a value is when the probe is hit.  Register numbers are the hardware's own encoding
 * (x86-64: RAX 0, RCX 1, RDX 2, RBX 3, RSP 4, RBP 5, RSI 6, RDI 7, R8 .. R15). */
enum gl_loc_kind {
	GL_LOC_NONE = 0,	/* not known here */
	GL_LOC_REG,		/* reg */
	GL_LOC_SLOT,		/* the 8 bytes at SP + off */
	GL_LOC_SUM,		/* reg + reg2 + off */
};

struct gl_loc {
	__u8 kind;
	__u8 reg;
	__u8 reg2;
	__u8 pad;
	__s32 off;
};

enum {
	/* Condition of the probed instruction: x86 condition code 0..15 (the low nibble of Jcc),
	 * or: */
	GL_COND_ALWAYS = 16,	/* not a conditional branch */
};

enum gl_probe_flags {
	GL_WHEN_TAKEN = 1,	/* the hit counts when the branch will be taken */
	GL_WHEN_NOT_TAKEN = 2,	/* ... when it will not (both bits: always) */
	GL_AT_RET = 4,		/* frame is gone: return address is at SP, FP is the caller's */
	/* An object that is seen when the branch goes this way is most likely of 32 KiB at most. */
	GL_SMALL_WHEN_TAKEN = 8,
	GL_SMALL_WHEN_NOT_TAKEN = 16,
};

/* One row of the probe table, found by the address of the instruction. */
struct gl_probe {
	__u16 id;		/* row number; index into the plan */
	__u8 kind;		/* enum gl_probe_kind */
	__u8 cond;		/* GL_COND_ALWAYS or a condition code */
	__u16 flags;		/* enum gl_probe_flags */
	__u16 group;		/* its place in gl_control.listen, set by the tracer */
	struct gl_loc ptr_taken; /* the result if the branch is taken */
	struct gl_loc ptr;	/* the result otherwise */
	struct gl_loc typ;	/* the *_type argument of an allocation */
	struct gl_loc size;	/* the size argument of an allocation, bytes */
	__u32 class_size;	/* bytes of the slot of every object seen here; 0: they differ */
	__u32 pad;
};

/* The probe table: the row of the probe at addr stands in slot gl_slot_of(addr, config.hash).  A slot
 * is a cache line. */
struct gl_slot {
	__u64 addr;		/* 0: free */
	struct gl_probe row;
	__u64 pad;
};

static inline __u32 gl_slot_of(__u64 addr, __u64 hash)
{
	return (addr * hash) >> (64 - GL_SLOTS_LOG2);
}

/* ---- configuration: set once between open and load ----------------------------------------- */

struct gl_config {
	__u64 pidns_dev;	/* device, inode of the target's pid namespace, kernel encoding; */
	__u64 pidns_ino;	/* 0: tgid is that of the initial pid namespace, cheaper to ask */
	__u64 sweepgen_addr;	/* &runtime.mheap_.sweepgen */
	__u64 heapstats_addr;	/* &runtime.memstats.heapStats, */
	__u32 heapstats_len;	/* all of the ring, bytes; 0: not to be copied */
	__u32 pad;
	/* Functions behind which the chain of frames is another's, and their sizes in bytes: a
	 * frame in one of them is the last. */
	__u64 mstart, mstart_size;	/* runtime.mstart: a thread begins */
	__u64 mcall, mcall_size;	/* runtime.mcall: a goroutine has left its thread */
	/* A callback from C: of a frame record in which runtime.cgocallback returns, what lies so
	 * many bytes behind its end, on the goroutine's stack: the pc that cgocallback has put there
	 * as its own return address, which is in runtime.systemstack_switch if Go has called C, and
	 * the frame record with which the chain goes on below that call. */
	__u64 callback, callback_size;	/* runtime.cgocallback */
	__u64 goswitch, goswitch_size;	/* runtime.systemstack_switch */
	__u32 callback_pc, callback_frame;
	__u64 hash;		/* multiplier with which no two probes share a slot */
	__u32 tgid;		/* the target's pid in that namespace */
	__u32 g_goid_off;	/* offset of runtime.g.goid */
	__u32 filtered;		/* not 0: the kernel keeps other processes out */
	__u32 pad2;
};

/* ---- control: changed while the programs run ------------------------------------------------ */

/*
 * Sampling: an allocation is recorded with a chance that depends on its size alone, whatever became
 * of those before it.  With 1 - exp(-size / distance) that is what a fresh exponential distance
 * after each sample comes to, without a state that threads would share.
 *
 * The size is the slot's where a probe sees a single class (gl_probe.class_size), else the one
 * asked for, read where the probe has it; where it is not at hand, GL_SIZE_ASSUMED.  Nobody needs
 * to repeat that: the record brings the chance that was used, and weighs its inverse.
 */
struct gl_control {
	/* By group: which of the twin programs listens, enum gl_twin; a hit of the other one does
	 * nothing.  A probe that is being removed may still be hit when another one already stands
	 * in its place: they belong to different twins. */
	__u32 listen[GL_GROUPS];
	__u32 sampling;		/* 0: every allocation is recorded */
	__u32 chance_small;	/* the largest chance of objects that share a span */
	/* mheap_.sweepgen, written by the programs where the world is stopped; 0: to be read.  To
	 * be set to 0 when the group of the collector stops listening. */
	__u32 gen;
	/* Bytes of stacks that may be sent until user space sets it anew, so that a flood of new
	 * stacks leaves room for the records that name them. */
	__s32 stack_credit;
	/* in 2^-32, by gl_size_row(); 0: certain, as are all sizes behind the table */
	__u32 chances[GL_CHANCES];
	/* Kept by the program at the begin of a mark phase: when the next may be counted, and that
	 * it is whenever it comes, since the last one was the first of two. */
	__u64 count_due_ns;
	__u32 count_next;
	__u32 pad;
};

enum gl_twin {
	GL_NOBODY,
	GL_FIRST,
	GL_SECOND,
};

enum { GL_SIZE_ASSUMED = 128 };

/* The row of this size in the table of chances: steps of 8 bytes below 2 KiB, of 512 below 128 KiB,
 * of 32 KiB below 8 MiB; GL_CHANCES: behind it. */
static inline __u32 gl_size_row(__u64 size)
{
	if (size < 1 << 11)
		return size >> 3;
	if (size < 1 << 17)
		return 256 + (size >> 9);
	if (size < 1 << 23)
		return 512 + (size >> 15);
	return GL_CHANCES;
}

/* Loss: one counter for each way in which something may go missing. */
enum gl_counter {
	GL_LOST_RING,		/* records lost: the ring was full */
	GL_LOST_ADDR,		/* hits lost: the result could not be read */
	GL_LOST_WORK,		/* hits lost: no work area was free */
	GL_LOST_STACK,		/* stacks lost: not even the first frame could be read */
	GL_LOST_STACK_CUT,	/* stacks cut short */
	GL_LOST_STACK_RING,	/* stacks not sent: no room or credit; their next hit tries again */
	GL_STACKS_FULL,		/* not a loss: stacks pushed out of the table of those sent */
	GL_N_COUNTERS,
};

/* Hits, by processor. */
enum gl_hit {
	GL_HIT_RECORDED,	/* a record was made, or lost */
	GL_HIT_DROPPED,		/* by sampling */
	GL_HIT_UNHEARD,		/* its group does not listen, or the branch goes the other way */
	GL_HIT_RET = 3,		/* added to these: of a probe with GL_AT_RET */
	GL_N_HITS = 6,
};

/* What a processor has for itself: a cache line, and one that is rarely used. */
struct gl_cpu {
	__u64 hits[GL_N_HITS];
	__u64 random;		/* state of its random numbers, seeded by user space */
	__u64 found;		/* how often the target was found in a trap of ours, see found.c */
	__u64 lost[GL_N_COUNTERS];
	__u64 pad;
};

/* The ids of the stacks that user space already has, in sets; 0: a free place. */
struct gl_stack_set {
	__u64 ids[GL_STACK_WAYS];
};

static inline __u32 gl_stack_set_of(__u64 id)
{
	return id >> (64 - GL_STACK_SETS_LOG2);
}

/* ---- records ------------------------------------------------------------------------------- */

enum gl_record_kind {
	GL_REC_ALLOC = 1,
	GL_REC_STACK,
	GL_REC_GOSTART,
	GL_REC_GOEND,
	GL_REC_GCSTART,
	GL_REC_GCEND,
};

struct gl_header {
	__u16 kind;		/* enum gl_record_kind */
	__u16 probe;		/* id of the probe that was hit */
	__u32 len;		/* of the whole record, bytes */
};

/* A new heap object. */
struct gl_alloc {
	struct gl_header h;
	__u64 addr;
	__u64 stack;		/* id of its stack; 0: could not be read */
	__u64 typ;		/* *_type, 0: raw memory (no pointers), GL_UNKNOWN: not at hand */
	__u64 size;		/* bytes asked for, GL_UNKNOWN: not at hand */
	__u32 gen;		/* mheap_.sweepgen when it was born */
	__u32 chance;		/* with which an object like it is recorded, in 2^-32; 0: certain */
	__u64 g;		/* address of the g that allocated it */
};

#define GL_UNKNOWN (~0ULL)

/* A stack, sent before the first record that names it. */
struct gl_stack {
	struct gl_header h;
	__u64 id;		/* hash of the pcs */
	__u32 n;
	__u32 flags;		/* enum gl_stack_flags */
	/* pcs[0] is the probed instruction (of a probe with GL_AT_RET a return address as well),
	 * the others are return addresses; leaf first */
	__u64 pcs[GL_MAX_FRAMES];
};

enum gl_stack_flags {
	GL_STACK_CUT = 1,	/* more than GL_MAX_FRAMES frames, or one could not be read */
};

struct gl_gostart {
	struct gl_header h;
	__u64 g;		/* its address; a g is used again for other goroutines, never freed */
	__u64 goid;
	__u64 stack;
};

/* The goroutine of this g has ended, whichever that was: its goid costs a read. */
struct gl_goend {
	struct gl_header h;
	__u64 g;
};

/* The runtime's counts of what was allocated and found free, as they were with the world
 * stopped. */
struct gl_gcstart {
	struct gl_header h;
	__u64 time_ns;
	__u32 gen;		/* mheap_.sweepgen during this mark phase */
	__u32 counted;		/* 0: heapstats was not copied */
	__u8 heapstats[GL_HEAPSTATS_BYTES];	/* gl_config.heapstats_len of them */
};

struct gl_gcend {
	struct gl_header h;
};

_Static_assert(sizeof(struct gl_loc) == 8, "gl_loc");
_Static_assert(sizeof(struct gl_probe) == 48, "gl_probe");
_Static_assert(sizeof(struct gl_slot) == 64, "gl_slot");
_Static_assert(sizeof(struct gl_header) == 8, "gl_header");
_Static_assert(sizeof(struct gl_alloc) == 56, "gl_alloc");
_Static_assert(sizeof(struct gl_stack) == 24 + 8 * GL_MAX_FRAMES, "gl_stack");
_Static_assert(sizeof(struct gl_control) == 32 + 4 * (GL_GROUPS + GL_CHANCES), "gl_control");
_Static_assert(sizeof(struct gl_cpu) == 128, "gl_cpu");
_Static_assert(sizeof(struct gl_config) == 136, "gl_config");
_Static_assert(sizeof(struct gl_gcstart) == 24 + GL_HEAPSTATS_BYTES, "gl_gcstart");

#endif
