// SPDX-License-Identifier: BSD-2-Clause
/*
 * plan_text.c - address, instruction, where the result is, and why there.
 */
#include "user/probe/plan_text.h"

#include <inttypes.h>
#include <string.h>

#include "user/base/util.h"
#include "user/probe/plan.h"

static const char *reg_name(unsigned reg)
{
	static const char *const names[] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	};

	return reg < ARRAY_SIZE(names) ? names[reg] : "?";
}

static void loc_text(char *out, size_t size, const struct gl_loc *l)
{
	switch (l->kind) {
	case GL_LOC_REG:
		snprintf(out, size, "%s", reg_name(l->reg));
		break;
	case GL_LOC_SLOT:
		snprintf(out, size, "[rsp+0x%x]", (unsigned)l->off);
		break;
	case GL_LOC_SUM:
		snprintf(out, size, "%s+%s%+d", reg_name(l->reg), reg_name(l->reg2), (int)l->off);
		break;
	default:
		snprintf(out, size, "-");
	}
}

static void result_text(char *out, size_t size, const struct gl_probe *w)
{
	char taken[32], other[32];

	loc_text(taken, sizeof(taken), &w->ptr_taken);
	loc_text(other, sizeof(other), &w->ptr);
	if (w->kind == GL_PROBE_GCSTART || w->kind == GL_PROBE_GCEND)
		snprintf(out, size, "none");
	else if (w->flags & GL_WHEN_TAKEN && w->flags & GL_WHEN_NOT_TAKEN && strcmp(taken, other))
		snprintf(out, size, "%s if taken, else %s", taken, other);
	else
		snprintf(out, size, "%s", w->flags & GL_WHEN_NOT_TAKEN ? other : taken);
}

static const char *when_text(const struct gl_probe *w)
{
	if (w->flags & GL_WHEN_TAKEN && w->flags & GL_WHEN_NOT_TAKEN)
		return "always";
	return w->flags & GL_WHEN_TAKEN ? "when taken" : "when not taken";
}

void plan_text(FILE *out, const struct plan *p, uint64_t bias)
{
	static const char *const kinds[] = {
		[GL_PROBE_ALLOC] = "allocation", [GL_PROBE_GOSTART] = "goroutine start",
		[GL_PROBE_GOEND] = "goroutine end", [GL_PROBE_GCSTART] = "begin of a mark phase",
		[GL_PROBE_GCEND] = "end of a mark phase",
	};

	fprintf(out, "%zu places to probe\n", p->n);
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_probe *pr = &p->probes[i];
		char result[80], typ[32], size[32];

		result_text(result, sizeof(result), &pr->wire);
		loc_text(typ, sizeof(typ), &pr->wire.typ);
		loc_text(size, sizeof(size), &pr->wire.size);
		fprintf(out, "\n0x%" PRIx64 "  %s+0x%" PRIx64 "  %s\n", pr->vaddr + bias, pr->func,
			pr->vaddr - pr->func_entry, pr->insn);
		fprintf(out, "    for     %s, counted %s\n",
			pr->profiled ? "sample of the runtime's profiler" : kinds[pr->wire.kind],
			when_text(&pr->wire));
		fprintf(out, "    result  %s", result);
		if (pr->wire.kind == GL_PROBE_ALLOC)
			fprintf(out, "; type %s, size %s", typ, size);
		fprintf(out, "\n    file    0x%" PRIx64 ", bytes", pr->file_off);
		for (unsigned b = 0; b < pr->n_bytes; b++)
			fprintf(out, " %02x", pr->bytes[b]);
		fprintf(out, "\n    why     %s\n", pr->why);
	}
}
