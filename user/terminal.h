/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * terminal.h - what a descriptor that is written to can show.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Of the terminal, else as COLUMNS says; 0: not known. */
size_t terminal_columns(int fd);

/* Whether verdicts have colours there: on a terminal, unless the environment says otherwise
 * (NO_COLOR, CLICOLOR, CLICOLOR_FORCE, TERM=dumb). */
bool terminal_colour(int fd);

#endif
