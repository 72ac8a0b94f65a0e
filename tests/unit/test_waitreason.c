// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_waitreason.c - every wait reason and status of Go 1.17 to 1.27.
 */
#include "user/waitreason.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* All of the runtime's words, in the order of Go 1.27.4, and what older ones have besides. */
static const struct {
	const char *state;
	enum wait_class class;
} all[] = {
	{ "", WAIT_NONE }, { "GC assist marking", WAIT_NONE }, { "IO wait", WAIT_WEAK },
	{ "chan receive (nil chan)", WAIT_CERTAIN }, { "chan send (nil chan)", WAIT_CERTAIN },
	{ "dumping heap", WAIT_NONE }, { "garbage collection", WAIT_NONE },
	{ "garbage collection scan", WAIT_NONE }, { "panicwait", WAIT_NONE },
	{ "select", WAIT_STRONG }, { "select (no cases)", WAIT_CERTAIN },
	{ "GC assist wait", WAIT_NONE }, { "GC sweep wait", WAIT_NONE },
	{ "GC scavenge wait", WAIT_NONE }, { "chan receive", WAIT_STRONG },
	{ "chan send", WAIT_STRONG }, { "finalizer wait", WAIT_NONE },
	{ "force gc (idle)", WAIT_NONE }, { "GOMAXPROCS updater (idle)", WAIT_NONE },
	{ "semacquire", WAIT_STRONG }, { "sleep", WAIT_WEAK }, { "sync.Cond.Wait", WAIT_STRONG },
	{ "sync.Mutex.Lock", WAIT_STRONG }, { "sync.RWMutex.RLock", WAIT_STRONG },
	{ "sync.RWMutex.Lock", WAIT_STRONG }, { "sync.WaitGroup.Wait", WAIT_STRONG },
	{ "trace reader (blocked)", WAIT_NONE }, { "wait for GC cycle", WAIT_NONE },
	{ "GC worker (idle)", WAIT_NONE }, { "GC worker (active)", WAIT_NONE },
	{ "preempted", WAIT_NONE }, { "debug call", WAIT_NONE },
	{ "GC mark termination", WAIT_NONE }, { "stopping the world", WAIT_NONE },
	{ "flushing proc caches", WAIT_NONE }, { "trace goroutine status", WAIT_NONE },
	{ "trace proc status", WAIT_NONE }, { "page trace flush", WAIT_NONE },
	{ "coroutine", WAIT_STRONG }, { "GC weak to strong wait", WAIT_NONE },
	{ "synctest.Run", WAIT_STRONG }, { "synctest.Wait", WAIT_STRONG },
	{ "chan receive (durable)", WAIT_STRONG }, { "chan send (durable)", WAIT_STRONG },
	{ "select (durable)", WAIT_STRONG }, { "sync.WaitGroup.Wait (durable)", WAIT_STRONG },
	{ "cleanup wait", WAIT_NONE },
	{ "timer goroutine (idle)", WAIT_NONE }, { "chan receive (synctest)", WAIT_STRONG },
	{ "chan send (synctest)", WAIT_STRONG }, { "select (synctest)", WAIT_STRONG },
	/* statuses */
	{ "idle", WAIT_NONE }, { "runnable", WAIT_NONE }, { "running", WAIT_NONE },
	{ "syscall", WAIT_WEAK }, { "waiting", WAIT_NONE }, { "copystack", WAIT_NONE },
	/* found leaked by the runtime */
	{ "chan receive (leaked)", WAIT_LEAKED }, { "IO wait (leaked)", WAIT_LEAKED },
	{ "leaked", WAIT_LEAKED },
	/* nobody's words */
	{ "sync.", WAIT_NONE }, { "sync.Mutex", WAIT_NONE }, { "chan", WAIT_NONE },
};

static void test_all(void **state)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (waitreason_class(all[i].state) != all[i].class)
			fail_msg("%s: class %d", all[i].state, waitreason_class(all[i].state));
	assert_int_equal(waitreason_class(NULL), WAIT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_all) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
