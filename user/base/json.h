/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.h - writes JSON: the commas, the quotes, and null for what is not known.
 *
 * key: NULL inside an array.  The program must stay in the C locale for numbers.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	bool comma;		/* something stands before, at this level */
	bool all;		/* for the caller: no bounds */
};

/* The comma before a value and, inside an object, its key; the value is to be written by hand. */
void begin_value(struct json *j, const char *key);
void open_level(struct json *j, const char *key, char bracket);
void close_level(struct json *j, char bracket);

void field_null(struct json *j, const char *key);
void field_string(struct json *j, const char *key, const char *s);	/* NULL: null */
void field_bool(struct json *j, const char *key, bool v);
void field_u64(struct json *j, const char *key, uint64_t v);		/* UINT64_MAX: null */
void field_i64(struct json *j, const char *key, int64_t v);
void field_double(struct json *j, const char *key, double v);		/* not finite: null */
void field_seconds(struct json *j, const char *key, double s);		/* negative: null */

#endif
