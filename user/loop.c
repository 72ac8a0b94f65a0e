// SPDX-License-Identifier: BSD-2-Clause
/*
 * loop.c - epoll over descriptors, one signalfd per group of signals.
 */
#include "user/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "user/base/util.h"

enum { MAX_SOURCES = 8, NS_PER_S = 1000000000 };

struct source {
	int fd;
	bool own;			/* closed with the loop */
	void (*take)(struct source *s);	/* what happened is read, and fn called */
	void (*fn)(void *ctx);
	void (*signal_fn)(void *ctx, int signal, bool from_terminal);
	void *ctx;
	struct loop *loop;
};

struct loop {
	int epoll;
	struct source sources[MAX_SOURCES];
	size_t n;
	sigset_t interrupts;
	uint64_t taken_ns;		/* when one of them was first handled; 0: none was */
	bool interrupted;		/* by another, which is not waiting any more */
	uint64_t end_ns;
};

int loop_open(struct loop **out)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	struct loop *l;

	if (fd < 0)
		return -errno;
	l = xcalloc(1, sizeof(*l));
	l->epoll = fd;
	sigemptyset(&l->interrupts);
	*out = l;
	return 0;
}

void loop_close(struct loop *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		if (l->sources[i].own)
			close(l->sources[i].fd);
	close(l->epoll);
	free(l);
}

static int add(struct loop *l, struct source s)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &l->sources[l->n] };
	int err = 0;

	if (s.fd < 0)
		return -errno;
	if (l->n == MAX_SOURCES)
		err = -ENOSPC;
	else if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, s.fd, &ev))
		err = -errno;
	else
		l->sources[l->n++] = s;
	if (err && s.own)
		close(s.fd);
	return err;
}

static void take_fd(struct source *s)
{
	s->fn(s->ctx);
}

int loop_add(struct loop *l, int fd, void (*fn)(void *ctx), void *ctx)
{
	return add(l, (struct source){ .fd = fd, .take = take_fd, .fn = fn, .ctx = ctx });
}

static void take_signals(struct source *s)
{
	struct signalfd_siginfo si;

	while (read(s->fd, &si, sizeof(si)) == sizeof(si)) {
		if (!s->loop->taken_ns && sigismember(&s->loop->interrupts, (int)si.ssi_signo))
			s->loop->taken_ns = now_ns();
		s->signal_fn(s->ctx, (int)si.ssi_signo, si.ssi_code == SI_KERNEL);
	}
}

static void fill(sigset_t *set, const int *signals)
{
	sigemptyset(set);
	for (; *signals; signals++)
		sigaddset(set, *signals);
}

int loop_signals(struct loop *l, const int *signals,
		 void (*fn)(void *ctx, int signal, bool from_terminal), void *ctx)
{
	sigset_t set;

	fill(&set, signals);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return add(l, (struct source){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
				       .own = true, .take = take_signals, .signal_fn = fn,
				       .ctx = ctx, .loop = l });
}

void loop_interrupt_on(struct loop *l, const int *signals)
{
	fill(&l->interrupts, signals);
}

void loop_interrupt_at(struct loop *l, uint64_t end_ns)
{
	l->end_ns = end_ns;
}

bool loop_is_echo(uint64_t first_ns, bool from_terminal)
{
	return first_ns && !from_terminal && now_ns() - first_ns < LOOP_ECHO_NS;
}

/* Takes the echoes of those that wait away. */
static void take_echoes(struct loop *l, const sigset_t *waiting)
{
	const struct timespec none = { 0 };
	siginfo_t si;

	while (sigtimedwait(waiting, &si, &none) > 0)
		l->interrupted |= !loop_is_echo(l->taken_ns, si.si_code == SI_KERNEL);
}

bool loop_interrupted(struct loop *l)
{
	sigset_t waiting;

	if (l->interrupted || (l->end_ns && now_ns() >= l->end_ns))
		return true;
	sigpending(&waiting);
	sigandset(&waiting, &waiting, &l->interrupts);
	if (sigisemptyset(&waiting))
		return false;
	if (!loop_is_echo(l->taken_ns, false))
		return true;
	take_echoes(l, &waiting);
	return l->interrupted;
}

int loop_wait(struct loop *l)
{
	struct epoll_event ev[MAX_SOURCES];
	int n = epoll_wait(l->epoll, ev, ARRAY_SIZE(ev), -1);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct source *s = ev[i].data.ptr;

		s->take(s);
	}
	return 0;
}

/* A descriptor of epoll can be polled itself: so one system call waits to the nanosecond, also where
 * there is no epoll_pwait2() (Linux 5.11). */
int loop_wait_until(struct loop *l, uint64_t time_ns)
{
	struct pollfd poll = { .fd = l->epoll, .events = POLLIN };
	uint64_t now = now_ns(), wait = time_ns > now ? time_ns - now : 0;
	const struct timespec ts = { (time_t)(wait / NS_PER_S), (long)(wait % NS_PER_S) };
	int n = ppoll(&poll, 1, &ts, NULL);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n ? loop_wait(l) : 0;
}
