/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aging.h - since when an object must have lived to be older than so many seconds, or than so many
 * collections.  Arithmetic only.
 */
#ifndef AGING_H
#define AGING_H

#include <stdint.h>

struct aging;

/* One of older_ns and older_cycles is 0. */
void aging_new(struct aging **out, uint64_t older_ns, uint64_t older_cycles);
void aging_free(struct aging *a);		/* NULL is fine */

/* A look at what lives: begun when so many collections had ended. */
void aging_look(struct aging *a, uint64_t n_cycles, uint64_t look_ns);

/* What was born before is old enough; 0: nothing is. */
uint64_t aging_before(const struct aging *a, uint64_t now_ns);

#endif
