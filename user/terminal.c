// SPDX-License-Identifier: BSD-2-Clause
/*
 * terminal.c - asks the terminal, and the environment: no-color.org, bixense.com/clicolors.
 */
#include "user/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MIN_COLUMNS = 20, MAX_COLUMNS = 1000 };	/* less is no report, more is no terminal */

static size_t sane(unsigned long columns)
{
	return columns < MIN_COLUMNS ? MIN_COLUMNS : columns > MAX_COLUMNS ? MAX_COLUMNS : columns;
}

size_t terminal_columns(int fd)
{
	const char *text = getenv("COLUMNS");
	struct winsize size;
	unsigned long n;

	if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col)
		return sane(size.ws_col);
	n = text ? strtoul(text, NULL, 10) : 0;
	return n ? sane(n) : 0;
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

static bool says(const char *name, const char *what)
{
	const char *value = getenv(name);

	return value && !strcmp(value, what);
}

bool terminal_colour(int fd)
{
	if (is_set("NO_COLOR"))
		return false;
	if (is_set("CLICOLOR_FORCE") && !says("CLICOLOR_FORCE", "0"))
		return true;
	return isatty(fd) && !says("CLICOLOR", "0") && !says("TERM", "dumb");
}
