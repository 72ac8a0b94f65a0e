// SPDX-License-Identifier: BSD-2-Clause
/*
 * looker.c - the process that looks, and how its results come back.
 *
 * It is forked off, so that it has the opened target and the tables of its binary as they are.
 * Results lie in memory that both have at the same address, so that pointers are good for both; an
 * order and the word that it is carried out go through a socket, whose end ends the process too.
 * It has neither the signals nor the watchdog of its parent, who need not wait for it and may end
 * it at any time.
 */
#include "user/looker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/procself.h"
#include "user/base/util.h"
#include "user/heapmap.h"
#include "user/process.h"

enum {
	SLOT_BYTES = 16 << 20,		/* of which a look takes what it needs */
	SEED_BYTES = LOOKER_SEEDS * sizeof(struct heap_seed),
	MAX_ROWS = 500, MAX_HOLDERS = 20,	/* types with holders and lines */
};

struct request {
	struct looker_order order;
	uint64_t n_seeds;
};

struct answer {
	int err;
	unsigned slot;
	struct heapmap *map;
	struct looker_cost cost;
};

struct looker {
	struct process *p;
	uint8_t *shared;	/* seeds, then slots */
	pid_t pid;
	int fd;
	struct looker_cost cost;
};

static size_t shared_bytes(void)
{
	return SEED_BYTES + (size_t)LOOKER_SLOTS * SLOT_BYTES;
}

/* ---- the process that looks ------------------------------------------------------------------ */

static int look(struct looker *lk, struct heap **heap, const struct request *r,
		struct heapmap **out)
{
	const struct heap_options opt = {
		.rate = r->order.rate, .max_bytes = r->order.max_bytes,
		.n_detailed = MAX_ROWS, .n_holders = MAX_HOLDERS,
		.classes = r->order.of_all ? NULL : r->order.classes,
		.seeds = (struct heap_seed *)lk->shared, .n_seeds = r->n_seeds,
	};
	struct heapmap m = { 0 };
	int err = process_check(lk->p);

	if (!err && !*heap)
		err = heap_open(heap, process_gomem(lk->p), NULL);
	if (!err)
		err = heap_look(*heap, &opt, &m);
	if (!err && process_gone(lk->p))
		err = -ESRCH;
	if (!err) {
		*out = heapmap_pack(&m, lk->shared + SEED_BYTES + r->order.slot *
				    (size_t)SLOT_BYTES, SLOT_BYTES);
		err = *out ? 0 : -ENOSPC;
	}
	heapmap_free(&m);
	return err;
}

/* Where memory is short, the kernel is to end this process and not the trace, or somebody else. */
static void end_first(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	write(fd, "1000", 4);
	close(fd);
}

static void serve(struct looker *lk)
{
	uint64_t rss = procself_rss(), now;	/* what it began with is the parent's */
	struct heap *heap = NULL;
	struct request r;

	end_first();
	procself_give_way();
	errors_hold();		/* what a look finds is for the parent to tell */
	while (recv(lk->fd, &r, sizeof(r), 0) == sizeof(r)) {
		struct answer a = { .slot = r.order.slot };

		a.err = look(lk, &heap, &r, &a.map);
		if (a.err == -EAGAIN)		/* no heap yet */
			a.err = -ENODATA;
		now = procself_rss();
		a.cost = (struct looker_cost){ procself_cpu_s(), now > rss ? now - rss : 0 };
		if (send(lk->fd, &a, sizeof(a), MSG_NOSIGNAL) != sizeof(a))
			break;
	}
}

/* ---- the one that orders looks --------------------------------------------------------------- */

static int start(struct looker *lk)
{
	pid_t parent = getpid();
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	lk->pid = fork();
	lk->fd = fds[lk->pid == 0];
	close(fds[lk->pid != 0]);
	if (lk->pid < 0)
		return -errno;
	if (lk->pid)
		return 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		serve(lk);
	_exit(0);
}

int looker_new(struct looker **out, struct process *p)
{
	struct looker *lk = xcalloc(1, sizeof(*lk));
	int err = 0;

	lk->p = p;
	lk->fd = -1;
	lk->shared = mmap(NULL, shared_bytes(), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (lk->shared == MAP_FAILED) {
		err = -errno;
		lk->shared = NULL;
	}
	if (!err)
		err = start(lk);
	if (err)
		looker_free(lk);
	else
		*out = lk;
	return err;
}

void looker_free(struct looker *lk)
{
	if (!lk)
		return;
	if (lk->pid > 0) {
		kill(lk->pid, SIGKILL);
		while (waitpid(lk->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (lk->fd >= 0)
		close(lk->fd);
	if (lk->shared)
		munmap(lk->shared, shared_bytes());
	free(lk);
}

struct heap_seed *looker_seeds(struct looker *lk)
{
	return (struct heap_seed *)lk->shared;
}

int looker_start(struct looker *lk, const struct looker_order *order, size_t n_seeds)
{
	const struct request r = { .order = *order, .n_seeds = n_seeds };

	return send(lk->fd, &r, sizeof(r), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int looker_result(struct looker *lk, const struct heapmap **out)
{
	struct answer a;
	ssize_t n = recv(lk->fd, &a, sizeof(a), MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n != sizeof(a))		/* it has ended */
		return -EPIPE;
	lk->cost = a.cost;
	if (!a.err)
		*out = a.map;
	return a.err;
}

int looker_fd(const struct looker *lk)
{
	return lk->fd;
}

const struct looker_cost *looker_cost(const struct looker *lk)
{
	return &lk->cost;
}
