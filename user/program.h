/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.h - what the file of a Go program says, opened once for however many processes run it.
 *
 * Knows no process.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>
#include <stdint.h>

struct go_layout;
struct gobin;
struct gofacts;
struct image;
struct program;
struct sitetype;

/* name: how to call the file in messages.  Tells the user on failure: -ENOEXEC not a Go program,
 * -ENOTSUP a version that is not known, others. */
int program_open(struct program **out, const char *path, const char *name);
void program_close(struct program *p);		/* NULL is fine */

const struct image *program_image(const struct program *p);
const struct gobin *program_gobin(const struct program *p);
const struct go_layout *program_layout(const struct program *p);
struct sitetype *program_sitetype(const struct program *p);

/*
 * What the files of some programs tell, kept from one look at a heap to the next: of those that were
 * asked for last, within a memory.  It is the owner's to say how long.
 */
struct kept_facts;
void kept_facts_new(struct kept_facts **out, size_t max_bytes);
void kept_facts_free(struct kept_facts *k);	/* NULL is fine */
/* As gofacts_new(), good until the next call of anything here, or the program is closed. */
int kept_facts_get(struct kept_facts *k, struct program *p, const struct gofacts **out);
/* Gives back what has not been asked for since then, by now_ns(), and what there is no memory for. */
void kept_facts_drop(struct kept_facts *k, uint64_t before_ns);

#endif
