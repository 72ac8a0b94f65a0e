// SPDX-License-Identifier: BSD-2-Clause
/*
 * profile.c - encodes profile.proto.
 *
 * Strings, functions and locations are told apart by their encoded bytes: equal bytes are written
 * once, and the order of their first use gives their ids.  Samples, which are as many as there are
 * stacks, leave for the file as they are made; those tables follow behind them.
 */
#include "user/report/profile.h"

#include <errno.h>
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

struct profile {
	FILE *file;
	z_stream z;
	struct protobuf out;	/* what is to be compressed next */
	struct protobuf msg, sub, packed;	/* work space, empty between uses */
	struct interned strings, functions, locations;
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

int profile_new(struct profile **out, FILE *file)
{
	struct profile *p = xcalloc(1, sizeof(*p));

	p->file = file;
	/* Gzip without a name or a time, so that equal findings give equal files. */
	if (deflateInit2(&p->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(p);
		return -ENOMEM;
	}
	string(p, "");
	*out = p;
	return 0;
}

void profile_free(struct profile *p)
{
	deflateEnd(&p->z);
	interned_fini(&p->strings);
	interned_fini(&p->functions);
	interned_fini(&p->locations);
	protobuf_fini(&p->out);
	protobuf_fini(&p->msg);
	protobuf_fini(&p->sub);
	protobuf_fini(&p->packed);
	free(p);
}

void profile_period(struct profile *p, const char *type, const char *unit, uint64_t period)
{
	put_value_type(p, PROFILE_PERIOD_TYPE, type, unit);
	protobuf_u64(&p->out, PROFILE_PERIOD, period);
}

void profile_sample_type(struct profile *p, const char *type, const char *unit)
{
	put_value_type(p, PROFILE_SAMPLE_TYPE, type, unit);
}

void profile_default_type(struct profile *p, const char *type)
{
	protobuf_u64(&p->out, PROFILE_DEFAULT_SAMPLE_TYPE, string(p, type));
}

void profile_time(struct profile *p, int64_t unix_ns, double duration_s)
{
	protobuf_u64(&p->out, PROFILE_TIME_NANOS, (uint64_t)unix_ns);
	if (duration_s > 0)
		protobuf_u64(&p->out, PROFILE_DURATION_NANOS, (uint64_t)(duration_s * 1e9));
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

void profile_line(struct profile *p, const char *name, const char *file, uint32_t line)
{
	uint64_t id = function(p, name, file);

	protobuf_u64(&p->sub, LINE_FUNCTION_ID, id);
	protobuf_u64(&p->sub, LINE_LINE, line);
	protobuf_message(&p->msg, LOCATION_LINE, &p->sub);
}

void profile_address(struct profile *p, uint64_t pc, bool mapped)
{
	if (mapped)
		protobuf_u64(&p->msg, LOCATION_MAPPING_ID, MAIN_MAPPING);
	protobuf_u64(&p->msg, LOCATION_ADDRESS, pc);
}

uint64_t profile_location(struct profile *p)
{
	uint64_t id = intern(&p->locations, p->msg.data, p->msg.len) + 1;

	p->msg.len = 0;
	return id;
}

uint64_t profile_note(struct profile *p, const char *name)
{
	profile_line(p, name, NULL, 0);
	return profile_location(p);
}

void profile_frame(struct profile *p, uint64_t location)
{
	protobuf_varint(&p->packed, location);
}

void profile_values(struct profile *p, const uint64_t *values, size_t n)
{
	protobuf_message(&p->msg, SAMPLE_LOCATION_ID, &p->packed);
	for (size_t i = 0; i < n; i++)
		protobuf_varint(&p->packed, values[i]);
	protobuf_message(&p->msg, SAMPLE_VALUE, &p->packed);
}

uint64_t profile_times(uint64_t n, uint64_t size)
{
	uint64_t product;

	if (__builtin_mul_overflow(n, size, &product) || product > INT64_MAX)
		return INT64_MAX;
	return product;
}

void profile_number(struct profile *p, const char *key, uint64_t number)
{
	protobuf_u64(&p->sub, LABEL_KEY, string(p, key));
	protobuf_u64(&p->sub, LABEL_NUM, number);
	protobuf_message(&p->msg, SAMPLE_LABEL, &p->sub);
}

void profile_label(struct profile *p, const char *key, const char *value)
{
	protobuf_u64(&p->sub, LABEL_KEY, string(p, key));
	protobuf_u64(&p->sub, LABEL_STR, string(p, value));
	protobuf_message(&p->msg, SAMPLE_LABEL, &p->sub);
}

void profile_sample(struct profile *p)
{
	put_message(p, PROFILE_SAMPLE);
}

void profile_comment(struct profile *p, char *text)
{
	/* Repeated, so written even if it were 0; every reader takes it unpacked too. */
	protobuf_varint(&p->out, (uint64_t)PROFILE_COMMENT << 3);
	protobuf_varint(&p->out, string(p, text));
	free(text);
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

void profile_mapping(struct profile *p, const struct target_info *t)
{
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

void profile_end(struct profile *p)
{
	put_interned(p, PROFILE_LOCATION, &p->locations);
	put_interned(p, PROFILE_FUNCTION, &p->functions);
	put_strings(p);
	deflate_out(p, Z_FINISH);
}
