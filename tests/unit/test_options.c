// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_options.c - opts.h: what stands on the command line, and what becomes of it.
 */
#include "user/opts.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/budget.h"
#include "user/report/report.h"

#define S ((uint64_t)1000000000)
#define MIB ((uint64_t)1 << 20)

static const struct command_line trace = {
	"trace", CMD_TRACE, TAKES_PROCESS | TAKES_PROGRAM | TAKES_INTERVAL,
};
static const struct command_line list = { "list", CMD_LIST, 0 };
static const struct command_line heap = { "heap", CMD_HEAP, TAKES_PROCESS };
static const struct command_line dump = { "dump", CMD_DUMP, TAKES_PROCESS };

struct line {
	char text[256], *argv[32];
	int argc;
};

/* Splits at blanks. */
static void split(struct line *l, const char *text)
{
	char *save, *word;

	snprintf(l->text, sizeof(l->text), "gobpfleak %s", text);
	l->argc = 0;
	for (word = strtok_r(l->text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		l->argv[l->argc++] = word;
	l->argv[l->argc] = NULL;
}

static struct opts parsed_by(const struct command_line *command, struct line *l, const char *text)
{
	struct opts o;
	char *message;

	split(l, text);
	if (opts_parse(&o, command, l->argc, l->argv, &message))
		fail_msg("%s: %s", text, message);
	assert_null(message);
	return o;
}

static struct opts parsed(struct line *l, const char *text)
{
	return parsed_by(&trace, l, text);
}

static void test_defaults(void **state)
{
	struct line l;
	struct opts o = parsed(&l, "-p 42");

	assert_int_equal(o.pid, 42);
	assert_null(o.command);
	assert_int_equal(o.duration_ns, 0);
	assert_int_equal(o.interval_ns, 0);
	assert_int_equal(o.count, 0);
	assert_int_equal(o.top, REPORT_FIT);
	assert_int_equal(o.memory_bytes, DEFAULT_MEMORY);
	assert_true(o.budget_percent == 1);
	assert_int_equal(o.source, N_SOURCES);
	assert_true(o.distance == BUDGET_ANY);
	assert_true(o.heap && o.goroutines);
	assert_false(o.force || o.dry_run || o.help || o.version);
	assert_int_equal(o.verbosity, NORMAL);
	assert_int_equal(o.n_outputs, 1);
	assert_ptr_equal(o.outputs[0].format, report_find("text"));
	assert_null(o.outputs[0].value);
	assert_null(o.outputs[0].path);
	assert_int_equal(o.outputs[0].fd, STDOUT_FILENO);
}

/* The pid is nobody's, so that no bare number is a second process of its program. */
static void test_times(void **state)
{
	static const struct { const char *text; uint64_t ns; } rows[] = {
		{ "30", 30 * S }, { "30s", 30 * S }, { "0.5", S / 2 }, { "1.5s", 3 * S / 2 },
		{ "500ms", S / 2 }, { "10ms", S / 100 }, { "2h", 7200 * S },
		{ "1m30s", 90 * S }, { "1h5m", 3900 * S },
		{ "1h2m3.5s", 3723 * S + S / 2 }, { "1d12h", 129600 * S }, { "3600", 3600 * S },
		{ "100000s", 100000 * S }, { "3600.5s", 3600 * S + S / 2 },
	};
	char text[64];
	struct line l;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(text, sizeof(text), "-p 2147483646 -d %s", rows[i].text);
		assert_int_equal(parsed(&l, text).duration_ns, rows[i].ns);
		snprintf(text, sizeof(text), "-p 2147483646 -i %s", rows[i].text);
		assert_int_equal(parsed(&l, text).interval_ns, rows[i].ns);
		snprintf(text, sizeof(text), "-p 2147483646 %s 7", rows[i].text);
		assert_int_equal(parsed(&l, text).interval_ns, rows[i].ns);
		assert_int_equal(parsed(&l, text).count, 7);
	}
}

static void test_sizes(void **state)
{
	static const struct { const char *text; uint64_t bytes; } rows[] = {
		{ "64MiB", 64 * MIB }, { "64M", 64 * MIB }, { "64m", 64 * MIB },
		{ "64MB", 64 * MIB },
		{ "1G", 1024 * MIB }, { "1.5GiB", 1536 * MIB }, { "65536K", 64 * MIB },
		{ "67108864", 64 * MIB }, { "67108864B", 64 * MIB },
	};
	char text[64];
	struct line l;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(text, sizeof(text), "-p 42 --memory %s", rows[i].text);
		assert_int_equal(parsed(&l, text).memory_bytes, rows[i].bytes);
	}
}

static void test_switches(void **state)
{
	struct line l;
	struct opts o = parsed(&l, "10s -p42 3 --force -v -T 0 --dry-run --heap-only -d 1m");

	assert_int_equal(o.pid, 42);
	assert_int_equal(o.interval_ns, 10 * S);
	assert_int_equal(o.count, 3);
	assert_int_equal(o.duration_ns, 60 * S);
	assert_int_equal(o.duration_cycles, 0);
	assert_int_equal(o.top, 0);
	assert_int_equal(o.min_cycles, 12);
	assert_int_equal(o.min_time_ns, 180 * S);
	assert_false(o.fail_on_leak);
	assert_true(parsed(&l, "-p 42 --fail-on-leak").fail_on_leak);
	assert_int_equal(parsed(&l, "-p 42 --min-gc 5").min_cycles, 5);
	assert_true(o.at_limit == 0);
	assert_true(parsed(&l, "-p 42 --at-limit 92.5%").at_limit == 92.5);
	assert_int_equal(parsed(&l, "-p 42 --min-time 1m30s").min_time_ns, 90 * S);
	assert_true(o.force && o.dry_run && o.heap && !o.goroutines);
	assert_int_equal(o.verbosity, VERBOSE);
	assert_int_equal(parsed(&l, "-p 42 -v -q").verbosity, QUIET);
	assert_true(parsed(&l, "-h").help);
	assert_true(parsed(&l, "--help -p x").help);
	assert_true(parsed(&l, "--version").version);
	assert_false(parsed(&l, "-p 42 --goroutines-only -fgoroutine").heap);
	o = parsed(&l, "-p 42 -d 12gc -d 10m");		/* whichever is earlier */
	assert_int_equal(o.duration_ns, 600 * S);
	assert_int_equal(o.duration_cycles, 12);
}

static void test_filter(void **state)
{
	struct line l;
	struct filter f = parsed(&l, "-p 42").filter;

	assert_false(f.set || f.min_object || f.max_object || f.older_ns || f.older_cycles);
	f = parsed(&l, "-p 42 -z 1K -Z 1MiB --older 5m").filter;
	assert_true(f.set && f.min_object == 1024 && f.max_object == MIB);
	assert_true(f.older_ns == 300 * S && !f.older_cycles && f.min_rate == 0);
	f = parsed(&l, "-p 42 --older 5m --older 5gc").filter;	/* the last one */
	assert_true(f.set && f.older_cycles == 5 && !f.older_ns);
	f = parsed(&l, "-p 42 --min-rate 60KiB/min").filter;
	assert_true(f.set && f.min_rate == 1024 && f.min_goroutine_rate == 0);
	assert_true(parsed(&l, "-p 42 --min-rate 512").filter.min_rate == 512);
	assert_true(parsed(&l, "-p 42 --min-rate 3600B/h").filter.min_rate == 1);
	f = parsed(&l, "-p 42 --min-rate 30/min --min-rate 2M/s").filter;
	assert_true(f.min_goroutine_rate == 0.5 && f.min_rate == 2 * (double)MIB);
}

static void assert_spec(const struct output_spec *s, const char *format, const char *value,
			const char *path)
{
	assert_ptr_equal(s->format, report_find(format));
	if (value)
		assert_string_equal(s->value, value);
	else
		assert_null(s->value);
	if (path)
		assert_string_equal(s->path, path);
	else
		assert_null(s->path);
}

static void test_outputs(void **state)
{
	struct line l;
	struct opts o = parsed(&l, "-p 42 --json j --pprof h --pprof-goroutines g -o t");

	assert_int_equal(o.n_outputs, 4);
	assert_spec(&o.outputs[0], "text", NULL, "t");
	assert_spec(&o.outputs[1], "json", NULL, "j");
	assert_spec(&o.outputs[2], "pprof", "heap", "h");
	assert_spec(&o.outputs[3], "pprof", "goroutine", "g");
	o = parsed(&l, "-p 42 -f");
	assert_spec(&o.outputs[0], "folded", NULL, NULL);
	o = parsed(&l, "-p 42 -fgrowth");
	assert_spec(&o.outputs[0], "folded", "growth", NULL);
	o = parsed(&l, "-p 42 -f=alloc");
	assert_spec(&o.outputs[0], "folded", "alloc", NULL);
	o = parsed(&l, "-p 42 --folded=goroutine");
	assert_spec(&o.outputs[0], "folded", "goroutine", NULL);
	o = parsed(&l, "-p 42 -fgrowth --format json");
	assert_spec(&o.outputs[0], "json", NULL, NULL);
}

/* Text beside a command goes to stderr, since stdout is the command's. */
static void test_command(void **state)
{
	struct line l;
	struct opts o = parsed(&l, "-q -- server -v -- x");

	assert_int_equal(o.pid, 0);
	assert_string_equal(o.command[0], "server");
	assert_string_equal(o.command[1], "-v");
	assert_string_equal(o.command[2], "--");
	assert_string_equal(o.command[3], "x");
	assert_null(o.command[4]);
	assert_int_equal(o.outputs[0].fd, STDERR_FILENO);
	assert_int_equal(parsed(&l, "-f -- server").outputs[0].fd, STDOUT_FILENO);
}

static void assert_refused_by(const struct command_line *command, const char *text,
			      const char *words)
{
	struct line l;
	struct opts o;
	char *message = NULL;

	split(&l, text);
	assert_int_equal(opts_parse(&o, command, l.argc, l.argv, &message), -EINVAL);
	assert_non_null(message);
	if (!strstr(message, words))
		fail_msg("%s: no \"%s\" in: %s", text, words, message);
	free(message);
}

static void assert_refused(const char *text, const char *words)
{
	assert_refused_by(&trace, text, words);
}

static void test_refused(void **state)
{
	static const struct { const char *line, *words; } rows[] = {
		{ "", "-p PID, or a command after --" },
		{ "server", "put the command after --" },
		{ "--", "-p PID" },
		{ "-p", "PID is missing" },
		{ "-p server -p 42", "-p server -p 42: one process at a time" },
		{ "-p server -- server", "exclude each other" },
		{ "-p 0", "not a whole number from 1" },
		{ "-p -1", "not a whole number from 1 to 2147483647" },
		{ "-p 99999999999", "not a whole number from 1 to 2147483647" },
		{ "-p 42 -d soon", "-d: 'soon' is not a time" },
		{ "-p 42 --at-limit 0", "--at-limit: '0' is not a percentage from 1 to 100" },
		{ "-p 42 --at-limit 101", "--at-limit: '101' is not a percentage" },
		{ "-p 42 --at-limit 90MiB", "--at-limit: '90MiB' is not a percentage" },
		{ "-p 42 -z 2K -Z 1K", "-z 2048 is more than -Z 1024" },
		{ "-p 42 -z many", "--min-size: 'many' is not a size" },
		{ "-p 42 -Z 0", "--max-size: '0' is not a size of 1B or more, as 64MiB or 1GiB; "
				"a bare number is bytes" },
		{ "-p 42 -z 1K --goroutines-only", "--goroutines-only leaves out" },
		{ "-p 42 --older 5gc --goroutines-only", "--goroutines-only leaves out" },
		{ "-p 42 --older soon", "--older: 'soon' is no age" },
		{ "-p 42 --older 0gc", "--older: '0gc' is no age" },
		{ "-p 42 --older 99999gc", "no more than 10000 collections" },
		{ "-p 42 --min-rate fast", "--min-rate: 'fast' is no rate" },
		{ "-p 42 --min-rate 0", "--min-rate: '0' is no rate" },
		{ "-p 42 --min-rate 5/week", "--min-rate: '5/week' is no rate" },
		{ "-p 42 --min-rate -5/min", "--min-rate: '-5/min' is no rate" },
		{ "-p 42 -d 0gc", "-d: '0gc' is not a number of collections" },
		{ "-p 42 -d 1.5gc", "-d: '1.5gc' is not a number of collections" },
		{ "-p 42 -d -1gc", "-d: '-1gc' is not a number of collections" },
		{ "-p 42 -d gc", "-d: 'gc' is not a time" },
		{ "-p 42 -d 9999999999gc", "is not a number of collections" },
		{ "-p 42 -i 12gc", "-i: '12gc' is not a time" },
		{ "-p 42 -d 0", "-d: '0' is no time at all; give more, as 30s" },
		{ "-p 42 -d 0s", "-d: '0s' is no time at all" },
		{ "-p 42 -d 999999d", "-d: '999999d' is longer than 285 years" },
		{ "-p 42 --older 0", "--older: '0' is no age" },
		{ "-p 42 -d 1e3s", "not a time" },
		{ "-p 42 -d 0x10", "not a time" },
		{ "-p 42 -d inf", "not a time" },
		{ "-p 42 -d 1m30", "not a time" },
		{ "-p 42 -d 1x", "1m30s" },
		{ "-p 42 -i -5s", "-i: '-5s'" },
		{ "-p 42 -i 9ms", "-i: '9ms' is too short: give 10ms or more" },
		{ "-p 42 -i 0.000000001", "-i: '0.000000001' is too short" },
		{ "-p 42 -i 1ns", "-i: '1ns' is not a time" },
		{ "-p 42 0.001s", "INTERVAL: '0.001s' is too short" },
		{ "-p 42 5x", "INTERVAL: '5x'" },
		{ "-p 42 1s 0", "COUNT: '0' is not a whole number from 1 to 1000000000" },
		{ "-p 42 1s 99999999999999999999", "COUNT: '99999999999999999999' is not a" },
		{ "-p 42 1s 2 3", "'3' is one argument too many" },
		{ "-p 42 1s 2 3 4", "one argument too many" },
		{ "-p 42 -T -1", "-T: '-1'" },
		{ "-p 42 --memory 63MiB", "64MiB or more" },
		{ "-p 42 --budget 0", "--budget: '0' is not a percentage of one core from 0.01" },
		{ "-p 42 --budget 10001", "not a percentage" },
		{ "-p 42 --budget 1%%", "not a percentage" },
		{ "-p 42 --budget nan", "not a percentage" },
		{ "-p 42 -s x", "--sample: 'x' is not a size of 0B or more" },
		{ "-p 42 --source all", "there are: every, sample, profile, burst" },
		{ "-p 42 --source none", "there is no source 'none'" },
		{ "-p 42 -s 0 --source profile", "--source profile does not" },
		{ "-p 42 -s 4k --source every", "leave out -s" },
		{ "-p 42 --source burst --goroutines-only", "leaves out" },
		{ "-p 42 --memory 1X", "not a size" },
		{ "-p 42 --memory M", "not a size" },
		{ "-p 42 --memory 64MBB", "not a size" },
		{ "-p 42 --format yaml", "text, json, folded, pprof" },
		{ "-p 42 -fthis", "live, live-objects, alloc, growth, goroutine" },
		{ "-p 42 -f growth", "--folded=growth or -fgrowth" },
		{ "-f live -p 42", "--folded=live or -flive" },
		{ "-p 42 --heap-only --goroutines-only", "exclude each other" },
		{ "-p 42 --goroutines-only --pprof f", "--pprof needs the heap" },
		{ "-p 42 --goroutines-only --pprof f", "there is --pprof-goroutines" },
		{ "-p 42 --goroutines-only -f", "there is --folded=goroutine" },
		{ "-p 42 --heap-only --pprof-goroutines f", "needs goroutines" },
		{ "-p 42 --heap-only -fgoroutine", "there is --folded=live" },
		{ "-p 42 --no-such-option", "--no-such-option: there is no such option" },
		{ "-p 42 --buget 2", "--buget: there is no such option; did you mean --budget?" },
		{ "-p 42 --buget=2", "did you mean --budget?" },
		{ "-p 42 --fromat json", "did you mean --format?" },
		{ "-p 42 --goroutines-onyl", "did you mean --goroutines-only?" },
		{ "-p 42 --p f", "--p: there are several such options" },
		{ "-p -d 60s", "-p: its PID is missing, '-d' follows" },
		{ "-p 42 --json -", "--format json" },
		{ "-p 42 -o -", "leave -o out" },
		{ "-p 42 --memory 900T", "is more than this machine has" },
		{ "-p 42 -x", "no option -x" },
		{ "-p 42 --force=yes", "--force takes no argument" },
		{ "-p 42 -o", "FILE is missing" },
		{ "-p 42 -o f --json f", "two reports cannot go to one file" },
		{ "-p 42 -- server", "exclude each other" },
		{ "5s -- server", "'5s' is one argument too many" },
		{ "-p 42,43", "-p 42,43: one process at a time" },
		{ "-p 42 -p 43", "-p 42 -p 43: one process at a time" },
		{ "-p 42 3601", "-p 42 3601: one process at a time" },
		{ "-p 42 3600.5", "'3600.5' is more than an hour and has no unit; write 3600.5s" },
		{ "-p 30340 30341", "30341 looks like a second pid; run gobpfleak once for each" },
		{ "-p 30340 30341", "write 30341s" },
		{ "-p server 3601", "-p server 3601: one process at a time" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_refused(rows[i].line, rows[i].words);
}

static void test_name(void **state)
{
	struct line l;
	struct opts o = parsed(&l, "-p my-server 10s");

	assert_int_equal(o.pid, 0);
	assert_string_equal(o.name, "my-server");
	assert_int_equal(o.interval_ns, 10 * S);
	assert_string_equal(parsed(&l, "-p 7zip").name, "7zip");
	assert_null(parsed(&l, "-p 42").name);
}

/* What is no slip of the pen is not guessed at, nor is what the command does not take. */
static void test_no_guess(void **state)
{
	static const struct { const struct command_line *command; const char *option; } rows[] = {
		{ &trace, "--no-such-option" }, { &trace, "--bugdte" }, { &list, "--buget" },
	};
	struct line l;
	struct opts o;
	char *message;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		split(&l, rows[i].option);
		assert_int_equal(opts_parse(&o, rows[i].command, l.argc, l.argv, &message),
				 -EINVAL);
		assert_null(strstr(message, "mean"));
		free(message);
	}
}

/* Each command takes its own options and no others. */
static void test_commands(void **state)
{
	static const struct { const struct command_line *command; const char *line, *words; } no[] = {
		{ &list, "--folded", "list does not take --folded" },
		{ &list, "--folded=live", "list does not take --folded" },
		{ &list, "-f", "list does not take --folded" },
		{ &list, "-vfgrowth", "list does not take --folded" },
		{ &list, "--pprof f", "list does not take --pprof" },
		{ &list, "-p 42", "list does not take --pid" },
		{ &list, "--no-such-option", "--no-such-option: there is no such option" },
		{ &list, "-x", "no option -x" },
		{ &list, "--format folded", "text, json" },
		{ &list, "42", "'42' is one argument too many" },
		{ &list, "-- server", "list starts no program" },
		{ &dump, "-p 42 10s", "'10s' is one argument too many" },
		{ &dump, "-p 42 --dry-run", "dump does not take --dry-run" },
		{ &dump, "", "-p PID" },
		{ &dump, "-- server", "dump starts no program" },
	};
	struct line l;

	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_refused_by(no[i].command, no[i].line, no[i].words);
	assert_true(parsed_by(&list, &l, "--format json").json);
	assert_false(parsed_by(&list, &l, "--format=json --format text -v").json);
	assert_int_equal(parsed_by(&dump, &l, "-p 42").pid, 42);
}

/* Each command has the values that its reports can show, and the first of them by default. */
static void test_heap(void **state)
{
	static const struct { const struct command_line *command; const char *line, *words; } no[] = {
		{ &heap, "-p 42 -flive", "there are: holders, holders-objects, holders-growth" },
		{ &trace, "-p 42 -fholders", "there are: live, live-objects, alloc, growth, gorout" },
		{ &heap, "-p 42 -fholders-growth", "--folded=holders-growth needs two looks: say" },
		{ &heap, "-p 42 --diff x", "--diff: 'x' is not a time" },
		{ &heap, "-p 42 --class 4", "--class: '4' is not a size of 8B or more" },
		{ &heap, "-p 42 --rate 1000", "--rate: '1000' is not a size of 1MiB or more" },
		{ &heap, "-p 42 --memory 1M", "--memory: '1M' is not a size of 64MiB or more" },
		{ &heap, "-p 42 --pprof-goroutines f", "heap does not take --pprof-goroutines" },
		{ &heap, "-p 42 10s", "'10s' is one argument too many" },
		{ &heap, "-p 42 43", "'43' is one argument too many: one process at a time" },
		{ &trace, "-p 42 --diff 60", "trace does not take --diff" },
	};
	struct line l;
	struct opts o = parsed_by(&heap, &l, "-p 42 --diff 1m --class 96 --rate 100M --pprof p");

	assert_int_equal(o.diff_ns, 60 * S);
	assert_int_equal(o.only_size, 96);
	assert_int_equal(o.read_rate, 100 * MIB);
	assert_int_equal(o.top, REPORT_FIT);
	assert_spec(&o.outputs[0], "text", NULL, NULL);
	assert_spec(&o.outputs[1], "pprof", "holders", "p");
	o = parsed_by(&heap, &l, "-p 42 -f -T 3");
	assert_int_equal(o.top, 3);
	assert_spec(&o.outputs[0], "folded", "holders", NULL);
	o = parsed_by(&heap, &l, "-p 42 --format pprof -o f");
	assert_spec(&o.outputs[0], "pprof", "holders", "f");
	o = parsed_by(&heap, &l, "-p 42 --diff 60 -fholders-growth");
	assert_spec(&o.outputs[0], "folded", "holders-growth", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_refused_by(no[i].command, no[i].line, no[i].words);
}

/* -p $(pidof server) with two of them. */
static void test_replicas(void **state)
{
	char text[64], words[64];
	pid_t child = fork();
	struct line l;

	assert_true(child >= 0);
	if (!child) {
		pause();
		_exit(0);
	}
	snprintf(text, sizeof(text), "-p %d %d", (int)getpid(), (int)child);
	snprintf(words, sizeof(words), "%d: one process at a time", (int)child);
	assert_refused(text, words);
	snprintf(text, sizeof(text), "-p %d %ds", (int)getpid(), (int)child);
	assert_int_equal(parsed(&l, text).interval_ns, (uint64_t)child * S);
	snprintf(text, sizeof(text), "-p %d 1", (int)getpid());	/* another program */
	assert_int_equal(parsed(&l, text).interval_ns, S);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* Binary data goes anywhere but to a terminal. */
static void test_terminal(void **state)
{
	int saved = dup(STDOUT_FILENO), terminal = posix_openpt(O_RDWR | O_NOCTTY);
	struct line l;

	if (terminal < 0 || !isatty(terminal))
		skip();
	dup2(terminal, STDOUT_FILENO);
	assert_refused("-p 42 --format pprof", "not for a terminal");
	parsed(&l, "-p 42 --format pprof -o f");
	parsed(&l, "-p 42 --format json");
	dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
	parsed(&l, "-p 42 --format pprof");
	dup2(saved, STDOUT_FILENO);
}

/* Each option stands in the help, which fits the screen. */
static void test_help(void **state)
{
	static const char *const named[] = {
		"-p, --pid=PID ", "-f, --folded[=WHAT]", "--pprof-goroutines=FILE", "--memory=SIZE",
		"-h, --help", "text, json, folded,",
	};
	char *text, *save, memory[64];
	size_t size;
	FILE *f = open_memstream(&text, &size);

	opts_help(f, CMD_TRACE);
	fclose(f);
	for (size_t i = 0; i < ARRAY_SIZE(named); i++)
		assert_non_null(strstr(text, named[i]));
	snprintf(memory, sizeof(memory), "(%dMiB; %dMiB or more)", DEFAULT_MEMORY >> 20,
		 MIN_MEMORY >> 20);
	assert_non_null(strstr(text, memory));
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		assert_in_range(strlen(line), 1, 79);
	free(text);
}

/* The help of a command has its options only. */
static void test_help_of_command(void **state)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	opts_help(f, CMD_LIST);
	fclose(f);
	assert_non_null(strstr(text, "--format=FORMAT"));
	assert_non_null(strstr(text, "--help"));
	assert_null(strstr(text, "--pid"));
	assert_null(strstr(text, "folded"));
	assert_null(strstr(text, "--pprof"));
	free(text);
}

static void test_budget(void **state)
{
	static const struct {
		const char *text;
		double percent;
		enum source source;
		uint64_t distance;
	} rows[] = {
		{ "-p 42 --budget 0.5%", 0.5, N_SOURCES, BUDGET_ANY },
		{ "-p 42 --budget 10000 -s 512K", 10000, N_SOURCES, 512 << 10 },
		{ "-p 42 -s 0", 1, SOURCE_EVERY, 0 },
		{ "-p 42 -s 0 --goroutines-only", 1, SOURCE_EVERY, 0 },
		{ "-p 42 -s 0 --source burst", 1, SOURCE_BURST, 0 },
		{ "-p 42 --source sample --sample=64", 1, SOURCE_SAMPLE, 64 },
		{ "-p 42 --source=profile", 1, SOURCE_PROFILE, BUDGET_ANY },
		{ "-p 42 --source every", 1, SOURCE_EVERY, BUDGET_ANY },
	};
	struct line l;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct opts o = parsed(&l, rows[i].text);

		assert_true(o.budget_percent == rows[i].percent);
		assert_int_equal(o.source, rows[i].source);
		assert_true(o.distance == rows[i].distance);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_filter), cmocka_unit_test(test_switches),
		cmocka_unit_test(test_outputs),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_guess), cmocka_unit_test(test_name),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_replicas),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_help_of_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
