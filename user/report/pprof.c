// SPDX-License-Identifier: BSD-2-Clause
/*
 * pprof.c - the heap or the goroutines as a gzipped profile.proto, for go tool pprof and all who
 * read what Go's own runtime/pprof writes.
 *
 * The heap has Go's four sample types in Go's order: a fifth would break -diff_base with a profile
 * of the process itself.  All else is labels and comments.  inuse is what a collection found alive,
 * so what is too young to be judged counts as allocated only, as in Go's own profile.
 *
 * Strings, functions and locations are told apart by their encoded bytes: equal bytes are written
 * once, and the order of their first use gives their ids.  Samples, which are as many as there are
 * stacks, leave for the file as they are made; those tables follow behind them.
 */
#include "user/report/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "user/base/table.h"
#include "user/base/text.h"
#include "user/base/util.h"
#include "user/model.h"
#include "user/report/protobuf.h"

/* Field numbers: github.com/google/pprof/proto/profile.proto. */
enum {
	PROFILE_SAMPLE_TYPE = 1, PROFILE_SAMPLE = 2, PROFILE_MAPPING = 3, PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5, PROFILE_STRING_TABLE = 6, PROFILE_TIME_NANOS = 9,
	PROFILE_DURATION_NANOS = 10, PROFILE_PERIOD_TYPE = 11, PROFILE_PERIOD = 12,
	PROFILE_COMMENT = 13, PROFILE_DEFAULT_SAMPLE_TYPE = 14,
	VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT = 2,
	SAMPLE_LOCATION_ID = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3,
	LABEL_KEY = 1, LABEL_STR = 2, LABEL_NUM = 3,
	MAPPING_ID = 1, MAPPING_MEMORY_START = 2, MAPPING_MEMORY_LIMIT = 3, MAPPING_FILE_OFFSET = 4,
	MAPPING_FILENAME = 5, MAPPING_BUILD_ID = 6, MAPPING_HAS_FUNCTIONS = 7,
	MAPPING_HAS_FILENAMES = 8, MAPPING_HAS_LINE_NUMBERS = 9, MAPPING_HAS_INLINE_FRAMES = 10,
	LOCATION_ID = 1, LOCATION_MAPPING_ID = 2, LOCATION_ADDRESS = 3, LOCATION_LINE = 4,
	LINE_FUNCTION_ID = 1, LINE_LINE = 2,
	FUNCTION_ID = 1, FUNCTION_NAME = 2, FUNCTION_SYSTEM_NAME = 3, FUNCTION_FILENAME = 4,
};

enum {
	MAIN_MAPPING = 1,		/* the only one: the binary */
	FLUSH_BYTES = 1 << 16,
};

/* Byte strings, each kept once, numbered from 0 in order of first use. */
struct interned {
	struct { size_t off, len; } *v;
	size_t n, cap;
	struct protobuf bytes;	/* all of them, end to end */
	uint32_t *slots;	/* index + 1, by hash; 0: free */
	size_t n_slots;
	uint64_t seed;		/* of that hash: the names are the target's */
};

/* Frames that make one location, known again by their addresses: most stacks share theirs. */
struct run {
	uint64_t key;
	uint64_t location_id;
};

struct profile {
	const struct findings *f;
	FILE *file;
	z_stream z;
	struct protobuf out;	/* what is to be compressed next */
	struct protobuf msg, sub, packed;	/* work space, empty between uses */
	struct interned strings, functions, locations;
	struct table runs;
};

static uint64_t hash(const struct interned *t, const uint8_t *p, size_t len)
{
	uint64_t h = t->seed;

	for (size_t i = 0; i < len; i++)
		h = table_mix(h, p[i]);
	return h;
}

/* Where the entry is or would be. */
static uint32_t *find_slot(const struct interned *t, const uint8_t *p, size_t len)
{
	size_t i = hash(t, p, len) & (t->n_slots - 1);

	for (; t->slots[i]; i = (i + 1) & (t->n_slots - 1)) {
		size_t entry = t->slots[i] - 1;

		if (t->v[entry].len == len &&
		    (!len || memcmp(t->bytes.data + t->v[entry].off, p, len) == 0))
			break;
	}
	return &t->slots[i];
}

static void rehash(struct interned *t)
{
	if (!t->n_slots)
		t->seed = table_seed();
	t->n_slots = t->n_slots ? 2 * t->n_slots : 256;
	free(t->slots);
	t->slots = xcalloc(t->n_slots, sizeof(*t->slots));
	for (size_t i = 0; i < t->n; i++)
		*find_slot(t, t->bytes.data + t->v[i].off, t->v[i].len) = (uint32_t)i + 1;
}

static uint64_t intern(struct interned *t, const void *p, size_t len)
{
	uint32_t *slot;

	if (2 * (t->n + 1) > t->n_slots)
		rehash(t);
	slot = find_slot(t, p, len);
	if (!*slot) {
		t->v = grow(t->v, t->n, &t->cap, sizeof(*t->v));
		t->v[t->n].off = t->bytes.len;
		t->v[t->n].len = len;
		protobuf_append(&t->bytes, p, len);
		*slot = (uint32_t)++t->n;
	}
	return *slot - 1;
}

static void interned_fini(struct interned *t)
{
	free(t->v);
	free(t->slots);
	protobuf_fini(&t->bytes);
}

/* Index of a string; "" is 0, as the format wants it.  The format also wants valid UTF-8. */
static uint64_t string(struct profile *p, const char *s)
{
	char *clean = text_clean(s ? s : "");
	uint64_t index = intern(&p->strings, clean, strlen(clean));

	free(clean);
	return index;
}

static void deflate_out(struct profile *p, int flush)
{
	uint8_t buf[16384];
	int err;

	p->z.next_in = p->out.data;
	p->z.avail_in = (uInt)p->out.len;
	do {
		p->z.next_out = buf;
		p->z.avail_out = sizeof(buf);
		err = deflate(&p->z, flush);
		fwrite(buf, 1, sizeof(buf) - p->z.avail_out, p->file);
	} while (err == Z_OK && !p->z.avail_out);
	p->out.len = 0;
}

/* The field from p->msg, into the file when enough have come together. */
static void put_message(struct profile *p, unsigned int field)
{
	protobuf_message(&p->out, field, &p->msg);
	if (p->out.len > FLUSH_BYTES)
		deflate_out(p, Z_NO_FLUSH);
}

static void put_value_type(struct profile *p, unsigned int field, const char *type,
			   const char *unit)
{
	protobuf_u64(&p->msg, VALUE_TYPE_TYPE, string(p, type));
	protobuf_u64(&p->msg, VALUE_TYPE_UNIT, string(p, unit));
	put_message(p, field);
}

static void put_comment(struct profile *p, char *text)
{
	/* Repeated, so written even if it were 0; every reader takes it unpacked too. */
	protobuf_varint(&p->out, (uint64_t)PROFILE_COMMENT << 3);
	protobuf_varint(&p->out, string(p, text));
	free(text);
}

static void put_comments(struct profile *p, bool of_heap)
{
	const struct findings *f = p->f;
	const struct target_info *t = &f->target;

	put_comment(p, xasprintf("gobpfleak %s, pid %d %s, %s%s", f->version, t->pid,
				 t->comm ? t->comm : "?", t->go_version ? t->go_version : "?",
				 t->stripped ? " (stripped)" : ""));
	put_comment(p, xasprintf("attached %s, %" PRIu64 " GC cycles%s",
				 report_duration(f->attached_s).s, f->gc_cycles,
				 of_heap && !f->gc_cycles ?
				 ": what is in use is not known yet" : ""));
	if (of_heap && f->followed_one_in > 1)
		put_comment(p, xasprintf("one in %" PRIu32 " small objects followed, counts are "
					 "estimates", f->followed_one_in));
	if (of_heap)
		put_comment(p, xstrdup("objects allocated before the attach are not seen"));
	if (f->gone)
		put_comment(p, xasprintf("the target %s", f->gone));
	for (size_t i = 0; i < f->n_coverage; i++)
		if (f->coverage[i].loss && f->coverage[i].value)
			put_comment(p, xasprintf("%s %s", report_count(f->coverage[i].value).s,
						 f->coverage[i].text));
}

/*
 * Go's own profiles name the mapping by the GNU build id alone (runtime/pprof/elf.go of Go 1.26,
 * elfBuildID), and -diff_base takes two mappings as one only if both names agree.  Go's build id
 * holds slashes, the GNU one is hexadecimal.
 */
static bool is_gnu_build_id(const char *id)
{
	return id && *id && strspn(id, "0123456789abcdef") == strlen(id);
}

static void put_mapping(struct profile *p)
{
	const struct target_info *t = &p->f->target;
	struct protobuf *m = &p->msg;

	if (!t->map_limit)
		return;
	protobuf_u64(m, MAPPING_ID, MAIN_MAPPING);
	protobuf_u64(m, MAPPING_MEMORY_START, t->map_start);
	protobuf_u64(m, MAPPING_MEMORY_LIMIT, t->map_limit);
	protobuf_u64(m, MAPPING_FILE_OFFSET, t->map_file_off);
	protobuf_u64(m, MAPPING_FILENAME, string(p, t->exe));
	if (is_gnu_build_id(t->build_id))
		protobuf_u64(m, MAPPING_BUILD_ID, string(p, t->build_id));
	/* Else pprof looks the addresses up itself, and loses the inlined frames. */
	protobuf_u64(m, MAPPING_HAS_FUNCTIONS, 1);
	protobuf_u64(m, MAPPING_HAS_FILENAMES, 1);
	protobuf_u64(m, MAPPING_HAS_LINE_NUMBERS, 1);
	protobuf_u64(m, MAPPING_HAS_INLINE_FRAMES, 1);
	put_message(p, PROFILE_MAPPING);
}

static uint64_t function(struct profile *p, const char *name, const char *file)
{
	uint64_t name_index = string(p, name), index;

	protobuf_u64(&p->sub, FUNCTION_NAME, name_index);
	protobuf_u64(&p->sub, FUNCTION_SYSTEM_NAME, name_index);
	protobuf_u64(&p->sub, FUNCTION_FILENAME, string(p, file));
	index = intern(&p->functions, p->sub.data, p->sub.len);
	p->sub.len = 0;
	return index + 1;
}

static void add_line(struct profile *p, const char *name, const char *file, uint32_t line)
{
	uint64_t id = function(p, name, file);

	protobuf_u64(&p->sub, LINE_FUNCTION_ID, id);
	protobuf_u64(&p->sub, LINE_LINE, line);
	protobuf_message(&p->msg, LOCATION_LINE, &p->sub);
}

/* The id of the location in p->msg, which ends with this. */
static uint64_t location(struct profile *p)
{
	uint64_t id = intern(&p->locations, p->msg.data, p->msg.len) + 1;

	p->msg.len = 0;
	return id;
}

/* A location that stands for something without an address: "[running]". */
static uint64_t note(struct profile *p, const char *name)
{
	add_line(p, name, NULL, 0);
	return location(p);
}

/* As the program's own profiles name it, for -diff_base tells functions apart by name. */
static const char *profiled_name(const struct frame *fr)
{
	return fr->profiled ? fr->profiled : fr->function;
}

/* The n frames, each but the last inlined into the next, as one location. */
static uint64_t location_of(struct profile *p, const struct frame *const *run, size_t n)
{
	const struct target_info *t = &p->f->target;
	uint64_t pc = run[0]->pc;

	if (!pc && !run[0]->function)
		return note(p, "[unknown]");
	if (pc >= t->map_start && pc < t->map_limit)
		protobuf_u64(&p->msg, LOCATION_MAPPING_ID, MAIN_MAPPING);
	protobuf_u64(&p->msg, LOCATION_ADDRESS, pc);
	for (size_t i = 0; i < n; i++)
		if (run[i]->function)
			add_line(p, profiled_name(run[i]), run[i]->file, run[i]->line);
	return location(p);
}

/* How many frames from there on are one location. */
static size_t run_length(const struct frames *stack, size_t from)
{
	size_t i = from;

	while (i + 1 < stack->n && stack->v[i]->inlined && stack->v[i + 1]->pc == stack->v[i]->pc)
		i++;
	return i + 1 - from;
}

static void add_run(struct profile *p, const struct frame *const *run, size_t n)
{
	uint64_t key = n;
	struct run *known;
	bool is_new;

	for (size_t i = 0; i < n; i++)
		key = table_mix(key, (uintptr_t)run[i]);
	known = table_put(&p->runs, key ? key : 1, &is_new);
	if (is_new)
		known->location_id = location_of(p, run, n);
	protobuf_varint(&p->packed, known->location_id);
}

/* The stack of a sample, leaf first; missing: what to name a stack that has no frames. */
static void add_stack(struct profile *p, const struct frames *stack, const char *missing)
{
	for (size_t i = 0, n; i < stack->n; i += n) {
		n = run_length(stack, i);
		add_run(p, stack->v + i, n);
	}
	if (!stack->n)
		protobuf_varint(&p->packed, note(p, missing));
	if (stack->cut)
		protobuf_varint(&p->packed, note(p, "[truncated]"));
	protobuf_message(&p->msg, SAMPLE_LOCATION_ID, &p->packed);
}

static void add_values(struct profile *p, const uint64_t *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		protobuf_varint(&p->packed, values[i]);
	protobuf_message(&p->msg, SAMPLE_VALUE, &p->packed);
}

static void add_number_label(struct profile *p, const char *key, uint64_t number)
{
	protobuf_u64(&p->sub, LABEL_KEY, string(p, key));
	protobuf_u64(&p->sub, LABEL_NUM, number);
	protobuf_message(&p->msg, SAMPLE_LABEL, &p->sub);
}

static void add_label(struct profile *p, const char *key, const char *value)
{
	protobuf_u64(&p->sub, LABEL_KEY, string(p, key));
	protobuf_u64(&p->sub, LABEL_STR, string(p, value));
	protobuf_message(&p->msg, SAMPLE_LABEL, &p->sub);
}

/* Values are int64 in the format. */
static uint64_t times(uint64_t n, uint64_t size)
{
	uint64_t product;

	if (__builtin_mul_overflow(n, size, &product) || product > INT64_MAX)
		return INT64_MAX;
	return product;
}

enum { ALLOC_OBJECTS, ALLOC_SPACE, INUSE_OBJECTS, INUSE_SPACE, N_HEAP_VALUES };

static void begin_heap_sample(struct profile *p, const struct heap_site *s,
			      const uint64_t values[N_HEAP_VALUES])
{
	add_stack(p, &s->stack, "[unknown]");
	add_values(p, values, N_HEAP_VALUES);
}

static void put_part(struct profile *p, const struct heap_site *s, const struct site_part *part)
{
	uint64_t live = p->f->gc_cycles ? part->live_objects : 0;
	const uint64_t values[N_HEAP_VALUES] = {
		times(part->alloc_objects, 1), times(part->alloc_objects, part->size),
		times(live, 1), times(live, part->size),
	};

	if (!values[ALLOC_OBJECTS] && !values[INUSE_OBJECTS])
		return;
	begin_heap_sample(p, s, values);
	if (part->size)
		add_number_label(p, "bytes", part->size);
	if (part->type && strcmp(part->type, "?") != 0)
		add_label(p, "type", part->type);
	put_message(p, PROFILE_SAMPLE);
}

/* What was allocated by parts that are no longer known apart: no type, no size, nothing in use. */
static void put_other_parts(struct profile *p, const struct heap_site *s)
{
	uint64_t objects = 0, bytes = 0, values[N_HEAP_VALUES] = { 0 };

	for (size_t i = 0; i < s->n_parts; i++) {
		objects += s->parts[i].alloc_objects;
		bytes += s->parts[i].alloc_objects * s->parts[i].size;
	}
	if (s->alloc_objects <= objects)
		return;
	values[ALLOC_OBJECTS] = times(s->alloc_objects - objects, 1);
	values[ALLOC_SPACE] = times(s->alloc_bytes - bytes, 1);
	begin_heap_sample(p, s, values);
	put_message(p, PROFILE_SAMPLE);
}

static void put_heap_site(struct profile *p, const struct heap_site *s)
{
	for (size_t i = 0; i < s->n_parts; i++)
		put_part(p, s, &s->parts[i]);
	put_other_parts(p, s);
}

static void put_heap(struct profile *p)
{
	put_value_type(p, PROFILE_PERIOD_TYPE, "space", "bytes");
	protobuf_u64(&p->out, PROFILE_PERIOD, 1);	/* every allocation */
	put_value_type(p, PROFILE_SAMPLE_TYPE, "alloc_objects", "count");
	put_value_type(p, PROFILE_SAMPLE_TYPE, "alloc_space", "bytes");
	put_value_type(p, PROFILE_SAMPLE_TYPE, "inuse_objects", "count");
	put_value_type(p, PROFILE_SAMPLE_TYPE, "inuse_space", "bytes");
	protobuf_u64(&p->out, PROFILE_DEFAULT_SAMPLE_TYPE, string(p, "inuse_space"));
	for (size_t i = 0; i < p->f->n_sites; i++)
		put_heap_site(p, &p->f->sites[i]);
}

/* Of the longest wait in the group, in few values so that pprof's tag reports stay short. */
static const char *wait_bucket(double s)
{
	return s < 0 ? NULL : s < 1 ? "<1s" : s < 10 ? "1s..10s" : s < 60 ? "10s..1m" :
	       s < 600 ? "1m..10m" : s < 3600 ? "10m..1h" : ">=1h";
}

static void put_goroutines(struct profile *p, const struct goroutine_site *s,
			   const struct goroutine_place *place, bool by_creation)
{
	const char *wait = wait_bucket(place->longest_wait_s);
	char *missing = by_creation ? xstrdup("[unknown]") : xasprintf("[%s]", place->state);
	uint64_t value = times(place->live, 1);

	add_stack(p, by_creation ? &s->stack : &place->stack, missing);
	free(missing);
	add_values(p, &value, 1);
	add_label(p, "state", place->state);
	if (wait)
		add_label(p, "longest_wait", wait);
	if (s->stack.n && s->stack.v[0]->function)
		add_label(p, "created_by", profiled_name(s->stack.v[0]));
	put_message(p, PROFILE_SAMPLE);
}

/* By current stack it compares with the process's own profile; by creation the period type keeps
 * pprof from comparing the two. */
static void put_all_goroutines(struct profile *p, bool by_creation)
{
	put_value_type(p, PROFILE_PERIOD_TYPE, by_creation ? "goroutine_creation" : "goroutine",
		       "count");
	protobuf_u64(&p->out, PROFILE_PERIOD, 1);
	put_value_type(p, PROFILE_SAMPLE_TYPE, "goroutine", "count");
	for (size_t i = 0; i < p->f->n_gsites; i++)
		for (size_t j = 0; j < p->f->gsites[i].n_places; j++)
			put_goroutines(p, &p->f->gsites[i],
				       &p->f->gsites[i].places[j], by_creation);
}

/* Each entry as a message that starts with its id. */
static void put_interned(struct profile *p, unsigned int field, const struct interned *t)
{
	for (size_t i = 0; i < t->n; i++) {
		protobuf_u64(&p->msg, 1, i + 1);	/* LOCATION_ID, FUNCTION_ID */
		protobuf_append(&p->msg, t->bytes.data + t->v[i].off, t->v[i].len);
		put_message(p, field);
	}
}

static void put_strings(struct profile *p)
{
	const struct interned *t = &p->strings;

	for (size_t i = 0; i < t->n; i++) {
		protobuf_append(&p->msg, t->bytes.data + t->v[i].off, t->v[i].len);
		put_message(p, PROFILE_STRING_TABLE);
	}
}

static void put_profile(struct profile *p, int value)
{
	const struct findings *f = p->f;

	string(p, "");
	if (value == 0)
		put_heap(p);
	else
		put_all_goroutines(p, value == 2);
	protobuf_u64(&p->out, PROFILE_TIME_NANOS, (uint64_t)f->time_unix_ns);
	if (f->attached_s > 0)
		protobuf_u64(&p->out, PROFILE_DURATION_NANOS, (uint64_t)(f->attached_s * 1e9));
	put_comments(p, value == 0);
	put_mapping(p);
	put_interned(p, PROFILE_LOCATION, &p->locations);
	put_interned(p, PROFILE_FUNCTION, &p->functions);
	put_strings(p);
	deflate_out(p, Z_FINISH);
}

int report_pprof(FILE *out, const struct findings *f, const struct report_options *opt)
{
	int value = report_value(report_find("pprof"), opt->value);
	struct profile p = { .f = f, .file = out };

	if (value < 0)
		return value;
	/* Gzip without a name or a time, so that equal findings give equal files. */
	if (deflateInit2(&p.z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	table_init(&p.runs, sizeof(struct run), SIZE_MAX);
	put_profile(&p, value);

	deflateEnd(&p.z);
	table_fini(&p.runs);
	interned_fini(&p.strings);
	interned_fini(&p.functions);
	interned_fini(&p.locations);
	protobuf_fini(&p.out);
	protobuf_fini(&p.msg);
	protobuf_fini(&p.sub);
	protobuf_fini(&p.packed);
	return report_finish(out);
}
