// SPDX-License-Identifier: BSD-2-Clause
/*
 * goname.c - what the name of a Go function says of it.
 */
#include "user/base/goname.h"

#include <stddef.h>
#include <string.h>

#include "user/base/util.h"

static bool starts_with_any(const char *name, const char *const *beginnings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strncmp(name, beginnings[i], strlen(beginnings[i])))
			return true;
	return false;
}

/* A path of more elements, runtime.example/x, has a slash behind that; one of a single element has
 * its dots written as "%2e".  What stands in brackets is a type. */
bool goname_in_runtime(const char *name)
{
	return !strncmp(name, "runtime.", strlen("runtime.")) && name[strcspn(name, "/[(")] != '/';
}

/*
 * The packages below the runtime were runtime/internal/... up to Go 1.23, and have moved to
 * internal/runtime/... since.  runtime/pprof hides the runtime at the leaf of a heap profile's
 * stack by the same rule (writeHeapProto in protomem.go): "runtime." alone in Go 1.22, with
 * "internal/runtime/" in 1.26, when maps allocate from there.  Nothing in runtime/internal/
 * allocates but the list of exit hooks, so there is no need of a second rule.
 */
bool goname_of_runtime(const char *function)
{
	static const char *const packages[] = { "internal/runtime/", "runtime/internal/" };

	return function && (goname_in_runtime(function) ||
			    starts_with_any(function, packages, ARRAY_SIZE(packages)));
}

/* newproc and newcoro (iter.Pull) call newproc1 on the stack of the system (runtime/proc.go,
 * coro.go). */
bool goname_starts_goroutine(const char *function)
{
	static const char *const beginnings[] = { "runtime.newproc", "runtime.newcoro" };

	return function && goname_in_runtime(function) &&
	       (starts_with_any(function, beginnings, ARRAY_SIZE(beginnings)) ||
		!strcmp(function, "runtime.systemstack"));
}

/*
 * runtime/panic.go, error.go, iface.go, slice.go, unsafe.go, signal_unix.go and asm_amd64.s of
 * Go 1.17 to 1.27.  A name missing here makes a way more to follow; one too many would hide a way
 * that is taken: panicCheck1, panicCheck2 and fatalsignal do return.
 */
bool goname_never_returns(const char *function)
{
	static const char *const names[] = {
		"throw", "fatal", "fatalthrow", "fatalpanic", "gopanic", "abort", "panicmem",
		"panicmemAddr", "panicdivide", "panicoverflow", "panicshift", "panicfloat",
		"panicwrap", "panicdottypeE", "panicdottypeI", "panicnildottype",
		"panicmakeslicelen", "panicmakeslicecap", "panicrangestate", "panicrangeexit",
		"panicSimdImm",
	};
	static const char *const beginnings[] = {	/* of one function for each kind of index */
		"panicIndex", "panicSlice", "panicExtend", "panicBounds", "goPanic",
		"panicunsafeslice", "panicunsafestring",
	};
	const char *name = function + strlen("runtime.");

	if (!goname_in_runtime(function))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t n = strlen(names[i]);

		/* An assembly function may carry its ABI: runtime.abort.abi0. */
		if (!strncmp(name, names[i], n) && (!name[n] || !strcmp(name + n, ".abi0")))
			return true;
	}
	return starts_with_any(name, beginnings, ARRAY_SIZE(beginnings));
}

/* In the last element of a package's path the linker writes a dot as "%2e" (PathToPrefix of
 * cmd/internal/objabi).  *at: behind what both have. */
static bool begins_with_path(const char *function, const char *path, const char **at)
{
	for (; *path; path++) {
		bool escaped = *path == '.' && !strncmp(function, "%2e", 3);

		if (!escaped && *function != *path)
			return false;
		function += escaped ? 3 : 1;
	}
	*at = function;
	return true;
}

/*
 * Of the standard library no path has a dot in its first element, of a module that can be fetched
 * each has one; and only a main module may have a path without (golang.org/ref/mod).
 */
enum goname_owner goname_owner(const char *function, const char *main_module)
{
	size_t path = strcspn(function, "[("), slash = strcspn(function, "/");
	size_t first = slash < path ? slash : strcspn(function, ".");
	const char *rest;

	if (!strncmp(function, "main.", 5))
		return OWNER_PROGRAM;
	if (main_module && *main_module && begins_with_path(function, main_module, &rest) &&
	    (*rest == '/' || *rest == '.'))
		return OWNER_PROGRAM;
	if (goname_of_runtime(function) || !strncmp(function, "internal/", 9))
		return OWNER_RUNTIME;
	if (memchr(function, '.', slash < path ? slash : 0) || memmem(function, first, "%2e", 3))
		return OWNER_MODULE;
	return OWNER_STANDARD;
}
