// SPDX-License-Identifier: BSD-2-Clause
/*
 * process.c - opens target, program and gomem of one pid, in this order, each on top of those
 * before it.
 */
#include "user/process.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/image.h"
#include "user/gomem/gomem.h"
#include "user/model.h"
#include "user/program.h"
#include "user/resident.h"
#include "user/target.h"

/* A process that runs another program is noticed so soon, at the latest. */
#define GONE_NS 10000000ull

struct process {
	struct target *target;
	struct program *program;
	struct program *own_program;	/* the same, where nobody else has it; NULL */
	struct gomem *gomem;
	uint64_t bias;
	bool checked;
	const char *gone;
	uint64_t gone_next_ns;	/* when it is asked again in full */
};

/* Load bias: where the mapping that holds a segment's file offset lies, against where it was
 * linked. */
static int find_bias(struct process *p)
{
	const struct image_segment *segs;
	const struct target_map *maps;
	size_t n_segs, n_maps;
	int err = target_exe_maps(p->target, &maps, &n_maps);

	if (err)
		return err;
	segs = image_segments(program_image(p->program), &n_segs);
	for (size_t i = 0; i < n_maps; i++) {
		for (size_t k = 0; maps[i].exec && k < n_segs; k++) {
			uint64_t size = maps[i].end - maps[i].start;

			if (!segs[k].exec || segs[k].file_off < maps[i].file_off ||
			    segs[k].file_off >= maps[i].file_off + size)
				continue;
			p->bias = maps[i].start + (segs[k].file_off - maps[i].file_off) -
				  segs[k].vaddr;
			return 0;
		}
	}
	if (process_gone(p))
		return target_say_unreadable(p->target, -ESRCH);
	say_error("process %d: its executable's code is not mapped where the file says; it may "
		  "have been replaced while it runs: restart the process",
		  (int)target_pid(p->target));
	return -EBADMSG;
}

static int open_runtime(struct process *p)
{
	int err = find_bias(p);

	if (!err)
		err = gomem_open(&p->gomem, p->target, program_gobin(p->program),
				 program_layout(p->program), p->bias);
	if (!err)
		err = process_check(p);
	if (err == -ESRCH && p->gomem)	/* which leaves it to us to say so */
		target_say_unreadable(p->target, err);
	return err == -EAGAIN ? 0 : err;
}

/* Gives p out, or closes it. */
static int finish(struct process **out, struct process *p, int err)
{
	if (err)
		process_close(p);
	else
		*out = p;
	return err;
}

int process_open(struct process **out, pid_t pid)
{
	struct process *p = xcalloc(1, sizeof(*p));
	int err = target_open(&p->target, pid);

	if (!err)
		err = program_open(&p->own_program, target_exe_path(p->target),
				   target_exe_name(p->target));
	p->program = p->own_program;
	if (!err)
		err = open_runtime(p);
	return finish(out, p, err);
}

int process_of(struct process **out, struct target *t, struct program *program)
{
	struct process *p = xcalloc(1, sizeof(*p));

	p->target = t;
	p->program = program;
	return finish(out, p, open_runtime(p));
}

void process_close(struct process *p)
{
	if (!p)
		return;
	gomem_close(p->gomem);
	program_close(p->own_program);
	target_close(p->target);
	free(p);
}

struct target *process_target(const struct process *p)
{
	return p->target;
}

const struct gobin *process_gobin(const struct process *p)
{
	return program_gobin(p->program);
}

const struct go_layout *process_layout(const struct process *p)
{
	return program_layout(p->program);
}

struct gomem *process_gomem(const struct process *p)
{
	return p->gomem;
}

struct program *process_program(const struct process *p)
{
	return p->program;
}

struct sitetype *process_sitetype(const struct process *p)
{
	return program_sitetype(p->program);
}

uint64_t process_bias(const struct process *p)
{
	return p->bias;
}

int process_check(struct process *p)
{
	int err;

	if (p->checked)
		return 0;
	err = gomem_check(p->gomem);
	p->checked = !err;
	return err;
}

const char *process_gone(struct process *p)
{
	uint64_t now = now_ns();

	if (!p->gone && (now >= p->gone_next_ns || target_may_be_gone(p->target))) {
		p->gone = target_gone(p->target);
		p->gone_next_ns = now + GONE_NS;
	}
	return p->gone;
}

/* The sum must come out even: whatever is resident and not the runtime's is "not Go". */
static void fill_account(struct memory_account *m, const struct go_memstats *st)
{
	m->known = true;
	m->live_heap = st->num_gc ? st->heap_marked : 0;	/* begins as what paces the first */
	m->gc_headroom = st->heap_inuse + st->heap_idle - st->heap_released;
	m->gc_headroom -= m->gc_headroom < m->live_heap ? m->gc_headroom : m->live_heap;
	m->stacks = st->stack_sys;
	m->runtime = st->mspan_sys + st->mcache_sys + st->buckhash_sys + st->gc_sys + st->other_sys;
	m->not_go = (int64_t)(m->rss - m->live_heap - m->gc_headroom - m->stacks - m->runtime);
	m->heap_alloc = st->heap_alloc;
	m->heap_inuse = st->heap_inuse;
	m->heap_idle = st->heap_idle;
	m->heap_released = st->heap_released;
	m->heap_sys = st->heap_sys;
	m->heap_objects = st->heap_objects;
	m->stack_inuse = st->stack_inuse;
	m->mallocs = st->mallocs;
	m->frees = st->frees;
	m->total_alloc = st->total_alloc;
	m->next_gc = st->next_gc;
	m->num_gc = st->num_gc;
}

/* As the runtime counts its own collections; when the next one comes, who reads again and again can
 * tell. */
static void fill_pacing(const struct process *p, struct gc_pacing *out)
{
	struct go_pacing g;
	uint64_t now = now_ns();

	*out = (struct gc_pacing){ .since_s = NAN, .next_s = NAN, .every_s = NAN };
	if (gomem_pacing(p->gomem, &g))
		return;
	out->known = true;
	out->gc_percent = g.gc_percent;
	out->memory_limit = g.memory_limit;
	out->heap_live = g.heap_live;
	out->trigger = g.trigger;
	if (g.last_end_ns)
		out->since_s = now > g.last_end_ns ? (double)(now - g.last_end_ns) / 1e9 : 0;
}

bool process_memory(struct process *p, struct memory_account *out)
{
	struct memory_account m = { 0 };
	struct go_memstats st;
	bool read;

	if (process_gone(p) || !p->checked)
		return false;
	/* the resident size last: of a process that grows it must not be the smaller one */
	read = !gomem_memstats(p->gomem, &st);
	if (target_resident(p->target, &m.rss, &m.rss_files) ||
	    process_gone(p))			/* it may be another program's */
		return false;
	if (read) {
		fill_account(&m, &st);
		fill_pacing(p, &m.pacing);
		*out = m;
	} else {
		out->rss = m.rss;
		out->rss_files = m.rss_files;
	}
	return true;
}

static bool is_heap(void *ctx, uint64_t addr)
{
	const struct process *p = ctx;

	return gomem_in_heap(p->gomem, addr);
}

/* The runtime's tables are not all in RAM, and cannot be told from C's memory: they are taken to be
 * there. */
void process_mappings(struct process *p, struct memory_account *m)
{
	struct resident r;

	if (!m->known || process_gone(p) || m->rss > MAX_RSS_READ ||
	    resident_read("", target_pid(p->target), is_heap, p, &r) || process_gone(p))
		return;
	m->mapped_known = true;
	m->rss = r.total;	/* of the same moment */
	m->not_go = (int64_t)(r.total - m->live_heap - m->gc_headroom - m->stacks - m->runtime);
	m->files = r.files;
	m->anonymous = r.others > m->runtime ? r.others - m->runtime : 0;
	m->not_resident = (int64_t)(m->files + m->anonymous) - m->not_go;
}

/* The last frame: code inlined there may be of another package. */
static const char *main_file(const struct gobin *gb)
{
	struct frame frames[16];
	struct go_func f;
	size_t n;

	if (!gobin_find_func(gb, "main.main", &f))
		return NULL;
	n = gobin_frames(gb, &f.entry, 1, false, frames, ARRAY_SIZE(frames));
	return n && n <= ARRAY_SIZE(frames) ? frames[n - 1].file : NULL;
}

void process_describe(const struct process *p, struct target_info *out)
{
	const struct image *image = program_image(p->program);
	const struct gobin *gobin = program_gobin(p->program);
	const struct image_segment *segs;
	uint64_t dev, ino;
	uint32_t ns_pid;
	size_t n;

	*out = (struct target_info){
		.pid = target_pid(p->target), .exe = target_exe_name(p->target),
		.comm = target_comm(p->target), .go_version = gobin_version(gobin)->text,
		.stripped = image_stripped(image), .build_id = image_build_id(image),
		.main_file = main_file(gobin), .main_module = gobin_main_module(gobin),
	};
	if (!target_pidns(p->target, &dev, &ino, &ns_pid) && ns_pid != (uint32_t)out->pid)
		out->ns_pid = (int)ns_pid;
	segs = image_segments(image, &n);
	for (size_t i = 0; i < n; i++) {
		if (!segs[i].exec)
			continue;
		out->map_start = segs[i].vaddr;
		out->map_limit = segs[i].vaddr + segs[i].memsz;
		out->map_file_off = segs[i].file_off;
		break;
	}
}
