// SPDX-License-Identifier: BSD-2-Clause
/*
 * watchdog.c - ends the program when one of its system calls does not return.
 *
 * The exit is that of the whole process, which is a fatal signal for the thread that waits.  A
 * quick one: what must not stay behind is removed, but nothing is freed that the other thread uses.
 */
#include "user/base/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "user/base/procstat.h"
#include "user/base/util.h"

enum { LOOKS = 4 };		/* without progress, in the time limit; each wakes a processor */

struct watch {
	struct watchdog w;	/* first: what the user holds */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;		/* under the lock */
	uint64_t look_ns;
	int stat_fd;		/* of the watched thread */
	const char *message;
};

static uint64_t major_faults(const struct watch *w)
{
	uint64_t n = 0;

	procstat_read(w->stat_fd, (enum procstat_field[]){ PROCSTAT_MAJFLT }, &n, 1);
	return n;
}

/* False: the watchdog is to end. */
static bool wait_for_look(struct watch *w)
{
	uint64_t until = now_ns() + w->look_ns;
	struct timespec ts = { (time_t)(until / 1000000000), (long)(until % 1000000000) };
	bool stop;

	pthread_mutex_lock(&w->lock);
	while (!w->stop && pthread_cond_timedwait(&w->wake, &w->lock, &ts) != ETIMEDOUT)
		;
	stop = w->stop;
	pthread_mutex_unlock(&w->lock);
	return !stop;
}

static void *watch(void *arg)
{
	struct watch *w = arg;
	uint64_t last = 0, last_faults = 0;
	int same = 0;

	while (wait_for_look(w)) {
		uint64_t turn = __atomic_load_n(&w->w.turn, __ATOMIC_ACQUIRE), faults;

		if (!(turn & 1)) {
			same = 0;
			continue;
		}
		faults = major_faults(w);
		same = same && turn == last && faults == last_faults ? same + 1 : 1;
		last = turn;
		last_faults = faults;
		if (same > LOOKS) {
			say_last("%s", w->message);
			quick_exit(1);
		}
	}
	return NULL;
}

/* All signals are for the thread that made the watchdog. */
static int start(struct watch *w)
{
	pthread_condattr_t attr;
	sigset_t all, was;
	int err;

	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	err = pthread_create(&w->thread, NULL, watch, w);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	return -err;
}

int watchdog_new(struct watchdog **out, unsigned limit_ms, const char *message)
{
	struct watch *w = xcalloc(1, sizeof(*w));
	char path[64];
	int err;

	w->message = message;
	w->look_ns = limit_ms * 1000000ull / LOOKS;
	snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", syscall(SYS_gettid));
	w->stat_fd = open(path, O_RDONLY | O_CLOEXEC);
	err = w->stat_fd < 0 ? -errno : start(w);
	if (err) {
		say_error("the thread that watches over reads cannot be started: %s",
			  strerror(-err));
		if (w->stat_fd >= 0)
			close(w->stat_fd);
		free(w);
		return err;
	}
	*out = &w->w;
	return 0;
}

void watchdog_free(struct watchdog *dog)
{
	struct watch *w = (struct watch *)dog;

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	close(w->stat_fd);
	free(w);
}
