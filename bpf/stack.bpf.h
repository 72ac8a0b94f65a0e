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
 * frame of more than 48 bytes (from 6.13 one that comes to 64, in steps of 16, lies in a
 * per-processor stack).  Before 5.12 BPF has no compare-and-exchange, but there programs are not
 * preempted and a per-processor area is right.
 */
#ifndef STACK_BPF_H
#define STACK_BPF_H

#include "maps.bpf.h"
#include "regs.bpf.h"

#define FRAME_BYTES 16		/* saved frame pointer and return address */
#define PAGE_BYTES 4096		/* the smallest there is: a larger one only makes chunks shorter */

struct work {
	__u64 claimed;
	__u64 slot;		/* its place in the pool */
	__u32 chance, gen;	/* as in struct gl_alloc */
	__u64 ptr, typ, size;	/* what the probe says of the result */
	__u64 base;		/* where the stack began, or went on far from there */
	__u64 chunk_addr;	/* chunk is a copy of the stack from here on */
	__u64 chunk_last;	/* offset of the last whole frame record in it, 0: nothing read */
	__s64 ended;		/* negative: the walk has come to where a thread begins */
	__s64 changes;		/* how often it may still go down, to another stack */
	struct gl_stack stack;	/* its id is that of the hit's stack, 0: unknown */
	__u8 chunk[GL_CHUNK + FRAME_BYTES];	/* the verifier sees no closer */
};

/* max_entries is set at load: GL_WORK_SLOTS, or before Linux 5.12 one for each processor. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GL_WORK_SLOTS);
	__type(key, __u32);
	__type(value, struct work);
} work_pool SEC(".maps");

static __always_inline struct work *work_of(__u32 slot)
{
	return bpf_map_lookup_elem(&work_pool, &slot);
}

static __always_inline struct work *work_claim(void)
{
	__u32 first = bpf_get_smp_processor_id();

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < 8; i++) {
		__u32 slot = (first + i * 11) % GL_WORK_SLOTS;
		struct work *w = work_of(slot);

		if (w && __sync_val_compare_and_swap(&w->claimed, 0, 1) == 0) {
			w->slot = slot;
			return w;
		}
	}
	count(GL_LOST_WORK);
	return 0;
}

/* Not inlined, to keep the key out of the caller's frame. */
static __noinline struct work *work_of_cpu(void)
{
	__u32 slot = bpf_get_smp_processor_id();
	struct work *w = work_of(slot);

	if (w)
		w->slot = slot;
	return w;
}

/* A plain store, without the 10 ns of a locked exchange: on x86 stores are seen in their order.  An
 * architecture where they are not needs more here. */
static __always_inline void work_release(struct work *w)
{
	asm volatile("" : : : "memory");
	*(volatile __u64 *)&w->claimed = 0;
}

/*
 * How deep a stack was when it was last seen, by the address where it begins: the same stack comes
 * from the same place again and again (99.9 % in Debian's etcd and node exporter), and one copy is
 * half as dear as two shorter ones.  An entry is DEPTH_TAG of the address and the depth in words.
 */
#define DEPTH_WORDS (GL_CHUNK / 8 - 1)
#define DEPTH_HASH(addr) ((addr) * 0x9e3779b97f4a7c15ULL)
#define DEPTH_ROW(hash) ((hash) >> (64 - GL_DEPTHS_LOG2))
#define DEPTH_TAG(hash) ((__u32)(hash) & ~DEPTH_WORDS)

static __always_inline void learn_depth(__u64 addr, __u64 depth)
{
	__u64 hash = DEPTH_HASH(addr), words = (depth + 7) / 8;
	__u32 known = depths[DEPTH_ROW(hash)];

	if (words <= DEPTH_WORDS &&
	    ((known & ~DEPTH_WORDS) != DEPTH_TAG(hash) || (known & DEPTH_WORDS) < words))
		depths[DEPTH_ROW(hash)] = DEPTH_TAG(hash) | words;
}

/* To the end of the page: the next page may be one that was never touched, and then the whole read
 * would fail.  A frame record across the boundary is read as a whole, since both of its pages are
 * in use.  Without a branch, because the verifier would follow both ways. */
static __always_inline __u64 to_page_end(__u64 addr)
{
	__u64 len = PAGE_BYTES - (addr & (PAGE_BYTES - 1));

	return len + ((len - FRAME_BYTES) >> 63 << 4);
}

static __always_inline __s64 read_chunk(struct work *w, __u64 addr, __u64 len)
{
	__s64 err = bpf_probe_read_user(w->chunk, len, (void *)addr);

	w->chunk_last = (len - FRAME_BYTES + 1) & ~(err >> 63);
	return err;
}

/* What was known of the depth does not hold any more: pages are gone.  Not inlined, to keep it out
 * of the program's frame. */
static __noinline int read_again(struct work *w)
{
	depths[DEPTH_ROW(DEPTH_HASH(w->chunk_addr))] = 0;
	return read_chunk(w, w->chunk_addr, to_page_end(w->chunk_addr));
}

/* Copies the stack from addr on, as deep as it was known to be, or to the end of the page. */
static __always_inline void copy_chunk(struct work *w, __u64 addr)
{
	__u64 hash = DEPTH_HASH(addr), len;
	__u32 known = depths[DEPTH_ROW(hash)];

	len = (known & DEPTH_WORDS) * 8;
	if ((known & ~DEPTH_WORDS) != DEPTH_TAG(hash) || !len)
		len = to_page_end(addr);
	w->chunk_addr = addr;
	if (read_chunk(w, addr, len))
		read_again(w);
}

_Static_assert(FRAME_BYTES == 1 << 4, "to_page_end");

static __always_inline __u64 hash_pc(__u64 h, __u64 pc)
{
	h = (h ^ pc) * 0x9e3779b97f4a7c15ULL;
	return h ^ (h >> 29);
}

/* The 8 bytes there; GL_UNKNOWN: not readable.  Into a frame and not into a map, since there the
 * kernel asks which memory that is (mm/usercopy.c): 30 ns. */
static __noinline __u64 word_at(__u64 addr)
{
	__u64 word;

	return bpf_probe_read_user(&word, sizeof(word), (void *)addr) ? GL_UNKNOWN : word;
}

/*
 * The frame below a callback from C, of which the frame record ends at end; 0: the stack ends here.
 *
 * C may use the frame pointer for anything, so what it was on return to C leads nowhere, or to a
 * word that is no return address.  But cgocallback() goes on at the very place of the goroutine's
 * stack that was left for C, and puts a return address there that says who left it (asm_amd64.s):
 * systemstack_switch() stands for asmcgocall(), goexit() for a thread that C has made.
 */
static __always_inline __u64 below_callback(struct work *w, __u64 end)
{
	__u64 caller = word_at(end + config.callback_pc);

	if (caller - config.goswitch < config.goswitch_size)
		return end + config.callback_frame;
	w->ended = caller == GL_UNKNOWN ? 0 : -1;
	return 0;
}

/*
 * Brings the chunk that begins with the frame at fp, and returns where that is, 0: there is none;
 * pc is that of the frame before, of which the frame record ends at end.  The stack goes on in
 * another page, or another stack is meant: that of the goroutine below systemstack(), of C and Go
 * below a callback from C, or of whoever started the thread, since clone() leaves the parent's frame
 * pointer in the child.  There the stack ends.  A thread's first frames lie at the end of a page, so
 * this is the place to look.  It ends in mcall() as well: what the scheduler does there (run timers,
 * up to Go 1.22) is not done for the goroutine that has just parked.  And a callback from C runs on
 * the goroutine's stack, but its frame pointer is that of the thread's: so it is seen here, too.
 *
 * A caller's frame lies above, unless it is on another stack, and there are not many of those: what
 * goes down again and again is no chain.
 *
 * A global function, because the verifier looks at these only once, and not in every turn of the walk.
 */
__noinline __u64 next_chunk(__u32 slot, __u64 pc, __u64 fp, __u64 end)
{
	struct work *w = work_of(slot);
	__u64 start = pc - config.mstart, left = pc - config.mcall;

	if (!w)
		return 0;
	if (pc - config.callback < config.callback_size) {
		fp = below_callback(w, end);
		if (!fp)
			return 0;
	}
	/* negative: start < mstart_size, or left < mcall_size */
	w->ended = ((start - config.mstart_size) & ~start) | ((left - config.mcall_size) & ~left);
	w->changes -= (fp - w->chunk_addr) >> 63;	/* less one: fp < chunk_addr */
	if ((w->ended | w->changes) < 0)
		return 0;
	if (fp - w->base >= GL_CHUNK - FRAME_BYTES) {
		learn_depth(w->base, end - w->base);
		w->base = fp;
	}
	copy_chunk(w, fp);
	return w->chunk_last ? fp : 0;
}

/*
 * Fills w->stack, of which the chunk is the top; returns its id, 0 if not even the caller's frame
 * could be read.  at_ret, 0 or 1: the frame is gone already, so that the return address at SP comes
 * before the chain of frame pointers.
 *
 * A global function with numbers for arguments, so that the verifier looks at the loop once, and not
 * for every way that leads to it.  What the loop needs is loaded from w in each turn, for then it
 * knows nothing of the values and takes all turns for alike.
 */
__noinline __u64 walk(__u32 slot, __u64 pc, __u64 fp, __u64 at_ret)
{
	struct work *w = work_of(slot);
	__u64 h = hash_pc(0, pc), off = 0, next, *frame, *pcs;
	__u32 i;

	if (!w)
		return 0;
	w->ended = 0;
	w->base = w->chunk_addr;
	w->changes = GL_STACK_CHANGES;
	w->stack.flags = GL_STACK_CUT;
	w->stack.pcs[0] = pc;
	if (at_ret) {
		if (!w->chunk_last)
			return 0;
		pc = *(__u64 *)w->chunk;
		w->stack.pcs[1] = pc;
		h = hash_pc(h, pc);
	}
	/* A pointer: the bounds of a spilled number are lost to the verifier before Linux 5.10. */
	pcs = w->stack.pcs + (at_ret & 1);
	for (i = 1; i < GL_MAX_FRAMES - 1; i++) {
		if (!fp)
			break;
		next = fp - w->chunk_addr;
		if (next >= w->chunk_last) {
			next = next_chunk(slot, pcs[i - 1], fp,
					  w->chunk_addr + off + FRAME_BYTES);
			if (!next)
				break;
			next -= w->chunk_addr;	/* 0, but that is not to be known */
		}
		off = next;
		frame = (__u64 *)(w->chunk + (off & (GL_CHUNK - 1)));
		fp = frame[0];
		pc = frame[1];
		if (!pc) {
			fp = 0;
			break;
		}
		pcs[i] = pc;
		h = hash_pc(h, pc);
	}
	w->stack.n = i + at_ret;
	if (!fp)
		learn_depth(w->base, w->chunk_addr + off + FRAME_BYTES - w->base);
	if (!fp || w->ended < 0)
		w->stack.flags = 0;
	else
		count(GL_LOST_STACK_CUT);
	if (i + at_ret == 1)
		return 0;
	return h ? h : 1;
}

/* Remembers that the stack was sent; where its set is full, any other one is forgotten, to be sent
 * again with its next hit. */
static __always_inline void remember(struct gl_stack_set *set, __u64 id)
{
	__u32 i;

	for (i = 0; i < GL_STACK_WAYS - 1; i++)
		if (!set->ids[i])
			break;
	if (set->ids[i]) {
		i = next_random() % GL_STACK_WAYS;
		count(GL_STACKS_FULL);
	}
	set->ids[i % GL_STACK_WAYS] = id;
}

/* Sends w->stack.  If there is no room for it, it stays unsent and the next hit tries again. */
static __noinline int send_stack(struct work *w, __u64 id, __u32 probe)
{
	__u64 len = w->stack.n;

	if (len > GL_MAX_FRAMES)
		return 0;
	len = len * 8 + __builtin_offsetof(struct gl_stack, pcs);
	w->stack.h.kind = GL_REC_STACK;
	w->stack.h.probe = probe;
	w->stack.h.len = len;
	if (control.stack_credit <= 0 ||
	    bpf_ringbuf_output(&ring, &w->stack, len, BPF_RB_NO_WAKEUP)) {
		count(GL_LOST_STACK_RING);
		return 0;
	}
	__sync_fetch_and_add(&control.stack_credit, -(__s32)len);
	remember(&stacks_sent[gl_stack_set_of(id)], id);
	return 0;
}

static __always_inline bool is_sent(__u64 id)
{
	const struct gl_stack_set *set = &stacks_sent[gl_stack_set_of(id)];

	return set->ids[0] == id || set->ids[1] == id || set->ids[2] == id || set->ids[3] == id;
}

_Static_assert(GL_STACK_WAYS == 4, "is_sent");

/* Finds the hit's stack and sends it if it is new; counted if it cannot be read. */
static __always_inline void find_stack(struct pt_regs *ctx, struct work *w,
				       const volatile struct gl_probe *p)
{
	__u64 id = walk(w->slot, REG_PC(ctx), REG_FP(ctx), !!(p->flags & GL_AT_RET));

	w->stack.id = id;
	if (!id)
		count(GL_LOST_STACK);
	else if (!is_sent(id))
		send_stack(w, id, p->id);
}

#endif
