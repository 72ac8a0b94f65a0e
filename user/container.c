// SPDX-License-Identifier: BSD-2-Clause
/*
 * container.c - container runtimes by the names that they give cgroups.
 *
 * Those that write an image's container give it 64 hex digits: alone in a folder named after the
 * runtime or the pod (cgroupfs: /docker/ID, /kubepods/besteffort/podUID/ID), or in the name of a
 * systemd scope (/system.slice/docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope,
 * libpod-ID.scope).  The others use the container's name: /lxc.payload.NAME, /lxc/NAME,
 * /machine.slice/systemd-nspawn@NAME.service.
 */
#include "user/container.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"

enum { ID_DIGITS = 64, SHOWN_DIGITS = 12 };	/* as `docker ps` shows them */

struct part {			/* of a path, between two slashes */
	const char *p;
	size_t n;
};

static bool begins(const struct part *part, const char *beginning)
{
	size_t n = strlen(beginning);

	return part->n >= n && !strncmp(part->p, beginning, n);
}

static bool is(const struct part *part, const char *text)
{
	return begins(part, text) && part->n == strlen(text);
}

/* Where an id of a container begins in the part; its length if there is none. */
static size_t find_id(const struct part *part)
{
	size_t run = 0;

	for (size_t i = 0; i < part->n; i++) {
		run = isxdigit((unsigned char)part->p[i]) ? run + 1 : 0;
		if (run == ID_DIGITS)
			return i + 1 - ID_DIGITS;
	}
	return part->n;
}

static bool is_word(const struct part *part)
{
	for (size_t i = 0; i < part->n; i++)
		if (!isalpha((unsigned char)part->p[i]))
			return false;
	return part->n;
}

/* "docker-ID.scope", or ID below "docker" or below a pod. */
static char *by_id(const struct part *part, const struct part *above)
{
	static const struct part any = { "container", sizeof("container") - 1 };
	size_t at = find_id(part);
	struct part runtime = { part->p, at - 1 };

	if (at == part->n)
		return NULL;
	if (!at || part->p[at - 1] != '-')
		runtime = is_word(above) ? *above : any;
	return xasprintf("%.*s:%.*s", (int)runtime.n, runtime.p, SHOWN_DIGITS, part->p + at);
}

static char *by_name(const struct part *part, const struct part *above)
{
	static const char lxc[] = "lxc.payload.", nspawn[] = "systemd-nspawn@";
	const char *dot;

	if (begins(part, lxc))
		return xasprintf("lxc:%.*s", (int)(part->n - strlen(lxc)), part->p + strlen(lxc));
	if (is(above, "lxc") || is(above, "lxc.payload"))
		return xasprintf("lxc:%.*s", (int)part->n, part->p);
	if (!begins(part, nspawn))
		return NULL;
	dot = memrchr(part->p, '.', part->n);
	return xasprintf("nspawn:%.*s", (int)((dot ? dot : part->p + part->n) - part->p -
					      (ptrdiff_t)strlen(nspawn)), part->p + strlen(nspawn));
}

/* Of a path, the innermost part that names a container: a container may hold others. */
static char *of_path(const char *path, size_t len)
{
	struct part above = { path, 0 };
	char *found = NULL, *name;

	for (const char *p = path, *end = path + len; p < end;) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		struct part part = { p, (size_t)((slash ? slash : end) - p) };

		name = part.n ? by_id(&part, &above) : NULL;
		if (!name && part.n)
			name = by_name(&part, &above);
		if (name) {
			free(found);
			found = name;
		}
		if (part.n)
			above = part;
		p += part.n + 1;
	}
	return found;
}

char *container_of_cgroup(const char *text)
{
	char *found = NULL;

	/* ID:CONTROLLERS:PATH, one line for each hierarchy (cgroups(7)) */
	for (const char *line = text; *line && !found; line += strspn(line, "\n")) {
		size_t len = strcspn(line, "\n");
		const char *colon = memchr(line, ':', len);

		colon = colon ? memchr(colon + 1, ':', (size_t)(line + len - colon - 1)) : NULL;
		if (colon)
			found = of_path(colon + 1, (size_t)(line + len - colon - 1));
		line += len;
	}
	return found;
}
