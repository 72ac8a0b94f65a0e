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
#include "user/model.h"
#include "user/report/report.h"
#include "user/terminal.h"
#include "user/tracing.h"

#define EVERY_NS 1000000000ull

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
