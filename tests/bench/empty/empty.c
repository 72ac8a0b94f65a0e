// SPDX-License-Identifier: GPL-2.0-only
/*
 * empty.c - attaches a BPF program that does nothing to the places where gobpfleak would attach its
 * own: what a probe costs before anything is done with it.
 *
 * usage: empty PID heap|goroutines                prints "attached", detaches when stdin ends
 */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/probe/plan.h"
#include "user/process.h"
#include "user/target.h"
#include "user/tracer/plant.h"
#include "user/tracing.h"

static int load_empty(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = (enum bpf_attach_type)PLANT_ATTACH_TYPE);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "empty", "GPL", insns, 2, &opts);
}

int main(int argc, char **argv)
{
	const struct plan *plan;
	struct process *process;
	struct tracing *t;
	struct plant p;
	__u64 offsets[GL_MAX_PROBES];
	bool heap = argc == 3 && !strcmp(argv[2], "heap");
	const struct tracing_options opt = { .heap = heap, .goroutines = !heap };
	int err;

	if (argc != 3 || process_open(&process, atoi(argv[1])) || tracing_new(&t, process, &opt))
		return 1;
	plan = tracing_plan(t);
	for (size_t i = 0; i < plan->n; i++)
		offsets[i] = plan->probes[i].file_off;
	err = plant(&p, load_empty(), &(struct place){ target_exe_path(process_target(process)),
						       atoi(argv[1]), offsets, plan->n });
	if (err) {
		fprintf(stderr, "empty: plant: %s\n", strerror(-err));
		return 1;
	}
	puts("attached");
	fflush(stdout);
	while (getchar() != EOF)
		;
	plant_remove(&p);
	return 0;
}
