/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waitreason.h - what Go's words for the state of a goroutine mean for whether it will ever run
 * again.
 */
#ifndef WAITREASON_H
#define WAITREASON_H

#include "user/judge/judge.h"

/* state: as gomem and reports have it, of any Go from 1.17 to 1.27; NULL or one that is not known:
 * WAIT_NONE. */
enum wait_class waitreason_class(const char *state);

#endif
