/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spill.h - whether a function has put its first argument into memory.
 */
#ifndef SPILL_H
#define SPILL_H

#include <stdbool.h>
#include <stdint.h>

struct gobin;

/*
 * Whether the function around pc stores the register of its first argument (of a method the
 * receiver) into the space that its caller keeps for it, before anything else can happen: then at
 * pc, if that lies behind, the word behind the return address is that argument, or what the
 * function assigned to it.
 */
bool spill_first_argument(const struct gobin *gb, uint64_t pc);

#endif
