// SPDX-License-Identifier: BSD-2-Clause
/*
 * model_json.c - nouns of the model as JSON.
 */
#include "user/report/model_json.h"

#include "user/base/json.h"
#include "user/model.h"

void report_json_estimate(struct json *j, const char *key, const struct estimate *e)
{
	open_level(j, key, '{');
	field_double(j, "estimate", e->value);
	field_double(j, "low", e->low);
	field_double(j, "high", e->high);
	close_level(j, '}');
}

void report_json_frames(struct json *j, const char *key, const struct frames *stack, size_t from)
{
	open_level(j, key, '[');
	for (size_t i = from; i < stack->n; i++) {
		const struct frame *fr = stack->v[i];

		open_level(j, NULL, '{');
		field_string(j, "function", fr->function);
		field_string(j, "file", fr->file);
		field_u64(j, "line", fr->line ? fr->line : UNKNOWN_U64);
		field_bool(j, "inlined", fr->inlined);
		close_level(j, '}');
	}
	close_level(j, ']');
}
