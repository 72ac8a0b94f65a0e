/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.h - writes a gzipped profile.proto, for go tool pprof and all who read what Go's own
 * runtime/pprof writes.  Knows no findings, only what the format knows.
 *
 * new, the types, samples, then time, comments and mapping, end, free.  A sample is its frames, its
 * values, its labels, and profile_sample(); a location is its address and its lines.
 */
#ifndef PROFILE_H
#define PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct profile;
struct target_info;

int profile_new(struct profile **out, FILE *file);	/* or -ENOMEM */
void profile_free(struct profile *p);

void profile_period(struct profile *p, const char *type, const char *unit, uint64_t period);
void profile_sample_type(struct profile *p, const char *type, const char *unit);
void profile_default_type(struct profile *p, const char *type);

/* Of the location that the next profile_location() ends: an address of the binary if mapped, and a
 * line for each function there, innermost first. */
void profile_address(struct profile *p, uint64_t pc, bool mapped);
void profile_line(struct profile *p, const char *name, const char *file, uint32_t line);
uint64_t profile_location(struct profile *p);	/* its id; equal ones have the same */
/* A location that stands for something without an address: "[running]". */
uint64_t profile_note(struct profile *p, const char *name);

/* Of the sample at hand: the id of its next frame, leaf first. */
void profile_frame(struct profile *p, uint64_t location);
void profile_values(struct profile *p, const uint64_t *values, size_t n);	/* ends the frames */
void profile_number(struct profile *p, const char *key, uint64_t number);	/* labels */
void profile_label(struct profile *p, const char *key, const char *value);
void profile_sample(struct profile *p);

/* Values are int64 in the format: the product, or the largest there is. */
uint64_t profile_times(uint64_t n, uint64_t size);

void profile_time(struct profile *p, int64_t unix_ns, double duration_s);
void profile_comment(struct profile *p, char *text);	/* frees it */
void profile_mapping(struct profile *p, const struct target_info *t);
void profile_end(struct profile *p);	/* all that is left, into the file */

#endif
