// SPDX-License-Identifier: BSD-2-Clause
/*
 * source.c - the names of the sources.
 */
#include "user/source.h"

const char *const source_names[N_SOURCES] = {
	[SOURCE_EVERY] = "every", [SOURCE_SAMPLE] = "sample", [SOURCE_PROFILE] = "profile",
	[SOURCE_BURST] = "burst", [SOURCE_NONE] = "none",
};
