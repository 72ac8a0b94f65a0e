/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * names.h - a toy binary for the tests of what stands above the names: addresses are functions and
 * lines, types are numbers.
 */
#ifndef TESTS_UNIT_NAMES_H
#define TESTS_UNIT_NAMES_H

#include <stdint.h>

#include "user/base/util.h"
#include "user/sites.h"

/* Line n of a function; addresses below FIRST have no name. */
enum toy_function { NOWHERE, MAKE, SLOW, PUT, SERVE, FANOUT, MAIN, RELEASEM, NEWPROC1, SYSTEMSTACK,
		    NEWPROC, WORKERS, RT0, N_FUNCTIONS };
#define PC(function, n) ((uint64_t)(function) << 32 | (n))

static const char *const toy_functions[N_FUNCTIONS] = {
	[MAKE] = "runtime.makeslice", [SLOW] = "runtime.mallocgc", [PUT] = "main.put",
	[SERVE] = "main.serve", [FANOUT] = "main.fanout", [MAIN] = "main.main",
	[RELEASEM] = "runtime.releasem",	/* inlined, always */
	[NEWPROC1] = "runtime.newproc1", [SYSTEMSTACK] = "runtime.systemstack",
	[NEWPROC] = "runtime.newproc", [WORKERS] = "runtime.gcBgMarkStartWorkers",
	[RT0] = "runtime.rt0_go",
};

enum toy_type { BYTES = 1, SESSION, DESCRIPTOR, N_TYPES };

static const struct site_words toy_types[N_TYPES] = {
	{ "?", NULL }, [BYTES] = { "[]uint8", "make" }, [SESSION] = { "main.Session", "new" },
	[DESCRIPTOR] = { "runtime.g", "new" },
};

static unsigned n_resolved;

static size_t toy_frames(void *ctx, const uint64_t *pcs, size_t n, bool leaf_is_return,
			 struct frame *out, size_t cap)
{
	n_resolved += n <= cap;
	if (leaf_is_return && !(pcs[0] >> 32))
		return 0;	/* a wrapper, not shown */
	for (size_t i = 0; i < n && i < cap; i++) {
		uint64_t function = pcs[i] >> 32;

		out[i] = (struct frame){ .pc = pcs[i], .line = (uint32_t)pcs[i] };
		if (function && function < N_FUNCTIONS) {
			out[i].function = toy_functions[function];
			out[i].file = "/src/toy.go";
			out[i].inlined = function == RELEASEM;
		}
	}
	return n;
}

static void toy_words(void *ctx, uint64_t typ, const uint64_t *pcs, size_t n,
		      struct site_words *out)
{
	*out = toy_types[typ < N_TYPES ? typ : 0];
}

static const struct sites_ops toy_ops = { .frames = toy_frames, .words = toy_words };

#endif
