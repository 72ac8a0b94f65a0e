// SPDX-License-Identifier: BSD-2-Clause
/*
 * main.c - reads the command line and runs the command.
 */
#include "user/opts.h"
#include "user/trace.h"

int main(int argc, char **argv)
{
	struct opts opts;

	opts_parse(&opts, argc, argv);
	return trace(&opts);
}
