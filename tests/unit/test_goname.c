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
		"runtime.AddCleanup[go.shape.*github.com/x/y.T]", "runtime.(*set[a/b.T]).put",
	};
	static const char *const others[] = {
		"runtime/pprof.writeHeapProto", "runtime/debug.FreeOSMemory", "runtimes.New",
		"main.main", "internal/bytealg.MakeNoZero", "example.com/runtime.New", "",
		"runtime.example/x.f", "runtime.example/x.(*T).M[go.shape.int]",
		"runtime%2eexample.f",
	};

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		assert_true(goname_of_runtime(own[i]));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(goname_of_runtime(others[i]));
	assert_false(goname_of_runtime(NULL));
}

static void knows_what_starts_goroutines(void **state)
{
	static const char *const starts[] = {
		"runtime.newproc", "runtime.newproc1", "runtime.newproc.func1", "runtime.newcoro",
		"runtime.newcoro.func1", "runtime.systemstack",
	};
	static const char *const others[] = {
		"runtime.gcBgMarkStartWorkers", "runtime.createfing", "runtime.rt0_go",
		"runtime.mallocgc", "iter.Pull[...]", "main.newproc", "", "runtime.newproc/x.f",
	};

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		assert_true(goname_starts_goroutine(starts[i]));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(goname_starts_goroutine(others[i]));
	assert_false(goname_starts_goroutine(NULL));
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
		"runtime.panicIndex/x.f", "",
	};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		assert_true(goname_never_returns(ends[i]));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(goname_never_returns(others[i]));
}

static void knows_the_owner(void **state)
{
	static const struct { const char *function; enum goname_owner owner; } rows[] = {
		{ "main.(*deadLetters).add", OWNER_PROGRAM }, { "main.main.func1", OWNER_PROGRAM },
		{ "example.com/my.app/store.(*Log).put", OWNER_PROGRAM },
		{ "example.com/my%2eapp.Run", OWNER_PROGRAM },
		{ "example.com/my.apple.Run", OWNER_MODULE },
		{ "example.com/other.Run", OWNER_MODULE },
		{ "github.com/google/btree.(*node).split", OWNER_MODULE },
		{ "gopkg.in/yaml%2ev2.Unmarshal", OWNER_MODULE }, { "rsc%2eio.F", OWNER_MODULE },
		{ "slices.Grow[go.shape.[]github.com/x/y.T]", OWNER_STANDARD },
		{ "bytes.(*Buffer).grow", OWNER_STANDARD },
		{ "context.(*cancelCtx).Done", OWNER_STANDARD },
		{ "net/http.(*Server).Serve", OWNER_STANDARD },
		{ "vendor/golang.org/x/net/http/httpguts.f", OWNER_STANDARD },
		{ "runtime/pprof.writeHeap", OWNER_STANDARD },
		{ "runtime.example/x.f", OWNER_MODULE },
		{ "runtime.traceStartReadCPU", OWNER_RUNTIME },
		{ "internal/abi.NewName", OWNER_RUNTIME },
		{ "internal/strconv.AppendComplex", OWNER_RUNTIME }, { "", OWNER_STANDARD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (goname_owner(rows[i].function, "example.com/my.app") != rows[i].owner)
			fail_msg("%s: %d", rows[i].function,
				 goname_owner(rows[i].function, "example.com/my.app"));
	assert_int_equal(goname_owner("app/store.Put", "app"), OWNER_PROGRAM);
	assert_int_equal(goname_owner("app.Put", "app"), OWNER_PROGRAM);
	assert_int_equal(goname_owner("apple.Put", "app"), OWNER_STANDARD);
	assert_int_equal(goname_owner("example.com/other.Run", NULL), OWNER_MODULE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_runtime),
		cmocka_unit_test(knows_what_starts_goroutines),
		cmocka_unit_test(knows_what_never_returns),
		cmocka_unit_test(knows_the_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
