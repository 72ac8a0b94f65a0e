// SPDX-License-Identifier: BSD-2-Clause
/*
 * main.c - the table of commands; reads the command line and runs one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "include/gobpfleak.h"
#include "user/base/util.h"
#include "user/cmd/cmd.h"
#include "user/opts.h"
#include "version.h"

/* The first is meant where none is named. */
static const struct command *const commands[] = { &cmd_trace };

/* A file opened later must not become stdout or stderr and get our messages.  Opened the wrong way
 * round: who reads or writes there is told so. */
static void open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close(fd);
}

static const struct command *choose(int *argc, char ***argv)
{
	for (size_t i = 0; *argc > 1 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp((*argv)[1], commands[i]->name))
			continue;
		++*argv;
		--*argc;
		return commands[i];
	}
	return commands[0];
}

static int version(void)
{
	printf("gobpfleak %s%s\n", GL_VERSION, GL_COMMIT);
	return EXIT_DONE;
}

static int help(const struct command *c)
{
	printf("Usage:\n");
	for (const char *line = c->usage; *line; line += strspn(line, "\n")) {
		int n = (int)strcspn(line, "\n");

		printf("  gobpfleak %.*s\n", n, line);
		line += n;
	}
	printf("\n%s\n\n", c->help);
	opts_help(stdout);
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	const struct command *command = choose(&argc, &argv);
	struct opts opts;
	char *message;

	open_standard();
	if (opts_parse(&opts, argc, argv, &message)) {
		say_error("%s (gobpfleak --help lists the options)", message);
		free(message);
		return EXIT_FAILED;
	}
	set_verbosity(opts.verbosity);
	if (opts.help)
		return help(command);
	if (opts.version)
		return version();
	return command->run(&opts);
}
