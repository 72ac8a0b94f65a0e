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

/* That they leave less than nothing tells of what is not in RAM of them, and not of the rest. */
void report_json_outside(struct json *j, const struct memory_account *m)
{
	bool left = m->known && m->rss != UNKNOWN_U64 && m->not_go >= 0;

	if (m->mapped_known)
		field_u64(j, "not_go", m->files + m->anonymous);
	else
		field_u64(j, "not_go", left ? (uint64_t)m->not_go : UNKNOWN_U64);
	field_u64(j, "files", m->mapped_known ? m->files : UNKNOWN_U64);
	field_u64(j, "anonymous", m->mapped_known ? m->anonymous : UNKNOWN_U64);
	if (m->mapped_known)
		field_i64(j, "not_resident", m->not_resident);
	else
		field_null(j, "not_resident");
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
