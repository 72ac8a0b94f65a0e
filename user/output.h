/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output.h - files that appear whole or not at all.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

struct output;

/* Reserves path: a temporary file beside it is created now, so that what cannot be written is
 * known before anything is traced.  path NULL is stdout.  Tells the user on failure: it exists
 * (and force is not set), or it cannot be written. */
int output_open(struct output **out, const char *path, bool force);
/* Fills the file through fill() and renames it to its name; can be called again for the next
 * report. Tells the user on failure, but for a closed pipe: -EPIPE in silence. */
int output_write(struct output *o, int (*fill)(FILE *, void *ctx), void *ctx);
/* Removes what was reserved and never written.  NULL is fine. */
void output_close(struct output *o);

#endif
