/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan_internal.h - what the files of the planner share.
 */
#ifndef PLAN_INTERNAL_H
#define PLAN_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "user/go/gobin.h"
#include "user/probe/body.h"
#include "user/probe/plan.h"

struct builder {
	struct plan *plan;
	const struct gobin *gb;
	size_t cap;
	bool parts;		/* what only mallocgc calls elsewhere may have other callers here */
};

/* All of these tell the user on failure. */

/* what, as in "cannot find the code", of func; returns -ENOTSUP. */
int plan_refuse(const struct builder *bl, const char *func, const char *what);
int plan_load(const struct builder *bl, const struct go_func *fn, const struct counted *counted,
	      struct body **out);
/* Adds the probe at an instruction; the caller fills in what it means.  NULL: no. */
struct plan_probe *plan_add(struct builder *bl, const struct body *b, int32_t node);
/* Probes for every object that the function returns, to the end of the plan. */
int plan_results(struct builder *bl, const struct body *b, uint8_t kind);

/* plan_heap.c */
int plan_heap(struct builder *bl);
/* The functions that return heap objects, *out to be freed; parts: with those that only mallocgc
 * calls. */
int plan_allocators(struct counted *out, const struct builder *bl, bool parts);

/* plan_profile.c: silent, what cannot be planned is left out. */
void plan_profile(struct builder *bl);

#endif
