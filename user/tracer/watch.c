// SPDX-License-Identifier: BSD-2-Clause
/*
 * watch.c - a thread that looks at the counts of hits.
 *
 * The owner may be busy for some 100 ms, with a look at a million objects or with a report, while
 * the target pays for each ms that a window is open too long.  So this thread asks for a real-time
 * priority, which it does not get without the right to; it runs for some us at a time.
 */
#include "user/tracer/watch.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/base/util.h"
#include "user/tracer/tracer.h"

enum {
	WINDOW_NS = 1000000,	/* between two looks in a window, or more while the limit is far, */
	STEADY_NS = 10000000,	/* and where there is none, and at most */
};

struct watch {
	struct tracer *tr;
	double n_cpu;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool quit;
	struct watch_order order;	/* groups 0: it has been carried out */
	struct tracer_hits from;	/* when it was given */
	struct watch_outcome outcome;
	bool told;			/* the owner knows that the groups have gone */
};

static double spent(const struct watch *w)
{
	struct tracer_hits now;
	uint64_t others;

	tracer_hits_made(w->tr, &now);
	others = now.dropped - w->from.dropped + now.unheard - w->from.unheard;
	return (double)(now.recorded - w->from.recorded) * w->order.ns_recorded +
	       (double)others * w->order.ns_dropped;
}

static void open_window(struct watch *w)
{
	const struct watch_order *o = &w->order;

	w->outcome.err = tracer_burst_begin(w->tr, o->groups, o->window, o->path, o->pid);
	if (w->outcome.err)
		w->order.groups = 0;
	else
		w->outcome.opened_ns = now_ns();
}

static void remove_groups(struct watch *w, uint64_t now)
{
	w->outcome.gone_ns = now;
	w->outcome.gone = w->order.groups;
	if (w->order.window)
		tracer_burst_end(w->tr, w->order.groups);
	else
		tracer_detach(w->tr, w->order.groups);
	w->order.groups = 0;
}

static void wait_until(struct watch *w, uint64_t ns)
{
	const struct timespec at = { .tv_sec = (time_t)(ns / 1000000000),
				     .tv_nsec = (long)(ns % 1000000000) };

	pthread_cond_timedwait(&w->changed, &w->lock, &at);
}

/* A look takes the processor away from the target, so there is none before the limit can be
 * reached: when all processors were in traps. */
static uint64_t next_in_window(const struct watch *w, uint64_t now, double so_far)
{
	double wait = (w->order.limit_ns - so_far) / w->n_cpu;

	return now + (uint64_t)fmin(fmax(wait, WINDOW_NS), STEADY_NS);
}

/* One look at the order; the lock is held, but while it waits. */
static void watch_over(struct watch *w)
{
	uint64_t now = now_ns(), end = UINT64_MAX, next;
	double so_far;

	if (w->order.window && !w->outcome.opened_ns) {
		open_window(w);
		return;
	}
	if (w->order.window)
		end = w->outcome.opened_ns + w->order.length_ns;
	so_far = spent(w);
	if (now >= end || so_far >= w->order.limit_ns) {
		remove_groups(w, now);
		return;
	}
	next = w->order.window ? next_in_window(w, now, so_far) : now + STEADY_NS;
	wait_until(w, next < end ? next : end);
}

static void *run(void *ctx)
{
	struct watch *w = ctx;

	pthread_mutex_lock(&w->lock);
	while (!w->quit) {
		if (w->order.groups)
			watch_over(w);
		else
			pthread_cond_wait(&w->changed, &w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static int start_thread(struct watch *w)
{
	const struct sched_param urgent = { .sched_priority = sched_get_priority_min(SCHED_FIFO) };
	sigset_t all, was;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);	/* signals are the owner's */
	err = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	if (!err)
		pthread_setschedparam(w->thread, SCHED_FIFO, &urgent);
	return -err;
}

int watch_new(struct watch **out, struct tracer *tr)
{
	struct watch *w = xcalloc(1, sizeof(*w));
	pthread_condattr_t attr;
	int err;

	w->tr = tr;
	w->n_cpu = (double)sysconf(_SC_NPROCESSORS_ONLN);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	err = start_thread(w);
	if (err) {
		say_error("no thread to watch over the probes: %s", strerror(-err));
		free(w);
		return err;
	}
	*out = w;
	return 0;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->quit = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void watch_hold(struct watch *w)
{
	pthread_mutex_lock(&w->lock);
}

void watch_release(struct watch *w)
{
	pthread_mutex_unlock(&w->lock);
}

bool watch_set(struct watch *w, const struct watch_order *order)
{
	if (w->outcome.gone_ns && !w->told)
		return false;
	/* It looks anyway before an order without an end would have to be noticed. */
	if (order->groups && (!w->order.groups || order->window))
		pthread_cond_signal(&w->changed);
	w->told = false;
	w->order = *order;
	w->outcome = (struct watch_outcome){ 0 };
	tracer_hits_made(w->tr, &w->from);
	return true;
}

void watch_ask(struct watch *w, struct watch_outcome *out)
{
	*out = (struct watch_outcome){ 0 };
	if (pthread_mutex_trylock(&w->lock))
		return;
	watch_ask_held(w, out);
	pthread_mutex_unlock(&w->lock);
}

void watch_ask_held(struct watch *w, struct watch_outcome *out)
{
	*out = w->outcome;
	w->told = w->outcome.gone_ns != 0;
}
