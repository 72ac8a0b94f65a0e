// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_terminal.c - a pseudo terminal and the environment: how wide it is, and whether it has
 * colours.
 */
#include "user/terminal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const names[] = { "COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE" };

static int pty, file;

static int set_up(void **state)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	setenv("TERM", "xterm", 1);
	pty = posix_openpt(O_RDWR | O_NOCTTY);
	file = open("/dev/null", O_RDWR);
	return pty < 0 || file < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	close(pty);
	close(file);
	return 0;
}

static void set_size(unsigned short columns)
{
	const struct winsize size = { .ws_row = 24, .ws_col = columns };

	assert_int_equal(ioctl(pty, TIOCSWINSZ, &size), 0);
}

static void test_columns(void **state)
{
	assert_int_equal(terminal_columns(file), 0);
	setenv("COLUMNS", "132", 1);
	assert_int_equal(terminal_columns(file), 132);
	assert_int_equal(terminal_columns(pty), 132);	/* nobody has said */
	set_size(97);
	assert_int_equal(terminal_columns(pty), 97);
	set_size(3);
	assert_int_equal(terminal_columns(pty), 20);
	setenv("COLUMNS", "nonsense", 1);
	assert_int_equal(terminal_columns(file), 0);
	setenv("COLUMNS", "99999999999999999999", 1);
	assert_int_equal(terminal_columns(file), 1000);
}

static void test_colour(void **state)
{
	assert_true(terminal_colour(pty));
	assert_false(terminal_colour(file));
	setenv("CLICOLOR", "0", 1);
	assert_false(terminal_colour(pty));
	setenv("CLICOLOR_FORCE", "1", 1);
	assert_true(terminal_colour(pty) && terminal_colour(file));
	setenv("NO_COLOR", "1", 1);
	assert_false(terminal_colour(pty) || terminal_colour(file));
	setenv("NO_COLOR", "", 1);
	setenv("CLICOLOR_FORCE", "0", 1);
	setenv("CLICOLOR", "1", 1);
	assert_true(terminal_colour(pty));
	assert_false(terminal_colour(file));
	setenv("TERM", "dumb", 1);
	assert_false(terminal_colour(pty));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_columns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_colour, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
