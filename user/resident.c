// SPDX-License-Identifier: BSD-2-Clause
/*
 * resident.c - reads /proc/PID/smaps (proc(5)).
 *
 * A head, "start-end perms offset dev inode path", is followed by lines "Key: N kB".  Variables
 * of a program that begin as zero lie in an anonymous mapping right behind those that its file
 * has.
 */
#include "user/resident.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/base/limits.h"
#include "user/base/util.h"

enum kind { OTHER, OWN, FILES };

struct mapping {
	uint64_t start, end;
	enum kind kind;
	bool variables;		/* of a file, private and written to */
};

static bool begins_mapping(const char *line, struct mapping *m,
			   bool (*is_own)(void *ctx, uint64_t addr), void *ctx)
{
	struct mapping last = *m;
	uint64_t inode;
	char perms[5];

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*s %" SCNu64, &m->start, &m->end, perms,
		   &inode) != 4) {
		*m = last;
		return false;
	}
	m->variables = inode && perms[1] == 'w' && perms[3] == 'p';
	if (inode)
		m->kind = FILES;
	else if (is_own(ctx, m->start))
		m->kind = OWN;
	else
		m->kind = last.variables && m->start == last.end ? FILES : OTHER;
	return true;
}

static void add(struct resident *r, enum kind kind, uint64_t bytes)
{
	uint64_t *const to[] = { [OTHER] = &r->others, [OWN] = &r->own, [FILES] = &r->files };

	r->total += bytes;
	*to[kind] += bytes;
}

int resident_read(const char *root, pid_t pid, bool (*is_own)(void *ctx, uint64_t addr), void *ctx,
		  struct resident *out)
{
	char *path = xasprintf("%s/proc/%d/smaps", root, (int)pid), *line = NULL;
	FILE *f = fopen(path, "re");
	struct mapping m = { 0 };
	struct resident r = { 0 };
	size_t cap = 0, n = 0;
	uint64_t kib;
	int err = f ? 0 : -errno;

	free(path);
	while (f && !err && getline(&line, &cap, f) > 0) {
		if (begins_mapping(line, &m, is_own, ctx))
			err = ++n > MAX_MAPPINGS ? -E2BIG : 0;
		else if (sscanf(line, "Rss: %" SCNu64 " kB", &kib) == 1)
			add(&r, m.kind, kib * 1024);
	}
	free(line);
	if (f)
		fclose(f);
	if (!err && !n)
		err = -ESRCH;		/* it has ended: the file is empty */
	if (!err)
		*out = r;
	return err;
}
