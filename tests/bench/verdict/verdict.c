// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdict.c - the judge on the census of a process and nothing else: recordings, and what is thought
 * of them, so that thresholds can be fitted again on the same ones.
 *
 * usage: verdict record PID		until stdin ends: a line for each collection, without probes
 *	  verdict judge MIN_S <FILE	a line of JSON for each of a recording: what would have been
 *					said then
 *
 * A recorded line: time in ns; then, for each class that holds anything or ever did,
 * CLASS:LIVE:BELOW:ABOVE:ALLOCATED in bytes, the latter since the process began.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "user/base/json.h"
#include "user/base/util.h"
#include "user/go/golayout.h"
#include "user/gomem/census.h"
#include "user/gomem/census_poll.h"
#include "user/judge/judge.h"
#include "user/process.h"

enum { ALL = CENSUS_CLASSES, N_KEYS };

/* ---- record ---------------------------------------------------------------------------------- */

static uint64_t in_bytes(unsigned i, uint64_t objects, uint64_t large_bytes)
{
	return i ? objects * golayout_class_size(i) : large_bytes;
}

static void print_cycle(const struct census_cycle *c, const struct census_counts *then)
{
	printf("%llu", (unsigned long long)c->time_ns);
	for (unsigned i = 0; i < CENSUS_CLASSES; i++) {
		unsigned long long alloc = in_bytes(i, then->n_alloc[i], then->large_alloc_bytes);

		if (alloc)
			printf(" %u:%llu:%llu:%llu:%llu", i,
			       (unsigned long long)in_bytes(i, c->live[i], c->large_bytes),
			       (unsigned long long)in_bytes(i, c->below[i], c->large_below),
			       (unsigned long long)in_bytes(i, c->above[i], c->large_above), alloc);
	}
	putchar('\n');
	fflush(stdout);
}

static int look(struct census_poll *poll, struct census *census, uint64_t *next_ns)
{
	struct census_counts then = census->last.counts;
	struct census_mark mark;
	struct census_cycle cycle;
	int seen = census_poll_look(poll, now_ns(), &mark, next_ns);

	if (seen > 0 && census_add(census, &mark, &cycle))
		print_cycle(&cycle, &then);
	return seen < 0 ? seen : 0;
}

static int record(pid_t pid)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	struct census census = { 0 };
	struct census_poll *poll = NULL;
	struct process *p = NULL;
	uint64_t next = 0;
	int err = process_open(&p, pid);

	if (!err)
		err = process_check(p);
	if (!err) {
		census_poll_new(&poll, process_gomem(p));
		puts("ready");
		fflush(stdout);
	}
	while (!err && !in.revents) {
		uint64_t now = now_ns(), wait = next > now ? next - now : 0;
		struct timespec ts = { (time_t)(wait / 1000000000), (long)(wait % 1000000000) };

		if (ppoll(&in, 1, &ts, NULL) < 0 && errno != EINTR)
			err = -errno;
		else if (now_ns() >= next)
			err = look(poll, &census, &next);
	}
	census_poll_free(poll);
	process_close(p);
	return err;
}

/* ---- judge ----------------------------------------------------------------------------------- */

struct moment {
	uint64_t time_ns;
	uint64_t live[N_KEYS], below[N_KEYS], above[N_KEYS], alloc[N_KEYS];
};

static bool parse(char *line, struct moment *m)
{
	char *rest = line;
	unsigned long long v[4];
	unsigned i;
	int len;

	memset(m, 0, sizeof(*m));
	m->time_ns = strtoull(line, &rest, 10);
	for (; sscanf(rest, " %u:%llu:%llu:%llu:%llu%n", &i, &v[0], &v[1], &v[2], &v[3], &len) == 5;
	     rest += len) {
		uint64_t *to[] = { m->live, m->below, m->above, m->alloc };

		if (i >= CENSUS_CLASSES)
			return false;
		for (size_t k = 0; k < ARRAY_SIZE(to); k++) {
			to[k][i] = v[k];
			to[k][ALL] += v[k];
		}
	}
	return m->time_ns;
}

struct series {
	uint64_t start_ns;
	struct trend *live, *alloc;
	struct judge_class classes[N_KEYS];
	struct judge_limits limits;
};

static void fill(struct series *s, size_t key, struct judge_class *c)
{
	struct growth load;

	*c = (struct judge_class){ .object_bytes = key && key < ALL ?
				   golayout_class_size((unsigned)key) : 0 };
	trend_growth(s->live, key, s->start_ns, &c->bytes);
	trend_growth(s->alloc, key, s->start_ns, &load);
	memcpy(c->load, load.part, sizeof(load.part));
}

static const char *word(enum verdict verdict)
{
	static const char *const words[] = {
		[VERDICT_TOO_FEW] = "TOO_FEW_SAMPLES", [VERDICT_CHURN] = "CHURN",
		[VERDICT_STEADY] = "STEADY", [VERDICT_PLATEAU] = "PLATEAU",
		[VERDICT_GROWING] = "GROWING", [VERDICT_LEAK] = "LEAK",
	};

	return words[verdict];
}

/* As a report does, and what the verdict was made from. */
static void put_class(struct json *j, const char *key, uint64_t size, const struct judge_class *c)
{
	open_level(j, key, '{');
	if (size)
		field_u64(j, "size", size);
	field_string(j, "verdict", word(c->is.verdict));
	field_u64(j, "missing", c->is.missing);
	open_level(j, "rate_per_s", '{');
	field_double(j, "estimate", c->is.rate.value);
	field_double(j, "low", c->is.rate.low);
	field_double(j, "high", c->is.rate.high);
	close_level(j, '}');
	open_level(j, "parts", '[');
	for (size_t i = 0; i < 3; i++)
		field_double(j, NULL, c->bytes.part[i]);
	close_level(j, ']');
	field_double(j, "live_bytes", c->bytes.level[2]);
	field_double(j, "detectable", c->detectable);
	close_level(j, '}');
}

static void put_verdicts(struct series *s, double seconds, enum verdict verdict)
{
	struct json j = { .out = stdout };

	open_level(&j, NULL, '{');
	open_level(&j, "time", '{');
	field_double(&j, "attached_s", seconds);
	close_level(&j, '}');
	field_string(&j, "verdict", word(verdict));
	put_class(&j, "heap", 0, &s->classes[ALL]);
	open_level(&j, "classes", '[');
	for (unsigned i = 0; i < CENSUS_CLASSES; i++)
		put_class(&j, NULL, golayout_class_size(i), &s->classes[i]);
	close_level(&j, ']');
	close_level(&j, '}');
	putchar('\n');
}

static void judge_moment(struct series *s, const struct moment *m)
{
	struct judge_input in = {
		.limits = s->limits, .classes = s->classes, .n_classes = CENSUS_CLASSES,
		.heap = &s->classes[ALL],
	};
	struct judge_result out;

	for (size_t i = 0; i < N_KEYS; i++)
		fill(s, i, &s->classes[i]);
	judge(&in, &out);
	put_verdicts(s, (double)(m->time_ns - s->start_ns) / 1e9, out.verdict);
	free(out.findings);
}

static int judge_recording(double min_s)
{
	struct series s = { .limits = { .min_cycles = 12, .min_s = min_s } };
	struct moment m;
	char *line = NULL;
	size_t cap = 0;

	trend_new(&s.live, N_KEYS);
	trend_new(&s.alloc, N_KEYS);
	while (getline(&line, &cap, stdin) > 0) {
		if (!parse(line, &m))
			continue;
		if (!s.start_ns)
			s.start_ns = m.time_ns;
		trend_add(s.live, m.time_ns, m.live, m.below, m.above);
		trend_add(s.alloc, m.time_ns, m.alloc, NULL, NULL);
		judge_moment(&s, &m);
	}
	free(line);
	trend_free(s.live);
	trend_free(s.alloc);
	return 0;
}

int main(int argc, char **argv)
{
	int err = -EINVAL;

	prctl(PR_SET_TIMERSLACK, 1);
	if (argc == 3 && !strcmp(argv[1], "record"))
		err = record(atoi(argv[2]));
	else if (argc == 3 && !strcmp(argv[1], "judge"))
		err = judge_recording(atof(argv[2]));
	if (err)
		fprintf(stderr, "verdict: %s\n", strerror(-err));
	return err ? 1 : 0;
}
