// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_target.c - target.h on this process and on children of it.
 *
 * Started as "test_target wait" it only waits for the end of its standard input; as "test_target
 * again" it says "x", takes a byte, and starts itself anew; as "test_target map FILE" it maps the
 * file, writes where, and waits.
 */
#include "user/target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <limits.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/capability.h"
#include "user/base/util.h"
#include "user/base/watchdog.h"

/* What is said on stderr between the two. */
struct said {
	FILE *f;
	int saved;
	char text[512];
};

static void listen_to(struct said *s)
{
	s->saved = dup(STDERR_FILENO);
	s->f = tmpfile();
	assert_non_null(s->f);
	fflush(stderr);
	dup2(fileno(s->f), STDERR_FILENO);
}

static void hear(struct said *s)
{
	fflush(stderr);
	dup2(s->saved, STDERR_FILENO);
	close(s->saved);
	rewind(s->f);
	s->text[fread(s->text, 1, sizeof(s->text) - 1, s->f)] = '\0';
	fclose(s->f);
}

/* target_open() with its message in msg. */
static int open_quietly(struct target **t, pid_t pid, char *msg, size_t cap)
{
	struct said s;
	int err;

	listen_to(&s);
	err = target_open(t, pid);
	hear(&s);
	snprintf(msg, cap, "%s", s.text);
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
	struct stat mine, st;
	struct target *t;
	uint64_t rss = 0, files = 0;
	bool code = false;
	size_t n;

	assert_int_equal(target_open(&t, getpid()), 0);
	assert_int_equal(target_pid(t), getpid());
	assert_true(target_age_s(t) >= 0 && target_age_s(t) < 3600);
	assert_true(target_pidfd(t) >= 0);
	assert_true(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
	assert_string_equal(target_exe_name(t), own);
	assert_true(strlen(target_comm(t)) > 0);
	assert_null(strchr(target_comm(t), '\n'));
	assert_int_equal(stat("/proc/self/exe", &mine), 0);
	assert_int_equal(stat(target_exe_path(t), &st), 0);
	assert_true(st.st_dev == mine.st_dev && st.st_ino == mine.st_ino);

	assert_int_equal(target_exe_maps(t, &maps, &n), 0);
	for (size_t i = 0; i < n; i++) {
		assert_true(maps[i].start < maps[i].end);
		if (maps[i].start <= (uintptr_t)test_self && (uintptr_t)test_self < maps[i].end)
			code = maps[i].exec;
		assert_false(maps[i].start <= (uintptr_t)path && (uintptr_t)path < maps[i].end);
	}
	assert_true(code);

	assert_null(target_gone(t));
	assert_int_equal(target_resident(t, &rss, &files), 0);
	assert_true(rss > 64 << 10 && files > 0 && files < rss);
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

/* What lies side by side is read as one: up to where it ends, and not beyond. */
static void test_read_side_by_side(void **state)
{
	enum { WORDS = 40 };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *mem = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	uint64_t got[WORDS] = { 0 };
	struct target_read reads[WORDS];
	struct target *t;

	assert_ptr_not_equal(mem, MAP_FAILED);
	memset(mem, 7, 3 * page);
	assert_int_equal(munmap(mem + page, page), 0);
	/* ten before the hole, ten in it, and twenty behind it */
	for (size_t i = 0; i < WORDS; i++) {
		char *at = i < 20 ? mem + page - 80 + 8 * i : mem + 2 * page + 8 * (i - 20);

		reads[i] = (struct target_read){ .addr = (uintptr_t)at, .buf = &got[i], .len = 8 };
	}
	assert_int_equal(target_open(&t, getpid()), 0);
	assert_int_equal(target_read_many(t, reads, WORDS), 30);
	for (size_t i = 0; i < WORDS; i++) {
		assert_int_equal(reads[i].ok, i < 10 || i >= 20);
		assert_int_equal(got[i], reads[i].ok ? 0x0707070707070707 : 0);
	}
	target_close(t);
	munmap(mem, page);
	munmap(mem + 2 * page, page);
}

static void test_exit(void **state)
{
	struct target_read r = { 0 };
	struct pollfd p = { .events = POLLIN };
	const struct target_map *maps;
	struct target *t;
	struct said said;
	uint64_t word = 1;
	size_t n;
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
	assert_true(target_resident(t, &word, &word) < 0);
	listen_to(&said);
	assert_int_equal(target_say_unreadable(t, -EFAULT), -ESRCH);
	hear(&said);
	assert_non_null(strstr(said.text, "has exited"));
	listen_to(&said);
	assert_true(target_exe_maps(t, &maps, &n) < 0);
	hear(&said);
	assert_non_null(strstr(said.text, "has exited"));
	target_close(t);
	close(fds[0]);
	close(fds[1]);
}

/* Replaces the child by path when go gets closed; done closes when that has happened. */
static void check_exec(const char *path, const char *arg)
{
	int go[2], done[2], input[2];
	struct stat mine, st;
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
	/* What was opened is still what is at hand. */
	assert_int_equal(stat("/proc/self/exe", &mine), 0);
	assert_int_equal(stat(target_exe_path(t), &st), 0);
	assert_true(st.st_dev == mine.st_dev && st.st_ino == mine.st_ino);
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

/* A child that executes path with the arguments; *in and *out are its standard input and output. */
static pid_t run(const char *path, const char *arg, const char *arg2, int *in, int *out)
{
	int input[2], output[2];
	pid_t pid;

	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	assert_int_equal(pipe2(output, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(input[0], STDIN_FILENO);
		dup2(output[1], STDOUT_FILENO);
		personality(ADDR_NO_RANDOMIZE);
		execl(path, path, arg, arg2, NULL);
		_exit(1);
	}
	close(input[0]);
	close(output[1]);
	*in = input[1];
	*out = output[0];
	return pid;
}

/* Where the kernel chooses no addresses at random, nothing in them shows that it is another. */
static void test_exec_same(void **state)
{
	struct target *t;
	int in, out;
	pid_t pid = run("/proc/self/exe", "again", NULL, &in, &out);
	char c;

	assert_int_equal(read(out, &c, 1), 1);
	assert_int_equal(target_open(&t, pid), 0);
	assert_null(target_gone(t));
	assert_int_equal(write(in, "x", 1), 1);
	assert_int_equal(read(out, &c, 1), 1);
	assert_string_equal(target_gone(t), "exec'ed another program");
	finish(pid);
	target_close(t);
	close(in);
	close(out);
}

/* Neither the end nor anything else is proven by what cannot be opened. */
static void test_no_descriptors(void **state)
{
	struct pollfd p = { .events = POLLIN };
	struct rlimit was, low;
	struct target *t;
	int fds[2], fd;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = start(wait_for_end, fds[0]);
	assert_int_equal(target_open(&t, pid), 0);
	fd = dup(0);
	close(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	low = (struct rlimit){ (rlim_t)fd, was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(open("/dev/null", O_RDONLY), -1);
	for (int i = 0; i < 10; i++)
		assert_null(target_gone(t));
	kill(pid, SIGKILL);
	p.fd = target_pidfd(t);
	assert_int_equal(poll(&p, 1, -1), 1);
	assert_string_equal(target_gone(t), "exited");
	waitpid(pid, NULL, 0);
	assert_string_equal(target_gone(t), "exited");
	setrlimit(RLIMIT_NOFILE, &was);
	target_close(t);
	close(fds[0]);
	close(fds[1]);
}

static void test_not_inherited(void **state)
{
	bool before[256];
	struct target *t;

	for (int i = 0; i < 256; i++)
		before[i] = fcntl(i, F_GETFD) >= 0;
	assert_int_equal(target_open(&t, getpid()), 0);
	for (int i = 0; i < 256; i++)
		if (!before[i] && fcntl(i, F_GETFD) >= 0)
			assert_int_equal(fcntl(i, F_GETFD), FD_CLOEXEC);
	target_close(t);
	for (int i = 0; i < 256; i++)
		assert_int_equal(before[i], fcntl(i, F_GETFD) >= 0);
}

static void copy_self(const char *path)
{
	int from = open("/proc/self/exe", O_RDONLY), to = open(path, O_CREAT | O_WRONLY, 0755);
	char buf[1 << 16];
	ssize_t n;

	assert_true(from >= 0 && to >= 0);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		assert_int_equal(write(to, buf, (size_t)n), n);
	close(from);
	close(to);
}

/* The mappings of a child that runs path and maps other; n of them, none of that. */
static size_t check_maps(struct target *t, uint64_t other)
{
	const struct target_map *maps;
	bool code = false;
	size_t n;

	assert_int_equal(target_exe_maps(t, &maps, &n), 0);
	for (size_t i = 0; i < n; i++) {
		assert_false(maps[i].start <= other && other < maps[i].end);
		code |= maps[i].exec;
	}
	assert_true(code);
	return n;
}

/* A path tells nothing: that of the executable has blanks and a line feed, it gets " (deleted)",
 * and a file that really has this name is mapped, too. */
static void test_odd_path(void **state)
{
	char dir[] = "/tmp/test_target.XXXXXX", path[64], other[80];
	struct target *t, *again;
	uint64_t addr;
	int in, out;
	size_t n;
	pid_t pid;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a b\nc", dir);
	snprintf(other, sizeof(other), "%s (deleted)", path);
	copy_self(path);
	copy_self(other);
	pid = run(path, "map", other, &in, &out);
	assert_int_equal(read(out, &addr, sizeof(addr)), sizeof(addr));
	assert_int_equal(target_open(&t, pid), 0);
	assert_string_equal(target_exe_name(t), path);
	n = check_maps(t, addr);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(check_maps(t, addr), n);
	assert_int_equal(target_open(&again, pid), 0);
	assert_string_equal(target_exe_name(again), other);
	assert_int_equal(check_maps(again, addr), n);
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(check_maps(t, addr), n);
	assert_int_equal(check_maps(again, addr), n);
	finish(pid);
	unlink(path);
	rmdir(dir);
	target_close(t);
	target_close(again);
	close(in);
	close(out);
}

/* As a user without rights but over its own processes; tells the outcome by its exit code. */
static void open_child_as_nobody(int arg)
{
	const struct target_map *maps;
	struct target *t;
	int in, out;
	size_t n;
	pid_t pid;
	char c;

	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) ||
	    prctl(PR_SET_DUMPABLE, 1))
		_exit(77);
	pid = run("/proc/self/exe", "again", NULL, &in, &out);
	if (read(out, &c, 1) != 1)
		_exit(77);	/* the file is not for everybody */
	if (target_open(&t, pid))
		_exit(1);
	if (target_exe_maps(t, &maps, &n) || n < 2)
		_exit(2);
	finish(pid);
	_exit(0);
}

static void test_own_process(void **state)
{
	int status;

	if (geteuid())
		skip();
	assert_true(waitpid(start(open_child_as_nobody, 0), &status, 0) > 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A page that nobody serves; tells its address, 0: not to be had here. */
static void offer_page(int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *mem = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (uintptr_t)mem, page },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	uint64_t addr = (uintptr_t)mem;

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &reg))
		addr = 0;
	if (write(fd, &addr, sizeof(addr)) == sizeof(addr))
		pause();
}

struct page {
	pid_t pid;
	uint64_t addr;
};

static struct page unserved;

static void last_words(void)
{
	say_error("what must not stay behind is removed");
}

static void read_unserved(int fd)
{
	struct target *t;
	char c;

	dup2(fd, STDERR_FILENO);
	at_quick_exit(last_words);
	alarm(60);		/* if it is not ended as it should be */
	if (target_open(&t, unserved.pid) || target_limit_reads(t, 100))
		_exit(2);
	target_read(t, unserved.addr, &c, 1);
	_exit(3);
}

static void test_stalled(void **state)
{
	int fds[2], err[2], status;
	char msg[512] = "";
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	unserved.pid = start(offer_page, fds[1]);
	assert_int_equal(read(fds[0], &unserved.addr, 8), 8);
	if (!unserved.addr) {
		finish(unserved.pid);
		print_message("skipped: no userfaultfd here\n");
		skip();
	}
	pid = start(read_unserved, err[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_true(read(err[0], msg, sizeof(msg) - 1) > 0);
	assert_non_null(strstr(msg, "does not answer"));
	assert_non_null(strstr(msg, "removed"));
	finish(unserved.pid);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(err[i]);
	}
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

static void open_parent_without_capability(int arg)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];
	char msg[512];
	struct target *t;
	int err;

	if (syscall(SYS_capget, &head, caps))
		_exit(77);
	caps[0].effective &= ~(1u << CAP_SYS_PTRACE);
	caps[0].permitted &= ~(1u << CAP_SYS_PTRACE);
	if (syscall(SYS_capset, &head, caps))
		_exit(77);
	err = open_quietly(&t, getppid(), msg, sizeof(msg));
	_exit((err == -EACCES || err == -EPERM) && strstr(msg, "without CAP_SYS_PTRACE") &&
	      !strstr(msg, "as root") ? 0 : 1);
}

/* As in a container.  Root is not told to be root. */
static void test_root_without_right(void **state)
{
	int status;

	if (geteuid() || !has_capability(CAPABILITY_SYS_PTRACE))
		skip();
	assert_true(waitpid(start(open_parent_without_capability, 0), &status, 0) > 0);
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

static int be_target(char **argv)
{
	int fd = argv[2] ? open(argv[2], O_RDONLY | O_CLOEXEC) : -1;
	uint64_t addr;
	char c;

	if (!strcmp(argv[1], "map")) {
		addr = (uintptr_t)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
		if (write(STDOUT_FILENO, &addr, sizeof(addr)) != sizeof(addr))
			return 1;
	} else if (!strcmp(argv[1], "again")) {
		if (write(STDOUT_FILENO, "x", 1) != 1 || read(STDIN_FILENO, &c, 1) != 1)
			return 1;
		execv("/proc/self/exe", argv);
	}
	wait_for_end(STDIN_FILENO);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_pidns),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_many),
		cmocka_unit_test(test_read_side_by_side),
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_exec_same),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_not_inherited),
		cmocka_unit_test(test_odd_path),
		cmocka_unit_test(test_own_process),
		cmocka_unit_test(test_stalled),
		cmocka_unit_test(test_no_process),
		cmocka_unit_test(test_thread),
		cmocka_unit_test(test_no_right),
		cmocka_unit_test(test_root_without_right),
		cmocka_unit_test(test_kernel_thread),
	};

	if (argc > 1)
		return be_target(argv);
	if (!have_pidfd()) {
		fprintf(stderr, "skipped: no pidfd_open (a kernel before 5.3, or valgrind)\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
