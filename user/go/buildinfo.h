/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buildinfo.h - the blob in which the Go linker writes its version and the settings of the build.
 */
#ifndef BUILDINFO_H
#define BUILDINFO_H

#include <stddef.h>

#include "user/go/gobin.h"

struct image;

struct build_setting {
	const char *key, *value;
};

struct buildinfo {
	struct go_version version;
	struct build_setting *settings;
	size_t n_settings;
	const char *main_module;	/* its path; NULL: built without modules */
	char *text;		/* what the strings point into */
};

/* Fills *out, which buildinfo_fini() must release.  Tells the user on failure: no Go program,
 * version not supported. */
int buildinfo_init(struct buildinfo *out, const struct image *img);
void buildinfo_fini(struct buildinfo *bi);

/* Takes "go1.25.14 X:greenteagc" and its like apart; false if no Go version can be read from it. */
bool buildinfo_parse_version(const char *text, struct go_version *out);

#endif
