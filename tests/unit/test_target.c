// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_target.c - target.h on this process and on children of it.
 *
 * Started as "test_target wait" it only waits for the end of its standard input.
 */
#include "user/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/util.h"

/* target_open() with its message in msg. */
static int open_quietly(struct target **t, pid_t pid, char *msg, size_t cap)
{
	int saved = dup(STDERR_FILENO), err;
	FILE *f = tmpfile();

	assert_non_null(f);
	fflush(stderr);
	dup2(fileno(f), STDERR_FILENO);
	err = target_open(t, pid);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(f);
	msg[fread(msg, 1, cap - 1, f)] = '\0';
	fclose(f);
	return err;
}

/* A child that runs fn(arg) and ends; it ends with the test, too. */
static pid_t start(void (*fn)(int), int arg)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(arg);
		_exit(0);
	}
	return pid;
}

static void finish(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void wait_for_end(int fd)
{
	char c;

	while (read(fd, &c, 1) > 0)
		;
}

static void end_now(int arg)
{
}

static void test_self(void **state)
{
	char path[PATH_MAX] = "", own[PATH_MAX] = "";
	const struct target_map *maps;
	struct target *t;
	uint64_t rss = 0;
	bool code = false;
	size_t n;

	assert_int_equal(target_open(&t, getpid()), 0);
	assert_int_equal(target_pid(t), getpid());
	assert_true(target_pidfd(t) >= 0);
	assert_true(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
	assert_string_equal(target_exe_name(t), own);
	assert_true(strlen(target_comm(t)) > 0);
	assert_null(strchr(target_comm(t), '\n'));
	snprintf(path, sizeof(path), "/proc/%d/exe", getpid());
	assert_string_equal(target_exe_path(t), path);

	assert_int_equal(target_exe_maps(t, &maps, &n), 0);
	for (size_t i = 0; i < n; i++) {
		assert_true(maps[i].start < maps[i].end);
		if (maps[i].start <= (uintptr_t)test_self && (uintptr_t)test_self < maps[i].end)
			code = maps[i].exec;
		assert_false(maps[i].start <= (uintptr_t)path && (uintptr_t)path < maps[i].end);
	}
	assert_true(code);

	assert_null(target_gone(t));
	assert_int_equal(target_rss(t, &rss), 0);
	assert_true(rss > 64 << 10);
	target_close(t);
	target_close(NULL);
}

static void test_pidns(void **state)
{
	uint64_t dev, ino;
	struct target *t;
	struct stat st;
	uint32_t pid;

	assert_int_equal(target_open(&t, getpid()), 0);
	assert_int_equal(target_pidns(t, &dev, &ino, &pid), 0);
	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	assert_int_equal(ino, st.st_ino);
	assert_int_equal(pid, syscall(SYS_getpid));
	/* Below major 4096 and minor 256, where glibc's dev_t is major << 8 | minor. */
	if (!(st.st_dev >> 20))
		assert_int_equal(dev, (st.st_dev >> 8) << 20 | (st.st_dev & 0xff));
	target_close(t);
}

static void test_read(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *mem = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	char *buf = xcalloc(1, 3 * page);
	struct target *t;

	assert_ptr_not_equal(mem, MAP_FAILED);
	for (size_t i = 0; i < 3 * page; i++)
		mem[i] = (char)(i * 7 + i / page);
	assert_int_equal(target_open(&t, getpid()), 0);
	assert_int_equal(target_read(t, (uintptr_t)mem + 5, buf, 2 * page), 0);
	assert_memory_equal(buf, mem + 5, 2 * page);
	assert_int_equal(munmap(mem + page, page), 0);
	assert_int_equal(target_read(t, (uintptr_t)mem, buf, page), 0);
	assert_int_equal(target_read(t, (uintptr_t)mem + page - 8, buf, 16), -EFAULT);
	assert_int_equal(target_read(t, (uintptr_t)mem + page, buf, 1), -EFAULT);
	assert_int_equal(target_read(t, 0, buf, 1), -EFAULT);
	assert_int_equal(target_read(t, 0, buf, 0), 0);
	munmap(mem, page);
	munmap(mem + 2 * page, page);
	free(buf);
	target_close(t);
}

/* More than one call takes, with unreadable ones at the ends, in runs, and half readable. */
static void test_read_many(void **state)
{
	enum { N = 3 * IOV_MAX + 17 };
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n_ok = 0;
	char *mem = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	struct target_read *reads = xcalloc(N, sizeof(*reads));
	uint64_t *words = xcalloc(N, sizeof(*words)), *got = xcalloc(N, sizeof(*got));
	struct target *t;

	assert_ptr_not_equal(mem, MAP_FAILED);
	assert_int_equal(munmap(mem + page, page), 0);
	for (size_t i = 0; i < N; i++) {
		bool bad = i == 0 || i == N - 1 || i % 100 == 3 || (i > 1000 && i < 1100);
		bool half = i % 100 == 50;

		words[i] = i * 0x0123456789abcdef;
		reads[i].addr = bad ? (uintptr_t)mem + page : half ? (uintptr_t)mem + page - 4
								   : (uintptr_t)&words[i];
		reads[i].buf = &got[i];
		reads[i].len = 8;
		reads[i].ok = bad;	/* must be overwritten */
		n_ok += !bad && !half;
	}
	assert_int_equal(target_open(&t, getpid()), 0);
	assert_int_equal(target_read_many(t, reads, N), n_ok);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(reads[i].ok, reads[i].addr == (uintptr_t)&words[i]);
		if (reads[i].ok)
			assert_int_equal(got[i], words[i]);
	}
	assert_int_equal(target_read_many(t, reads, 0), 0);
	munmap(mem, page);
	free(reads);
	free(words);
	free(got);
	target_close(t);
}

static void test_exit(void **state)
{
	struct target_read r = { 0 };
	struct pollfd p = { .events = POLLIN };
	struct target *t;
	uint64_t word = 1;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = start(wait_for_end, fds[0]);
	assert_int_equal(target_open(&t, pid), 0);
	assert_int_equal(target_read(t, (uintptr_t)&word, &word, sizeof(word)), 0);
	assert_null(target_gone(t));
	kill(pid, SIGKILL);
	p.fd = target_pidfd(t);
	assert_int_equal(poll(&p, 1, -1), 1);
	assert_string_equal(target_gone(t), "exited");	/* not yet collected */
	waitpid(pid, NULL, 0);
	assert_string_equal(target_gone(t), "exited");
	r = (struct target_read){ .addr = (uintptr_t)&word, .buf = &word, .len = 8 };
	assert_int_equal(target_read_many(t, &r, 1), 0);
	assert_int_equal(target_read(t, (uintptr_t)&word, &word, sizeof(word)), -ESRCH);
	assert_true(target_rss(t, &word) < 0);
	target_close(t);
	close(fds[0]);
	close(fds[1]);
}

/* Replaces the child by path when go gets closed; done closes when that has happened. */
static void check_exec(const char *path, const char *arg)
{
	int go[2], done[2], input[2];
	struct target *t;
	pid_t pid;

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(done, O_CLOEXEC), 0);
	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(go[1]);
		wait_for_end(go[0]);
		dup2(input[0], STDIN_FILENO);
		execl(path, path, arg, NULL);
		_exit(1);
	}
	close(done[1]);
	assert_int_equal(target_open(&t, pid), 0);
	assert_null(target_gone(t));
	close(go[1]);
	wait_for_end(done[0]);
	assert_string_equal(target_gone(t), "exec'ed another program");
	finish(pid);
	target_close(t);
	close(go[0]);
	close(done[0]);
	close(input[0]);
	close(input[1]);
}

static void test_exec(void **state)
{
	check_exec("/bin/cat", NULL);
	check_exec("/proc/self/exe", "wait");
}

static void test_no_process(void **state)
{
	struct target *t = (struct target *)0x1234;
	char msg[512];
	pid_t pid = start(end_now, 0);
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(open_quietly(&t, pid, msg, sizeof(msg)), -ESRCH);
	assert_non_null(strstr(msg, "has ended already"));
	waitpid(pid, NULL, 0);
	assert_int_equal(open_quietly(&t, pid, msg, sizeof(msg)), -ESRCH);
	assert_non_null(strstr(msg, "no process"));
	assert_int_equal(open_quietly(&t, 0, msg, sizeof(msg)), -EINVAL);
	assert_int_equal(open_quietly(&t, -1, msg, sizeof(msg)), -EINVAL);
	assert_ptr_equal(t, (struct target *)0x1234);
}

struct helper {
	pid_t tid;
	int ready[2], stop[2];
};

static void *thread(void *arg)
{
	struct helper *h = arg;

	h->tid = (pid_t)syscall(SYS_gettid);
	close(h->ready[1]);
	wait_for_end(h->stop[0]);
	return NULL;
}

static void test_thread(void **state)
{
	char msg[512], leader[32];
	struct helper h;
	struct target *t;
	pthread_t id;

	assert_int_equal(pipe(h.ready), 0);
	assert_int_equal(pipe(h.stop), 0);
	assert_int_equal(pthread_create(&id, NULL, thread, &h), 0);
	wait_for_end(h.ready[0]);
	snprintf(leader, sizeof(leader), "process %d", getpid());
	assert_int_equal(open_quietly(&t, h.tid, msg, sizeof(msg)), -EINVAL);
	assert_non_null(strstr(msg, "is a thread of"));
	assert_non_null(strstr(msg, leader));
	close(h.stop[1]);
	pthread_join(id, NULL);
	close(h.ready[0]);
	close(h.stop[0]);
}

/* Opens its parent as a user without rights; tells the outcome by its exit code. */
static void open_parent_as_nobody(int arg)
{
	char msg[512];
	struct target *t;
	int err;

	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		_exit(77);
	err = open_quietly(&t, getppid(), msg, sizeof(msg));
	_exit((err == -EACCES || err == -EPERM) && strstr(msg, "CAP_SYS_PTRACE") ? 0 : 1);
}

static void test_no_right(void **state)
{
	int status;

	if (geteuid())
		skip();
	assert_true(waitpid(start(open_parent_as_nobody, 0), &status, 0) > 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_kernel_thread(void **state)
{
	char msg[512], link[8];
	struct target *t;
	int err;

	/* Number 2 is kthreadd, but not in a container. */
	if (geteuid() || readlink("/proc/2/exe", link, sizeof(link)) >= 0 || errno != ENOENT ||
	    access("/proc/2/status", F_OK))
		skip();
	err = open_quietly(&t, 2, msg, sizeof(msg));
	assert_int_equal(err, -ENOENT);
	assert_non_null(strstr(msg, "kernel thread"));
}

/* valgrind lacks the system call that target_open() cannot do without. */
static bool have_pidfd(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_pidns),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_many),
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_no_process),
		cmocka_unit_test(test_thread),
		cmocka_unit_test(test_no_right),
		cmocka_unit_test(test_kernel_thread),
	};

	if (argc > 1 && !strcmp(argv[1], "wait")) {
		wait_for_end(STDIN_FILENO);
		return 0;
	}
	if (!have_pidfd()) {
		fprintf(stderr, "skipped: no pidfd_open (a kernel before 5.3, or valgrind)\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
