/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leftout.h - what findings have and no report shows.
 */
#ifndef LEFTOUT_H
#define LEFTOUT_H

struct findings;

/* Moves suppressed sites behind the others, and behind these the sites that grow by less than the
 * filter wants; findings of which nothing is shown, or that grow by less, behind the others.  The
 * numbers n_... tell them apart then.  The order stays, and all indices are right. */
void left_out(struct findings *f);

/* Before that, where the sites are not those any more that the findings have the indices of. */
void left_out_find_sites(struct findings *f);

#endif
