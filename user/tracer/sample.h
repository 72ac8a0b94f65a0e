/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sample.h - the table of chances by size.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stdint.h>

#include "include/gobpfleak.h"

/* Fills chances and chance_small.  distance: mean bytes between two samples, not 0. */
void sample_chances(volatile struct gl_control *control, uint64_t distance);

#endif
