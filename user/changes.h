/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * changes.h - which changes of state are worth a line.  Arithmetic only.
 *
 * A state is a number; a higher one is worse.  What is worse is told when it has held for as long
 * as the caller says; what is better when it has held for four times as long.  Each time that the state of a thing has
 * been told it takes twice as long the next time, up to eight hours: so what flutters is told a few
 * times a day.  What is at 0 from the begin is not told.
 */
#ifndef CHANGES_H
#define CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/base/table.h"

struct changes {
	struct table things;
};

void changes_init(struct changes *c);
void changes_fini(struct changes *c);

/* The state of a thing as of now; 0 is no key.  True: it is to be told, and has been. */
bool changes_tell(struct changes *c, uint64_t key, unsigned state, uint64_t hold_ns,
		  uint64_t now_ns);
/* What has been told last; 0 at first. */
unsigned changes_told(const struct changes *c, uint64_t key);

#endif
