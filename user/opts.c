// SPDX-License-Identifier: BSD-2-Clause
/*
 * opts.c - the table of options, and their values from text.
 */
#include "user/opts.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/gobpfleak.h"
#include "user/base/util.h"
#include "user/report/report.h"

const char *argp_program_version = "gobpfleak " GL_VERSION;

enum {	/* options without a letter */
	OPT_FORMAT = 256, OPT_PPROF, OPT_PPROF_GOROUTINES, OPT_JSON, OPT_HEAP_ONLY,
	OPT_GOROUTINES_ONLY, OPT_FORCE, OPT_DRY_RUN,
};

static const struct argp_option options[] = {
	{ "pid", 'p', "PID", 0, "the process to trace", 1 },
	{ "duration", 'd', "TIME", 0,
	  "stop after TIME (30s, 10m, 2h; a bare number is seconds)", 1 },
	{ "interval", 'i', "TIME", 0, "a report every TIME, as the positional INTERVAL", 1 },
	{ "heap-only", OPT_HEAP_ONLY, 0, 0, "trace allocations only", 1 },
	{ "goroutines-only", OPT_GOROUTINES_ONLY, 0, 0, "trace goroutines only", 1 },
	{ "dry-run", OPT_DRY_RUN, 0, 0,
	  "print what would be probed, where and why; attach nothing", 1 },
	{ "top", 'T', "N", 0, "sites in the text report (10; 0: all)", 2 },
	{ "folded", 'f', "WHAT", OPTION_ARG_OPTIONAL,
	  "folded stacks for flame graphs; WHAT is live (default), live-objects, alloc, growth or "
	  "goroutine", 2 },
	{ "format", OPT_FORMAT, "FORMAT", 0, "text (default), json, folded or pprof", 2 },
	{ "output", 'o', "FILE", 0, "write the report there and not to stdout", 2 },
	{ "pprof", OPT_PPROF, "FILE", 0, "also write a heap profile for go tool pprof", 2 },
	{ "pprof-goroutines", OPT_PPROF_GOROUTINES, "FILE", 0,
	  "also write a goroutine profile for go tool pprof", 2 },
	{ "json", OPT_JSON, "FILE", 0, "also write the report as JSON", 2 },
	{ "force", OPT_FORCE, 0, 0, "overwrite files that exist", 2 },
	{ "verbose", 'v', 0, 0, "say more on stderr", 3 },
	{ "quiet", 'q', 0, 0, "say only errors on stderr", 3 },
	{ 0 },
};

static const char usage[] = "-p PID [INTERVAL [COUNT]]\n-- COMMAND [ARGUMENT...]";

static const char help[] =
	"Trace the allocations and goroutines of a running Go process from outside: which call "
	"stacks hold live memory, and which go statements start goroutines that do not end."
	"\vThe final report comes on Ctrl-C, after -d, or when the process ends; SIGUSR1 asks for "
	"one in between.  Exit codes: 0 done, 1 usage or could not attach, 2 the process ended "
	"first (the report is still written).";

/* "30", "30s", "500ms", "10m", "2h" to ns.  0: not a time. */
static uint64_t parse_time(const char *text)
{
	static const struct { const char *unit; double ns; } units[] = {
		{ "", 1e9 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 },
		{ "h", 3600e9 }, { "d", 86400e9 },
	};
	char *end;
	double v = strtod(text, &end);

	if (end == text || !isfinite(v) || v <= 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(end, units[i].unit) && v * units[i].ns < 9e18)
			return (uint64_t)(v * units[i].ns);
	return 0;
}

static uint64_t need_time(struct argp_state *state, const char *what, const char *text)
{
	uint64_t ns = parse_time(text);

	if (!ns)
		argp_error(state, "%s: '%s' is not a time; give a number with ms, s, m, h or d, "
			   "as 30s", what, text);
	return ns;
}

static unsigned long need_number(struct argp_state *state, const char *what, const char *text,
				 unsigned long min, unsigned long max)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || end == text || *end || !isdigit((unsigned char)*text) || v < min || v > max)
		argp_error(state, "%s: '%s' is not a number from %lu to %lu", what, text, min, max);
	return v;
}

static const struct report_format *need_format(struct argp_state *state, const char *name)
{
	const struct report_format *f = report_find(name), *all;
	char names[128] = "";
	size_t n;

	all = report_formats(&n);
	for (size_t i = 0; i < n; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), " %s", all[i].name);
	if (!f)
		argp_error(state, "--format: there is no format '%s'; there are:%s", name, names);
	return f;
}

static void set_folded(struct argp_state *state, struct opts *o, const char *what)
{
	char values[128] = "";

	o->format = report_find("folded");
	if (what && *what == '=')	/* -f=live, as people type it */
		what++;
	for (const char *const *v = o->format->values; *v; v++)
		snprintf(values + strlen(values), sizeof(values) - strlen(values), " %s", *v);
	if (report_value(o->format, what) < 0)
		argp_error(state, "--folded: there is no '%s'; there are:%s", what, values);
	o->value = what;
}

static void set_positional(struct argp_state *state, struct opts *o, char *arg)
{
	if (!o->pid) {
		o->command = &state->argv[state->next - 1];
		state->next = state->argc;
	} else if (state->arg_num == 0) {
		o->interval_ns = need_time(state, "INTERVAL", arg);
	} else if (state->arg_num == 1) {
		o->count = need_number(state, "COUNT", arg, 1, ULONG_MAX);
	} else {
		argp_error(state, "'%s' is one argument too many", arg);
	}
}

static void check(struct argp_state *state, struct opts *o)
{
	if (o->command && !state->quoted)
		argp_error(state, "name a process with -p PID, or put the command after --");
	if (!o->pid && !o->command)
		argp_error(state, "name a process with -p PID, or a command after --");
	if (!o->heap && !o->goroutines)
		argp_error(state, "--heap-only and --goroutines-only exclude each other");
	if (!o->heap && o->pprof)
		argp_error(state, "--pprof needs the heap, --goroutines-only leaves it out");
	if (!o->goroutines && o->pprof_goroutines)
		argp_error(state,
			   "--pprof-goroutines needs goroutines, --heap-only leaves them out");
	if (!o->heap && o->format == report_find("folded") &&
	    (!o->value || strcmp(o->value, "goroutine")))
		argp_error(state, "--goroutines-only leaves the heap out: say --folded=goroutine");
	if (!o->goroutines && o->value && !strcmp(o->value, "goroutine"))
		argp_error(state, "--folded=goroutine needs goroutines, --heap-only leaves "
			   "them out");
	if (o->format == report_find("pprof") && !o->output)
		argp_error(state, "--format pprof writes binary data: say where to with -o FILE");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	switch (key) {
	case 'p': o->pid = (pid_t)need_number(state, "-p", arg, 1, INT_MAX); break;
	case 'd': o->duration_ns = need_time(state, "-d", arg); break;
	case 'i': o->interval_ns = need_time(state, "-i", arg); break;
	case 'T': o->top = need_number(state, "-T", arg, 0, 1000000); break;
	case 'f': set_folded(state, o, arg); break;
	case 'o': o->output = arg; break;
	case 'v': set_verbosity(VERBOSE); break;
	case 'q': set_verbosity(QUIET); break;
	case OPT_FORMAT: o->format = need_format(state, arg); break;
	case OPT_PPROF: o->pprof = arg; break;
	case OPT_PPROF_GOROUTINES: o->pprof_goroutines = arg; break;
	case OPT_JSON: o->json = arg; break;
	case OPT_HEAP_ONLY: o->goroutines = false; break;
	case OPT_GOROUTINES_ONLY: o->heap = false; break;
	case OPT_FORCE: o->force = true; break;
	case OPT_DRY_RUN: o->dry_run = true; break;
	case ARGP_KEY_ARG: set_positional(state, o, arg); break;
	case ARGP_KEY_END: check(state, o); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

void opts_parse(struct opts *out, int argc, char **argv)
{
	static const struct argp argp = { options, parse, usage, help, 0, 0, 0 };

	*out = (struct opts){ .top = 10, .heap = true, .goroutines = true,
			      .format = report_find("text") };
	argp_err_exit_status = 1;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, out);
}
