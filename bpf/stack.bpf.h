/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stack.bpf.h - the Go stack of a hit: walked, hashed, sent once.
 *
 * Go keeps frame pointers on x86-64 (since 1.7) and arm64, through systemstack() as well; the chain
 * ends with frame pointer 0.  bpf_get_stack() is not used: it is ten times as dear as following the
 * chain inside one copy of the stack's top, always ends with a faulting read, and on some
 * preemptible kernels two walks on one processor overwrite each other.
 *
 * From Linux 6.0 a uprobe program can be preempted by another run of itself on the same processor.
 * So the work area is claimed with compare-and-exchange from a pool, and no function here has a
 * frame of 64 bytes (from 6.13 such a frame lies in a per-processor stack).  Before 5.12 BPF has no
 * compare-and-exchange, but there programs are not preempted and a per-processor area is right.
 */
#ifndef STACK_BPF_H
#define STACK_BPF_H

#include "maps.bpf.h"
#include "regs.bpf.h"

#define FRAME_BYTES 16		/* saved frame pointer and return address */
#define PAGE_BYTES 4096		/* the smallest there is: a larger one only makes chunks shorter */

struct work {
	__u64 claimed;
	__u64 chunk_addr;	/* chunk is a copy of the stack from here on */
	__u64 chunk_last;	/* offset of the last whole frame record in it, 0: nothing read */
	__u8 chunk[GL_CHUNK + FRAME_BYTES];
	__u64 pair[2];		/* a value that lies outside of the chunk */
	__u64 hash;		/* of the frames before the chain of frame pointers, and */
	__u64 extra;		/* how many they are, less one */
	__s64 ended;		/* negative: the walk has come to where a thread begins */
	__s64 changes;		/* how often it may still go down, to another stack */
	__u64 chance;		/* of the allocation to be recorded, as in struct gl_alloc */
	struct gl_stack stack;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GL_WORK_SLOTS);
	__type(key, __u32);
	__type(value, struct work);
} work_pool SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct work);
} work_percpu SEC(".maps");

static __always_inline struct work *work_claim(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	for (__u32 i = 0; i < 8; i++) {
		__u32 slot = (cpu + i * 11) % GL_WORK_SLOTS;
		struct work *w = bpf_map_lookup_elem(&work_pool, &slot);

		if (w && __sync_val_compare_and_swap(&w->claimed, 0, 1) == 0)
			return w;
	}
	count(GL_LOST_WORK);
	return 0;
}

static __always_inline void work_release(struct work *w)
{
	__sync_lock_test_and_set(&w->claimed, 0);
}

/* A function, to keep the key out of the caller's frame. */
static __noinline struct work *work_of_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&work_percpu, &zero);
}

/*
 * Copies the stack from addr on, at most to the end of the page: the next page may be one that was
 * never touched, and then the whole read would fail.  A frame record across the boundary is read as
 * a whole, since both of its pages are in use.
 */
static __noinline int copy_chunk(struct work *w, __u64 addr)
{
	__u64 len = PAGE_BYTES - (addr & (PAGE_BYTES - 1));

	if (len > GL_CHUNK)
		len = GL_CHUNK;
	if (len < FRAME_BYTES)
		len = FRAME_BYTES;
	w->chunk_addr = addr;
	w->chunk_last = 0;
	if (bpf_probe_read_user(w->chunk, len, (void *)addr))
		return -1;
	w->chunk_last = len - FRAME_BYTES + 1;
	return 0;
}

static __always_inline __u64 hash_pc(__u64 h, __u64 pc)
{
	h = (h ^ pc) * 0x9e3779b97f4a7c15ULL;
	return h ^ (h >> 29);
}

/* The probed instruction, and where the frame is gone already, the return address at SP. */
static __noinline int first_frames(struct pt_regs *ctx, struct work *w, __u32 at_ret)
{
	w->stack.pcs[0] = REG_PC(ctx);
	w->hash = hash_pc(0, w->stack.pcs[0]);
	w->extra = 0;
	w->ended = 0;
	w->changes = GL_STACK_CHANGES;
	if (!at_ret)
		return 0;
	if (bpf_probe_read_user(w->pair, sizeof(w->pair[0]), (void *)REG_SP(ctx)))
		return -1;
	w->stack.pcs[1] = w->pair[0];
	w->hash = hash_pc(w->hash, w->pair[0]);
	w->extra = 1;
	return 0;
}

/*
 * Brings the chunk that begins with the frame at fp; pc is that of the frame before.  The stack
 * goes on in another page, or another stack is meant: that of the goroutine below systemstack(), of
 * C and Go below a callback from C, or of whoever started the thread, since clone() leaves the
 * parent's frame pointer in the child.  There the stack ends.  A thread's first frames lie at the
 * end of a page, so this is the place to look.  It ends in mcall() as well: what the scheduler does
 * there (run timers, up to Go 1.22) is not done for the goroutine that has just parked.
 *
 * A caller's frame lies above, unless it is on another stack, and there are not many of those: what
 * goes down again and again is no chain.
 *
 * Without branches where that is possible: the verifier follows both sides in every turn of the
 * walk.
 */
static __noinline int next_chunk(struct work *w, __u64 pc, __u64 fp)
{
	__u64 start = pc - config.mstart, left = pc - config.mcall;

	/* negative: start < mstart_size, or left < mcall_size */
	w->ended = ((start - config.mstart_size) & ~start) | ((left - config.mcall_size) & ~left);
	w->changes -= (fp - w->chunk_addr) >> 63;	/* less one: fp < chunk_addr */
	if ((w->ended | w->changes) < 0)
		return -1;
	return copy_chunk(w, fp);
}

/*
 * Fills w->stack; returns its id, 0 if not even the caller's frame could be read.
 *
 * What the loop needs is loaded from w in each turn: so the verifier knows nothing of the values,
 * takes all turns for alike and is done in 1/10 of the time.
 */
static __noinline __u64 walk(struct pt_regs *ctx, struct work *w, __u32 at_ret)
{
	__u64 fp = REG_FP(ctx), pc, h, off, extra;
	__u32 i, flags = GL_STACK_CUT;

	if (first_frames(ctx, w, at_ret))
		return 0;
	h = w->hash;
	extra = w->extra & 1;
	for (i = 1; i < GL_MAX_FRAMES - 1; i++) {
		__u64 *frame;

		if (!fp) {
			flags = 0;
			break;
		}
		off = fp - w->chunk_addr;
		if (off >= w->chunk_last) {
			if (next_chunk(w, w->stack.pcs[i + extra - 1], fp))
				break;
			off = fp - w->chunk_addr;	/* 0, but that is not to be known */
		}
		frame = (__u64 *)(w->chunk + (off & (GL_CHUNK - 1)));
		fp = frame[0];
		pc = frame[1];
		if (!pc) {
			flags = 0;
			break;
		}
		w->stack.pcs[i + extra] = pc;
		h = hash_pc(h, pc);
	}
	if (i == 1 && !extra)
		return 0;
	if (w->ended < 0)
		flags = 0;
	if (flags)
		count(GL_LOST_STACK_CUT);
	w->stack.n = i + extra;
	w->stack.flags = flags;
	return h ? h : 1;
}

/* Sends w->stack unless user space has it.  A stack that does not fit into the ring stays
 * unsent, so the next hit tries again. */
static __noinline __u64 send_stack(struct work *w, __u64 id, __u32 probe)
{
	__u64 len;
	__u8 yes = 1;

	w->stack.id = id;
	if (bpf_map_lookup_elem(&stacks_sent, &w->stack.id))
		return id;
	len = w->stack.n;
	if (len > GL_MAX_FRAMES)
		return 0;
	len = len * 8 + __builtin_offsetof(struct gl_stack, pcs);
	w->stack.h.kind = GL_REC_STACK;
	w->stack.h.probe = probe;
	w->stack.h.len = len;
	if (bpf_ringbuf_output(&ring, &w->stack, len, BPF_RB_NO_WAKEUP)) {
		count(GL_LOST_STACK_RING);
		return id;
	}
	if (bpf_map_update_elem(&stacks_sent, &w->stack.id, &yes, BPF_ANY))
		count(GL_STACKS_FULL);
	return id;
}

/* The id of the hit's stack, sent if it is new; 0: unknown, and counted. */
static __always_inline __u64 stack_id(struct pt_regs *ctx, struct work *w,
				      const volatile struct gl_probe *p)
{
	__u64 id = walk(ctx, w, p->flags & GL_AT_RET);

	if (!id) {
		count(GL_LOST_STACK);
		return 0;
	}
	return send_stack(w, id, p->id);
}

#endif
