// SPDX-License-Identifier: BSD-2-Clause
/*
 * main.c - the table of commands; reads the command line and runs one.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "include/gobpfleak.h"
#include "user/base/text.h"
#include "user/base/util.h"
#include "user/cmd/cmd.h"
#include "user/host.h"
#include "user/opts.h"
#include "version.h"

enum { STACK_BYTES = 1 << 20 };

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

/* Types that lie in each other are followed by recursion, up to MAX_TYPE_DEPTH: 256KiB were too few
 * for what a common program has.  The main thread's stack grows to what the limit is then, not to
 * what it was at the start; threads take what they are told here. */
static int get_stack(void)
{
	struct rlimit stack, wanted;
	pthread_attr_t attr;

	if (getrlimit(RLIMIT_STACK, &stack) || stack.rlim_cur >= STACK_BYTES)
		return 0;
	wanted.rlim_cur = STACK_BYTES;
	wanted.rlim_max = stack.rlim_max > STACK_BYTES ? stack.rlim_max : STACK_BYTES;
	if (setrlimit(RLIMIT_STACK, &wanted)) {
		say_error("the stack may have no more than %" PRIu64 "KiB (ulimit -s), and %uKiB "
			  "are needed; run gobpfleak %s, or where more are allowed",
			  (uint64_t)stack.rlim_max >> 10, STACK_BYTES >> 10,
			  geteuid() ? "as root" : "with CAP_SYS_RESOURCE");
		return -EPERM;
	}
	if (!pthread_attr_init(&attr)) {
		pthread_attr_setstacksize(&attr, STACK_BYTES);
		pthread_setattr_default_np(&attr);
		pthread_attr_destroy(&attr);
	}
	return 0;
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

static void say_no_command(const char *name)
{
	char *meant = xstrdup("");

	for (size_t i = 0; i < ARRAY_SIZE(commands) && !*meant; i++) {
		if (!text_near(name, commands[i]->line.name))
			continue;
		free(meant);
		meant = xasprintf("; did you mean %s?", commands[i]->line.name);
	}
	say_error("there is no command '%s'%s (gobpfleak --help lists those there are); a program "
		  "to be started stands after --", name, meant);
	free(meant);
}

int main(int argc, char **argv)
{
	bool named;
	bool asked = argc > 1 && !strcmp(argv[1], "help");	/* as --help */
	const struct command *command;
	struct opts opts;
	char *message;

	open_standard();
	argc -= asked;
	argv += asked;
	command = choose(&argc, &argv, &named);
	if (!named && argc > 1 && isalpha((unsigned char)*argv[1])) {
		say_no_command(argv[1]);
		return EXIT_FAILED;
	}
	if (asked)
		return help(command, named);
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
	if (get_stack() || find_process(&opts))
		return EXIT_FAILED;
	return command->run(&opts);
}
