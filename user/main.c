// SPDX-License-Identifier: BSD-2-Clause
/*
 * main.c - the table of commands; reads the command line and runs one.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "include/gobpfleak.h"
#include "user/base/util.h"
#include "user/cmd/cmd.h"
#include "user/host.h"
#include "user/opts.h"
#include "version.h"

/* The first is meant where none is named. */
static const struct command *const commands[] = {
	&cmd_trace, &cmd_list, &cmd_dump, &cmd_heap, &cmd_watch,
};

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

/* The word that names a command is taken off; *named: there was one. */
static const struct command *choose(int *argc, char ***argv, bool *named)
{
	*named = false;
	for (size_t i = 0; *argc > 1 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp((*argv)[1], commands[i]->line.name))
			continue;
		++*argv;
		--*argc;
		*named = true;
		return commands[i];
	}
	return commands[0];
}

static int version(void)
{
	printf("gobpfleak %s%s\n", GL_VERSION, GL_COMMIT);
	return EXIT_DONE;
}

static int help(const struct command *c, bool named)
{
	printf("Usage:\n");
	for (const char *line = c->usage; *line; line += strspn(line, "\n")) {
		int n = (int)strcspn(line, "\n");

		printf("  gobpfleak %.*s\n", n, line);
		line += n;
	}
	printf("\n%s\n\n", c->help);
	if (!named) {
		printf("Commands, each with a --help of its own:\n");
		for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
			printf("  %-8s%s\n", commands[i]->line.name, commands[i]->brief);
		printf("\nOptions of %s, which is meant where no command is named:\n",
		       c->line.name);
	}
	opts_help(stdout, c->line.bit);
	return EXIT_DONE;
}

/* -p NAME becomes a pid. */
static int find_process(struct opts *o)
{
	return o->name ? host_find(o->name, &o->pid) : 0;
}

int main(int argc, char **argv)
{
	bool named;
	const struct command *command = choose(&argc, &argv, &named);
	struct opts opts;
	char *message;

	open_standard();
	if (!named && argc > 1 && isalpha((unsigned char)*argv[1])) {
		say_error("there is no command '%s' (gobpfleak --help lists those there are); a "
			  "program to be started stands after --", argv[1]);
		return EXIT_FAILED;
	}
	if (opts_parse(&opts, &command->line, argc, argv, &message)) {
		say_error("%s (gobpfleak%s%s --help lists its options)", message,
			  named ? " " : "", named ? command->line.name : "");
		free(message);
		return EXIT_FAILED;
	}
	set_verbosity(opts.verbosity);
	if (opts.help)
		return help(command, named);
	if (opts.version)
		return version();
	return find_process(&opts) ? EXIT_FAILED : command->run(&opts);
}
