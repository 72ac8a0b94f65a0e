/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h - text that others wrote (names of files, processes, functions) made fit to be shown.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one character of UTF-8: bytes taken, 0 at the end; *rune: U+FFFD where it is invalid. */
size_t text_rune(const char *s, uint32_t *rune);
/* A copy to be freed: valid UTF-8, and nothing in it that moves a cursor, ends a line or reorders
 * one; U+FFFD stands where something was. */
char *text_clean(const char *s);

/* Whether one slip of the pen makes b of a, or none: a character too many, one too few, another one,
 * or two that have changed places. */
bool text_near(const char *a, const char *b);

#endif
