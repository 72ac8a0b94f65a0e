/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flows.h - births and deaths that windows have counted, put into an observation.
 */
#ifndef FLOWS_H
#define FLOWS_H

struct observation;
struct window;

/* Of the accounts and of the go statements that are in the observation. */
void flows_of_accounts(const struct window *w, struct observation *o);
void flows_of_goroutines(const struct window *w, struct observation *o);

#endif
