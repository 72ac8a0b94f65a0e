/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * maps.bpf.h - the configuration, the control, the maps, and the counters of hits and of loss.
 */
#ifndef MAPS_BPF_H
#define MAPS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "include/gobpfleak.h"

/* Set between open and load; the verifier sees constants. */
const volatile struct gl_config config;

/* Shared with user space through its mapping of this data; reading it costs one load. */
volatile struct gl_control control __attribute__((aligned(64)));
struct gl_cpu cpus[GL_CPU_ROWS] __attribute__((aligned(64)));
struct gl_stack_set stacks_sent[1 << GL_STACK_SETS_LOG2] __attribute__((aligned(64)));
__u32 depths[1 << GL_DEPTHS_LOG2] __attribute__((aligned(64)));

/* A table and not cookies, because an event of many points (before Linux 6.6) has no cookies;
 * read-only data and not a map, because a map look-up costs 50 ns of a hit. */
const volatile struct gl_slot slots[GL_SLOTS] __attribute__((aligned(64)));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, GL_RING_BYTES);
} ring SEC(".maps");

static __always_inline struct gl_cpu *this_cpu(void)
{
	return &cpus[bpf_get_smp_processor_id() % GL_CPU_ROWS];
}

static __always_inline void count(enum gl_counter which)
{
	/* the program may be preempted by itself */
	__sync_fetch_and_add(&this_cpu()->lost[which], 1);
}

/* A helper would cost the tenth of a hit.  The high half of a linear congruential generator
 * (Knuth's MMIX); a run that comes between read and write repeats a number, no more. */
static __always_inline __u32 next_random(void)
{
	struct gl_cpu *cpu = this_cpu();

	cpu->random = cpu->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return cpu->random >> 32;
}

static __always_inline void count_hit(const volatile struct gl_probe *p, enum gl_hit which)
{
	if (p->flags & GL_AT_RET)
		which += GL_HIT_RET;
	__sync_fetch_and_add(&this_cpu()->hits[which], 1);
}

#endif
