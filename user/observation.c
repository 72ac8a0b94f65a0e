// SPDX-License-Identifier: BSD-2-Clause
/*
 * observation.c - the end of an observation.
 */
#include "user/observation.h"

#include <stdlib.h>

void observation_free(struct observation *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n_states; i++)
		free(o->states[i]);
	free(o->states);
	free((char *)o->target.exe);
	free((char *)o->target.comm);
	free((char *)o->target.go_version);
	free((char *)o->target.build_id);
	free((char *)o->target.main_file);
	free((char *)o->target.main_module);
	free((char *)o->target.host);
	free(o->census.classes);
	free(o->before.v);
	free(o->before.pcs);
	free(o->evidence.classes);
	free(o->evidence.accounts.v);
	free(o->evidence.goroutines.v);
	free(o->evidence.waiting);
	free(o->gc);
	free(o->stacks);
	free(o->pcs);
	free(o->accounts);
	free(o->started);
	free(o->table);
	free(o->table_pcs);
	free(o->sources);
	free(o);
}
