// SPDX-License-Identifier: BSD-2-Clause
/*
 * changes.c - hysteresis.
 */
#include "user/changes.h"

#include "user/base/limits.h"

enum { BETTER = 4 };		/* times as long must hold what is better */

#define LONGEST_NS (8ull * 3600 * 1000000000)

struct thing {
	uint64_t key;
	unsigned told, state;
	unsigned n_told;
	uint64_t since_ns;	/* that it is in this state */
};

void changes_init(struct changes *c)
{
	table_init(&c->things, sizeof(struct thing), 4 * MAX_FLOWS * sizeof(struct thing));
}

void changes_fini(struct changes *c)
{
	table_fini(&c->things);
}

static uint64_t must_hold(const struct thing *t, uint64_t hold_ns)
{
	uint64_t ns = t->state > t->told ? hold_ns : BETTER * hold_ns;

	for (unsigned i = 1; i < t->n_told && ns < LONGEST_NS; i++)
		ns *= 2;
	return ns < LONGEST_NS ? ns : LONGEST_NS;
}

bool changes_tell(struct changes *c, uint64_t key, unsigned state, uint64_t hold_ns,
		  uint64_t now_ns)
{
	bool is_new;
	struct thing *t = table_find(&c->things, key);

	if (!t && !state)
		return false;
	if (!t)
		t = table_put(&c->things, key, &is_new);
	if (!t)
		return false;		/* more things than anybody reads of */
	if (t->state != state) {
		t->state = state;
		t->since_ns = now_ns;
	}
	if (t->state == t->told || now_ns - t->since_ns < must_hold(t, hold_ns))
		return false;
	t->told = t->state;
	t->n_told++;
	return true;
}

unsigned changes_told(const struct changes *c, uint64_t key)
{
	const struct thing *t = table_find(&c->things, key);

	return t ? t->told : 0;
}
