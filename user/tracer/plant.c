// SPDX-License-Identifier: BSD-2-Clause
/*
 * plant.c - one uprobe_multi link, or where the kernel has none, one tracefs event of many points.
 *
 * One link for a whole set of probes, so that one close removes them all: the kernel waits for a
 * grace period per link, 32 ms for 100 probes of one uprobe_multi link against 9 s for 100 perf
 * events.  The libbpf of Debian 12 does not know uprobe_multi yet; the system call is made here.
 */
#include "user/tracer/plant.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user/base/procself.h"
#include "user/base/util.h"
#include "user/tracer/rights.h"
#include "user/tracer/tracefs.h"

/* The part of union bpf_attr for BPF_LINK_CREATE with BPF_TRACE_UPROBE_MULTI, as Linux 6.6
 * defined it. */
struct uprobe_multi_attr {
	__u32 prog_fd;
	__u32 target_fd;
	__u32 attach_type;
	__u32 flags;
	__u64 path;
	__u64 offsets;
	__u64 ref_ctr_offsets;
	__u64 cookies;
	__u32 cnt;
	__u32 multi_flags;
	__u32 pid;
	__u32 pad;
};

/* Before 6.10 the kernel's filter matched one thread; the program filters there. */
static bool filter_is_right(void)
{
	return kernel_at_least(6, 10);
}

static int link_create(int prog_fd, const struct place *place)
{
	struct uprobe_multi_attr attr = {
		.prog_fd = prog_fd, .attach_type = PLANT_ATTACH_TYPE,
		.path = (uintptr_t)place->path, .offsets = (uintptr_t)place->offsets,
		.cnt = (__u32)place->n, .pid = filter_is_right() ? (__u32)place->pid : 0,
	};
	int fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}

/* A kernel that has uprobe_multi says that a directory is no file to probe; others do not get so
 * far. */
static bool knows_multi(int prog_fd)
{
	__u64 offset = 0;
	const struct place place = { .path = "/", .offsets = &offset, .n = 1 };

	return link_create(prog_fd, &place) == -EBADF;
}

bool plant_has_multi(void)
{
	const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = (enum bpf_attach_type)PLANT_ATTACH_TYPE);
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "gl_nothing", "GPL", nothing,
			       ARRAY_SIZE(nothing), &opts);
	bool yes = fd >= 0 && knows_multi(fd);

	if (fd >= 0)
		close(fd);
	return yes;
}

bool plant_filters(void)
{
	return filter_is_right() && plant_has_multi();
}

int plant(struct plant *out, int prog_fd, const struct place *place)
{
	*out = NOT_PLANTED;
	if (!knows_multi(prog_fd))
		return plant_event(out, prog_fd, place);
	out->link_fd = link_create(prog_fd, place);
	return out->link_fd < 0 ? out->link_fd : 0;
}

/*
 * The kernel writes into the memory of the target on behalf of who closes, and gives up where a
 * SIGKILL waits for that one (get_user_pages() asks fatal_signal_pending(); "failed to unregister,
 * leaking uprobe" in its log): the breakpoints stay for as long as the target lives.  A process
 * that is exiting already is out of reach of signals.  So the last to hold the descriptor is a
 * child of ours, which does nothing but end once we have closed it or are gone.
 *
 * It has our memory and no copy of it (CLONE_VM without CLONE_VFORK): a fork copies the tables of 30
 * MB of pages, takes each page away from us until we write to it again, and all that for each window
 * of a burst.  The price: it shares the thread-local storage of who made it, errno too, who runs on
 * meanwhile.  So it makes bare system calls only, which write no errno, on a stack of its own.
 */
enum { LEAVER_STACK = 8 << 10, MAX_LEAVERS = 16 };

struct leaver {
	_Alignas(16) uint8_t stack[LEAVER_STACK];
	int fd, pipe_fd;
	unsigned int max_fds;	/* no descriptor is as large */
	char byte;		/* that never comes */
	bool alone;		/* it has no descriptors but these two any more */
	pid_t busy;		/* the kernel writes 0 here when it has left our memory */
};

/* syscall(2) without errno: 0 or more, or negative errno. */
static long bare_call(long number, unsigned long a, unsigned long b, unsigned long c)
{
#if defined(__x86_64__)
	long result;

	__asm__ volatile("syscall" : "=a" (result) : "0" (number), "D" (a), "S" (b), "d" (c)
			 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register unsigned long x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;

	__asm__ volatile("svc 0" : "+r" (x0) : "r" (x8), "r" (x1), "r" (x2) : "memory");
	return (long)x0;
#else
#error "system calls of this machine are not known"
#endif
}

/* Both ends belong to it.  Linux 5.9 has close_range(2); without, or where a filter of system calls
 * knows no such, one by one up to the limit that there was. */
static void close_between(unsigned int first, unsigned int last, unsigned int max)
{
	if (first > last || !bare_call(SYS_close_range, first, last, 0))
		return;
	for (unsigned int fd = first; fd <= last && fd < max; fd++)
		bare_call(SYS_close, fd, 0, 0);
}

/* Of the descriptors only these two: what others hold must go when they close it. */
static void keep_only(unsigned int a, unsigned int b, unsigned int max)
{
	const unsigned int low = a < b ? a : b, high = a < b ? b : a;

	if (low)
		close_between(0, low - 1, max);
	close_between(low + 1, high - 1, max);
	close_between(high + 1, ~0u, max);
}

static int wait_and_end(void *ctx)
{
	struct leaver *l = ctx;

	keep_only((unsigned int)l->fd, (unsigned int)l->pipe_fd, l->max_fds);
	__atomic_store_n(&l->alone, true, __ATOMIC_RELEASE);
	bare_call(SYS_read, (unsigned long)l->pipe_fd, (unsigned long)&l->byte, sizeof(l->byte));
	bare_call(SYS_exit_group, 0, 0, 0);
	return 0;
}

static struct leaver leavers[MAX_LEAVERS];

static bool is_busy(const struct leaver *l)
{
	return __atomic_load_n(&l->busy, __ATOMIC_ACQUIRE);
}

/* NULL: more than anybody needs are under way. */
static struct leaver *free_leaver(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(leavers); i++)
		if (!is_busy(&leavers[i]))
			return &leavers[i];
	return NULL;
}

/* Until then a child has a copy of all descriptors that there were when it began. */
static bool are_alone(bool wait)
{
	static const struct timespec pause = { .tv_nsec = 100000 };

	for (size_t i = 0; i < ARRAY_SIZE(leavers); i++)
		while (is_busy(&leavers[i]) &&
		       !__atomic_load_n(&leavers[i].alone, __ATOMIC_ACQUIRE)) {
			if (!wait)
				return false;
			nanosleep(&pause, NULL);
		}
	return true;
}

bool plant_has_left(pid_t pid, bool wait)
{
	pid_t got;

	do
		got = waitpid(pid, NULL, wait ? 0 : WNOHANG);
	while (got < 0 && errno == EINTR);
	return got && are_alone(wait);
}

/* Where there is no limit the kernel's own, fs.nr_open, is as a rule this. */
static unsigned int most_fds(void)
{
	enum { NR_OPEN = 1 << 20 };
	struct rlimit files;

	return !getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < NR_OPEN ?
	       (unsigned int)files.rlim_cur : NR_OPEN;
}

static pid_t start_leaver(int fd, int pipe_fd)
{
	struct leaver *l = free_leaver();
	pid_t pid;

	if (!l)
		return -1;
	l->fd = fd;
	l->pipe_fd = pipe_fd;
	l->max_fds = most_fds();
	l->alone = false;
	l->busy = 1;
	pid = clone(wait_and_end, l->stack + LEAVER_STACK, CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD,
		    l, NULL, NULL, &l->busy);
	if (pid < 0)
		l->busy = 0;
	return pid;
}

/* Returns the child; 0: there could be none, it is closed. */
static pid_t hand_over(int fd)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;	/* of these pipes */
	sigset_t all, was;
	int pipe_fds[2];
	pid_t pid = -1;

	pthread_mutex_lock(&one_at_a_time);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	if (!pipe2(pipe_fds, O_CLOEXEC)) {
		pid = start_leaver(fd, pipe_fds[0]);
		close(fd);
		close(pipe_fds[0]);
		close(pipe_fds[1]);
	} else {
		close(fd);
	}
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	pthread_mutex_unlock(&one_at_a_time);
	return pid < 0 ? 0 : pid;
}

void close_for_good(int fd)
{
	pid_t pid = hand_over(fd);

	if (pid)
		plant_has_left(pid, true);
}

void plant_remove(struct plant *p)
{
	if (p->link_fd >= 0)
		close_for_good(p->link_fd);
	remove_event(p);
	*p = NOT_PLANTED;
}

pid_t plant_let_go(struct plant *p)
{
	pid_t pid = hand_over(p->link_fd);

	*p = NOT_PLANTED;
	return pid;
}

static void *remove_copy(void *copy)
{
	plant_remove(copy);
	free(copy);
	return NULL;
}

void plant_abandon(struct plant *p)
{
	struct plant *copy = xcalloc(1, sizeof(*copy));
	pthread_t thread;

	*copy = *p;
	*p = NOT_PLANTED;
	if (pthread_create(&thread, NULL, remove_copy, copy))
		remove_copy(copy);
	else
		pthread_detach(thread);
}

static void say_few_files(void)
{
	uint64_t limit;

	procself_few_files(0, &limit);
	say_error("no file descriptor is left (ulimit -n is %" PRIu64 "), and BPF programs and "
		  "probes need more; run gobpfleak with more: ulimit -n %" PRIu64, limit,
		  limit + PLANT_FILES);
}

void plant_explain(int err)
{
	if (err == -EMFILE)
		say_few_files();
	else if (err == -ENODEV)
		say_error("this kernel has no uprobe_multi (Linux 6.6), and tracefs is not mounted "
			  "or not writable: mount -t tracefs tracefs /sys/kernel/tracing%s",
			  geteuid() ? ", and run gobpfleak as root" : "");
	else
		say_error("the kernel refuses the probes: %s; nothing was planted", strerror(-err));
}
