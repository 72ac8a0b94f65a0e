/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heapmaps.h - looks at a heap filled by hand: what the golden reports of types and holders are
 * made from.
 *
 * later_look() has one of everything that a report words in its own way; earlier_look() is the same
 * process a minute before.
 */
#ifndef TESTS_GOLDEN_HEAPMAPS_H
#define TESTS_GOLDEN_HEAPMAPS_H

#include "user/base/util.h"
#include "user/heapmap.h"

#define EXACTLY(n) { (n), (n) }
#define LIST(member, array) .member = (array), .n_##member = ARRAY_SIZE(array)
#define PLACE(function_, file_, line_) \
	{ .function = (function_), .file = (file_), .line = (line_), .pc = 0x401000 }

/* ---- types ----------------------------------------------------------------------------------- */

enum {
	KEY_BUCKET = 1, KEY_BYTES, KEY_NODE, KEY_GROUPS, KEY_SESSION, KEY_GONE, KEY_UNTYPED,
	KEY_UNTYPED_BYTES, KEY_UNHELD, KEY_GENERIC, KEY_HOSTILE, KEY_IN_MAP = 100, KEY_ON_STACK, KEY_IN_BLOB,
	KEY_IN_NODE, KEY_BY_VARIABLE, KEY_BY_FINALIZER, KEY_BY_RUNTIME, KEY_UNSEEN, KEY_TOO_LONG,
};

static struct heap_level in_map[] = { { .type = "map[mw.Key]*mw.Bucket", .field = "[value]",
					.size = 4096 } };
static struct heap_level in_key[] = { { .type = "map[*main.session]bool", .field = "[key]",
					.size = 256 },
				      { .type = "main.registry", .field = ".open", .size = 64 } };
static struct heap_level in_blob[] = { { .type = "main.blob", .field = ".data", .size = 48 },
				       { .type = "[]*main.blob", .field = "[]", .size = 2048 },
				       { .type = NULL, .offset = 24, .size = 96, .guess = true } };
static struct heap_level in_node[] = { { .type = "main.node", .field = ".next", .size = 32,
					 .again = true } };
static struct heap_level in_generic[] = {
	{ .type = "cache.node[github.com/somebody/something.Key,*main.Value]",
	  .field = ".entry.value", .size = 80, .guess = true },
	{ .type = "[]cache.shard[github.com/somebody/something.Key,*main.Value]",
	  .field = "[].first", .size = 8192 },
};

#define HOLDER(key_, levels_, n_levels_, root_, name_, field_, n, size) \
	{ .key = (key_), .levels = (levels_), .n_levels = (n_levels_), .root = (root_), \
	  .name = (name_), .field = (field_), .objects = EXACTLY(n), .bytes = EXACTLY((n) * (size)) }

static struct heap_holder bucket_holders[] = {
	HOLDER(KEY_IN_MAP, in_map, 1, HEAP_ROOT_VARIABLE, "mw.limiter", ".buckets", 7890, 160),
	HOLDER(KEY_ON_STACK, NULL, 0, HEAP_ROOT_STACK, "mw.(*Limiter).get", NULL, 2, 160),
};
static struct heap_holder earlier_bucket_holders[] = {
	HOLDER(KEY_IN_MAP, in_map, 1, HEAP_ROOT_VARIABLE, "mw.limiter", ".buckets", 5890, 160),
	HOLDER(KEY_BY_RUNTIME, NULL, 0, HEAP_ROOT_RUNTIME, "timers", NULL, 4, 160),
};
static struct heap_holder byte_holders[] = {
	HOLDER(KEY_IN_BLOB, in_blob, 3, HEAP_ROOT_VARIABLE, "data of main+0x40", NULL, 4000, 256),
	HOLDER(KEY_UNSEEN, NULL, 0, HEAP_ROOT_UNKNOWN, NULL, NULL, 40, 256),
};
static struct heap_holder node_holders[] = {
	HOLDER(KEY_IN_NODE, in_node, 1, HEAP_ROOT_VARIABLE, NULL, NULL, 1000, 32),
};
static struct heap_holder session_holders[] = {
	{ .key = KEY_BY_VARIABLE, .levels = in_key, .n_levels = 2, .root = HEAP_ROOT_VARIABLE,
	  .name = "main.sessions", .objects = { 280, 290 }, .bytes = { 280 * 96, 290 * 96 } },
	HOLDER(KEY_BY_FINALIZER, NULL, 0, HEAP_ROOT_FINALIZER_QUEUE, "main.(*session).close",
	       NULL, 10, 96),
};
static struct heap_holder generic_holders[] = {
	HOLDER(KEY_TOO_LONG, in_generic, 2, HEAP_ROOT_CUT, NULL, NULL, 12, 64),
};

static struct frame bucket_places[] = {
	PLACE("mw.(*Limiter).get", "/src/mw/limiter.go", 42),
};
static struct frame session_places[] = {
	PLACE("main.open", "/src/app/session.go", 17), PLACE("main.resume", "/src/app/session.go", 30),
	PLACE("main.clone", "/src/app/session.go", 44), PLACE(NULL, NULL, 0),
};

static struct frame bytes_places[] = {
	PLACE("main.(*blob).read", "/src/app/blob.go", 21),
	PLACE("bytes.growSlice", "/usr/local/go/src/bytes/buffer.go", 249),
	PLACE("io.ReadAll", "/usr/local/go/src/io/io.go", 709),
	PLACE("os.ReadFile", "/usr/local/go/src/os/file.go", 765),
};

#define SIZES(name, ...) static struct heap_size name[] = { __VA_ARGS__ }
SIZES(of_bucket, { 160, 7892 });
SIZES(of_earlier_bucket, { 160, 5898 });
SIZES(of_bytes, { 512, 1800 }, { 64, 1600 }, { 16, 640 });
SIZES(of_node, { 32, 1000 });
SIZES(of_groups, { 4096, 16 });
SIZES(of_session, { 96, 300 });
SIZES(of_untyped, { 48, 120 });
SIZES(of_unheld, { 48, 50 });
SIZES(of_untyped_bytes, { 1024, 30 });
SIZES(of_generic, { 64, 12 });

#define TYPE(key_, name_, n, size) \
	.key = (key_), .name = (name_), .objects = EXACTLY(n), .bytes = EXACTLY((n) * (size))

static struct heap_type later_types[] = {
	{ TYPE(KEY_BUCKET, "mw.Bucket", 7892, 160), .package = "example.com/api/mw", .pointers = true,
	  LIST(sizes, of_bucket), LIST(holders, bucket_holders), .held_objects = 7892,
	  LIST(places, bucket_places), .places_known = true },
	{ TYPE(KEY_BYTES, "[]uint8", 4040, 256), LIST(sizes, of_bytes), LIST(holders, byte_holders),
	  .held_objects = 4000, LIST(places, bytes_places), .places_known = true,
	  .places_cut = true },
	{ TYPE(KEY_GROUPS, "map[mw.Key]*mw.Bucket", 16, 4096), .part = "groups", .pointers = true,
	  LIST(sizes, of_groups), .held_objects = 16 },
	{ TYPE(KEY_NODE, "main.node", 1000, 32), .package = "main", .pointers = true,
	  LIST(sizes, of_node), LIST(holders, node_holders), .held_objects = 1000 },
	{ .key = KEY_UNTYPED_BYTES, .objects = EXACTLY(30), .bytes = EXACTLY(30 * 1024),
	  LIST(sizes, of_untyped_bytes) },
	{ .key = KEY_SESSION, .name = "main.session", .package = "main", .pointers = true,
	  .objects = { 290, 300 }, .bytes = { 290 * 96, 300 * 96 }, .guessed_objects = 20,
	  .guessed_bytes = 20 * 96, LIST(sizes, of_session), LIST(holders, session_holders),
	  .held_objects = 300, LIST(places, session_places), .places_known = true },
	{ TYPE(KEY_UNTYPED, NULL, 120, 48), .pointers = true, LIST(sizes, of_untyped) },
	{ TYPE(KEY_UNHELD, NULL, 50, 48), .part = "unreached", .pointers = true, LIST(sizes, of_unheld) },
	{ TYPE(KEY_GENERIC, "cache.entry[github.com/somebody/something.Key,*main.Value]", 12, 64),
	  .package = "example.com/cache", .pointers = true, .guessed_objects = 12,
	  .guessed_bytes = 12 * 64, LIST(sizes, of_generic), LIST(holders, generic_holders),
	  .held_objects = 12 },
};

static struct heap_type earlier_types[] = {
	{ TYPE(KEY_BUCKET, "mw.Bucket", 5898, 160), .package = "example.com/api/mw", .pointers = true,
	  LIST(sizes, of_earlier_bucket), LIST(holders, earlier_bucket_holders),
	  .held_objects = 5898, .holders_cut = true },
	{ TYPE(KEY_BYTES, "[]uint8", 4040, 256), LIST(sizes, of_bytes), LIST(holders, byte_holders),
	  .held_objects = 4040 },
	{ TYPE(KEY_NODE, "main.node", 1000, 32), .package = "main", .pointers = true,
	  LIST(sizes, of_node), LIST(holders, node_holders), .held_objects = 1000 },
	{ TYPE(KEY_GONE, "main.gone", 16, 48), .package = "main", .pointers = true },
	{ TYPE(KEY_UNTYPED, NULL, 120, 48), .pointers = true, LIST(sizes, of_untyped) },
};

/* ---- looks ----------------------------------------------------------------------------------- */

static struct heap_runner later_runners[] = {
	{ .goid = 18, .state = "chan receive", .waitsince_ns = 100000000000,
	  .function = "main.(*session).close" },
	{ .goid = 35, .cleanup = true, .state = "running" },
};

static inline struct heapmap later_look(void)
{
	return (struct heapmap){
		.from_ns = 160000000000, .to_ns = 160000000000, .n_cycles = 25, LIST(types, later_types),
		.pointers = { .objects = { 9280, 9340 }, .bytes = { 1431712, 1435072 },
			      .exact_bytes = 1424224, .guessed_bytes = 2688, .untyped_bytes = 5760,
			      .unreached_bytes = 2400, .exact_objects = 9138,
			      .guessed_objects = 32, .untyped_objects = 120,
			      .unreached_objects = 50 },
		.no_pointers = { .objects = EXACTLY(4070), .bytes = EXACTLY(1064960),
				 .exact_bytes = 1034240, .untyped_bytes = 30720,
				 .exact_objects = 4040, .untyped_objects = 30 },
		.n_finalizers = 10, .n_cleanups = 1, LIST(runners, later_runners),
		.cost = { .seconds = 0.0123, .bytes_read = 1500000, .reads = 210, .n_spans = 300,
			  .n_spans_read = 180, .own_bytes = 400000 },
		.losses = { .spans_changed = 2, .edges_once = 10 },
	};
}

static inline struct heapmap earlier_look(void)
{
	return (struct heapmap){
		.from_ns = 100000000000, .to_ns = 100000000000, .n_cycles = 20, LIST(types, earlier_types),
		.pointers = { .objects = EXACTLY(7030), .bytes = EXACTLY(981568),
			      .exact_bytes = 975808, .untyped_bytes = 5760,
			      .exact_objects = 6910, .untyped_objects = 120 },
		.no_pointers = { .objects = EXACTLY(4040), .bytes = EXACTLY(1034240),
				 .exact_bytes = 1034240, .exact_objects = 4040 },
		.cost = { .seconds = 1.5, .bytes_read = 1400000, .reads = 200, .n_spans = 280,
			  .n_spans_read = 170, .own_bytes = 390000 },
	};
}

#endif
