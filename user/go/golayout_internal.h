/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * golayout_internal.h - what the files of golayout share.
 */
#ifndef GOLAYOUT_INTERNAL_H
#define GOLAYOUT_INTERNAL_H

#include <stdint.h>

struct gobin;

/* sizeof(runtime.heapStatsDelta) as the code steps over it; -ENOENT: not found. */
int golayout_heapstats_size(const struct gobin *gb, int32_t *size);

#endif
