/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * filter.h - which objects a report shows, by size and age.
 */
#ifndef FILTER_H
#define FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct filter;
struct obs_account;
struct observation;

/* Whether it leaves out objects; else it is of rates only. */
bool filter_of_objects(const struct filter *f);

/* Accounts of what is shown, to be freed; NULL if there are none. */
struct obs_account *filter_accounts(const struct filter *f, const struct observation *o, size_t *n);

#endif
