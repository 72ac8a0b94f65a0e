// SPDX-License-Identifier: BSD-2-Clause
/*
 * waitreason.c - the wait reasons of all releases from 1.17 to 1.27 (waitReasonStrings in
 * runtime/runtime2.go) that a leaked goroutine can have.
 *
 * Whole words only: what a release calls a wait for a lock another calls something else.  All of
 * sync was "semacquire" up to 1.19, wait groups up to 1.23; "sync.Cond.Wait" is as old as any.
 * What is not here waits for the runtime itself, or runs.
 */
#include "user/waitreason.h"

#include <string.h>

#include "user/base/util.h"

static const struct {
	const char *state;
	enum wait_class class;
} classes[] = {
	{ "chan receive (nil chan)", WAIT_CERTAIN },
	{ "chan send (nil chan)", WAIT_CERTAIN },
	{ "select (no cases)", WAIT_CERTAIN },

	{ "chan receive", WAIT_STRONG },
	{ "chan send", WAIT_STRONG },
	{ "select", WAIT_STRONG },
	{ "semacquire", WAIT_STRONG },
	{ "sync.Cond.Wait", WAIT_STRONG },
	{ "sync.Mutex.Lock", WAIT_STRONG },			/* from 1.20 on */
	{ "sync.RWMutex.RLock", WAIT_STRONG },
	{ "sync.RWMutex.Lock", WAIT_STRONG },
	{ "coroutine", WAIT_STRONG },				/* 1.22: of iter.Pull */
	{ "sync.WaitGroup.Wait", WAIT_STRONG },			/* 1.24 */
	{ "synctest.Run", WAIT_STRONG },
	{ "synctest.Wait", WAIT_STRONG },
	{ "chan receive (synctest)", WAIT_STRONG },		/* 1.24 only */
	{ "chan send (synctest)", WAIT_STRONG },
	{ "select (synctest)", WAIT_STRONG },
	{ "chan receive (durable)", WAIT_STRONG },		/* 1.25 */
	{ "chan send (durable)", WAIT_STRONG },
	{ "select (durable)", WAIT_STRONG },
	{ "sync.WaitGroup.Wait (durable)", WAIT_STRONG },

	{ "IO wait", WAIT_WEAK },
	{ "sleep", WAIT_WEAK },
	{ "syscall", WAIT_WEAK },
};

/* The runtime's own finding (1.26 as an experiment, 1.27), whatever it waits for. */
static bool is_leaked(const char *state)
{
	static const char suffix[] = "(leaked)";
	size_t len = strlen(state), n = sizeof(suffix) - 1;

	return !strcmp(state, "leaked") || (len >= n && !strcmp(state + len - n, suffix));
}

enum wait_class waitreason_class(const char *state)
{
	if (!state)
		return WAIT_NONE;
	if (is_leaked(state))
		return WAIT_LEAKED;
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (!strcmp(state, classes[i].state))
			return classes[i].class;
	return WAIT_NONE;
}
