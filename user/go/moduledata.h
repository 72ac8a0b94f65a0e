/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * moduledata.h - the runtime's description of the program: where code, data, types and the tables
 * of the pclntab lie.
 */
#ifndef MODULEDATA_H
#define MODULEDATA_H

#include <stdint.h>

#include "user/go/gobin.h"

struct image;

/* Bytes of the image, at least n of them readable. */
struct go_table {
	const uint8_t *p;
	uint64_t n;
};

struct moduledata {
	struct go_module module;
	uint64_t minpc, maxpc;
	/* bases of offsets of funcdata, and of what that leads to; 0 in Go 1.17, which has
	 * addresses */
	uint64_t gofunc, rodata;
	uint64_t n_funcs;
	uint8_t quantum;	/* bytes that a pc delta counts */
	struct go_table funcname, cu, file, pc, pcln, functab;
};

/* Tells the user on failure.  minor: go1.MINOR. */
int moduledata_find(struct moduledata *out, const struct image *img, int minor);

/* Another module's, of which so many bytes are at hand that .next of any is among them; addr is not
 * set.  minor: one of those that moduledata_find() knows. */
void moduledata_read(const uint8_t *md, int minor, struct go_module *out);

#endif
