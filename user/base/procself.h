/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procself.h - what this program itself takes.
 */
#ifndef PROCSELF_H
#define PROCSELF_H

#include <stdint.h>

double procself_cpu_s(void);	/* processor time since the start */
uint64_t procself_rss(void);	/* resident bytes; UINT64_MAX: not known */

#endif
