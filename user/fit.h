/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fit.h - what samples say of the living, made to agree with how many live by the runtime's own
 * count.
 */
#ifndef FIT_H
#define FIT_H

struct observation;

/* Scales the accounts that are estimates, in size classes whose counts exclude what they add up to,
 * and says how many may live at most; the variances of accounts, stacks and of all follow. */
void fit_live(struct observation *o);

#endif
