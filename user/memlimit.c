// SPDX-License-Identifier: BSD-2-Clause
/*
 * memlimit.c - limits of memory as /proc and the files of cgroups tell them, version 1 and 2.
 *
 * /proc/PID/cgroup says which cgroup (as our own cgroup namespace sees it), /proc/self/mountinfo
 * where such lie.  Those above it have limits as well, up to where the hierarchy is mounted.  What
 * is used is counted as Docker and the kubelet do: without inactive_file.
 */
#include "user/memlimit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"

struct files {			/* of one version */
	const char *fstype;	/* in mountinfo */
	const char *option;	/* among those of its superblock, or NULL */
	const char *controller;	/* in /proc/PID/cgroup */
	const char *limit, *used, *cached;
};

enum { N_VERSIONS = 2 };

static const struct files versions[N_VERSIONS] = {
	{ "cgroup2", NULL, "", "memory.max", "memory.current", "inactive_file " },
	{ "cgroup", "memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
	  "total_inactive_file " },
};

static FILE *open_text(const char *root, const char *dir, const char *name)
{
	char *path = xasprintf("%s%s/%s", root, dir, name);
	FILE *f = fopen(path, "re");

	free(path);
	return f;
}

/* The number behind what a line begins with.  "max" is none. */
static bool number_in(const char *root, const char *dir, const char *name, const char *beginning,
		      uint64_t *out)
{
	FILE *f = open_text(root, dir, name);
	size_t n = strlen(beginning);
	char line[256], *end;
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		if (strncmp(line, beginning, n))
			continue;
		*out = strtoull(line + n, &end, 10);
		found = end > line + n;
	}
	if (f)
		fclose(f);
	return found;
}

static bool is_listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (; *list; list += strcspn(list, ","), list += *list == ',')
		if (strcspn(list, ",") == n && !strncmp(list, word, n))
			return true;
	return false;
}

/* Where a version of cgroups has the process. */
struct place {
	char *cgroup;		/* NULL: in none that we see */
	char *dir;		/* its folder; NULL: not mounted */
	size_t top;		/* how long the part of dir is that all have in common */
};

/* Of a line "4:memory:/path": the path, if it is of this controller; NULL: it is not, or lies above
 * what we see. */
static char *path_in_line(const char *line, const char *controller)
{
	const char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
	char *found;

	if (!path || !strncmp(path + 1, "/..", 3))
		return NULL;
	found = xasprintf("%.*s", (int)(path - list - 1), list + 1);
	if (*controller ? !is_listed(found, controller) : *found) {
		free(found);
		return NULL;
	}
	free(found);
	return xasprintf("%.*s", (int)strcspn(path + 1, "\n"), path + 1);
}

static void find_cgroups(const char *root, pid_t pid, struct place places[N_VERSIONS])
{
	char dir[32], *line = NULL;
	size_t size = 0;
	FILE *f;

	snprintf(dir, sizeof(dir), "/proc/%d", (int)pid);
	f = open_text(root, dir, "cgroup");
	while (f && getline(&line, &size, f) >= 0)
		for (size_t i = 0; i < N_VERSIONS; i++)
			if (!places[i].cgroup)
				places[i].cgroup = path_in_line(line, versions[i].controller);
	free(line);
	if (f)
		fclose(f);
}

/* A line of mountinfo, see proc(5). */
struct mount {
	const char *type, *options;	/* of the superblock; NULL: none */
	const char *from, *at;	/* what of the hierarchy is mounted, and where */
};

static bool read_mount(char *line, struct mount *m)
{
	char *rest = strstr(line, " - "), *save;

	if (!rest)
		return false;
	*rest = '\0';
	m->type = strtok_r(rest + 3, " \n", &save);
	strtok_r(NULL, " \n", &save);
	m->options = strtok_r(NULL, " \n", &save);
	strtok_r(line, " ", &save);
	strtok_r(NULL, " ", &save);
	strtok_r(NULL, " ", &save);
	m->from = strtok_r(NULL, " ", &save);
	m->at = strtok_r(NULL, " ", &save);
	return m->type && m->from && m->at;
}

static void find_folder(const struct mount *m, const struct files *v, struct place *p)
{
	size_t n = strcmp(m->from, "/") ? strlen(m->from) : 0;

	if (!p->cgroup || p->dir || strcmp(m->type, v->fstype) ||
	    (v->option && (!m->options || !is_listed(m->options, v->option))) ||
	    strncmp(p->cgroup, m->from, n) || (p->cgroup[n] && p->cgroup[n] != '/'))
		return;
	p->top = strlen(m->at);
	p->dir = xasprintf("%s%s", m->at, strcmp(p->cgroup + n, "/") ? p->cgroup + n : "");
}

static void find_folders(const char *root, struct place places[N_VERSIONS])
{
	FILE *f = open_text(root, "/proc/self", "mountinfo");
	char *line = NULL;
	size_t size = 0;
	struct mount m;

	while (f && getline(&line, &size, f) >= 0) {
		if (!read_mount(line, &m))
			continue;
		for (size_t i = 0; i < N_VERSIONS; i++)
			find_folder(&m, &versions[i], &places[i]);
	}
	free(line);
	if (f)
		fclose(f);
}

/* Less is left to it than to what is known. */
static void take(struct memlimit *out, uint64_t bytes, uint64_t used, const char *of)
{
	uint64_t left = bytes > used ? bytes - used : 0;

	if (!out->of || left < out->bytes - out->used)
		*out = (struct memlimit){ bytes, bytes - left, of };
}

static void read_folder(const char *root, const char *dir, const struct files *v,
			struct memlimit *out)
{
	uint64_t limit, used, cached = 0;

	if (!number_in(root, dir, v->limit, "", &limit) ||
	    !number_in(root, dir, v->used, "", &used))
		return;
	number_in(root, dir, "memory.stat", v->cached, &cached);
	take(out, limit, used > cached ? used - cached : 0, "cgroup");
}

/* Of the cgroup, and of those above it. */
static void read_cgroups(const char *root, struct place *p, const struct files *v,
			 struct memlimit *out)
{
	while (p->dir) {
		read_folder(root, p->dir, v, out);
		if (strlen(p->dir) <= p->top)
			break;
		*strrchr(p->dir, '/') = '\0';
	}
	free(p->dir);
	free(p->cgroup);
}

int memlimit_read(const char *root, pid_t pid, struct memlimit *out)
{
	struct place places[N_VERSIONS] = { 0 };
	uint64_t total, available;

	*out = (struct memlimit){ 0 };
	if (number_in(root, "/proc", "meminfo", "MemTotal:", &total) &&
	    number_in(root, "/proc", "meminfo", "MemAvailable:", &available))
		take(out, total * 1024, total > available ? (total - available) * 1024 : 0,
		     "machine");
	find_cgroups(root, pid, places);
	find_folders(root, places);
	for (size_t i = 0; i < N_VERSIONS; i++)
		read_cgroups(root, &places[i], &versions[i], out);
	return out->of ? 0 : -ENOENT;
}
