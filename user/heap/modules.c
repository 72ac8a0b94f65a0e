// SPDX-License-Identifier: BSD-2-Clause
/*
 * modules.c - the program and its plugins: each has package variables, which the collector looks
 * at.
 *
 * What the runtime knows of each is in a list, in which a plugin comes last when it is opened, and
 * from which none goes (moduledata.next, runtime/symtab.go).  It has pointer masks once it has been
 * initialized; before, and if it could not be, the collector does not look at it either.
 *
 * The types and functions of plugins are not read: they lie in other files.
 */
#include "user/heap/look.h"

#include <stdlib.h>

#include "user/base/limits.h"
#include "user/base/reader.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/moduledata.h"

enum { WORD = 8, MAX_PLUGIN_PATH = 1024 };

/* A string's; NULL: it is empty, or none that can be printed. */
static char *read_path(struct look *l, const uint8_t *at)
{
	uint64_t n = load_u64(at + WORD);
	char path[MAX_PLUGIN_PATH];

	if (!n || n >= sizeof(path) || !feed_read(&l->feed, load_u64(at), path, n))
		return NULL;
	path[n] = 0;
	for (uint64_t i = 0; i < n; i++)
		if (path[i] < ' ' || path[i] > '~')
			return NULL;
	return xstrdup(path);
}

static void add_module(struct look *l, uint64_t at, const struct go_module *m, uint64_t bias,
		       char *plugin)
{
	l->modules = grow(l->modules, l->n_modules, &l->cap_modules, sizeof(*l->modules));
	l->modules[l->n_modules++] = (struct module){
		.data = m->data - bias, .edata = m->edata - bias,
		.bss = m->bss - bias, .ebss = m->ebss - bias,
		.masks = at + m->masks - l->bias, .plugin = plugin };
}

static bool is_initialized(const struct go_module *m, const uint8_t *raw)
{
	return m->data <= m->edata && m->bss <= m->ebss && load_u64(raw + m->masks + WORD);
}

void modules_find(struct look *l)
{
	const struct go_module *own = gobin_module(l->gb);
	const int minor = gobin_version(l->gb)->minor;
	const uint32_t size = own->next + WORD;
	uint8_t *raw = xcalloc(1, size);
	uint64_t at = own->addr + l->bias;
	bool known = feed_read(&l->feed, at, raw, size);
	struct go_module m;

	modules_free(l);
	add_module(l, at, own, 0, NULL);
	l->losses.plugins = 0;
	for (size_t n = 0; known && (at = load_u64(raw + own->next)); n++) {
		known = n < MAX_PLUGINS && feed_read(&l->feed, at, raw, size);
		moduledata_read(raw, minor, &m);
		if (known && !is_initialized(&m, raw))
			continue;
		l->losses.plugins++;
		if (known)
			add_module(l, at, &m, l->bias, read_path(l, raw + m.path));
	}
	free(raw);
}

void modules_free(struct look *l)
{
	for (size_t i = 0; i < l->n_modules; i++)
		free(l->modules[i].plugin);
	free(l->modules);
	l->modules = NULL;
	l->n_modules = l->cap_modules = 0;
}

const struct module *modules_at(const struct look *l, uint64_t vaddr)
{
	for (size_t i = 0; i < l->n_modules; i++) {
		const struct module *m = &l->modules[i];

		if ((vaddr >= m->data && vaddr < m->edata) || (vaddr >= m->bss && vaddr < m->ebss))
			return m;
	}
	return NULL;
}
