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

static const struct files versions[] = {
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

/* Of a line "4:memory:/path": the path, if it is of this controller; NULL: it is not, or lies above
 * what we see. */
static char *path_in_line(char *line, const char *controller)
{
	char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;

	if (!path)
		return NULL;
	*path++ = '\0';
	if (*controller ? !is_listed(list + 1, controller) : list[1])
		return NULL;
	path[strcspn(path, "\n")] = '\0';
	return strncmp(path, "/..", 3) ? path : NULL;
}

/* To be freed; NULL: it has none that we see. */
static char *cgroup_of(const char *root, pid_t pid, const struct files *v)
{
	char dir[32], *line = NULL, *found = NULL, *path;
	size_t size = 0;
	FILE *f;

	snprintf(dir, sizeof(dir), "/proc/%d", (int)pid);
	f = open_text(root, dir, "cgroup");
	while (f && !found && getline(&line, &size, f) >= 0) {
		path = path_in_line(line, v->controller);
		found = path ? xstrdup(path) : NULL;
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

/* Of a line of mountinfo, see proc(5): where this is mounted, and what of the hierarchy. */
static bool is_mount(char *line, const struct files *v, char **from, char **at)
{
	char *rest = strstr(line, " - "), *save, *type, *options;

	if (!rest)
		return false;
	*rest = '\0';
	type = strtok_r(rest + 3, " \n", &save);
	strtok_r(NULL, " \n", &save);
	options = strtok_r(NULL, " \n", &save);
	if (!type || strcmp(type, v->fstype) ||
	    (v->option && (!options || !is_listed(options, v->option))))
		return false;
	strtok_r(line, " ", &save);
	strtok_r(NULL, " ", &save);
	strtok_r(NULL, " ", &save);
	*from = strtok_r(NULL, " ", &save);
	*at = strtok_r(NULL, " ", &save);
	return *from && *at;
}

/* The folder of a cgroup, to be freed, and how long the part is that all have in common. */
static char *folder_of(const char *root, const char *cgroup, const struct files *v, size_t *top)
{
	FILE *f = open_text(root, "/proc/self", "mountinfo");
	char *line = NULL, *found = NULL, *from, *at;
	size_t size = 0, n;

	while (f && !found && getline(&line, &size, f) >= 0) {
		if (!is_mount(line, v, &from, &at))
			continue;
		n = strcmp(from, "/") ? strlen(from) : 0;
		if (strncmp(cgroup, from, n) || (cgroup[n] && cgroup[n] != '/'))
			continue;
		*top = strlen(at);
		found = xasprintf("%s%s", at, strcmp(cgroup + n, "/") ? cgroup + n : "");
	}
	free(line);
	if (f)
		fclose(f);
	return found;
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

static void read_cgroups(const char *root, pid_t pid, const struct files *v, struct memlimit *out)
{
	char *cgroup = cgroup_of(root, pid, v);
	size_t top = 0;
	char *dir = cgroup ? folder_of(root, cgroup, v, &top) : NULL;

	while (dir) {
		read_folder(root, dir, v, out);
		if (strlen(dir) <= top)
			break;
		*strrchr(dir, '/') = '\0';
	}
	free(dir);
	free(cgroup);
}

int memlimit_read(const char *root, pid_t pid, struct memlimit *out)
{
	uint64_t total, available;

	*out = (struct memlimit){ 0 };
	if (number_in(root, "/proc", "meminfo", "MemTotal:", &total) &&
	    number_in(root, "/proc", "meminfo", "MemAvailable:", &available))
		take(out, total * 1024, total > available ? (total - available) * 1024 : 0,
		     "machine");
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		read_cgroups(root, pid, &versions[i], out);
	return out->of ? 0 : -ENOENT;
}
