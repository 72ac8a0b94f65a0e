// SPDX-License-Identifier: BSD-2-Clause
/*
 * budget.c - what to listen to, so that it costs the target no more than it may.
 *
 * There is an account of the target's time.  So many ns come in with each second, what the hits
 * have cost goes out, and what is not used is lost but for a little: so whatever the program does,
 * it has cost no more in the end than what came in, that little, and what was spent between two
 * looks at the account when a rise could not be foreseen.  The last is paid back before anything
 * else is listened to that may rise.
 *
 * What is listened to is the best source whose price, by the runtime's own counts, lies below the
 * income.  When the account is overdrawn a cheaper one is taken at once.  A better one is taken
 * when it would have been well within the income for some time, and for longer each time that this
 * was followed by an overdraft soon: every change costs exactness.
 *
 * Where the price of every hit is beyond the income, even if it is dropped, windows are opened, one
 * in each period, at a time drawn evenly in it, so that nothing the program does regularly falls in
 * step with them.  A window may take what a period brings in.  How long that lasts is learned from
 * the windows before (the trap itself slows the program down in there); a window that turns out
 * dearer is cut short, and the next period is longer by what was overspent.
 * Each window costs the planting and the removal of the probes, and makes forks wait on the whole
 * machine; so there is not more than one a second.
 *
 * Where goroutines start, a hit may hold the program up for longer than it takes: meanwhile other
 * threads of the runtime find nothing to do, go to sleep, and have to be woken.  Of a program that
 * hands a channel from one goroutine to the next 50,000 times a second, each start takes 6 us more,
 * of which the hit takes 2.  No clock on the hit shows it, but windows do: fewer goroutines start in
 * them than by the runtime's counts.  Where that is a loss beyond the price of the hits, windows are
 * the shorter for it; and none is longer than it takes to see enough starts.
 */
#include "user/budget.h"

#include <math.h>
#include <stdlib.h>

#include "user/base/util.h"

#define SECOND 1e9

/* Before they have been measured. */
static const struct budget_costs assumed = { .hit = 1500, .dropped = 800, .planting = 20000 };

static const double
	INCOME = 0.95,			/* of the budget: the rest is for surprises */
	SPARE_NS = 0.5 * SECOND,	/* income of so long may be kept while nothing comes in
					 * bursts */
	SURPRISE_NS = 0.1 * SECOND,	/* income of so long may be spent beyond the balance */
	FITS = 0.85,			/* of the income: what may be listened to, */
	FITS_WELL = 0.6,		/* and what may take the place of something cheaper */
	GO_SHARE = 0.4,			/* of that, for goroutines, where the heap is wanted too */
	BURST_SHARE = 0.3,		/* left for bursts of goroutines beside all allocations */
	RECENT_NS = 0.2 * SECOND,	/* over which what is being spent is averaged */
	PERIOD_NS = SECOND,
	MIN_WINDOW_NS = 0.001 * SECOND,	/* in less, little but planting would be paid for */
	MAX_WINDOW_NS = 0.5 * SECOND,
	PLANT_SHARE = 0.25,		/* of what a period costs, for planting, at most */
	CUT_SHORT = 1.5,		/* times what a window may cost: then it is ended */
	MIN_HITS = 1e-9,		/* in a window, a ns: not nothing */
	FORGET = 0.3,			/* how much, when a window was cheaper than those before */
	PACE_FORGET = 0.1,		/* of the starts in windows, with each */
	PACE_STARTS = 2000,		/* expected in them, before they tell */
	ASSUMED_TIMES = 2.5,		/* what a hit costs, of its price, until then, */
	MAX_TIMES = 4,			/* and at most */
	ENOUGH_STARTS = 1000;		/* in a window, for each percent of the budget, or part */

enum { ASSUMED_BYTES = 64 };		/* of an object, where nothing is known */
enum { COUNT_S = 1, MIN_HOLD_S = 5, MAX_HOLD_S = 300, CALM_S = 60 };

struct rates {		/* a second */
	double allocs, bytes, starts;
	bool known;
};

struct budget {
	struct budget_setup setup;
	struct budget_costs costs;	/* all known */
	struct budget_choice choice;
	double income;			/* ns a ns */

	struct budget_counts counts;	/* the last; time_ns 0: none */
	struct rates rates;

	uint64_t time_ns;		/* of the account */
	double balance_ns, spent_ns;
	double recent;			/* being spent, ns a ns */
	bool overdrawn, overrun;	/* a cheaper source is due */
	uint64_t count_ns;		/* when the counts are to be read again */

	uint64_t better_ns;		/* since when something better would do; 0: it would not */
	uint64_t hold_ns, raised_ns;	/* how long it must; when something better was last taken */

	uint64_t random;
	uint64_t period_end_ns;		/* 0: none has begun */
	uint64_t window_ns;		/* when the window is due; 0: it has been */
	bool open;
	double opened_spent_ns;		/* when it was opened */
	double window_hits;		/* in windows, a ns; 0: there was none */
	double window_cost_ns;		/* expected of the next, with the planting: */
	double planting_ns;
	struct budget_window window;
	struct pace_seen {		/* in windows for starts alone, */
		double starts, expected;	/* by the counts, */
		double open_ns, spent_ns;
	} pace;
};

/* ---- prices, ns a second --------------------------------------------------------------------- */

static double price_of_goroutines(const struct budget *b, const struct rates *r)
{
	return r->starts * 2 * b->costs.hit * (1 + b->costs.wakes);	/* start and end */
}

/* Of size / distance, as objects are small to the distance. */
static double price_of_samples(const struct budget *b, const struct rates *r, double distance)
{
	double kept = fmin(r->allocs, r->bytes / distance);

	return r->allocs * b->costs.dropped + kept * (b->costs.hit - b->costs.dropped);
}

static double price_of_heap(const struct budget *b, const struct rates *r,
			    const struct budget_choice *c)
{
	switch (c->heap) {
	case SOURCE_EVERY:
		return r->allocs * b->costs.hit;
	case SOURCE_SAMPLE:
		return price_of_samples(b, r, (double)c->distance);
	case SOURCE_PROFILE:
		return b->counts.profile_bytes ?
		       fmin(r->allocs, r->bytes / (double)b->counts.profile_bytes) *
		       b->costs.hit : 0;
	default:
		return 0;
	}
}

/* Of what is listened to all the time. */
static double steady_price(const struct budget *b, const struct rates *r,
			   const struct budget_choice *c)
{
	return price_of_heap(b, r, c) +
	       (c->goroutines == SOURCE_EVERY ? price_of_goroutines(b, r) : 0);
}

/* ---- the choice ------------------------------------------------------------------------------ */

/* A power of two: a distance that changes with every count would be of no use. */
static uint64_t distance_for(const struct budget *b, const struct rates *r, double limit)
{
	double per_sample = b->costs.hit - b->costs.dropped, distance = 1;

	if (b->setup.distance != BUDGET_ANY)
		return b->setup.distance;
	while (distance < 0x1p40 && per_sample > 0 && price_of_samples(b, r, distance) > limit)
		distance *= 2;
	return (uint64_t)distance;
}

/* Whether the source is to be had at all, and within the limit. */
static bool heap_fits(const struct budget *b, const struct rates *r, double limit,
		      struct budget_choice *c)
{
	switch (c->heap) {
	case SOURCE_EVERY:
		if (b->setup.distance != BUDGET_ANY && b->setup.distance)
			return false;
		break;
	case SOURCE_SAMPLE:
		c->distance = distance_for(b, r, limit);
		if (!c->distance)
			return false;
		break;
	case SOURCE_PROFILE:
		if (!b->counts.profile_bytes)
			return false;
		break;
	case SOURCE_BURST:
		if (b->setup.distance != BUDGET_ANY)
			c->distance = b->setup.distance;
		return b->setup.can_burst;
	default:
		return true;
	}
	return b->setup.forced == c->heap || price_of_heap(b, r, c) <= limit;
}

static void choose_heap(const struct budget *b, const struct rates *r, double limit,
			struct budget_choice *out)
{
	for (int s = SOURCE_EVERY; s < N_SOURCES; s++) {
		struct budget_choice c = { .heap = s, .goroutines = out->goroutines };

		if (s != SOURCE_NONE && b->setup.forced != N_SOURCES &&
		    b->setup.forced != (enum source)s)
			continue;
		if (heap_fits(b, r, limit, &c)) {
			*out = c;
			return;
		}
	}
}

/* Whether the user took the whole choice away. */
static bool unlimited(const struct budget *b)
{
	return b->setup.forced == SOURCE_EVERY || b->setup.forced == SOURCE_SAMPLE;
}

/* The best of which all that is listened to all the time stays below this part of the income. */
static struct budget_choice choose(const struct budget *b, const struct rates *r, double part)
{
	struct budget_choice c = { .heap = SOURCE_NONE, .goroutines = SOURCE_NONE };
	double limit = b->income * SECOND * part, go = price_of_goroutines(b, r);

	if (b->setup.goroutines) {
		if (unlimited(b) || go <= limit * (b->setup.heap ? GO_SHARE : 1))
			c.goroutines = SOURCE_EVERY;
		else if (b->setup.can_burst)
			c.goroutines = SOURCE_BURST;
	}
	if (c.goroutines == SOURCE_EVERY)
		limit -= go;
	else if (c.goroutines == SOURCE_BURST)
		limit *= 1 - BURST_SHARE;
	if (b->setup.heap)
		choose_heap(b, r, limit, &c);
	return c;
}

static bool same_choice(const struct budget_choice *x, const struct budget_choice *y)
{
	return x->heap == y->heap && x->goroutines == y->goroutines && x->distance == y->distance;
}

static bool bursts(const struct budget *b)
{
	return b->choice.heap == SOURCE_BURST || b->choice.goroutines == SOURCE_BURST;
}

static void take(struct budget *b, const struct budget_choice *c)
{
	b->choice = *c;
	b->recent = 0;		/* was that of the last choice */
	b->better_ns = 0;
	b->overdrawn = false;
	b->period_end_ns = b->window_ns = 0;
	b->window_hits = 0;
	b->pace = (struct pace_seen){ 0 };
}

/* ---- new ------------------------------------------------------------------------------------- */

void budget_new(struct budget **out, const struct budget_setup *setup)
{
	struct budget *b = xcalloc(1, sizeof(*b));

	b->setup = *setup;
	b->costs = assumed;
	b->income = setup->percent / 100 * INCOME;
	b->random = setup->seed | 1;
	b->hold_ns = MIN_HOLD_S * (uint64_t)SECOND;
	*out = b;
}

void budget_drop(struct budget *b)
{
	free(b);
}

void budget_set_costs(struct budget *b, const struct budget_costs *c)
{
	if (c->hit > 0)		/* not so for NAN */
		b->costs.hit = c->hit;
	if (c->dropped > 0)
		b->costs.dropped = c->dropped;
	if (c->planting > 0)
		b->costs.planting = c->planting;
	if (c->wakes >= 0)
		b->costs.wakes = c->wakes;
}

const struct budget_costs *budget_costs(const struct budget *b)
{
	return &b->costs;
}

static bool rates_between(const struct budget_counts *from, const struct budget_counts *to,
			  struct rates *out)
{
	double s = (double)(to->time_ns - from->time_ns) / SECOND;

	if (to->time_ns <= from->time_ns)
		return false;
	/* Read while they change, counts may seem to go back a little. */
	*out = (struct rates){
		.allocs = fmax((double)(int64_t)(to->allocs - from->allocs), 0) / s,
		.bytes = fmax((double)(int64_t)(to->alloc_bytes - from->alloc_bytes), 0) / s,
		.starts = fmax((double)(int64_t)(to->starts - from->starts), 0) / s,
		.known = true,
	};
	return true;
}

void budget_price(struct budget *b, const struct budget_counts *from,
		  const struct budget_counts *to, struct budget_price *out)
{
	const struct budget_choice every = { .heap = SOURCE_EVERY };

	b->counts = *to;
	*out = (struct budget_price){ NAN, NAN, NAN, NAN };
	if (!rates_between(from, to, &b->rates))
		return;
	*out = (struct budget_price){
		.heap = price_of_heap(b, &b->rates, &every) / SECOND * 100,
		.goroutines = price_of_goroutines(b, &b->rates) / SECOND * 100,
		.allocs = b->rates.allocs, .starts = b->rates.starts,
	};
}

void budget_start(struct budget *b, uint64_t now_ns)
{
	struct budget_choice c = choose(b, &b->rates, FITS);

	take(b, &c);
	b->time_ns = now_ns;
	b->balance_ns = b->income * SPARE_NS;
	b->count_ns = now_ns + COUNT_S * (uint64_t)SECOND;
}

const struct budget_choice *budget_choice(const struct budget *b)
{
	return &b->choice;
}

/* ---- less, and more -------------------------------------------------------------------------- */

/*
 * The counts tell of the time since they were read before; a rise of a moment ago shows in what is
 * being spent.  It is taken for one of what costs most.
 */
static struct rates rates_of_now(const struct budget *b)
{
	double expected = steady_price(b, &b->rates, &b->choice) / SECOND;
	double heap = price_of_heap(b, &b->rates, &b->choice) / SECOND, go = expected - heap;
	double more = b->recent - expected;
	struct rates r = b->rates;

	if (!r.known) {
		r.allocs = r.starts = b->recent / b->costs.hit * SECOND;
		r.bytes = r.allocs * ASSUMED_BYTES;
	} else if (more > 0 && heap > go) {
		r.allocs *= 1 + more / heap;
		r.bytes *= 1 + more / heap;
	} else if (more > 0 && go > 0) {
		r.starts *= 1 + more / go;
	}
	return r;
}

static enum source worse(enum source a, enum source b)
{
	return a > b ? a : b;
}

/* Something that costs less than what there is. */
static bool take_less(struct budget *b, uint64_t now_ns)
{
	struct rates r = rates_of_now(b);
	struct budget_choice c = choose(b, &r, FITS);

	if (c.heap < b->choice.heap)
		c.distance = b->choice.distance;
	c.heap = worse(c.heap, b->choice.heap);
	c.goroutines = worse(c.goroutines, b->choice.goroutines);
	b->overdrawn = false;
	if (same_choice(&c, &b->choice))
		return false;
	if (b->raised_ns && now_ns - b->raised_ns < CALM_S * (uint64_t)SECOND)
		b->hold_ns = 2 * b->hold_ns < MAX_HOLD_S * (uint64_t)SECOND ?
			     2 * b->hold_ns : MAX_HOLD_S * (uint64_t)SECOND;
	else
		b->hold_ns = MIN_HOLD_S * (uint64_t)SECOND;
	take(b, &c);
	return true;
}

static bool is_better(const struct budget_choice *c, const struct budget_choice *than)
{
	if (c->heap > than->heap || c->goroutines > than->goroutines)
		return false;
	return c->heap < than->heap || c->goroutines < than->goroutines ||
	       (c->heap == SOURCE_SAMPLE && c->distance <= than->distance / 2);
}

/* Something that tells more, if it would have been affordable for long enough. */
static bool take_more(struct budget *b, uint64_t now_ns)
{
	struct budget_choice c = choose(b, &b->rates, FITS_WELL);

	if (!b->rates.known || b->open || !is_better(&c, &b->choice) ||
	    b->balance_ns < -b->window_cost_ns) {
		b->better_ns = 0;
		return false;
	}
	if (!b->better_ns)
		b->better_ns = now_ns;
	if (now_ns - b->better_ns < b->hold_ns)
		return false;
	take(b, &c);
	b->raised_ns = now_ns;
	return true;
}

bool budget_count(struct budget *b, const struct budget_counts *c)
{
	bool profile_gone = b->choice.heap == SOURCE_PROFILE && c && !c->profile_bytes;

	b->count_ns = b->time_ns + COUNT_S * (uint64_t)SECOND;
	if (!c) {
		b->rates.known = false;
	} else {
		if (b->counts.time_ns)
			rates_between(&b->counts, c, &b->rates);
		b->counts = *c;
	}
	if (unlimited(b))
		return false;
	if (b->overdrawn || profile_gone)
		return take_less(b, b->time_ns);
	return take_more(b, b->time_ns);
}

/* ---- windows --------------------------------------------------------------------------------- */

/* Between 0 and 1: xorshift64*, Vigna 2016. */
static double draw(struct budget *b)
{
	b->random ^= b->random >> 12;
	b->random ^= b->random << 25;
	b->random ^= b->random >> 27;
	return (double)(b->random * 0x2545f4914f6cdd1dull >> 11) * 0x1p-53;
}

/* What is spent in a window, ns a ns, as long as none has told. */
static double expected_rate(const struct budget *b)
{
	double ns = (b->choice.heap == SOURCE_BURST ? b->rates.allocs * b->costs.hit : 0) +
		    (b->choice.goroutines == SOURCE_BURST ? price_of_goroutines(b, &b->rates) : 0);

	return b->rates.known && ns > 0 ? ns / SECOND : 1;
}

/* Of one window: its probes come and go. */
static double cost_of_planting(const struct budget *b)
{
	size_t n = (b->choice.heap == SOURCE_BURST ? b->setup.n_heap : 0) +
		   (b->choice.goroutines == SOURCE_BURST ? b->setup.n_go : 0);

	return 2 * (double)n * b->costs.planting;
}

static bool bursts_of_starts(const struct budget *b)
{
	return b->choice.goroutines == SOURCE_BURST && b->choice.heap != SOURCE_BURST;
}

/* What was listened to all the time besides is in spent_ns, too, so that the loss is rather too
 * small. */
static void note_pace(struct budget *b, double spent_ns, double open_ns)
{
	struct pace_seen *p = &b->pace;
	const double keep = 1 - PACE_FORGET;

	if (!bursts_of_starts(b) || !b->rates.known)
		return;
	p->starts = keep * p->starts + spent_ns / (b->costs.hit * (1 + b->costs.wakes));
	p->expected = keep * p->expected + b->rates.starts * open_ns / SECOND;
	p->open_ns = keep * p->open_ns + open_ns;
	p->spent_ns = keep * p->spent_ns + spent_ns;
}

/* What hits in windows cost, as a multiple of their price. */
static double times_price(const struct budget *b)
{
	const struct pace_seen *p = &b->pace;
	double lost_ns;

	if (!bursts_of_starts(b))
		return 1;
	if (p->expected < PACE_STARTS)
		return ASSUMED_TIMES;
	lost_ns = (1 - p->starts / p->expected) * p->open_ns;
	return fmin(fmax(lost_ns / fmax(p->spent_ns, 1), 1), MAX_TIMES);
}

/* How long a window need be.  Who goes to sleep in one and is woken late loses time beyond what any
 * clock or count of ours shows, behind the window as well: of a program that starts 50,000
 * goroutines a second, windows of 60 ms took twice what their starts were fewer by. */
static double enough_ns(const struct budget *b)
{
	if (!bursts_of_starts(b) || !b->rates.known)
		return INFINITY;
	return ENOUGH_STARTS * fmax(b->setup.percent, 1) / b->rates.starts * SECOND;
}

static void plan_period(struct budget *b, uint64_t now_ns)
{
	double steady = steady_price(b, &b->rates, &b->choice) / SECOND;
	double income = fmax(b->income - steady, b->income * BURST_SHARE / 2);
	double planting = cost_of_planting(b);
	double may_cost = (fmax(income * PERIOD_NS, planting / PLANT_SHARE) - planting) /
			  times_price(b);
	double rate = b->window_hits > 0 ? b->window_hits * b->costs.hit : expected_rate(b);
	double most = fmin(may_cost / rate, enough_ns(b));
	double length = fmin(fmax(most, MIN_WINDOW_NS), MAX_WINDOW_NS), period;

	b->planting_ns = planting;
	b->window_cost_ns = rate * length + planting;
	period = fmax(PERIOD_NS, (b->window_cost_ns - b->balance_ns) / income);
	b->window = (struct budget_window){
		.length_ns = (uint64_t)length,
		.max_ns = CUT_SHORT * may_cost,
	};
	b->period_end_ns = now_ns + (uint64_t)period;
	b->window_ns = now_ns + (uint64_t)(draw(b) * (period - length));
}

static unsigned int next_window(struct budget *b, uint64_t now_ns)
{
	unsigned int wants = 0;

	if (b->open)
		return 0;
	if (now_ns >= b->period_end_ns) {
		plan_period(b, now_ns);
		wants |= BUDGET_PERIOD;
	}
	if (b->window_ns && now_ns >= b->window_ns) {
		b->window_ns = 0;
		b->open = true;
		b->opened_spent_ns = b->spent_ns;
		wants |= BUDGET_WINDOW;
	}
	return wants;
}

void budget_window(const struct budget *b, struct budget_window *out)
{
	*out = b->window;
}

/* ---- the account ----------------------------------------------------------------------------- */

static void settle(struct budget *b, uint64_t now_ns, double spent_ns)
{
	double time = (double)(now_ns - b->time_ns), spent = spent_ns - b->spent_ns;
	double keep = b->income * SPARE_NS;

	if (now_ns <= b->time_ns)
		return;
	if (bursts(b))
		keep = fmax(keep, b->window_cost_ns);
	b->balance_ns = fmin(b->balance_ns + b->income * time, keep) - spent;
	if (!b->open)	/* what windows cost is planned */
		b->recent += (spent / time - b->recent) * (1 - exp(-time / RECENT_NS));
	b->time_ns = now_ns;
	b->spent_ns = spent_ns;
}

/* Whether what is listened to all the time costs too much, and not what has been paid for. */
static bool overdrawn(const struct budget *b)
{
	bool steady = b->choice.heap < SOURCE_BURST || b->choice.goroutines < SOURCE_BURST;

	return steady && !unlimited(b) && !b->open && b->balance_ns < 0 && b->recent > b->income;
}

double budget_allowance(const struct budget *b)
{
	return unlimited(b) ? INFINITY : fmax(b->balance_ns, 0) + b->income * SURPRISE_NS;
}

void budget_overrun(struct budget *b)
{
	b->overrun = true;
}

unsigned int budget_tick(struct budget *b, uint64_t now_ns, double spent_ns)
{
	unsigned int wants = 0;

	settle(b, now_ns, spent_ns);
	b->overdrawn = b->overrun || overdrawn(b);
	b->overrun = false;
	if (b->overdrawn || now_ns >= b->count_ns)
		wants |= BUDGET_COUNT;
	if (bursts(b))
		wants |= next_window(b, now_ns);
	return wants;
}

/* Not more than all processors for as long: hits were cheaper then than they had been thought to be,
 * and what they did not take is still in the account. */
static double possible(struct budget *b, double spent, double length_ns)
{
	double most = b->setup.processors > 0 ? b->setup.processors * length_ns : INFINITY;

	if (spent <= most)
		return spent;
	b->balance_ns += spent - most;
	return most;
}

void budget_window_end(struct budget *b, uint64_t now_ns, double spent_ns, uint64_t length_ns)
{
	double spent = spent_ns - b->opened_spent_ns - b->planting_ns, hits;

	settle(b, now_ns, spent_ns);
	b->open = false;
	if (!length_ns)
		return;
	spent = possible(b, fmax(spent, 0), (double)length_ns);
	note_pace(b, spent, (double)length_ns);
	hits = spent / b->costs.hit / (double)length_ns;
	if (hits < b->window_hits)
		hits = FORGET * hits + (1 - FORGET) * b->window_hits;
	b->window_hits = fmax(hits, MIN_HITS);
}
