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
 * meanwhile.  So it makes bare system calls only, which do not fail, on a stack of its own.
 */
enum { LEAVER_STACK = 8 << 10, MAX_LEAVERS = 16 };

struct leaver {
	_Alignas(16) uint8_t stack[LEAVER_STACK];
	int fd, pipe_fd;
	char byte;		/* that never comes */
	bool alone;		/* it has no descriptors but these two any more */
	pid_t busy;		/* the kernel writes 0 here when it has left our memory */
};

/* Of the descriptors only these two: what others hold must go when they close it. */
static void keep_only(unsigned int a, unsigned int b)
{
	const unsigned int low = a < b ? a : b, high = a < b ? b : a;

	if (low)
		syscall(SYS_close_range, 0, low - 1, 0);
	if (high > low + 1)
		syscall(SYS_close_range, low + 1, high - 1, 0);
	syscall(SYS_close_range, high + 1, ~0u, 0);
}

static int wait_and_end(void *ctx)
{
	struct leaver *l = ctx;

	keep_only((unsigned int)l->fd, (unsigned int)l->pipe_fd);
	__atomic_store_n(&l->alone, true, __ATOMIC_RELEASE);
	syscall(SYS_read, l->pipe_fd, &l->byte, sizeof(l->byte));
	syscall(SYS_exit_group, 0);
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

static pid_t start_leaver(int fd, int pipe_fd)
{
	struct leaver *l = free_leaver();
	pid_t pid;

	if (!l)
		return -1;
	l->fd = fd;
	l->pipe_fd = pipe_fd;
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
	say_error("no more than %" PRIu64 " files may be open at once (ulimit -n), too few for BPF "
		  "programs and probes; run gobpfleak with more: ulimit -n 1024", limit);
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
