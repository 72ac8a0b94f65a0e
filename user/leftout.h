/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leftout.h - what findings have and no report shows.
 */
#ifndef LEFTOUT_H
#define LEFTOUT_H

struct findings;

/* Moves the suppressed sites behind the others, which n_sites and n_gsites are the numbers of then.
 * The order stays, and the findings' indices are right. */
void left_out_suppressed(struct findings *f);

#endif
