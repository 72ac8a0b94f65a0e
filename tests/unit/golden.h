/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * golden.h - what is written is compared with files in tests/golden, or written there anew.
 */
#ifndef TESTS_UNIT_GOLDEN_H
#define TESTS_UNIT_GOLDEN_H

#include <errno.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"

enum { GOLDEN_BYTES = 1 << 20 };	/* of one file, at most */

/* They lie beside the folder of this file. */
static FILE *golden_open(const char *name, const char *mode)
{
	char *self = xstrdup(__FILE__);
	char *path = xasprintf("%s/../golden/%s", dirname(self), name);
	FILE *file = fopen(path, mode);

	if (!file)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	free(path);
	free(self);
	return file;
}

/* Takes what was written, and fails unless the file holds that. */
static void golden_check(const char *name, char *got, size_t size)
{
	char *want = xcalloc(1, GOLDEN_BYTES);
	FILE *file = golden_open(name, "r");
	size_t want_size;

	assert_non_null(file);
	want_size = fread(want, 1, GOLDEN_BYTES - 1, file);
	fclose(file);
	if (size != want_size || memcmp(got, want, size) != 0)
		fail_msg("%s differs; if that is meant, --regenerate. Now:\n%s", name, got);
	free(got);
	free(want);
}

/* Takes what was written; false: it cannot be kept. */
static bool golden_write(const char *name, char *data, size_t size)
{
	FILE *file = golden_open(name, "w");
	bool good = file && fwrite(data, 1, size, file) == size;

	if (file && fclose(file))
		good = false;
	free(data);
	return good;
}

#endif
