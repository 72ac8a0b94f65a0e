// SPDX-License-Identifier: BSD-2-Clause
/*
 * observe.c - a process's name and its goroutines become an observation's own.
 */
#include "user/observe.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/util.h"
#include "user/gomem/gomem.h"
#include "user/memlimit.h"
#include "user/observation.h"
#include "user/process.h"
#include "user/roster.h"
#include "user/target.h"

static uint32_t state_index(struct observation *o, const char *state)
{
	for (size_t i = 0; i < o->n_states; i++)	/* a few dozen wait reasons at most */
		if (!strcmp(o->states[i], state))
			return (uint32_t)i;
	o->states = xreallocarray(o->states, o->n_states + 1, sizeof(*o->states));
	o->states[o->n_states] = xstrdup(state);
	return (uint32_t)o->n_states++;
}

void observe_table(struct goroutines *gs, struct observation *o)
{
	o->table = xcalloc(gs->n, sizeof(*o->table));
	o->n_table = gs->n;
	o->table_pcs = gs->pcs;
	gs->pcs = NULL;
	for (size_t i = 0; i < gs->n; i++) {
		const struct goroutine *g = &gs->v[i];

		o->table[i] = (struct obs_goroutine){
			.goid = g->goid, .gopc = g->gopc, .startpc = g->startpc,
			.waitsince_ns = g->waitsince_ns, .stack_bytes = g->stack_bytes,
			.state = state_index(o, g->state),
			.first_pc = (size_t)(g->pcs - o->table_pcs), .n_pcs = g->n_pcs,
			.cut = g->cut, .system = g->system,
		};
	}
}

void observe_waiting(const struct roster *r, struct observation *o)
{
	struct obs_evidence *e = &o->evidence;
	const struct roster_waiting *w = NULL;
	size_t cap = 0;

	while ((w = roster_waiting(r, w))) {
		e->waiting = grow(e->waiting, e->n_waiting, &cap, sizeof(*e->waiting));
		e->waiting[e->n_waiting++] = (struct obs_waiting){
			w->gopc, w->startpc, state_index(o, w->state), w->n, w->main };
	}
}

void observe_room(struct process *p, struct observation *o)
{
	struct memlimit limit;

	if (!process_gone(p) && !memlimit_read("", target_pid(process_target(p)), &limit))
		o->room = (struct memory_room){ limit.of, limit.bytes, limit.used };
}

static char *host_name(void)
{
	char name[HOST_NAME_MAX + 1];

	return gethostname(name, sizeof(name)) ? NULL : xstrdup(name);
}

void observe_target(const struct process *p, struct observation *o)
{
	struct target_info *to = &o->target;
	const char **strings[] = { &to->exe, &to->comm, &to->go_version, &to->build_id,
				  &to->main_file, &to->main_module };

	process_describe(p, to);
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		if (*strings[i])
			*strings[i] = xstrdup(*strings[i]);
	to->host = host_name();
}
