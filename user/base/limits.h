/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limits.h - every cap on what a target, or the file of its program, can make us hold or do.  What
 * of a process goes over a cap is counted and shown; a file that does is refused, or what it would
 * have told stays unknown.
 */
#ifndef LIMITS_H
#define LIMITS_H

enum {
	DEFAULT_MEMORY = 256 << 20,	/* of our own, as --memory says */
	MIN_MEMORY = 64 << 20,
	/* Shares of it in percent.  What is not given away here are the ring, the binary's tables,
	 * and a second copy of stacks, accounts and goroutines while a report is made. */
	TRACK_PERCENT = 28,		/* objects, stacks and goroutines that are followed */
	SERIES_PERCENT = 3,		/* of each of the two series of counts over time */
	SITES_PERCENT = 14,		/* named stacks */
	HEAP_PERCENT = 16,		/* looks at the heap by type, beside a trace */
	TABLE_PERCENT = 10,		/* goroutines as read from the runtime's table, */
	LOOK_TABLE_PERCENT = 40,	/* where nothing is followed */
	BEFORE_PERCENT = 3,		/* the runtime's own profile, beside a trace, */
	LOOK_PROFILE_PERCENT = 8,	/* where nothing is followed; twice that at times */
	FACTS_PERCENT = 12,		/* what the files of programs tell, between looks at heaps */
	TYPES_PERCENT = 6,		/* stack prefixes whose allocated type is remembered */
	WINDOW_PERCENT = 3,		/* of each of the two of births and deaths */
	MAX_FLOWS = 4096,		/* accounts, and go statements, that a verdict is made of */
	MAX_GC_CYCLES = 4096,		/* that a trace remembers; one has some 10 a minute */
	MAX_SOURCES = 64,		/* rows of what was listened to when */
	MAX_GOROUTINES = 1 << 22,	/* read from the runtime's table */
	MAX_G_STACK_BYTES = 1 << 18,	/* of one goroutine's stack that are read to unwind it */
	MAX_G_FRAMES = 128,
	MAX_STACK_BYTES = 1 << 30,	/* of all goroutines' stacks that one look reads */
	MAX_PROFILE_BUCKETS = 1 << 20,	/* of the runtime's memory profile; 10,000 are many */
	MAX_PROFILE_STACK = 1 << 11,	/* pcs of one; maxProfStackDepth of Go 1.27 is 1024 */
	MAX_MAPPINGS = 1 << 18,		/* of one process; vm.max_map_count is 65,530 */
	MAX_RSS_READ = 1 << 30,		/* of a process whose mappings are told apart: the kernel
					 * walks all its pages for that, 20 ms a GiB */
	MAX_PROCESSES = 1 << 20,	/* of a host, that are looked at */
	MAX_WATCHED = 512,		/* processes at one time; each takes some MB */
	MAX_CANDIDATES = 20,		/* pids of processes of one name that are shown */
	LIST_GOROUTINES_BYTES = 32 << 20, /* for one process's goroutines, to be counted */
	MAX_SPANS = 1 << 24,		/* of a heap that is looked at: 128 GiB of small objects */
	MAX_ARENAS = 1 << 21,		/* of 64 MiB, between the first and the last: all there may
					 * be; where its place is taken the runtime goes on a TiB
					 * further, or anywhere */
	MAX_PS = 1 << 12,		/* GOMAXPROCS; each costs 3 system calls */
	MAX_HEAPSTATS_BYTES = 2048,	/* of one of the runtime's deltas; 1168 in Go 1.27 */

	MAX_PROGRAM_HEADERS = 128,	/* programs have about 12 */
	MAX_SECTIONS = 1 << 16,		/* of a file that may be a Go program; those have some 30 */
	MAX_BUILD_ID = 256,		/* bytes; Go's is 83, GNU's 20 */
	MAX_NAME = 4096,		/* bytes of a Go type's or function's name */
	MAX_MODULE_INFO = 1 << 24,	/* bytes of Go build info on modules and settings */
	MAX_PCLNTABS = 8,		/* that a file may seem to have; one or two are real */
	MAX_PC_VALUES = 1 << 20,	/* of one table that are decoded: a MB of code at least */
	MAX_INLINED = 256,		/* calls into each other at one pc; some 10 are usual */
	MAX_FUNC_BYTES = 1 << 16,	/* of one function that is decoded */
	MAX_PROBED_FUNC_BYTES = 1 << 14, /* likewise for probes; mallocgc has up to 4 KiB */
	MAX_FRAME_BYTES = 1 << 20,	/* of a function that gets probes */
	MAX_TAIL_LOOKS = 20000,		/* at branches of one function; some hundred are usual */
	MAX_TYPE_FRAMES = 24,		/* of a stack that are looked at for an object's type */
	MAX_ARG_PLACES = 512,		/* of one search for an argument of a call */
	MAX_ARG_STEPS = 1 << 18,	/* instructions that it looks at */
	MAX_HASHES = 1 << 16,		/* of the probes' addresses that are tried; that none of so
					 * many serves is less likely than 1 in 10^10 */
	MAX_JUMP_TABLE = 1 << 14,	/* entries of all jump tables of a function */
	MAX_CODE_FACTS = 1 << 18,	/* closures, variables, callees that code shows types of */
	FRAME_FACTS_BYTES = 8 << 20,	/* what code says of so many return addresses is remembered */
	MAX_DEFERRED = 1 << 21,		/* deferred calls of all goroutines that are not recorded on
					 * their stacks, and are followed */
	STACKS_BYTES = 32 << 20,	/* of our own, while stacks are looked at */
	MAX_SPECIALS = 1 << 14,		/* of one span: finalizers, profiled objects ... */
	MAX_QUEUE_BLOCKS = 1 << 18,	/* of finalizers that are to run: 26 million of these */
	MAX_RUNNERS = MAX_PS / 4 + 1,	/* goroutines that run finalizers or cleanups */
	MAX_VARIABLES = 1 << 20,	/* symbols of data; a program of 170 MB has 60,000 */
	MAX_VARIABLE_ELEMENTS = 256,	/* of an array that are looked into one by one */
	MAX_PLUGINS = 1 << 10,		/* whose variables are looked at */
	MAX_STATICS = 1 << 16,		/* variables to which typed pointers lead */
	MAX_STATIC_BYTES = 1 << 20,	/* of one */
	MAX_SHAPES = 1 << 18,		/* sizes and pointer bits of objects */
	LARGE_HEAP = 256 << 20,		/* live bytes: beyond, looks are for what grows only */
	HEAP_RATE = 320 << 20,		/* bytes of one that are read a second: a heap of four GiB
					 * is known in less than ten */
	MAX_HEAP_ROOTS = 1 << 18,	/* words of variables, functions on stacks ... that hold */
	MAX_HEAP_NODES = 1 << 20,	/* different ways in which objects are held */
	MAX_HOLDER_LEVELS = 24,		/* of one way */
	MAX_HEAP_SIZES = 1 << 18,	/* different sizes of objects of all types */
	MAX_HOLDER_NODES = 256,		/* of one type that are put into words */
	MAX_PLACES = 16,		/* that allocate one type, and are shown */
	MAX_HEAP_PARTS = 1 << 20,	/* typed parts of objects whose whole is unknown */
	MAX_TYPE_FIELDS = 1 << 14,	/* of one struct; the largest have some hundred */
	MAX_TYPE_DEPTH = 32,		/* structs and arrays inside of each other */
	MAX_TYPE_STEPS = 1 << 14,	/* types inside of one that are looked into */
	MAX_DWARF_STEPS = 1 << 20,	/* likewise, of all variables */
	MAX_SPAN_PAGES = 1 << 24,	/* of 8 KiB, of one object: 128 GiB */
	MAX_TYPE_SLOTS = 1 << 12,	/* pointers in one value; what is behind is not followed */
	MAX_SLOTS = 1 << 21,		/* of all types that are looked into */
	MAX_TYPES = 1 << 20,		/* a program of 170 MB has 80,000 */
	MAX_DYNAMIC = 1 << 18,		/* words that may be interface types and are remembered */
	MAX_PROBES = 1 << 16,		/* of them, those outside the file, which are read */

	MAX_OLDER_CYCLES = 10000,	/* collections that are remembered for --older */
	MAX_SUPPRESS_BYTES = 1 << 20,	/* of a file of patterns, which the user has written */
	MAX_SUPPRESSIONS = 1000,	/* patterns in it; each is compared with each stack */
	MAX_SUPPRESS_FRAMES = 64,	/* of one pattern */

	MAX_STRUCT_BYTES = 1 << 26,	/* no struct of the runtime is larger */
	MAX_TYPEDEFS = 8,		/* in a row; the Go compiler writes one or two */
	MAX_DWARF_SECTION = 1 << 28,	/* bytes, packed or not; a Go program of 170 MB has 48 MB */
	MAX_DWARF_BYTES = 1 << 26,	/* that are in memory, unpacked, at one time */
	MAX_DWARF_ABBREVS = 1 << 22,	/* bytes; libdw makes a struct of each four; Go's are 360 */
	MAX_DWARF_UNITS = 1 << 16,	/* likewise; a Go program of 137 MB has 1152 */
};

#endif
