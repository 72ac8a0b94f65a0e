// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe.bpf.c - the one program behind every probe: is it our process, does this hit count, what
 * was allocated, started, ended.
 *
 * Records are submitted without a wake-up (a wake-up costs ten times as much as the record); user
 * space drains the ring on a timer.  Only the begin and the end of a mark phase wake it.
 */
#include "maps.bpf.h"
#include "regs.bpf.h"
#include "stack.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define COUNT_NS 25000000ull		/* between two mark phases that are counted, in the mean, */
#define COUNT_AHEAD_NS 1000000000ull	/* over so long */

/* A uprobe belongs to the file: other processes of the same image come here as well, and the
 * kernel's own pid filter matched threads instead of processes before 6.6.35.  Not inlined, to keep
 * its variable out of the program's frame. */
static __noinline int is_target(void)
{
	struct bpf_pidns_info id;

	if (!config.pidns_ino)
		return bpf_get_current_pid_tgid() >> 32 == config.tgid;
	return !bpf_get_ns_current_pid_tgid(config.pidns_dev, config.pidns_ino, &id, sizeof(id)) &&
	       id.tgid == config.tgid;
}

/* The value at loc, w: with a copy of the stack's top, or NULL; GL_UNKNOWN: no such place, or not
 * readable.  Inlined, since as a function it makes a hit a tenth dearer. */
static __always_inline __u64 read_loc(struct pt_regs *ctx, const struct work *w,
				      const volatile struct gl_loc *loc)
{
	__u64 v = GL_UNKNOWN, off;

	if (loc->kind == GL_LOC_REG)
		return reg_by_number(ctx, loc->reg);
	if (loc->kind == GL_LOC_SLOT) {
		off = (__u64)(__s64)loc->off;
		if (w && off < w->chunk_last)
			return *(__u64 *)(w->chunk + (off & (GL_CHUNK - 1)));
		return word_at(REG_SP(ctx) + off);
	}
	if (loc->kind == GL_LOC_SUM) {
		v = reg_by_number(ctx, loc->reg);
		v += reg_by_number(ctx, loc->reg2);
		v += (__s64)loc->off;
	}
	return v;
}

/* A record with its header filled, to be submitted; 0: the ring is full, and that is counted. */
static __always_inline void *reserve(const volatile struct gl_probe *p, __u16 kind, __u64 size)
{
	struct gl_header *h = bpf_ringbuf_reserve(&ring, size, 0);

	if (!h) {
		count(GL_LOST_RING);
		return 0;
	}
	h->kind = kind;
	h->probe = p->id;
	h->len = size;
	return h;
}

/* ---- sampling: see struct gl_control ---------------------------------------------------------- */

#define CERTAIN (1ULL << 32)
#define GO_PAGE_BYTES 8192	/* runtime.pageSize, in every version */

/*
 * A chance that the object will not exceed, as far as that shows without a look into memory, which
 * costs a quarter of a hit: objects above 32 KiB have a span of their own, so that they begin with a
 * page.  An object that is taken for a small one by mistake would be recorded with this chance, and
 * its record would say so.
 */
static __always_inline __u64 chance_at_most(struct pt_regs *ctx, const volatile struct gl_probe *p,
					    bool taken)
{
	const volatile struct gl_loc *ptr = taken ? &p->ptr_taken : &p->ptr;
	bool small;

	if (p->size.kind != GL_LOC_SLOT)
		return CERTAIN;
	if (ptr->kind == GL_LOC_REG)
		small = reg_by_number(ctx, ptr->reg) % GO_PAGE_BYTES;
	else
		small = p->flags & (taken ? GL_SMALL_WHEN_TAKEN : GL_SMALL_WHEN_NOT_TAKEN);
	return small && control.chance_small ? control.chance_small : CERTAIN;
}

static __always_inline __u64 chance_of(__u64 size)
{
	__u32 row = gl_size_row(size), chance = 0;

	if (row < GL_CHANCES)
		chance = control.chances[row];
	return chance ? chance : CERTAIN;
}

/* Not inlined, to keep its variable and registers out of the program's frame. */
static __noinline __u64 chance_of_argument(struct pt_regs *ctx, const volatile struct gl_probe *p)
{
	__u64 size = GL_SIZE_ASSUMED;

	if (p->size.kind == GL_LOC_REG)
		return chance_of(reg_by_number(ctx, p->size.reg));
	if (p->size.kind == GL_LOC_SLOT &&
	    bpf_probe_read_user(&size, sizeof(size), (void *)(REG_SP(ctx) + p->size.off)))
		size = GL_SIZE_ASSUMED;
	return chance_of(size);
}

/* Whether a hit is to be recorded; *chance is what its record says. */
static __always_inline bool is_sampled(struct pt_regs *ctx, const volatile struct gl_probe *p,
				       bool taken, __u32 *chance)
{
	__u64 random, most, used;

	*chance = 0;
	if (!control.sampling || p->kind != GL_PROBE_ALLOC)
		return 1;
	random = next_random();
	if (p->class_size) {
		used = chance_of(p->class_size);
	} else {
		most = chance_at_most(ctx, p, taken);
		if (random >= most)
			return 0;
		used = chance_of_argument(ctx, p);
		if (used > most)
			used = most;
	}
	*chance = used;		/* CERTAIN becomes 0 */
	return random < used;
}

/* ---- records ---------------------------------------------------------------------------------- */

static __always_inline void on_alloc(struct pt_regs *ctx, struct work *w,
				     const volatile struct gl_probe *p)
{
	struct gl_alloc *a;

	w->gen = control.gen;
	if (!w->gen &&
	    bpf_probe_read_user(&w->gen, sizeof(w->gen), (void *)config.sweepgen_addr)) {
		count(GL_LOST_ADDR);
		return;
	}
	a = reserve(p, GL_REC_ALLOC, sizeof(*a));
	if (!a)
		return;
	a->addr = w->ptr;
	a->stack = w->stack.id;
	a->typ = w->typ;
	a->size = w->size;
	a->gen = w->gen;
	a->chance = w->chance;
	a->g = REG_G(ctx);
	bpf_ringbuf_submit(a, BPF_RB_NO_WAKEUP);
}

static __always_inline void on_gostart(const struct work *w, const volatile struct gl_probe *p)
{
	__u64 goid = word_at(w->ptr + config.g_goid_off);
	struct gl_gostart *s;

	if (goid == GL_UNKNOWN) {
		count(GL_LOST_ADDR);
		return;
	}
	s = reserve(p, GL_REC_GOSTART, sizeof(*s));
	if (!s)
		return;
	s->g = w->ptr;
	s->goid = goid;
	s->stack = w->stack.id;
	bpf_ringbuf_submit(s, BPF_RB_NO_WAKEUP);
}

static __always_inline void on_goend(struct pt_regs *ctx, const volatile struct gl_probe *p,
				     bool taken)
{
	__u64 g = read_loc(ctx, 0, taken ? &p->ptr_taken : &p->ptr);
	struct gl_goend *e;

	if (!g || g == GL_UNKNOWN) {
		count(GL_LOST_ADDR);
		return;
	}
	e = reserve(p, GL_REC_GOEND, sizeof(*e));
	if (!e)
		return;
	e->g = g;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

/*
 * Whether the mark phase that begins now is to be counted.  To count one takes the target a few us
 * and the reader, who is woken, fifty times as much; so of a process that collects 100 times a
 * second only some are, but two in a row, which make a cycle.  Nothing else runs: the world is
 * stopped.
 */
static __always_inline int is_counted(__u64 now)
{
	if (!control.count_next && control.count_due_ns > now)
		return 0;
	control.count_next = !control.count_next;
	if (control.count_due_ns + COUNT_AHEAD_NS < now)
		control.count_due_ns = now - COUNT_AHEAD_NS;
	control.count_due_ns += COUNT_NS;
	return 1;
}

/* The counts are copied here, while the world is stopped: an instant later they have moved. */
static __always_inline void on_gcstart(const volatile struct gl_probe *p)
{
	struct gl_gcstart *s;

	if (!config.heapstats_len || config.heapstats_len > GL_HEAPSTATS_BYTES)
		return;
	s = reserve(p, GL_REC_GCSTART, sizeof(*s));
	if (!s)
		return;
	s->time_ns = bpf_ktime_get_ns();
	s->counted = is_counted(s->time_ns);
	if (bpf_probe_read_user(&s->gen, sizeof(s->gen), (void *)config.sweepgen_addr) ||
	    (s->counted && bpf_probe_read_user(s->heapstats, config.heapstats_len,
					       (void *)config.heapstats_addr)))
		bpf_ringbuf_discard(s, BPF_RB_NO_WAKEUP);	/* a cycle that is not seen */
	else
		bpf_ringbuf_submit(s, s->counted ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/* The world is stopped, and the next that the runtime does is to add 2 to sweepgen, the only place
 * where it does so: gcSweep() in runtime/mgc.go. */
static __noinline int keep_gen(void)
{
	__u32 gen;

	if (bpf_probe_read_user(&gen, sizeof(gen), (void *)config.sweepgen_addr))
		control.gen = 0;
	else
		control.gen = gen + 2;
	return 0;
}

static __always_inline void on_gcend(const volatile struct gl_probe *p)
{
	struct gl_gcend *e;

	keep_gen();
	e = reserve(p, GL_REC_GCEND, sizeof(*e));
	if (!e)
		return;
	bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
}

/* ---- a hit ------------------------------------------------------------------------------------ */

/* NULL: not our process, or not our probe. */
static __always_inline const volatile struct gl_probe *find_probe(struct pt_regs *ctx)
{
	const volatile struct gl_slot *slot;
	__u64 pc;

	if (!config.filtered && !is_target())
		return 0;
	pc = REG_PC(ctx);
	slot = &slots[gl_slot_of(pc, config.hash)];
	return slot->addr == pc ? &slot->row : 0;
}

/* Whether anybody listens and the hit counts: it does not where the branch goes the way on which
 * there is no result, or to where the stack grows and the function is entered again. */
static __always_inline bool is_heard(struct pt_regs *ctx, const volatile struct gl_probe *p,
				     enum gl_twin twin, bool *taken)
{
	if (control.listen[p->group % GL_GROUPS] != twin)
		return 0;
	*taken = p->cond != GL_COND_ALWAYS && branch_taken(ctx, p->cond);
	return p->flags & (*taken ? GL_WHEN_TAKEN : GL_WHEN_NOT_TAKEN);
}

/* The probe whose result is to be recorded with its stack.  NULL: none is.  What has no stack is
 * done with here. */
static __always_inline const volatile struct gl_probe *
probe_of(struct pt_regs *ctx, enum gl_twin twin, bool *taken, __u32 *chance)
{
	const volatile struct gl_probe *p = find_probe(ctx);

	if (!p)
		return 0;
	if (!is_heard(ctx, p, twin, taken)) {
		count_hit(p, GL_HIT_UNHEARD);
		return 0;
	}
	if (!is_sampled(ctx, p, *taken, chance)) {
		count_hit(p, GL_HIT_DROPPED);
		return 0;
	}
	if (p->kind == GL_PROBE_GCSTART)
		on_gcstart(p);
	else if (p->kind == GL_PROBE_GCEND)
		on_gcend(p);
	else if (p->kind == GL_PROBE_GOEND)
		on_goend(ctx, p, *taken);
	else
		return p;
	count_hit(p, GL_HIT_RECORDED);
	return 0;
}

/* What the probe says of the result, while the chunk is the top of the stack; false: there is none,
 * and that is counted. */
static __always_inline bool read_result(struct pt_regs *ctx, struct work *w,
					const volatile struct gl_probe *p, bool taken)
{
	w->ptr = taken ? read_loc(ctx, w, &p->ptr_taken) : read_loc(ctx, w, &p->ptr);
	if (!w->ptr || w->ptr == GL_UNKNOWN) {
		count(GL_LOST_ADDR);
		return 0;
	}
	if (p->kind == GL_PROBE_ALLOC) {
		w->typ = read_loc(ctx, w, &p->typ);
		w->size = read_loc(ctx, w, &p->size);
	}
	return 1;
}

static __always_inline void record(struct pt_regs *ctx, struct work *w,
				   const volatile struct gl_probe *p, bool taken)
{
	copy_chunk(w, REG_SP(ctx));
	if (!read_result(ctx, w, p, taken))
		return;
	find_stack(ctx, w, p);
	if (p->kind == GL_PROBE_ALLOC)
		on_alloc(ctx, w, p);
	else
		on_gostart(w, p);
}

static __always_inline int on_hit(struct pt_regs *ctx, enum gl_twin twin, bool claim)
{
	const volatile struct gl_probe *p;
	struct work *w;
	__u32 chance;
	bool taken;

	p = probe_of(ctx, twin, &taken, &chance);
	if (!p)
		return 0;
	w = claim ? work_claim() : work_of_cpu();
	if (!w)
		return 0;
	w->chance = chance;
	record(ctx, w, p, taken);
	if (claim)
		work_release(w);
	count_hit(p, GL_HIT_RECORDED);
	return 0;
}

SEC("kprobe")
int gl_hit(struct pt_regs *ctx)
{
	return on_hit(ctx, GL_FIRST, 1);
}

/* See gl_control.listen. */
SEC("kprobe")
int gl_hit_twin(struct pt_regs *ctx)
{
	return on_hit(ctx, GL_SECOND, 1);
}

/* For kernels before 5.12: see stack.bpf.h. */
SEC("kprobe")
int gl_hit_percpu(struct pt_regs *ctx)
{
	return on_hit(ctx, GL_FIRST, 0);
}

/* Counts a sample of the processor's time that falls into a trap of ours: the kernel is at work, and
 * the user's code was stopped at a probe, or right behind its breakpoint (x86 has passed that when
 * it traps). */
SEC("perf_event")
int gl_found(struct pt_regs *ctx)
{
	struct pt_regs *user;
	__u64 pc;

	if (!is_kernel(ctx) || !is_target())
		return 0;
	user = (struct pt_regs *)bpf_task_pt_regs((void *)bpf_get_current_task_btf());
	pc = REG_PC(user);
	if (slots[gl_slot_of(pc, config.hash)].addr == pc ||
	    slots[gl_slot_of(pc - BREAKPOINT_BYTES, config.hash)].addr == pc - BREAKPOINT_BYTES)
		__sync_fetch_and_add(&this_cpu()->found, 1);
	return 0;
}

/* An exec gives the pid, and perhaps the same file with our probes in it, to another program:
 * nothing of that one counts.  When this runs no thread of the old program is left, and the new one
 * has not begun (begin_new_exec() and exec_binprm(), fs/exec.c). */
SEC("raw_tp/sched_process_exec")
int gl_exec(void *ctx __attribute__((unused)))
{
	if (!is_target())
		return 0;
	for (int i = 0; i < GL_GROUPS; i++)
		control.listen[i] = 0;
	return 0;
}
