/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model_json.h - nouns of the model that more than one JSON report has.
 */
#ifndef MODEL_JSON_H
#define MODEL_JSON_H

#include <stddef.h>

struct estimate;
struct frames;
struct json;
struct memory_account;

/* {estimate, low, high} */
void report_json_estimate(struct json *j, const char *key, const struct estimate *e);
/* What is not Go's; where the mappings were not read it is what the other parts leave of rss. */
void report_json_outside(struct json *j, const struct memory_account *m);
/* An array, those before from left out: of each function, file, line, inlined. */
void report_json_frames(struct json *j, const char *key, const struct frames *stack, size_t from);

#endif
