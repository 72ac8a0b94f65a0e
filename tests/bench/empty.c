// SPDX-License-Identifier: GPL-2.0-only
/*
 * empty.c - attaches a BPF program that does nothing to the places where gobpfleak would attach its
 * own: what a probe costs before anything is done with it.
 *
 * usage: empty PID heap|goroutines                prints "attached", detaches when stdin ends
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/probe/plan.h"
#include "user/process.h"
#include "user/tracing.h"

enum { UPROBE_MULTI = 48 };	/* BPF_TRACE_UPROBE_MULTI */

static int load_empty(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = (enum bpf_attach_type)UPROBE_MULTI);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "empty", "GPL", insns, 2, &opts);
}

int main(int argc, char **argv)
{
	const struct plan *plan;
	struct process *p;
	struct tracing *t;
	__u64 offsets[GL_MAX_PROBES];
	char path[64];
	bool heap = argc == 3 && !strcmp(argv[2], "heap");

	const struct tracing_options opt = { .heap = heap, .goroutines = !heap };

	if (argc != 3 || process_open(&p, atoi(argv[1])) || tracing_new(&t, p, &opt))
		return 1;
	plan = tracing_plan(t);
	for (size_t i = 0; i < plan->n; i++)
		offsets[i] = plan->probes[i].file_off;
	snprintf(path, sizeof(path), "/proc/%s/exe", argv[1]);
	struct {
		__u32 prog_fd, target_fd, attach_type, flags;
		__u64 path, offsets, ref_ctr_offsets, cookies;
		__u32 cnt, multi_flags, pid, pad;
	} attr = {
		.prog_fd = load_empty(), .attach_type = UPROBE_MULTI, .path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets, .cnt = plan->n, .pid = atoi(argv[1]),
	};
	if (syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr)) < 0) {
		perror("empty: BPF_LINK_CREATE");
		return 1;
	}
	puts("attached");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
