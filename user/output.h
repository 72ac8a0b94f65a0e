/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output.h - where reports go: files that hold whole reports or do not appear, and streams.
 *
 * A file is written under a temporary name beside its own and renamed.  What happens at the next
 * report depends on the kind of the format: text and lines are appended; of a binary format the
 * file holds the latest report, and those before it are kept as NAME.1, NAME.2 ... (heap.1.pb.gz).
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

struct findings;
struct report_format;

struct output_spec {
	const struct report_format *format;
	const char *value;	/* one of the format's; NULL: the first */
	const char *path;	/* NULL: fd */
	int fd;			/* STDOUT_FILENO or STDERR_FILENO, the caller's */
	bool plain;		/* no colours, whatever can be shown there */
};

struct outputs;

/* Reserves all paths: temporary files are created now, so that what cannot be written is known
 * before anything is traced.  Tells the user on failure: a file exists (and force is not set), or
 * cannot be written.  The specs must live as long. */
int outputs_open(struct outputs **out, const struct output_spec *specs, size_t n, bool force);

/* While the reader of a stream takes nothing, interrupted() is asked; true: the report is given up.
 * Without it, a reader is waited for as long as it takes. */
void outputs_interrupt(struct outputs *o, bool (*interrupted)(void *ctx), void *ctx);

/* Writes a report to each, but those whose format needs what the findings lack (enum report_needs).
 * top as in struct report_options.  0, or of the first that failed:
 * -ENODATA something was lacking; -EPIPE nobody reads any of them any more; both in silence
 * -EINTR   the reader of a stream took nothing until there was an interrupt; in silence
 * -EEXIST  somebody else's file has the name by now: the report is kept under another
 * others   it cannot be written; a file is as it was before.
 * Can be called again after any of these. */
int outputs_write(struct outputs *o, const struct findings *f, size_t top);

/* Removes what was reserved and never written.  NULL is fine. */
void outputs_close(struct outputs *o);

/* The same for a signal handler that is going to end the program; exit() and quick_exit() do it. */
void outputs_abandon(void);

#endif
