// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_output.c - output.h in a folder of its own; the formats are replaced by one that writes what
 * it is told to.
 */
#include "user/output.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/model.h"
#include "user/report/report.h"

/* Writes findings->version; nothing more, or an error behind it. */
static int fails;

static bool was_file;	/* the last one was written to */

static int write_version(FILE *out, const struct findings *f, const struct report_options *opt)
{
	was_file = opt->file;
	fputs(f->version, out);
	if (fails)
		return fails;
	return fflush(out) ? -errno : 0;
}

static const struct report_value values[] = {
	{ .name = "always" }, { .name = "collected", .needs = REPORT_NEEDS_COLLECTION },
};

static const struct report_format reading = {
	.name = "reading", .write = write_version, .kind = REPORT_READING, .values = values,
	.n_values = ARRAY_SIZE(values),
}, lines = {
	.name = "lines", .write = write_version, .kind = REPORT_LINES, .values = values,
	.n_values = ARRAY_SIZE(values),
}, binary = {
	.name = "binary", .write = write_version, .kind = REPORT_BINARY, .ending = ".pb.gz",
	.values = values, .n_values = ARRAY_SIZE(values),
};

static char *enter_folder(void)
{
	char *folder = xstrdup("/tmp/test_output.XXXXXX");

	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	return folder;
}

/* Nothing but these files (ending with NULL) may be left, with that in them. */
static void leave_folder(char *folder, const char *const *files)
{
	char text[256];
	FILE *f;
	size_t n;

	for (; *files; files += 2) {
		f = fopen(files[0], "r");
		if (!f)
			fail_msg("no file %s", files[0]);
		n = fread(text, 1, sizeof(text) - 1, f);
		text[n] = '\0';
		fclose(f);
		assert_string_equal(text, files[1]);
		unlink(files[0]);
	}
	assert_int_equal(chdir("/"), 0);
	if (rmdir(folder))
		fail_msg("%s: something is left", folder);
	free(folder);
}

static struct outputs *open_one(const struct output_spec *spec, bool force)
{
	struct outputs *o;

	fails = 0;
	assert_int_equal(outputs_open(&o, spec, 1, force), 0);
	return o;
}

static int report(struct outputs *o, const char *text)
{
	const struct findings f = { .version = text };

	return outputs_write(o, &f, 0);
}

static void put_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int reports_of(const struct report_format *format, const char *path, int n)
{
	const struct output_spec spec = { .format = format, .path = path };
	struct outputs *o = open_one(&spec, false);
	int err = 0;

	for (int i = 0; i < n; i++) {
		const char text[] = { (char)('a' + i), '\n', '\0' };

		err = err ? err : report(o, text);
	}
	outputs_close(o);
	return err;
}

static void test_several_reports(void **state)
{
	static const char *const files[] = {
		"text", "a\n\nb\n\nc\n", "json", "a\nb\nc\n",
		"heap.pb.gz", "c\n", "heap.1.pb.gz", "a\n", "heap.2.pb.gz", "b\n",
		"other", "b\n", "other.1", "a\n", "once.pb.gz", "a\n", NULL
	};
	char *folder = enter_folder();

	assert_int_equal(reports_of(&reading, "text", 3), 0);
	assert_int_equal(reports_of(&lines, "json", 3), 0);
	assert_int_equal(reports_of(&binary, "heap.pb.gz", 3), 0);
	assert_int_equal(reports_of(&binary, "other", 2), 0);
	assert_int_equal(reports_of(&binary, "once.pb.gz", 1), 0);
	assert_int_equal(reports_of(&lines, "never", 0), 0);
	leave_folder(folder, files);
}

/* A file that somebody else made since the start is left alone, and nothing is lost. */
static void test_appeared(void **state)
{
	const struct output_spec spec = { .format = &lines, .path = "there" };
	static const char *const files[] = { "there", "precious", NULL };
	char *folder = enter_folder(), name[64], text[64] = "";
	struct outputs *o = open_one(&spec, false);
	FILE *list, *kept;

	put_file("there", "precious");
	assert_int_equal(report(o, "a\n"), -EEXIST);
	assert_int_equal(report(o, "b\n"), 0);
	outputs_close(o);
	list = popen("ls there.*", "r");
	assert_non_null(list);
	assert_int_equal(fscanf(list, "%63s", name), 1);
	pclose(list);
	kept = fopen(name, "r");
	assert_non_null(kept);
	assert_true(fread(text, 1, sizeof(text) - 1, kept) > 0);
	assert_string_equal(text, "a\nb\n");
	fclose(kept);
	unlink(name);
	leave_folder(folder, files);
}

static void test_force(void **state)
{
	const struct output_spec spec = { .format = &binary, .path = "there.pb.gz" };
	static const char *const files[] = { "there.pb.gz", "b\n", "there.1.pb.gz", "a\n", NULL };
	char *folder = enter_folder();
	struct outputs *o;

	put_file("there.pb.gz", "old");
	put_file("there.1.pb.gz", "old");
	assert_int_equal(outputs_open(&o, &spec, 1, false), -EEXIST);
	o = open_one(&spec, true);
	assert_int_equal(report(o, "a\n"), 0);
	assert_int_equal(report(o, "b\n"), 0);
	outputs_close(o);
	leave_folder(folder, files);
}

/* Not to be replaced even with --force, so that is not what the message may offer. */
static void test_not_a_file(void **state)
{
	const struct output_spec spec = { .format = &lines, .path = "pipe" };
	static const char *const files[] = { NULL };
	char *folder = enter_folder();
	struct outputs *o;

	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_int_equal(outputs_open(&o, &spec, 1, false), -EINVAL);
	assert_int_equal(outputs_open(&o, &spec, 1, true), -EINVAL);
	unlink("pipe");
	leave_folder(folder, files);
}

/* A report that fails takes nothing with it: neither those before nor those after. */
static void test_failed(void **state)
{
	const struct output_spec spec = { .format = &lines, .path = "file" };
	static const char *const files[] = { "file", "a\nc\n", NULL };
	char *folder = enter_folder();
	struct outputs *o = open_one(&spec, false);

	fails = -ENOSPC;
	assert_int_equal(report(o, "0\n"), -ENOSPC);
	fails = 0;
	assert_int_equal(report(o, "a\n"), 0);
	fails = -ENOSPC;
	assert_int_equal(report(o, "b\n"), -ENOSPC);
	fails = 0;
	assert_int_equal(report(o, "c\n"), 0);
	outputs_close(o);
	leave_folder(folder, files);
}

/* The real thing: the kernel takes a part of the report only. */
static void test_limit(void **state)
{
	const struct output_spec spec = { .format = &lines, .path = "file" };
	static const char *const files[] = { "file", "abcdef\ngh\n", NULL };
	struct rlimit limit = { 10, RLIM_INFINITY }, saved;
	char *folder = enter_folder();
	struct outputs *o = open_one(&spec, false);

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &saved);
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(report(o, "abcdef\n"), 0);
	assert_int_equal(report(o, "ABCDEF\n"), -EFBIG);
	assert_int_equal(report(o, "gh\n"), 0);
	setrlimit(RLIMIT_FSIZE, &saved);
	outputs_close(o);
	leave_folder(folder, files);
}

static void test_removed(void **state)
{
	const struct output_spec spec = { .format = &reading, .path = "file" };
	static const char *const files[] = { "file", "b\n", NULL };
	char *folder = enter_folder();
	struct outputs *o = open_one(&spec, false);

	assert_int_equal(report(o, "a\n"), 0);
	unlink("file");
	assert_int_equal(report(o, "b\n"), 0);
	outputs_close(o);
	leave_folder(folder, files);
}

/* What is missing leaves one output out; the others get theirs. */
static void test_missing(void **state)
{
	const struct output_spec specs[] = {
		{ .format = &lines, .path = "live", .value = "collected" },
		{ .format = &lines, .path = "all" },
	};
	static const char *const files[] = { "all", "a\n", NULL };
	const struct findings f = { .version = "a\n" };
	char *folder = enter_folder();
	struct outputs *o;

	assert_int_equal(outputs_open(&o, specs, 2, false), 0);
	assert_int_equal(outputs_write(o, &f, 0), -ENODATA);
	outputs_close(o);
	leave_folder(folder, files);
}

/* A report knows whether it goes to a file, by a name or by what the shell has opened. */
static void test_is_file(void **state)
{
	static const char *const files[] = { "named", "a\n", "opened", "b\n", NULL };
	char *folder = enter_folder();
	int pipe_fds[2], fd = open("opened", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_int_equal(pipe(pipe_fds), 0);
	const struct {
		struct output_spec spec;
		const char *text;
		bool is_file;
	} rows[] = {
		{ { .format = &lines, .path = "named" }, "a\n", true },
		{ { .format = &lines, .fd = fd }, "b\n", true },
		{ { .format = &lines, .fd = pipe_fds[1] }, "c\n", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct outputs *o = open_one(&rows[i].spec, false);

		assert_int_equal(report(o, rows[i].text), 0);
		assert_int_equal(was_file, rows[i].is_file);
		outputs_close(o);
	}
	close(fd);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	leave_folder(folder, files);
}

/* Who reads has gone: said only when nobody else is left. */
static void test_deaf(void **state)
{
	static const char *const files[] = { "file", "a\nb\n", NULL };
	char *folder = enter_folder();
	struct output_spec specs[2] = {
		{ .format = &lines }, { .format = &lines, .path = "file" },
	};
	struct outputs *o;
	int pipe_fds[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(pipe_fds), 0);
	specs[0].fd = pipe_fds[1];
	close(pipe_fds[0]);
	assert_int_equal(outputs_open(&o, specs, 2, false), 0);
	assert_int_equal(report(o, "a\n"), 0);
	assert_int_equal(report(o, "b\n"), 0);
	outputs_close(o);
	assert_int_equal(outputs_open(&o, specs, 1, false), 0);
	assert_int_equal(report(o, "a\n"), -EPIPE);
	outputs_close(o);
	close(pipe_fds[1]);
	leave_folder(folder, files);
}

static int n_asked;

static bool is_interrupted(void *ctx)
{
	return ++n_asked == 2;
}

/* A reader that does not read is waited for until there is an interrupt; then the next report
 * begins at the beginning of a line. */
static void test_no_reading(void **state)
{
	struct output_spec spec = { .format = &lines };
	struct outputs *o;
	int pipe_fds[2];
	char text[16];

	assert_int_equal(pipe(pipe_fds), 0);
	fcntl(pipe_fds[1], F_SETPIPE_SZ, 4096);
	fcntl(pipe_fds[1], F_SETFL, O_NONBLOCK);
	while (write(pipe_fds[1], "x", 1) > 0)
		;
	fcntl(pipe_fds[1], F_SETFL, 0);
	spec.fd = pipe_fds[1];
	o = open_one(&spec, false);
	outputs_interrupt(o, is_interrupted, NULL);
	n_asked = 0;
	alarm(60);		/* if it waits for ever */
	assert_int_equal(report(o, "a\n"), -EINTR);
	alarm(0);
	assert_int_equal(n_asked, 2);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(read(pipe_fds[0], text, 1), 1);
	assert_int_equal(report(o, "b\n"), 0);
	assert_int_equal(read(pipe_fds[0], text, sizeof(text)), 3);
	assert_memory_equal(text, "\nb\n", 3);
	outputs_close(o);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void leave_by(void (*way_out)(int))
{
	const struct output_spec spec = { .format = &lines, .path = "file" };
	static const char *const files[] = { NULL };
	char *folder = enter_folder();
	pid_t pid = fork();
	int status;

	if (!pid) {
		open_one(&spec, false);
		way_out(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 1 << 8);
	leave_folder(folder, files);
}

/* Out of memory, or a system call that does not return. */
static void test_exit(void **state)
{
	leave_by(exit);
	leave_by(quick_exit);
}

/* As the handler of a second signal does it. */
static void test_abandon(void **state)
{
	const struct output_spec specs[] = {
		{ .format = &lines, .path = "one" }, { .format = &binary, .path = "two" },
	};
	static const char *const files[] = { NULL };
	char *folder = enter_folder();
	struct outputs *o;

	assert_int_equal(outputs_open(&o, specs, 2, false), 0);
	outputs_abandon();
	leave_folder(folder, files);
	outputs_close(o);
}

/* A process that was forked off ends by itself, out of memory. */
static void test_forked(void **state)
{
	const struct output_spec spec = { .format = &lines, .path = "file" };
	static const char *const files[] = { "file", "a\n", NULL };
	char *folder = enter_folder();
	struct outputs *o = open_one(&spec, false);
	pid_t pid = fork();

	if (!pid) {
		outputs_abandon();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(system("ls file.* > /dev/null"), 0);
	assert_int_equal(report(o, "a\n"), 0);
	outputs_close(o);
	leave_folder(folder, files);
}

/* A started command has none of the files, nor has anybody else. */
static void test_not_inherited(void **state)
{
	const struct output_spec spec = { .format = &lines, .path = "file" };
	static const char *const files[] = { "file", "a\n", NULL };
	char *folder = enter_folder();
	struct outputs *o = open_one(&spec, false);

	assert_int_equal(report(o, "a\n"), 0);
	assert_int_not_equal(system("ls -l /proc/self/fd | grep -q test_output"), 0);
	outputs_close(o);
	leave_folder(folder, files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_several_reports),
		cmocka_unit_test(test_appeared),
		cmocka_unit_test(test_force), cmocka_unit_test(test_not_a_file),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_is_file), cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_no_reading),
		cmocka_unit_test(test_exit), cmocka_unit_test(test_abandon),
		cmocka_unit_test(test_forked), cmocka_unit_test(test_not_inherited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
