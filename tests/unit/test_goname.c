// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_goname.c - what names say: names of functions of Go 1.17 to 1.27.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "user/base/goname.h"
#include "user/base/util.h"

static void knows_the_runtime(void **state)
{
	static const char *const own[] = {
		"runtime.mallocgc", "runtime.(*mcache).nextFree", "runtime.main.func1",
		"internal/runtime/maps.(*Map).putSlotSmallFastStr",
		"runtime/internal/atomic.(*Uint32).Load", "runtime.goexit.abi0",
	};
	static const char *const others[] = {
		"runtime/pprof.writeHeapProto", "runtime/debug.FreeOSMemory", "runtimes.New",
		"main.main", "internal/bytealg.MakeNoZero", "example.com/runtime.New", "",
	};

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		assert_true(goname_of_runtime(own[i]));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(goname_of_runtime(others[i]));
	assert_false(goname_of_runtime(NULL));
}

static void knows_what_never_returns(void **state)
{
	static const char *const ends[] = {
		"runtime.throw", "runtime.fatal", "runtime.gopanic", "runtime.abort.abi0",
		"runtime.panicIndex", "runtime.panicSliceAcapU", "runtime.goPanicSlice3Alen",
		"runtime.panicBounds", "runtime.panicunsafeslicelen1", "runtime.panicrangestate",
		"runtime.panicunsafestringnilptr", "runtime.panicdivide", "runtime.panicwrap",
	};
	static const char *const others[] = {
		"runtime.throwInit", "runtime.throw.func1", "runtime.panicCheck1",
		"runtime.panicCheck2", "runtime.fatalsignal", "runtime.fatalpanic.func1",
		"runtime.morestack", "runtime.recovery", "main.throw", "main.panicIndex", "throw",
		"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		assert_true(goname_never_returns(ends[i]));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(goname_never_returns(others[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_runtime),
		cmocka_unit_test(knows_what_never_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
