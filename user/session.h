/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session.h - everything that is open for one traced process, wired together.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "include/gobpfleak.h"
#include "user/base/table.h"
#include "user/go/golayout.h"
#include "user/model.h"
#include "user/probe/plan.h"

struct gobin;
struct gomem;
struct image;
struct obs_stack;
struct series;
struct site_type;
struct sitetype;
struct target;
struct track;
struct track_snapshot;
struct tracer;

struct session {
	struct target *target;
	struct image *image;
	struct gobin *gobin;
	struct go_layout layout;
	struct plan plan;
	struct gomem *gomem;
	struct sitetype *sitetype;
	struct track *track;
	struct table sizes;		/* of objects, by what decides them */
	uint64_t sizes_seed;
	struct series *live, *running;	/* objects by account, goroutines by stack */
	struct tracer *tracer;
	uint64_t bias;			/* address in the target minus vaddr */
	bool heap, goroutines;
	bool checked;			/* the layout has been compared with the live process */
	bool gone;			/* the process has ended or runs another program */
	uint64_t attach_ns;		/* CLOCK_MONOTONIC; 0: not attached */
	uint32_t looked_gen;		/* sweepgen at the attach, then at each collection that was looked at */
	uint64_t look_next_ns;		/* not before: looks may take a fifth of our time */
	struct memory_account memory;	/* as last read; .known tells whether it ever was */
	uint64_t memory_ns;
};

/* Opens process and binary, finds layout and plan, compares both with the live process.  Plants
 * nothing.  Tells the user on failure; call session_close() in either case. */
int session_open(struct session *s, pid_t pid, bool heap, bool goroutines);
/* Loads the BPF programs and plants the probes. */
int session_attach(struct session *s);
/* Removes the probes and takes the records that are left.  A look after this would be wrong:
 * what is allocated now is not seen, and a slot that is used again would look like its old
 * object. */
void session_detach(struct session *s);
void session_close(struct session *s);

/* Takes all records, looks what lives if a collection has ended since (force: even if that was
 * done just now).  -EBADMSG: the layout turned out not to fit; the user has been told. */
int session_update(struct session *s, bool force);
/* pcs in the target as vaddrs. */
void session_vaddrs(const struct session *s, const uint64_t *pcs, uint32_t n,
		    uint64_t vaddrs[GL_MAX_FRAMES]);
/* What is allocated on a stack of n pcs; typ as in struct gl_alloc. */
void session_site_type(const struct session *s, const uint64_t *pcs, uint32_t n, uint64_t typ,
		       struct site_type *out);

/* Reads the runtime's memory figures into s->memory. */
void session_read_memory(struct session *s);

/* Records lost so far, all reasons. */
uint64_t session_lost(const struct session *s);

#endif
