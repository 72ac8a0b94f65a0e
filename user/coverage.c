// SPDX-License-Identifier: BSD-2-Clause
/*
 * coverage.c - the rows of COVERAGE, in the order in which reports print them.
 */
#include "user/coverage.h"

#define LOSS(key, words) { .name = (key), .text = (words), .loss = true }
#define NO_LOSS(key, words) { .name = (key), .text = (words) }

const struct coverage_row coverage_rows[N_COVERAGE] = {
	[COVERAGE_LOST_RING] = LOSS("lost_ring", "events lost, ring full"),
	[COVERAGE_LOST_UNREADABLE] = LOSS("lost_unreadable", "events lost, result unreadable"),
	[COVERAGE_LOST_BUSY] = LOSS("lost_busy", "events lost, no work area"),
	[COVERAGE_LOST_DAMAGED] = LOSS("lost_damaged", "events lost, not a record"),
	[COVERAGE_STACKS_LOST] = LOSS("stacks_lost", "stacks not readable"),
	[COVERAGE_STACKS_UNSENT] = LOSS("stacks_unsent", "stacks not sent, ring full"),
	[COVERAGE_STACKS_CUT] = LOSS("stacks_cut", "stacks cut"),
	[COVERAGE_STACKS_RESENT] = NO_LOSS("stacks_resent", "stacks sent again"),
	[COVERAGE_STACKS_NOT_KEPT] = LOSS("stacks_not_kept", "stacks not kept, table full"),
	[COVERAGE_OBJECTS_UNSIZED] =
		LOSS("objects_unsized", "objects gone before the size was known"),
	[COVERAGE_SITES_NOT_KEPT] =
		LOSS("sites_not_kept", "allocations without a site, table full"),
	[COVERAGE_SITES_FORGOTTEN] =
		LOSS("sites_forgotten", "allocations at stacks that held nothing and made room"),
	[COVERAGE_SITES_WITHOUT_NAMES] = LOSS("sites_without_names", "stacks not named, no room"),
	[COVERAGE_GOROUTINES_NOT_FOLLOWED] =
		LOSS("goroutines_not_followed", "goroutines not followed, table full"),
	[COVERAGE_GOROUTINES_FORGOTTEN] =
		LOSS("goroutines_forgotten",
		     "goroutine starts at stacks that held nothing and made room"),
	[COVERAGE_LOOKS_FAILED] = { "looks_failed", "looks at what lives that failed", 0, true },
	[COVERAGE_LIVENESS_UNKNOWN] =
		LOSS("liveness_unknown", "objects whose liveness could not be read"),
	[COVERAGE_OBJECTS_DOUBTFUL] =
		LOSS("objects_doubtful", "objects that others without a record may have replaced"),
	[COVERAGE_GOROUTINES_UNREADABLE] = LOSS("goroutines_unreadable", "goroutines not readable"),
	[COVERAGE_GOROUTINE_STACKS_LEFT_OUT] =
		LOSS("goroutine_stacks_left_out", "stacks of goroutines not read, no room"),
	[COVERAGE_PROFILE_LEFT_OUT] =
		LOSS("profile_left_out", "stacks of the runtime's profile not read, no room"),
	[COVERAGE_PROFILE_UNSETTLED] =
		LOSS("profile_unsettled",
		     "readings of the runtime's profile that may mix two collections"),
};

bool coverage_applies(enum coverage_counter c, bool look)
{
	switch (c) {
	case COVERAGE_SITES_WITHOUT_NAMES:
	case COVERAGE_GOROUTINES_UNREADABLE:
	case COVERAGE_GOROUTINE_STACKS_LEFT_OUT:
		return true;
	case COVERAGE_PROFILE_LEFT_OUT:
	case COVERAGE_PROFILE_UNSETTLED:
		return look;
	default:
		return !look;
	}
}
