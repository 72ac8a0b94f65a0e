/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coverage.h - the counters of COVERAGE: their keys in JSON, their words in text, which are losses.
 */
#ifndef COVERAGE_H
#define COVERAGE_H

#include "user/model.h"

enum coverage_counter {
	COVERAGE_LOST_RING, COVERAGE_LOST_UNREADABLE, COVERAGE_LOST_BUSY, COVERAGE_LOST_DAMAGED,
	COVERAGE_STACKS_LOST, COVERAGE_STACKS_UNSENT, COVERAGE_STACKS_CUT, COVERAGE_STACKS_RESENT, COVERAGE_STACKS_NOT_KEPT,
	COVERAGE_OBJECTS_UNSIZED, COVERAGE_SITES_NOT_KEPT, COVERAGE_SITES_FORGOTTEN,
	COVERAGE_SITES_WITHOUT_NAMES, COVERAGE_GOROUTINES_NOT_FOLLOWED,
	COVERAGE_GOROUTINES_FORGOTTEN,
	COVERAGE_LIVENESS_UNKNOWN, COVERAGE_OBJECTS_DOUBTFUL, COVERAGE_GOROUTINES_UNREADABLE,
	COVERAGE_GOROUTINE_STACKS_LEFT_OUT,
	N_COVERAGE
};

/* To be copied and given values. */
static const struct coverage_row coverage_rows[N_COVERAGE] = {
	[COVERAGE_LOST_RING] = { "lost_ring", "events lost, ring full", 0, true },
	[COVERAGE_LOST_UNREADABLE] = { "lost_unreadable", "events lost, result unreadable", 0, true },
	[COVERAGE_LOST_BUSY] = { "lost_busy", "events lost, no work area", 0, true },
	[COVERAGE_LOST_DAMAGED] = { "lost_damaged", "events lost, not a record", 0, true },
	[COVERAGE_STACKS_LOST] = { "stacks_lost", "stacks not readable", 0, true },
	[COVERAGE_STACKS_UNSENT] = { "stacks_unsent", "stacks not sent, ring full", 0, true },
	[COVERAGE_STACKS_CUT] = { "stacks_cut", "stacks cut", 0, true },
	[COVERAGE_STACKS_RESENT] = { "stacks_resent", "stacks sent again", 0, false },
	[COVERAGE_STACKS_NOT_KEPT] = { "stacks_not_kept", "stacks not kept, table full", 0, true },
	[COVERAGE_OBJECTS_UNSIZED] = {
		"objects_unsized", "objects gone before their size was known", 0, true },
	[COVERAGE_SITES_NOT_KEPT] = {
		"sites_not_kept", "allocations without a site, table full", 0, true },
	[COVERAGE_SITES_FORGOTTEN] = {
		"sites_forgotten", "allocations at stacks that held nothing and made room", 0, true },
	[COVERAGE_SITES_WITHOUT_NAMES] = {
		"sites_without_names", "stacks not named, no room", 0, true },
	[COVERAGE_GOROUTINES_NOT_FOLLOWED] = {
		"goroutines_not_followed", "goroutines not followed, table full", 0, true },
	[COVERAGE_GOROUTINES_FORGOTTEN] = {
		"goroutines_forgotten", "goroutine starts at stacks that held nothing and made room",
		0, true },
	[COVERAGE_LIVENESS_UNKNOWN] = {
		"liveness_unknown", "objects whose liveness could not be read", 0, true },
	[COVERAGE_OBJECTS_DOUBTFUL] = {
		"objects_doubtful", "objects that may have been replaced by lost events", 0, true },
	[COVERAGE_GOROUTINES_UNREADABLE] = {
		"goroutines_unreadable", "goroutines not readable", 0, true },
	[COVERAGE_GOROUTINE_STACKS_LEFT_OUT] = {
		"goroutine_stacks_left_out", "stacks of goroutines not read, no room", 0, true },
};

#endif
