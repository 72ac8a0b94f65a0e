// SPDX-License-Identifier: BSD-2-Clause
/*
 * opts.c - the table of options, and their values from text.
 *
 * An option is one row: what it is called, which commands take it, what it says of itself, who
 * parses its argument and where that goes.  Options that write a format to a file are rows made
 * from the table of formats.  A command sees its own rows only; two commands may have rows of the
 * same name that are not the same.
 */
#include "user/opts.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/limits.h"
#include "user/base/text.h"
#include "user/budget.h"
#include "user/report/report.h"

#define LONGEST_NS 9e18		/* that a time in ns can have: some 285 years */

enum {
	MAX_POSITIONALS = 3,
	MAX_ROWS = 64,
	LONG = 256,			/* what getopt says of row i is LONG + i, or its letter */
	MAX_BARE_INTERVAL = 3600,	/* s; who means more says a unit */
	MAX_COUNT = 1000000000,
	MIN_INTERVAL_NS = 10000000,	/* shorter ones leave time for reports only */
	HELP_COLUMN = 30,
	HELP_WIDTH = 79,
	MAX_CHOICES = 256,
	MAX_BUDGET = 10000,		/* percent of one core */
};

#define MIN_BUDGET 0.01		/* likewise: a window of 1 ms takes some 5 s of it */

struct row;

struct parsing {
	const struct command_line *line;
	struct opts *o;
	const struct row *row;		/* the option at hand */
	const char *positional[MAX_POSITIONALS];
	size_t n_positional;
	char *message;
};

struct row {
	const char *name;
	unsigned int commands;		/* that take it, of enum command_bit */
	int letter;			/* 0: none */
	const char *arg;		/* NULL: takes none; "[X]": may be left out */
	const char *help;
	int (*parse)(struct parsing *p, const char *arg);	/* of an argument, or NULL */
	size_t at;			/* in struct opts: where the value goes */
	int flag;			/* without an argument: that value, a bool */
	/* end the help text, or NULL; lacks: what the reports of the command have nothing of */
	void (*choices)(char out[MAX_CHOICES], unsigned int lacks);
	int min;			/* of a size, bytes */
	const struct report_format *format;	/* of --FORMAT FILE */
	const struct report_value *value;
};

static int __attribute__((format(printf, 2, 3))) wrong(struct parsing *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!p->message && vasprintf(&p->message, fmt, ap) < 0)
		p->message = NULL;
	va_end(ap);
	return -EINVAL;
}

static void *field(struct parsing *p)
{
	return (char *)p->o + p->row->at;
}

/* ---- values from text ----------------------------------------------------------------------- */

/* Digits with or without a point; nothing else that strtod() knows. */
static bool decimal(const char **text, double *v)
{
	size_t n = strspn(*text, "0123456789."), digits = 0;
	char *end;

	for (size_t i = 0; i < n; i++)
		digits += isdigit((unsigned char)(*text)[i]) != 0;
	if (!digits)
		return false;
	*v = strtod(*text, &end);
	if (end > *text + n)	/* an exponent, or 0x */
		return false;
	*text = end;
	return true;
}

/* Takes the unit that text begins with. */
static bool unit(const char **text, double *ns)
{
	static const struct { const char *name; double ns; } units[] = {	/* ms before m */
		{ "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 }, { "d", 86400e9 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t n = strlen(units[i].name);

		if (!strncmp(*text, units[i].name, n)) {
			*text += n;
			*ns = units[i].ns;
			return true;
		}
	}
	return false;
}

/* "30", "30s", "500ms", "1m30s": as time.ParseDuration() of Go, and days.  In ns; NAN: no time. */
static double time_of(const char *text)
{
	double sum = 0, v, ns;

	if (!decimal(&text, &v))
		return NAN;
	if (!*text)
		return v * 1e9;
	while (unit(&text, &ns)) {
		sum += v * ns;
		if (!*text)
			return sum;
		if (!decimal(&text, &v))
			return NAN;
	}
	return NAN;
}

static int set_time(struct parsing *p, const char *what, const char *text, uint64_t *ns)
{
	double v = time_of(text);

	if (v >= 1 && v < LONGEST_NS) {
		*ns = (uint64_t)v;
		return 0;
	}
	if (v < 1)
		return wrong(p, "%s: '%s' is no time at all; give more, as 30s or 1m30s", what,
			     text);
	if (v >= LONGEST_NS)
		return wrong(p, "%s: '%s' is longer than 285 years", what, text);
	return wrong(p, "%s: '%s' is not a time; give a number with ms, s, m, h or d, as 30s or "
		     "1m30s", what, text);
}

static int set_number(struct parsing *p, const char *what, const char *text, unsigned long min,
		      unsigned long max, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	if (errno || !isdigit((unsigned char)*text) || *end || *out < min || *out > max)
		return wrong(p, "%s: '%s' is not a whole number from %lu to %lu", what, text, min,
			     max);
	return 0;
}

/* "12gc"; false: it is something else. */
static bool cycles_of(const char *text, uint64_t *n)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 9 || strcmp(text + digits, "gc"))
		return false;
	*n = strtoul(text, NULL, 10);
	return *n > 0;
}

static int parse_duration(struct parsing *p, const char *arg)
{
	if (cycles_of(arg, &p->o->duration_cycles))
		return 0;
	if (strlen(arg) > 2 && !strcmp(arg + strlen(arg) - 2, "gc"))
		return wrong(p, "-d: '%s' is not a number of collections, as 12gc", arg);
	return set_time(p, "-d", arg, &p->o->duration_ns);
}

static int parse_diff(struct parsing *p, const char *arg)
{
	return set_time(p, "--diff", arg, &p->o->diff_ns);
}

static int set_interval(struct parsing *p, const char *what, const char *text)
{
	int err = set_time(p, what, text, &p->o->interval_ns);

	if (!err && p->o->interval_ns < MIN_INTERVAL_NS)
		err = wrong(p, "%s: '%s' is too short: give 10ms or more", what, text);
	return err;
}

static int parse_interval(struct parsing *p, const char *arg)
{
	return set_interval(p, "-i", arg);
}

static int parse_top(struct parsing *p, const char *arg)
{
	return set_number(p, "-T", arg, 0, 1000000, field(p));
}

static int parse_cycles(struct parsing *p, const char *arg)
{
	unsigned long n;
	int err = set_number(p, "--min-gc", arg, 1, 1000000, &n);

	if (!err)
		*(uint64_t *)field(p) = n;
	return err;
}

static int parse_min_time(struct parsing *p, const char *arg)
{
	return set_time(p, "--min-time", arg, field(p));
}

static int parse_watch_time(struct parsing *p, const char *arg)
{
	return set_time(p, "-d", arg, field(p));
}

/* As people try it: -p A -p B, -p A,B. */
static int several_pids(struct parsing *p, const char *arg)
{
	char *first = p->o->pid ? xasprintf("-p %d ", (int)p->o->pid) :
		      p->o->name ? xasprintf("-p %s ", p->o->name) : xstrdup("");
	int err = wrong(p, "%s-p %s: one process at a time; run gobpfleak once for each", first,
			arg);

	free(first);
	return err;
}

static int parse_pid(struct parsing *p, const char *arg)
{
	unsigned long v;
	int err;

	if (p->o->pid || p->o->name ||
	    (strpbrk(arg, ", ") && !arg[strspn(arg, "0123456789, ")]))
		return several_pids(p, arg);
	if (*arg != '-' && arg[strspn(arg, "0123456789")]) {
		p->o->name = arg;
		return 0;
	}
	if (*arg == '-' && arg[1] && !isdigit((unsigned char)arg[1]))
		return wrong(p, "-p: its PID is missing, '%s' follows: is the process running?",
			     arg);
	err = set_number(p, "-p", arg, 1, INT_MAX, &v);
	p->o->pid = err ? 0 : (pid_t)v;
	return err;
}

/* "64MiB", "64M", "1G", "67108864"; goes on behind that. */
static bool take_size(const char **text, double *v)
{
	static const char units[] = "KMGT";
	const char *c = *text, *u;

	if (!decimal(&c, v))
		return false;
	u = *c ? strchr(units, toupper((unsigned char)*c)) : NULL;
	if (u) {
		*v *= (double)((uint64_t)1024 << 10 * (u - units));
		c += c[1] == 'i' && c[2] == 'B' ? 3 : 1;
	}
	if (*c == 'B' && c[-1] != 'B')
		c++;
	*text = c;
	return true;
}

static int parse_size(struct parsing *p, const char *arg)
{
	const char *text = arg;
	double v = 0;
	bool good = take_size(&text, &v);

	if (!good || *text || v < p->row->min || v > 1e15)
		return wrong(p, "--%s: '%s' is not a size of %s or more, as 64MiB or 1GiB; a bare "
			     "number is bytes", p->row->name, arg,
			     report_bytes((uint64_t)p->row->min).s);
	*(uint64_t *)field(p) = (uint64_t)v;
	return 0;
}

static int parse_memory(struct parsing *p, const char *arg)
{
	uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	int err = parse_size(p, arg);

	if (!err && *(uint64_t *)field(p) > all)
		return wrong(p, "--%s: '%s' is more than this machine has: %s", p->row->name, arg,
			     report_bytes(all).s);
	return err;
}

/* "1", "0.5", "2%" */
static int parse_percent(struct parsing *p, const char *arg)
{
	const char *text = arg;
	double v = 0;
	bool good = decimal(&text, &v);

	text += good && *text == '%';
	if (!good || *text || !(v >= MIN_BUDGET) || v > MAX_BUDGET)
		return wrong(p, "--%s: '%s' is not a percentage of one core from %g to %d",
			     p->row->name, arg, MIN_BUDGET, MAX_BUDGET);
	*(double *)field(p) = v;
	return 0;
}

/* "5m", "5gc" */
static int parse_age(struct parsing *p, const char *arg)
{
	struct filter *f = &p->o->filter;
	double v;

	f->older_ns = f->older_cycles = 0;
	if (cycles_of(arg, &f->older_cycles) && f->older_cycles > MAX_OLDER_CYCLES)
		return wrong(p, "--older: no more than %d collections are remembered, and not %s",
			     MAX_OLDER_CYCLES, arg);
	f->set = true;
	if (f->older_cycles)
		return 0;
	v = time_of(arg);
	if (!(v >= 1) || v >= LONGEST_NS)
		return wrong(p, "--older: '%s' is no age; give a time, as 5m, or collections, as "
			     "5gc", arg);
	f->older_ns = (uint64_t)v;
	return 0;
}

/* "100KiB/min", "5/min" (goroutines), "1024" (bytes a second) */
static int parse_rate(struct parsing *p, const char *arg)
{
	static const struct { const char *name; double s; } per[] = {
		{ "", 1 }, { "/s", 1 }, { "/min", 60 }, { "/m", 60 }, { "/h", 3600 },
	};
	struct filter *f = &p->o->filter;
	const char *text = arg;
	double v = 0;
	bool good = take_size(&text, &v) && v > 0;
	bool goroutines = good && *text == '/' && isdigit((unsigned char)text[-1]);

	for (size_t i = 0; good && i < ARRAY_SIZE(per); i++) {
		if (strcmp(text, per[i].name))
			continue;
		*(goroutines ? &f->min_goroutine_rate : &f->min_rate) = v / per[i].s;
		f->set = true;
		return 0;
	}
	return wrong(p, "--min-rate: '%s' is no rate; give bytes, as 100KiB/min, or goroutines, as "
		     "5/min; a bare number is bytes a second", arg);
}

static int parse_object_size(struct parsing *p, const char *arg)
{
	p->o->filter.set = true;
	return parse_size(p, arg);
}

/* "90", "90%" */
static int parse_share(struct parsing *p, const char *arg)
{
	const char *text = arg;
	double v = 0;
	bool good = decimal(&text, &v);

	text += good && *text == '%';
	if (!good || *text || v < 1 || v > 100)
		return wrong(p, "--%s: '%s' is not a percentage from 1 to 100", p->row->name, arg);
	*(double *)field(p) = v;
	return 0;
}

static int parse_verbosity(struct parsing *p, const char *arg)
{
	p->o->verbosity = p->row->letter == 'v' ? VERBOSE : QUIET;
	return 0;
}

/* ---- what the reports of a command have ------------------------------------------------------- */

static const struct {
	enum command_bit bit;
	unsigned int lacks;		/* of enum report_needs: what they have nothing of */
	size_t top;			/* rows, where -T does not say */
} reports[] = {
	{ CMD_TRACE, REPORT_NEEDS_TYPES | REPORT_NEEDS_TWO_LOOKS, REPORT_FIT },
	{ CMD_DUMP, REPORT_NEEDS_TYPES | REPORT_NEEDS_TWO_LOOKS | REPORT_NEEDS_TRACE, REPORT_FIT },
	{ CMD_HEAP, REPORT_NEEDS_HEAP | REPORT_NEEDS_GOROUTINES | REPORT_NEEDS_COLLECTION,
	  REPORT_FIT },
};

/* What none of these commands has. */
static unsigned int lacks_of(unsigned int commands)
{
	unsigned int lacks = ~0u;

	for (size_t i = 0; i < ARRAY_SIZE(reports); i++)
		if (reports[i].bit & commands)
			lacks &= reports[i].lacks;
	return lacks;
}

static size_t top_of(enum command_bit bit)
{
	for (size_t i = 0; i < ARRAY_SIZE(reports); i++)
		if (reports[i].bit == bit)
			return reports[i].top;
	return 0;
}

/* ---- formats and files ---------------------------------------------------------------------- */

static void add_choice(char out[MAX_CHOICES], const char *name)
{
	size_t n = strlen(out);

	snprintf(out + n, MAX_CHOICES - n, "%s%s", n ? ", " : "", name);
}

static void format_names(char out[MAX_CHOICES], unsigned int lacks)
{
	size_t n;
	const struct report_format *all = report_formats(&n);

	for (size_t i = 0; i < n; i++)
		add_choice(out, all[i].name);
}

static void folded_values(char out[MAX_CHOICES], unsigned int lacks)
{
	const struct report_format *f = report_find("folded");

	for (size_t i = 0; i < f->n_values; i++)
		if (!(f->values[i].needs & lacks))
			add_choice(out, f->values[i].name);
}

static int parse_format(struct parsing *p, const char *arg)
{
	struct output_spec *main = &p->o->outputs[0];
	char names[MAX_CHOICES] = "";

	main->value = NULL;
	main->format = report_find(arg);
	if (main->format)
		return 0;
	format_names(names, 0);
	return wrong(p, "--format: there is no format '%s'; there are: %s", arg, names);
}

static int parse_folded(struct parsing *p, const char *arg)
{
	struct output_spec *main = &p->o->outputs[0];
	unsigned int lacks = lacks_of(p->line->bit);
	char values[MAX_CHOICES] = "";
	int value;

	if (arg && *arg == '=')		/* -f=live, as people type it */
		arg++;
	main->format = report_find("folded");
	main->value = arg;
	value = report_value(main->format, arg);
	if (!arg || (value >= 0 && !(main->format->values[value].needs & lacks)))
		return 0;
	folded_values(values, lacks);
	return wrong(p, "--folded: there is no '%s'; there are: %s", arg, values);
}

static const char *const plain[] = { "text", "json" };	/* of commands that have no report */

static void plain_formats(char out[MAX_CHOICES], unsigned int lacks)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		add_choice(out, plain[i]);
}

static int parse_plain_format(struct parsing *p, const char *arg)
{
	char names[MAX_CHOICES] = "";

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		if (strcmp(plain[i], arg))
			continue;
		*(bool *)field(p) = i;
		return 0;
	}
	plain_formats(names, 0);
	return wrong(p, "--format: there is no format '%s'; there are: %s", arg, names);
}

static void sources(char out[MAX_CHOICES], unsigned int lacks)
{
	for (int i = 0; i < SOURCE_NONE; i++)
		add_choice(out, source_names[i]);
}

static int parse_source(struct parsing *p, const char *arg)
{
	char names[MAX_CHOICES] = "";

	for (int i = 0; i < SOURCE_NONE; i++) {
		if (strcmp(arg, source_names[i]))
			continue;
		p->o->source = i;
		return 0;
	}
	sources(names, p->line->bit);
	return wrong(p, "--source: there is no source '%s'; there are: %s", arg, names);
}

static int parse_path(struct parsing *p, const char *arg)
{
	*(const char **)field(p) = arg;
	return 0;
}

/* As others name stdout. */
static bool is_dash(const char *arg)
{
	return !strcmp(arg, "-");
}

static int parse_output(struct parsing *p, const char *arg)
{
	if (is_dash(arg))
		return wrong(p, "-o -: leave -o out, and it goes to stdout");
	p->o->outputs[0].path = arg;
	return 0;
}

/* --pprof FILE and its like: one more output. */
static int parse_file(struct parsing *p, const char *arg)
{
	if (is_dash(arg))
		return wrong(p, "--%s -: what goes to stdout is chosen by --format %s",
			     p->row->name, p->row->format->name);
	if (p->o->n_outputs == OPTS_MAX_OUTPUTS)
		return wrong(p, "--%s: no more than %d reports at once", p->row->name,
			     OPTS_MAX_OUTPUTS);
	p->o->outputs[p->o->n_outputs++] = (struct output_spec){
		.format = p->row->format, .value = p->row->value->name, .path = arg,
	};
	return 0;
}

/* ---- the table ------------------------------------------------------------------------------ */

#define AT(field) .at = offsetof(struct opts, field)

enum {
	ONE_PROCESS = CMD_TRACE | CMD_DUMP | CMD_WATCH | CMD_HEAP,
	REPORTS = CMD_TRACE | CMD_DUMP | CMD_HEAP,	/* what report.h's formats can show */
	ALL = ONE_PROCESS | CMD_LIST,
};

static const struct row fixed_rows[] = {
	{ "pid", ONE_PROCESS, .letter = 'p', .arg = "PID", .parse = parse_pid,
	  .help = "the process, or its name where only one Go process has it" },
	{ "duration", CMD_TRACE, .letter = 'd', .arg = "TIME", .parse = parse_duration,
	  .help = "stop after TIME (30s, 1m30s, 2h; a bare number is seconds), or after so many "
		  "collections (12gc)" },
	{ "interval", CMD_TRACE, .letter = 'i', .arg = "TIME", .parse = parse_interval,
	  .help = "a report every TIME, as the positional INTERVAL" },
	{ "all", CMD_WATCH, AT(all), .flag = true,
	  .help = "all Go processes of this host, and those that come" },
	{ "duration", CMD_WATCH, .letter = 'd', .arg = "TIME", .parse = parse_watch_time,
	  AT(duration_ns), .help = "stop after TIME (30s, 1m30s, 2h; a bare number is seconds)" },
	{ "interval", CMD_WATCH, .letter = 'i', .arg = "TIME", .parse = parse_interval,
	  .help = "a report every TIME (none if not given; SIGUSR1 asks for one)" },
	{ "rate", CMD_WATCH, .arg = "SIZE", .parse = parse_size, AT(read_rate), .min = 1 << 20,
	  .help = "read no more than SIZE of a heap a second, when what leaks is to be named "
		  "(100MiB)" },
	{ "output", CMD_WATCH, .letter = 'o', .arg = "FILE", .parse = parse_output,
	  .help = "append the lines to FILE, nothing to stdout" },
	{ "fail-on-leak", CMD_WATCH, AT(fail_on_leak), .flag = true,
	  .help = "exit with 3 if a leak was told of" },
	{ "heap-only", CMD_TRACE, AT(goroutines), .flag = false,
	  .help = "trace allocations only" },
	{ "heap-only", CMD_DUMP, AT(goroutines), .flag = false,
	  .help = "look at the heap only" },
	{ "goroutines-only", CMD_TRACE, AT(heap), .flag = false,
	  .help = "trace goroutines only" },
	{ "goroutines-only", CMD_DUMP, AT(heap), .flag = false,
	  .help = "look at goroutines only" },
	{ "gc", CMD_TRACE, AT(gc), .flag = true,
	  .help = "a line for each collection, too: when, what lived before and after, its goal, "
		  "how long the world stood still, forced or not" },
	{ "gc", CMD_DUMP, AT(gc), .flag = true,
	  .help = "the last collections, too: when, how long the world stood still, and of the "
		  "last one how large the heap was and what lived" },
	{ "diff", CMD_HEAP, .arg = "TIME", .parse = parse_diff,
	  .help = "look twice, TIME apart (60s), and show what grew, the most first; Ctrl-C looks "
		  "at once" },
	{ "class", CMD_HEAP, .arg = "SIZE", .parse = parse_size, AT(only_size), .min = 8,
	  .help = "only objects in slots of SIZE bytes" },
	{ "rate", CMD_HEAP, .arg = "SIZE", .parse = parse_size, AT(read_rate), .min = 1 << 20,
	  .help = "read no more than SIZE of the process's memory a second (320MiB)" },
	{ "memory", REPORTS | CMD_WATCH, .arg = "SIZE", .parse = parse_memory, AT(memory_bytes),
	  .min = MIN_MEMORY,
	  .help = "memory that gobpfleak may take for what it follows (256MiB; 64MiB or more)" },
	{ "budget", CMD_TRACE, .arg = "PERCENT", .parse = parse_percent, AT(budget_percent),
	  .help = "what the process may be made to spend, percent of one core (1)" },
	{ "sample", CMD_TRACE, .letter = 's', .arg = "BYTES", .parse = parse_size,
	  AT(distance),
	  .help = "mean bytes allocated between two samples; 0: every allocation, whatever it "
		  "costs" },
	{ "source", CMD_TRACE, .arg = "SOURCE", .parse = parse_source, .choices = sources,
	  .help = "listen to allocations in this way, and not as the budget says; one of:" },
	{ "min-gc", CMD_TRACE | CMD_WATCH, .arg = "N", .parse = parse_cycles, AT(min_cycles),
	  .help = "call nothing a leak before N collections (12)" },
	{ "min-time", CMD_TRACE | CMD_WATCH, .arg = "TIME", .parse = parse_min_time, AT(min_time_ns),
	  .help = "call nothing a leak before TIME has passed (3m)" },
	{ "fail-on-leak", CMD_TRACE, AT(fail_on_leak), .flag = true,
	  .help = "exit with 3 if the final report names a leak, with 4 if it was too early to "
		  "tell" },
	{ "at-limit", CMD_TRACE, .arg = "PERCENT", .parse = parse_share, AT(at_limit),
	  .help = "one more report when memory comes to that share of the limit of its cgroup, or "
		  "of the machine's" },
	{ "min-size", REPORTS, .letter = 'z', .arg = "BYTES", .min = 1,
	  .parse = parse_object_size, AT(filter.min_object),
	  .help = "show only objects of at least BYTES" },
	{ "max-size", REPORTS, .letter = 'Z', .arg = "BYTES", .min = 1,
	  .parse = parse_object_size, AT(filter.max_object),
	  .help = "show only objects of at most BYTES" },
	{ "older", CMD_TRACE, .arg = "AGE", .parse = parse_age,
	  .help = "show only live objects that are older than AGE: a time, or collections (5gc)" },
	{ "min-rate", CMD_TRACE, .arg = "RATE", .parse = parse_rate,
	  .help = "show only what grows by RATE or more, as 100KiB/min; goroutines as 5/min" },
	{ "suppress", REPORTS | CMD_WATCH, .arg = "FILE", .parse = parse_path, AT(suppress),
	  .help = "leave out stacks and types that FILE names as known and accepted" },
	{ "dry-run", CMD_TRACE, AT(dry_run), .flag = true,
	  .help = "print what following everything would cost, and what would be probed, where "
		  "and why; attach nothing" },
	{ "top", CMD_TRACE | CMD_DUMP, .letter = 'T', .arg = "N", .parse = parse_top, AT(top),
	  .help = "sites of each kind in the text report (as many as fit on a screen; 0: all)" },
	{ "top", CMD_HEAP, .letter = 'T', .arg = "N", .parse = parse_top, AT(top),
	  .help = "types in the text report (10 or fewer that fit on a screen; 0: all)" },
	{ "folded", REPORTS, .letter = 'f', .arg = "[WHAT]", .parse = parse_folded,
	  .choices = folded_values,
	  .help = "folded stacks for flame graphs; WHAT follows without a blank (-fgrowth); "
		  "one of, the first by default:" },
	{ "format", REPORTS, .arg = "FORMAT", .parse = parse_format, .choices = format_names,
	  .help = "one of, the first by default:" },
	{ "format", CMD_LIST | CMD_WATCH, .arg = "FORMAT", .parse = parse_plain_format,
	  .choices = plain_formats, AT(json), .help = "one of, the first by default:" },
	{ "output", REPORTS, .letter = 'o', .arg = "FILE", .parse = parse_output,
	  .help = "write the report there and not to stdout" },
	{ "force", REPORTS, AT(force), .flag = true, .help = "overwrite files that exist" },
	{ "verbose", ALL, .letter = 'v', .parse = parse_verbosity,
	  .help = "say more on stderr" },
	{ "no-color", REPORTS, AT(no_color), .flag = true,
	  .help = "no colours, on a terminal either; as with $NO_COLOR" },
	{ "quiet", ALL, .letter = 'q', .parse = parse_verbosity,
	  .help = "say only errors on stderr" },
	{ "help", ALL, .letter = 'h', AT(help), .flag = true, .help = "show this" },
	{ "version", ALL, AT(version), .flag = true, .help = "show the version" },
};

_Static_assert(ARRAY_SIZE(fixed_rows) < MAX_ROWS, "raise MAX_ROWS");

/* The rows that these commands take, fixed ones and those of the formats; returns how many. */
static size_t rows_of(unsigned int commands, struct row rows[MAX_ROWS])
{
	size_t n = 0, n_formats;
	const struct report_format *formats = report_formats(&n_formats);
	const unsigned int lacks = lacks_of(commands);

	for (size_t i = 0; i < ARRAY_SIZE(fixed_rows); i++)
		if (fixed_rows[i].commands & commands)
			rows[n++] = fixed_rows[i];
	for (size_t i = 0; i < n_formats && REPORTS & commands; i++) {
		for (size_t k = 0; k < formats[i].n_values && n < MAX_ROWS; k++) {
			const struct report_value *v = &formats[i].values[k];

			if (v->option && !(v->needs & lacks))
				rows[n++] = (struct row){
					v->option, REPORTS, .arg = "FILE", .help = v->help,
					.parse = parse_file, .format = &formats[i], .value = v,
				};
		}
	}
	return n;
}

/* ---- the help text -------------------------------------------------------------------------- */

/* Words up to the width, the lines after the first indented; column: where the first one begins. */
static void wrap(FILE *out, const char *text, int column)
{
	while (*text) {
		int n = (int)strcspn(text, " ");

		if (column > HELP_COLUMN && column + 1 + n > HELP_WIDTH) {
			fprintf(out, "\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		} else if (column > HELP_COLUMN) {
			fputc(' ', out);
			column++;
		}
		column += fprintf(out, "%.*s", n, text);
		text += n + strspn(text + n, " ");
	}
	fputc('\n', out);
}

static void help_row(FILE *out, const struct row *row, unsigned int lacks)
{
	char choices[MAX_CHOICES] = "", *left, *text;

	if (row->choices)
		row->choices(choices, lacks);
	left = xasprintf("  %s%c%s --%s%s%s%s", row->letter ? "-" : "",
			 row->letter ? row->letter : ' ', row->letter ? "," : "  ", row->name,
			 row->arg ? (*row->arg == '[' ? "[=" : "=") : "",
			 row->arg ? row->arg + (*row->arg == '[') : "", "");
	text = xasprintf("%s%s%s", row->help, *choices ? " " : "", choices);
	fprintf(out, "%-*s", HELP_COLUMN, left);
	if (strlen(left) >= HELP_COLUMN)
		fprintf(out, "\n%*s", HELP_COLUMN, "");
	wrap(out, text, HELP_COLUMN);
	free(left);
	free(text);
}

void opts_help(FILE *out, enum command_bit bit)
{
	struct row rows[MAX_ROWS];
	size_t n = rows_of(bit, rows);

	for (size_t i = 0; i < n; i++)
		help_row(out, &rows[i], lacks_of(bit));
}

/* ---- INTERVAL and COUNT --------------------------------------------------------------------- */

static bool same_program(pid_t a, pid_t b)
{
	char path[64], names[2][32] = { "", "" };
	const pid_t pids[] = { a, b };
	struct stat st[2] = { 0 };
	FILE *f;

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/%d/exe", (int)pids[i]);
		if (stat(path, &st[i]))
			st[i].st_ino = 0;
		snprintf(path, sizeof(path), "/proc/%d/comm", (int)pids[i]);
		f = fopen(path, "re");
		if (!f || !fgets(names[i], sizeof(names[i]), f))
			names[i][0] = '\0';
		if (f)
			fclose(f);
	}
	return (st[0].st_ino && st[0].st_ino == st[1].st_ino && st[0].st_dev == st[1].st_dev) ||
	       (names[0][0] && !strcmp(names[0], names[1]));
}

/* A number without a unit. */
static bool is_bare(const char *arg)
{
	return *arg && !arg[strspn(arg, "0123456789")];
}

/*
 * "-p $(pidof server)" with two servers makes the second pid an INTERVAL.  So a bare number is
 * refused when it is the pid of another process of the same program, or more than an hour: as the
 * pids of a host are.
 */
static bool is_second_pid(const struct parsing *p, const char *arg)
{
	unsigned long v;

	if (!is_bare(arg))
		return false;
	errno = 0;
	v = strtoul(arg, NULL, 10);
	return errno || v > MAX_BARE_INTERVAL ||
	       ((pid_t)v != p->o->pid && v && same_program(p->o->pid, (pid_t)v));
}

static int refuse_second_pid(struct parsing *p, const char *arg)
{
	char *pids = p->o->name ? xasprintf("-p %s %s", p->o->name, arg) :
				  xasprintf("-p %d %s", (int)p->o->pid, arg);
	int err = wrong(p, "%s: one process at a time, and %s looks like a second pid; run "
			"gobpfleak once for each. If %s is meant as INTERVAL, write %ss", pids, arg,
			arg, arg);

	free(pids);
	return err;
}

static int take_interval(struct parsing *p, const char *arg)
{
	int err;

	if (is_second_pid(p, arg))
		return refuse_second_pid(p, arg);
	err = set_interval(p, "INTERVAL", arg);
	if (!err && !arg[strspn(arg, "0123456789.")] &&
	    p->o->interval_ns > MAX_BARE_INTERVAL * 1000000000ull)
		err = wrong(p, "INTERVAL: '%s' is more than an hour and has no unit; write %ss", arg,
			    arg);
	return err;
}

/* Which process or program. */
static int check_whom(struct parsing *p)
{
	bool process = p->o->pid || p->o->name, program = p->line->takes & TAKES_PROGRAM;

	if (p->o->command && !program)
		return wrong(p, "%s starts no program: nothing may follow --", p->line->name);
	if (process && p->o->all)
		return wrong(p, "-p PID and --all exclude each other");
	if (p->o->all)
		return 0;
	if (process && p->o->command)
		return wrong(p, "-p PID and -- COMMAND exclude each other");
	if (!(p->line->takes & TAKES_PROCESS) || process || p->o->command)
		return 0;
	if (p->line->takes & TAKES_ALL)
		return wrong(p, "name a process with -p PID, or say --all");
	if (!program)
		return wrong(p, "name a process with -p PID");
	return wrong(p, "name a process with -p PID, or %s after --",
		     p->n_positional ? "put the command" : "a command");
}

static int take_positionals(struct parsing *p)
{
	const struct output_spec *main = &p->o->outputs[0];
	const size_t most = p->line->takes & TAKES_INTERVAL ? 2 : 0;
	const bool process = p->o->pid || p->o->name;
	const char *const *arg = p->positional;
	int err;

	if (p->n_positional && main->format == report_find("folded") &&
	    report_value(main->format, arg[0]) >= 0)
		return wrong(p, "'%s' stands apart from its option: write --folded=%s or -f%s",
			     arg[0], arg[0], arg[0]);
	err = check_whom(p);
	if (err)
		return err;
	if (p->o->command && p->n_positional)
		return wrong(p, "'%s' is one argument too many before --", arg[0]);
	if (p->n_positional > most)
		return wrong(p, "'%s' is one argument too many%s", arg[most],
			     !most && process && is_bare(arg[0]) ?
			     ": one process at a time; run gobpfleak once for each" : "");
	if (p->n_positional > 0)
		err = take_interval(p, arg[0]);
	if (!err && p->n_positional > 1)
		err = set_number(p, "COUNT", arg[1], 1, MAX_COUNT, &p->o->count);
	return err;
}

/* ---- what contradicts itself ---------------------------------------------------------------- */

/* How the user asks for this value: "--pprof", "--folded=live". */
static char *asked(const struct report_format *format, const struct report_value *v)
{
	return v->option ? xasprintf("--%s", v->option) :
			   xasprintf("--%s=%s", format->name, v->name);
}

static int check_needs(struct parsing *p, const struct output_spec *spec)
{
	const struct report_format *format = spec->format;
	const struct report_value *v = &format->values[report_value(format, spec->value)];
	/* by options; what no report of the command has cannot be asked for */
	unsigned int absent = (p->o->heap ? 0 : REPORT_NEEDS_HEAP) |
			      (p->o->goroutines ? 0 : REPORT_NEEDS_GOROUTINES);
	bool heap = v->needs & REPORT_NEEDS_HEAP;
	char *name, *other;
	int err;

	if (v->needs & REPORT_NEEDS_TWO_LOOKS && !p->o->diff_ns)
		return wrong(p, "--%s=%s needs two looks: say how far apart with --diff TIME",
			     format->name, v->name);
	if (!(v->needs & absent))
		return 0;
	name = asked(format, v);
	other = xstrdup("");
	for (size_t i = format->n_values; i-- > 0;) {
		if (format->values[i].needs & (absent | lacks_of(p->line->bit)))
			continue;
		free(other);
		other = asked(format, &format->values[i]);
	}
	err = wrong(p, "%s needs %s, which %s leaves out%s%s", name,
		    heap ? "the heap" : "goroutines",
		    heap ? "--goroutines-only" : "--heap-only", *other ? "; there is " : "", other);
	free(name);
	free(other);
	return err;
}

/* Where none is named: the first that the reports of the command have. */
static void choose_value(struct parsing *p, struct output_spec *spec)
{
	const struct report_format *format = spec->format;
	size_t i = 0;

	while (i + 1 < format->n_values && format->values[i].needs & lacks_of(p->line->bit))
		i++;
	if (!spec->value && i)
		spec->value = format->values[i].name;
}

static int check_output(struct parsing *p, size_t i)
{
	struct output_spec *spec = &p->o->outputs[i];

	choose_value(p, spec);
	spec->plain = p->o->no_color;
	for (size_t k = 0; spec->path && k < i; k++)
		if (p->o->outputs[k].path && !strcmp(p->o->outputs[k].path, spec->path))
			return wrong(p, "%s: two reports cannot go to one file", spec->path);
	if (!spec->path && spec->format->kind == REPORT_BINARY && !p->o->dry_run &&
	    isatty(spec->fd))
		return wrong(p, "--format %s is binary and not for a terminal: redirect it, or say "
			     "where to with -o FILE", spec->format->name);
	return check_needs(p, spec);
}

/* -s 0 is a way to say --source every. */
static int check_source(struct parsing *p)
{
	struct opts *o = p->o;

	if (o->distance == 0 && o->source == N_SOURCES)
		o->source = SOURCE_EVERY;
	if (o->distance == 0 && o->source != SOURCE_EVERY && o->source != SOURCE_BURST)
		return wrong(p, "-s 0 follows every allocation, --source %s does not",
			     source_names[o->source]);
	if (o->distance != BUDGET_ANY && o->distance &&
	    (o->source == SOURCE_EVERY || o->source == SOURCE_PROFILE))
		return wrong(p, "--source %s does not sample by bytes: leave out -s",
			     source_names[o->source]);
	if (o->source != N_SOURCES && o->source != SOURCE_EVERY && !o->heap)
		return wrong(p, "--source is for allocations, which --goroutines-only leaves out");
	return 0;
}

static int check_filter(struct parsing *p)
{
	const struct filter *f = &p->o->filter;

	if (f->max_object && f->min_object > f->max_object)
		return wrong(p, "-z %" PRIu64 " is more than -Z %" PRIu64 ": no object is of such "
			     "a size", f->min_object, f->max_object);
	if (p->o->only_size && (f->min_object || f->max_object))
		return wrong(p, "--class is one size: leave out -z and -Z");
	if (!p->o->heap && (f->min_object || f->max_object || f->older_ns || f->older_cycles))
		return wrong(p, "-z, -Z and --older are for allocations, which --goroutines-only "
			     "leaves out");
	return 0;
}

static int check(struct parsing *p)
{
	struct output_spec *main = &p->o->outputs[0];
	int err = take_positionals(p);

	if (!err && !p->o->heap && !p->o->goroutines)
		err = wrong(p, "--heap-only and --goroutines-only exclude each other");
	if (!err)
		err = check_source(p);
	if (!err)
		err = check_filter(p);
	/* stdout is the command's: what is for reading goes where it does not mix */
	main->fd = p->o->command && main->format->kind == REPORT_READING ? STDERR_FILENO :
									   STDOUT_FILENO;
	for (size_t i = 0; !err && i < p->o->n_outputs; i++)
		err = check_output(p, i);
	return err;
}

/* ---- the command line ----------------------------------------------------------------------- */

struct table {
	struct row rows[MAX_ROWS];
	size_t n;
	struct option longs[MAX_ROWS + 1];
	char letters[2 + 3 * MAX_ROWS];		/* as getopt() takes them */
};

static void make_table(struct table *t, enum command_bit bit)
{
	char *c = stpcpy(t->letters, "-:");	/* in order; what is missing is ':' */

	t->n = rows_of(bit, t->rows);
	for (size_t i = 0; i < t->n; i++) {
		const struct row *r = &t->rows[i];

		t->longs[i] = (struct option){ r->name, no_argument, NULL, LONG + (int)i };
		if (r->arg)
			t->longs[i].has_arg = *r->arg == '[' ? optional_argument :
							       required_argument;
		if (r->letter)
			*c++ = (char)r->letter;
		for (int k = 0; r->letter && k < t->longs[i].has_arg; k++)
			*c++ = ':';
	}
	t->longs[t->n] = (struct option){ 0 };
	*c = '\0';
}

static const struct row *find_row(const struct table *t, int key)
{
	if (key >= LONG)
		return &t->rows[key - LONG];
	for (size_t i = 0; i < t->n; i++)
		if (key && t->rows[i].letter == key)
			return &t->rows[i];
	return NULL;
}

/* An option of another command, as it was written; NULL: there is none. */
static const char *of_others(int letter, const char *text, struct row rows[MAX_ROWS])
{
	size_t n = rows_of(ALL, rows), len = strcspn(text, "=");

	for (size_t i = 0; i < n; i++) {
		const char *name = rows[i].name;

		if (letter ? rows[i].letter == letter :
			     len == strlen(name) + 2 && !strncmp(text + 2, name, len - 2))
			return name;
	}
	return NULL;
}

static size_t n_that_begin(const struct table *t, const char *text)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += !strncmp(t->rows[i].name, text + 2, strcspn(text + 2, "="));
	return n;
}

/* No option of that name, as it was written. */
static int unknown_option(struct parsing *p, const struct table *t, const char *text)
{
	const char *meant = NULL;
	char *name = xasprintf("%.*s", (int)strcspn(text + 2, "="), text + 2);

	for (size_t i = 0; i < t->n && !meant; i++)
		meant = text_near(name, t->rows[i].name) ? t->rows[i].name : NULL;
	free(name);
	return meant ? wrong(p, "%s: there is no such option; did you mean --%s?", text, meant) :
		       wrong(p, "%s: there is no such option", text);
}

static int bad_option(struct parsing *p, const struct table *t, int c, const char *text)
{
	const struct row *row = find_row(t, optopt);
	struct row all[MAX_ROWS];
	const char *other;

	if (row && c == ':')
		return wrong(p, "--%s: its %s is missing", row->name, row->arg);
	if (row)
		return wrong(p, "--%s takes no argument", row->name);
	other = of_others(optopt, text, all);
	if (other)
		return wrong(p, "%s does not take --%s", p->line->name, other);
	if (optopt)
		return wrong(p, "there is no option -%c", optopt);
	if (n_that_begin(t, text))
		return wrong(p, "%s: there are several such options", text);
	return unknown_option(p, t, text);
}

/* One of what getopt_long() found. */
static int take(struct parsing *p, const struct table *t, int c, char *const *argv)
{
	if (c == '?' || c == ':')
		return bad_option(p, t, c, argv[optind - 1]);
	if (c == 1) {
		if (p->n_positional == MAX_POSITIONALS)
			return wrong(p, "'%s' is one argument too many", optarg);
		p->positional[p->n_positional++] = optarg;
		return 0;
	}
	p->row = find_row(t, c);
	if (p->row->parse)
		return p->row->parse(p, optarg);
	*(bool *)field(p) = p->row->flag;
	return 0;
}

int opts_parse(struct opts *out, const struct command_line *line, int argc, char **argv,
	       char **message)
{
	struct parsing p = { .line = line, .o = out };
	struct table t;
	int c, err = 0;

	*out = (struct opts){ .top = top_of(line->bit), .heap = true, .goroutines = true,
			      .n_outputs = 1, .memory_bytes = DEFAULT_MEMORY, .verbosity = NORMAL,
			      .min_cycles = 12, .min_time_ns = 180000000000ull,
			      .budget_percent = 1, .source = N_SOURCES, .distance = BUDGET_ANY };
	out->outputs[0].format = report_find("text");
	make_table(&t, line->bit);
	optind = 0;			/* from the beginning, however often it is called */
	opterr = 0;
	while (!err && !out->help && !out->version &&
	       (c = getopt_long(argc, argv, t.letters, t.longs, NULL)) >= 0)
		err = take(&p, &t, c, argv);
	if (!err && !out->help && !out->version) {
		if (optind < argc)	/* behind -- */
			out->command = &argv[optind];
		err = check(&p);
	}
	*message = p.message;
	return err;
}
