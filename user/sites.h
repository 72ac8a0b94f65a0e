/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sites.h - from a stack of addresses to the site it stands for: its frames and its identity, found
 * once and kept; and the words for what it allocates.
 *
 * Knows no process: who names an address is plugged in, so that a recording or a test can.  Reports
 * borrow what is found here (sites_hold()).
 */
#ifndef SITES_H
#define SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model.h"

struct site_store;
struct sites;

struct site_words {
	const char *type;	/* "main.Session"; "?" where it cannot be known */
	const char *how;	/* "make", "append" ... or NULL */
};

/* Strings that these give live as long as the sites and what was held of them.  pcs are vaddrs. */
struct sites_ops {
	void *ctx;
	/* As gobin_frames(): writes at most cap frames, returns how many there are. */
	size_t (*frames)(void *ctx, const uint64_t *pcs, size_t n, bool leaf_is_return,
			 struct frame *out, size_t cap);
	/* What is allocated on this stack, typ as in struct gl_alloc. */
	void (*words)(void *ctx, uint64_t typ, const uint64_t *pcs, size_t n,
		      struct site_words *out);
};

struct site {
	uint64_t id;		/* hash of the frames: the same in every report on this binary */
	struct frames frames;
};

enum site_flags {
	SITE_RETURN = 1,	/* pcs[0] is a return address, too */
	SITE_FOLD = 2,		/* runtime frames at the leaf are left out, unless all are; of a
				 * stack that starts a goroutine those before the go statement */
	SITE_CUT = 4,		/* there were more frames on the root side */
};

/* max_bytes: what is kept at most; beyond it sites have no frames, until the next sites_renew(). */
void sites_new(struct sites **out, const struct sites_ops *ops, size_t max_bytes);
void sites_free(struct sites *s);	/* what is held stays; NULL is fine */

/* The site of a stack, leaf first; lives until the sites are renewed and nobody holds it. */
const struct site *sites_get(struct sites *s, const uint64_t *pcs, size_t n, unsigned flags);
/* The site of a stack as a probe sends it: who wants to find it again must ask in the same way. */
const struct site *sites_get_probed(struct sites *s, const uint64_t *pcs, size_t n, bool cut);
void sites_words(struct sites *s, uint64_t typ, const uint64_t *pcs, size_t n,
		 struct site_words *out);

/* Starts anew if the room was used up, so that stacks that are gone make room for others. */
void sites_renew(struct sites *s);
/* Stacks that found no room since the last renewal; if they are too many to be remembered, some are
 * counted each time. */
uint64_t sites_without_room(const struct sites *s);

/* Keeps all sites found so far alive until the drop. */
struct site_store *sites_hold(struct sites *s);
void sites_drop(struct site_store *store);	/* NULL is fine */

#endif
