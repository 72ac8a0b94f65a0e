// SPDX-License-Identifier: BSD-2-Clause
/*
 * session.c - wires the modules for one traced process: what is found out in the file is compared
 * with the process, the plan is given to the tracer, its records to track, track's questions to
 * gomem.
 */
#include "user/session.h"

#include <errno.h>
#include <string.h>
#include <stdlib.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/image.h"
#include "user/go/sitetype.h"
#include "user/gomem/gomem.h"
#include "user/judge/series.h"
#include "user/object.h"
#include "user/target.h"
#include "user/tracer/tracer.h"
#include "user/track/track.h"

enum { MEMORY_INTERVAL_NS = 500000000 };	/* between two readings of the memory figures */

/* ---- the process and its binary ------------------------------------------------------------- */

/* Load bias: where the mapping that holds a segment's file offset lies, against where it was
 * linked. */
static int find_bias(struct session *s)
{
	const struct image_segment *segs;
	const struct target_map *maps;
	size_t n_segs, n_maps;
	int err = target_exe_maps(s->target, &maps, &n_maps);

	if (err)
		return err;
	segs = image_segments(s->image, &n_segs);
	for (size_t i = 0; i < n_maps; i++) {
		for (size_t k = 0; maps[i].exec && k < n_segs; k++) {
			uint64_t size = maps[i].end - maps[i].start;

			if (!segs[k].exec || segs[k].file_off < maps[i].file_off ||
			    segs[k].file_off >= maps[i].file_off + size)
				continue;
			s->bias = maps[i].start + (segs[k].file_off - maps[i].file_off) -
				  segs[k].vaddr;
			return 0;
		}
	}
	say_error("process %d: its executable's code is not mapped where the file says; it may "
		  "have been replaced while it runs: restart the process",
		  (int)target_pid(s->target));
	return -EBADMSG;
}

/*
 * The live bytes must be what the file says, or a breakpoint over their first byte: another
 * tracer's probe (an int3, or since Linux 6.18 a whole call over a nop, which we never probe).
 */
static int verify_bytes(const struct session *s)
{
	static const uint8_t int3 = 0xcc;

	for (size_t i = 0; i < s->plan.n; i++) {
		const struct plan_probe *p = &s->plan.probes[i];
		uint8_t live[PLAN_MAX_BYTES];
		int err = target_read(s->target, p->vaddr + s->bias, live, p->n_bytes);

		if (err)
			return err;
		if ((live[0] == p->bytes[0] || live[0] == int3) &&
		    !memcmp(live + 1, p->bytes + 1, p->n_bytes - 1))
			continue;
		say_error("process %d: its code at %s+0x%llx is not what its file says; nothing "
			  "was planted. Has the file been replaced, or does another tool patch the "
			  "process? Restart it",
			  (int)target_pid(s->target), p->func,
			  (unsigned long long)(p->vaddr - p->func_entry));
		return -EBADMSG;
	}
	return 0;
}

/* A program that was just started has no heap yet: then the comparison comes later. */
static int check_layout(struct session *s)
{
	int err = gomem_check(s->gomem);

	s->checked = !err;
	return err == -EAGAIN ? 0 : err;
}

static int open_binary(struct session *s)
{
	const struct plan_wants wants = { .heap = s->heap, .goroutines = s->goroutines };
	int err;

	err = image_open(&s->image, target_exe_path(s->target), target_exe_name(s->target));
	if (!err)
		err = gobin_open(&s->gobin, s->image);
	if (!err)
		err = golayout_get(s->gobin, &s->layout);
	if (!err)
		err = plan_make(&s->plan, s->gobin, &wants);
	if (!err)
		err = sitetype_new(&s->sitetype, s->gobin);
	return err;
}

int session_open(struct session *s, pid_t pid, bool heap, bool goroutines)
{
	int err;

	*s = (struct session){ .heap = heap, .goroutines = goroutines };
	err = target_open(&s->target, pid);
	if (!err)
		err = open_binary(s);
	if (!err)
		err = find_bias(s);
	if (!err)
		err = verify_bytes(s);
	if (!err)
		err = gomem_open(&s->gomem, s->target, s->gobin, &s->layout, s->bias);
	if (!err)
		err = check_layout(s);
	if (!err)
		say_verbose("layout: fields from %s, variables from %s", s->layout.fields_from,
			    s->layout.vars_from);
	return err;
}

/* ---- from addresses in the target to what they stand for --------------------------------- */

void session_vaddrs(const struct session *s, const uint64_t *pcs, uint32_t n,
		    uint64_t vaddrs[GL_MAX_FRAMES])
{
	for (uint32_t i = 0; i < n; i++)
		vaddrs[i] = pcs[i] - s->bias;
}

void session_site_type(const struct session *s, const uint64_t *pcs, uint32_t n, uint64_t typ,
		       struct site_type *out)
{
	uint64_t vaddrs[GL_MAX_FRAMES];

	session_vaddrs(s, pcs, n, vaddrs);
	if (typ && typ != GL_UNKNOWN)
		typ -= s->bias;
	sitetype_get(s->sitetype, typ, vaddrs, n, out);
}

/* ---- the size of an object ------------------------------------------------------------------ */

struct size {
	uint64_t key;		/* hash of what decides it */
	uint64_t slot_bytes;	/* 0: not known from that */
	bool tiny;
};

/* Profile-guided builds may have parts of the allocator where neither the size nor its class is
 * at hand. */
static bool size_unknown(const struct plan_probe *p)
{
	return p->wire.kind == GL_PROBE_ALLOC && p->wire.size.kind == GL_LOC_NONE &&
	       !p->size_class && !p->tiny;
}

/* The size class is known from the probe's function or from the size and whether there are
 * pointers. */
static void find_size(const struct session *s, const struct gl_alloc *a, struct size *out)
{
	const struct plan_probe *p = &s->plan.probes[a->h.probe];
	uint64_t size = p->tiny ? 1 : a->size;	/* tiny: any size below 16 */
	const uint64_t *pcs = NULL;
	struct site_type type;
	uint32_t n = 0;

	if (p->size_class && !p->tiny) {
		out->slot_bytes = golayout_class_size(p->size_class);
		return;
	}
	track_find_stack(s->track, a->stack, &pcs, &n);
	session_site_type(s, pcs, n, a->typ, &type);
	/* a type made at run time: whether there are pointers decides the class, so ask the span */
	if (!type.known && !gomem_slot_size(s->gomem, a->addr, &out->slot_bytes))
		return;
	out->tiny = p->tiny || (!type.pointers && size < 16);
	out->slot_bytes = golayout_object_size(&s->layout, size, type.pointers);
}

/* false: its span is gone, and so is the object. */
static bool get_size(struct session *s, const struct gl_alloc *a, struct size *out)
{
	uint64_t key = table_mix(table_mix(s->sizes_seed, a->stack), a->typ);
	struct size *known;
	bool is_new;

	*out = (struct size){ 0 };
	if (size_unknown(&s->plan.probes[a->h.probe]))
		return !gomem_slot_size(s->gomem, a->addr, &out->slot_bytes);
	key = table_mix(table_mix(key, a->size), a->h.probe) | 1;
	known = table_find(&s->sizes, key);
	if (known) {
		*out = *known;
		return true;
	}
	find_size(s, a, out);
	if (table_full(&s->sizes))
		table_clear(&s->sizes);
	known = table_put(&s->sizes, key, &is_new);
	known->slot_bytes = out->slot_bytes;
	known->tiny = out->tiny;
	return true;
}

/* ---- what track asks ------------------------------------------------------------------------ */

static int alive(void *ctx, struct object *objects, size_t n, uint32_t *gen)
{
	struct session *s = ctx;

	return gomem_alive(s->gomem, objects, n, gen);
}

static uint64_t lost(void *ctx)
{
	return session_lost(ctx);
}

/* ---- attach and detach ---------------------------------------------------------------------- */

static void on_alloc(struct session *s, const struct gl_alloc *a)
{
	struct size size;

	if (get_size(s, a, &size))
		track_alloc(s->track, a, size.slot_bytes, size.tiny, now_ns());
	else
		track_end(s->track, a->addr);
}

static void sink(void *ctx, const struct gl_header *rec)
{
	struct session *s = ctx;

	if (rec->probe >= s->plan.n)
		return;
	switch (rec->kind) {
	case GL_REC_ALLOC:
		on_alloc(s, (const struct gl_alloc *)rec);
		break;
	case GL_REC_STACK:
		if (((const struct gl_stack *)rec)->n <= GL_MAX_FRAMES)
			track_stack(s->track, (const struct gl_stack *)rec);
		break;
	case GL_REC_GOSTART:
		track_gostart(s->track, (const struct gl_gostart *)rec);
		break;
	case GL_REC_GOEND:
		track_goend(s->track, (const struct gl_goend *)rec);
		break;
	}
}

static int configure(const struct session *s, struct gl_config *c)
{
	uint64_t dev, ino;
	uint32_t pid;
	int err = target_pidns(s->target, &dev, &ino, &pid);

	if (err)
		return err;
	if (target_pid_is_global()) {	/* the namespace need not be compared */
		dev = ino = 0;
		pid = (uint32_t)target_pid(s->target);
	}
	*c = (struct gl_config){
		.pidns_dev = dev, .pidns_ino = ino, .tgid = pid,
		.sweepgen_addr = s->layout.sweepgen + s->bias,
		.g_goid_off = s->layout.g_goid,
	};
	return 0;
}

int session_attach(struct session *s)
{
	const struct track_ops ops = {
		.ctx = s, .alive = alive, .lost = lost,
		/* runtime/malloc.go, "Pad tinysize allocations" */
		.tiny_alone = gobin_setting(s->gobin, "-race") != NULL,
	};
	struct tracer_probe probes[GL_MAX_PROBES];
	struct gl_config config;
	int err = configure(s, &config);

	for (size_t i = 0; i < s->plan.n && i < GL_MAX_PROBES; i++)
		probes[i] = (struct tracer_probe){
			.row = s->plan.probes[i].wire, .file_off = s->plan.probes[i].file_off,
			.addr = s->plan.probes[i].vaddr + s->bias,
		};
	if (!err)
		err = tracer_open(&s->tracer, &config, probes, s->plan.n, sink, s);
	if (err)
		return err;
	track_new(&s->track, &ops, MAX_TRACK_BYTES);
	table_init(&s->sizes, sizeof(struct size), MAX_SIZES_BYTES);
	s->sizes_seed = table_seed();
	series_new(&s->live, now_ns(), MAX_SERIES_BYTES);
	series_new(&s->running, now_ns(), MAX_SERIES_BYTES);
	err = gomem_sweepgen(s->gomem, &s->looked_gen);
	if (err) {
		say_error("process %d: its memory cannot be read: %s", (int)target_pid(s->target),
			  strerror(-err));
		return err;
	}
	err = tracer_attach(s->tracer, target_exe_path(s->target), target_pid(s->target));
	if (!err)
		s->attach_ns = now_ns();
	return err;
}

void session_detach(struct session *s)
{
	tracer_detach(s->tracer);
	tracer_drain(s->tracer);
}

void session_close(struct session *s)
{
	tracer_close(s->tracer);
	track_free(s->track);
	table_fini(&s->sizes);
	series_free(s->live);
	series_free(s->running);
	sitetype_free(s->sitetype);
	gomem_close(s->gomem);
	plan_fini(&s->plan);
	gobin_close(s->gobin);
	image_close(s->image);
	target_close(s->target);
	*s = (struct session){ 0 };
}

/* ---- while it runs -------------------------------------------------------------------------- */

uint64_t session_lost(const struct session *s)
{
	uint64_t c[GL_N_COUNTERS];

	tracer_counters(s->tracer, c);
	return c[GL_LOST_RING] + c[GL_LOST_ADDR] + c[GL_LOST_WORK];
}

void session_read_memory(struct session *s)
{
	struct memory_account m = { 0 };
	struct go_memstats st;

	if (s->gone || !s->checked || target_rss(s->target, &m.rss))
		return;
	s->memory_ns = now_ns();
	if (gomem_memstats(s->gomem, &st)) {
		s->memory.rss = m.rss;
		return;
	}
	m.known = true;
	m.live_heap = st.heap_marked;
	m.gc_headroom = st.heap_inuse + st.heap_idle - st.heap_released;
	m.gc_headroom -= m.gc_headroom < m.live_heap ? m.gc_headroom : m.live_heap;
	m.stacks = st.stack_sys;
	m.runtime = st.mspan_sys + st.mcache_sys + st.buckhash_sys + st.gc_sys + st.other_sys;
	m.not_go = (int64_t)(m.rss - m.live_heap - m.gc_headroom - m.stacks - m.runtime);
	m.heap_alloc = st.heap_alloc;
	m.heap_inuse = st.heap_inuse;
	m.heap_idle = st.heap_idle;
	m.heap_released = st.heap_released;
	m.heap_sys = st.heap_sys;
	m.heap_objects = st.heap_objects;
	m.stack_inuse = st.stack_inuse;
	m.mallocs = st.mallocs;
	m.frees = st.frees;
	m.total_alloc = st.total_alloc;
	m.next_gc = st.next_gc;
	m.num_gc = st.num_gc;
	s->memory = m;
}

static void add_value(void *ctx, uint64_t key, uint64_t n)
{
	series_add(ctx, key, n);
}

static void note_running(struct session *s, uint64_t now)
{
	if (!series_due(s->running, now))
		return;
	series_begin(s->running, now);
	track_each_running(s->track, add_value, s->running);
}

static void look(struct session *s, uint32_t gen)
{
	uint64_t start = now_ns(), end;

	if (!track_look(s->track, start) && series_due(s->live, start)) {
		series_begin(s->live, start);
		track_each_live(s->track, add_value, s->live);
	}
	s->looked_gen = gen;
	end = now_ns();
	s->look_next_ns = end + 4 * (end - start);
	if (end - s->memory_ns > MEMORY_INTERVAL_NS)
		session_read_memory(s);
}

int session_update(struct session *s, bool force)
{
	uint32_t gen;
	int err = tracer_drain(s->tracer);

	note_running(s, now_ns());
	if (err < 0 || s->gone)
		return err;
	if (!s->checked)
		err = check_layout(s);
	if (err || !s->checked)
		return err;
	if (gomem_sweepgen(s->gomem, &gen) || gen == s->looked_gen)
		return 0;
	if (!force && now_ns() < s->look_next_ns)
		return 0;
	look(s, gen);
	/* A slot that was used again just before the look looks alive; the new object's
	 * record, which is in the ring by now, puts that right. */
	return tracer_drain(s->tracer);
}
