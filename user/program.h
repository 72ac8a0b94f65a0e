/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.h - what the file of a Go program says, opened once for however many processes run it.
 *
 * Knows no process.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

struct go_layout;
struct gobin;
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

#endif
