// SPDX-License-Identifier: BSD-2-Clause
/*
 * progress.c - puts the state of a trace, or of a look, into one line.
 */
#include "user/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/util.h"
#include "user/judge/memory.h"
#include "user/model.h"
#include "user/report/report.h"
#include "user/terminal.h"
#include "user/tracing.h"

#define EVERY_NS 1000000000ull
#define RARE_S 30.0		/* from one collection to the next, which is worth a word */

void progress_begin(struct progress *p, bool wanted, uint64_t until_ns, uint64_t until_cycles)
{
	const char *term = getenv("TERM");

	*p = (struct progress){
		.wanted = wanted && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0,
		.next_ns = now_ns() + EVERY_NS, .until_ns = until_ns,
		.until_cycles = until_cycles };
}

bool progress_due(const struct progress *p, uint64_t now_ns)
{
	return p->wanted && now_ns >= p->next_ns;
}

/* Of one core, since the line before; of the first, since the attach. */
static double percent(const struct progress *p, const struct tracing_status *s, double seconds)
{
	return seconds > 0 ? fmax(s->spent_ns - p->spent_ns, 0) / seconds / 1e9 * 100 : NAN;
}

void progress_look(struct progress *p, uint64_t since_ns, uint64_t now_ns)
{
	say_status(terminal_columns(STDERR_FILENO), "looking at the heap for %s",
		   report_duration((double)(now_ns - since_ns) / 1e9).s);
	p->next_ns = now_ns + EVERY_NS;
}

void progress_show(struct progress *p, const struct tracing_status *s, uint64_t now_ns)
{
	uint64_t from_ns = p->before_ns ? p->before_ns : s->attach_ns;
	double seconds = now_ns > from_ns ? (double)(now_ns - from_ns) / 1e9 : 0;
	bool one = p->until_cycles ? p->until_cycles == 1 : s->gc_cycles == 1;

	say_status(terminal_columns(STDERR_FILENO),
		   "%s%s%s  %s%s%s collection%s  %s sample%s held  %s hits/s  %s%% of one core",
		   report_duration((double)(now_ns - s->attach_ns) / 1e9).s,
		   p->until_ns > s->attach_ns ? " of " : "",
		   p->until_ns > s->attach_ns ?
		   report_duration((double)(p->until_ns - s->attach_ns) / 1e9).s : "",
		   report_count(s->gc_cycles).s, p->until_cycles ? " of " : "",
		   p->until_cycles ? report_count(p->until_cycles).s : "", one ? "" : "s",
		   report_count(s->held).s, s->held == 1 ? "" : "s",
		   report_rough(seconds > 0 ? (double)(s->hits - p->hits) / seconds : NAN).s,
		   report_rough(percent(p, s, seconds)).s);
	p->before_ns = now_ns;
	p->hits = s->hits;
	p->spent_ns = s->spent_ns;
	p->next_ns = now_ns + EVERY_NS;
}

/* Two minutes are counted from the last one: the first comes when the heap has got to its size. */
static char *first_wait(const struct memory_account *m, double age_s, uint64_t n)
{
	const uint64_t live = m->pacing.heap_live, trigger = m->pacing.trigger;
	const double rate = (double)m->total_alloc / age_s;
	const double s = trigger > live ? (double)(trigger - live) / rate : 0;

	return xasprintf("none has come in the %s since it started: the first comes by a heap of "
			 "%s, in about %s if it goes on allocating so%s",
			 report_duration(age_s).s, report_bytes(m->next_gc).s, report_duration(s).s,
			 n > 1 ? ", then each two minutes at the latest" : "");
}

char *progress_wait(const struct memory_account *m, double age_s, uint64_t n)
{
	const bool off = m->pacing.gc_percent < 0;
	double every_s;

	if (!m->known || !m->pacing.known || !(age_s > RARE_S) || !n)
		return NULL;
	if (off && m->pacing.trigger == UNKNOWN_U64)
		return xstrdup("none comes by itself (GOGC=off)");
	if (!m->num_gc)
		return off || !m->total_alloc || m->pacing.trigger == UNKNOWN_U64 ?
		       NULL : first_wait(m, age_s, n);
	every_s = off ? age_s / (double)m->num_gc : fmin(age_s / (double)m->num_gc, FORCED_S);
	if (every_s < RARE_S)
		return NULL;
	return xasprintf("they have come some %s apart since it started: %s may take %s",
			 report_duration(every_s).s, report_count(n).s,
			 report_duration(every_s * (double)n).s);
}
