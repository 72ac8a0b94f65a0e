/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan_text.h - prints a plan for people: the answer to --dry-run.
 */
#ifndef PLAN_TEXT_H
#define PLAN_TEXT_H

#include <stdint.h>
#include <stdio.h>

struct plan;

/* bias: address in the process minus vaddr. */
void plan_text(FILE *out, const struct plan *p, uint64_t bias);

#endif
