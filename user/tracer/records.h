/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * records.h - what may be taken for a record.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "include/gobpfleak.h"

/* Whether size bytes from the ring are a whole record of a known kind.  Nobody behind this needs to
 * check a length again. */
bool record_sound(const void *data, size_t size);

#endif
