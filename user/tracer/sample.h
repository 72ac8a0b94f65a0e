/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sample.h - the table of chances by size.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stdint.h>

#include "include/gobpfleak.h"

/* distance: mean bytes between two samples, not 0. */
void sample_chances(volatile uint32_t chances[GL_CHANCES], uint64_t distance);

#endif
