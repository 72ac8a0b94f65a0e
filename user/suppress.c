// SPDX-License-Identifier: BSD-2-Clause
/*
 * suppress.c - patterns of stacks and types: read, checked, matched.
 *
 * Names of Go functions hold neither blanks, colons nor "#", and "go" is no name in them; so " < "
 * parts a line, a prefix ends in a colon, and what ends in .go is a file.
 */
#include "user/suppress.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/text.h"
#include "user/base/util.h"
#include "user/model.h"

enum kind { KIND_ANY, KIND_HEAP, KIND_GOROUTINE };

struct element {
	const char *glob;	/* of a function, or of a file */
	bool file;
	uint32_t line;		/* of the file; 0: any */
};

struct pattern {
	char *text;		/* the line, cut into what elements and type point to */
	char *shown;		/* the line as it stands in the file */
	unsigned line;
	enum kind kind;
	const char *type;	/* NULL: any */
	struct element *v;	/* leaf first */
	size_t n;
	uint64_t n_matched;
};

struct suppress {
	char *path;
	struct pattern *v;
	size_t n, cap;
};

/* ---- reading --------------------------------------------------------------------------------- */

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t");
	n = strlen(s);
	while (n && isspace((unsigned char)s[n - 1]))
		n--;
	s[n] = '\0';
	return s;
}

static void cut_comment(char *s)
{
	for (char *c = s; (c = strchr(c, '#')); c++) {
		if (c != s && c[-1] != ' ' && c[-1] != '\t')
			continue;
		*c = '\0';
		return;
	}
}

/* What is behind the prefix; NULL: it begins with something else. */
static char *behind(char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) ? NULL : trim(s + n);
}

/* The next part, and *rest behind the separator, NULL behind the last. */
static char *next_part(char **rest)
{
	char *part = *rest, *c = part;

	*rest = NULL;
	for (; (c = strchr(c, '<')); c++) {
		bool before = c == part || c[-1] == ' ' || c[-1] == '\t';
		bool after = !c[1] || c[1] == ' ' || c[1] == '\t';

		if (!before || !after)
			continue;
		*c = '\0';
		*rest = c + 1;
		break;
	}
	return trim(part);
}

/* ":88" behind a file. */
static const char *take_line(char *colon, struct element *e)
{
	char *end;
	unsigned long v = strtoul(colon + 1, &end, 10);

	if (!isdigit((unsigned char)colon[1]) || *end || !v || v > UINT32_MAX)
		return "what follows FILE.go: is not the number of a line";
	*colon = '\0';
	e->line = (uint32_t)v;
	return NULL;
}

/* NULL, or why it is no frame. */
static const char *take_frame(char *part, struct element *e)
{
	char *colon = strrchr(part, ':');
	size_t n = colon ? (size_t)(colon - part) : strlen(part);

	*e = (struct element){ .glob = part };
	e->file = n > 3 && !strncmp(part + n - 3, ".go", 3);
	if (!*part)
		return "a function or FILE.go:LINE is missing";
	if (behind(part, "type:"))
		return "type: stands first, before all frames";
	if (colon && !e->file)
		return "there is no such prefix: there are heap:, goroutine: and type:, and a line "
		       "is written as FILE.go:LINE";
	if (colon)
		return take_line(colon, e);
	if (strpbrk(part, " \t"))
		return "blanks in a name: frames are set apart by ' < ', leaf first";
	return NULL;
}

static char *take_kind(char *s, enum kind *kind)
{
	char *heap = behind(s, "heap:"), *goroutine = behind(s, "goroutine:");

	*kind = heap ? KIND_HEAP : goroutine ? KIND_GOROUTINE : KIND_ANY;
	return heap ? heap : goroutine ? goroutine : s;
}

/* NULL, or what is wrong. */
static const char *take_pattern(struct pattern *p, char *s)
{
	char *rest = take_kind(s, &p->kind), *type = behind(rest, "type:");
	const char *wrong = NULL;

	if (type) {
		p->type = next_part(&type);
		rest = type;
		if (!*p->type)
			return "type: names no type";
		if (p->kind == KIND_GOROUTINE)
			return "goroutines have no type: type: is for the heap";
		p->kind = KIND_HEAP;
	}
	while (rest && !wrong) {
		if (p->n == MAX_SUPPRESS_FRAMES)
			return "too many frames";
		p->v = xreallocarray(p->v, p->n + 1, sizeof(*p->v));
		wrong = take_frame(next_part(&rest), &p->v[p->n++]);
	}
	return wrong;
}

static void free_pattern(struct pattern *p)
{
	free(p->v);
	free(p->text);
	free(p->shown);
}

static int bad_line(const struct suppress *s, unsigned line, const char *why)
{
	char *name = text_clean(s->path);

	say_error("%s:%u: %s", name, line, why);
	free(name);
	return -EINVAL;
}

static int add_line(struct suppress *s, char *text, unsigned line)
{
	struct pattern p = { .line = line };
	const char *why;

	cut_comment(text);
	text = trim(text);
	if (!*text)
		return 0;
	if (s->n == MAX_SUPPRESSIONS)
		return bad_line(s, line, "too many patterns: 1,000 are the most");
	p.shown = text_clean(text);
	p.text = xstrdup(text);
	why = take_pattern(&p, p.text);
	if (why) {
		free_pattern(&p);
		return bad_line(s, line, why);
	}
	s->v = grow(s->v, s->n, &s->cap, sizeof(*s->v));
	s->v[s->n++] = p;
	return 0;
}

static int add_lines(struct suppress *s, char *text, size_t size)
{
	static const char bom[] = "\xef\xbb\xbf";	/* of UTF-8, which editors of Windows write */
	const size_t skip = strncmp(text, bom, strlen(bom)) ? 0 : strlen(bom);
	unsigned line = 1;
	int err = 0;

	for (char *at = text + skip, *end; !err && at < text + size; at = end + 1, line++) {
		end = memchr(at, '\n', (size_t)(text + size - at));
		if (!end)
			end = text + size;
		*end = '\0';
		if (strlen(at) != (size_t)(end - at))
			err = bad_line(s, line, "holds a byte 0: this is no text");
		else
			err = add_line(s, at, line);
	}
	return err;
}

int suppress_read(struct suppress **out, const char *path)
{
	struct suppress *s = xcalloc(1, sizeof(*s));
	char *text = xcalloc(1, MAX_SUPPRESS_BYTES + 2);
	size_t size = 0;
	int err = 0;
	FILE *f;

	s->path = xstrdup(path);
	errno = 0;
	f = fopen(path, "re");
	if (f)
		size = fread(text, 1, MAX_SUPPRESS_BYTES + 1, f);
	if (!f || ferror(f)) {
		err = errno ? -errno : -EIO;
		say_error("%s: the patterns cannot be read: %s", path, strerror(-err));
	} else if (size > MAX_SUPPRESS_BYTES) {
		err = -EFBIG;
		say_error("%s: more than 1MiB is no file of patterns", path);
	} else {
		err = add_lines(s, text, size);
	}
	if (f)
		fclose(f);
	free(text);
	if (err)
		suppress_free(s);
	else
		*out = s;
	return err;
}

void suppress_free(struct suppress *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		free_pattern(&s->v[i]);
	free(s->v);
	free(s->path);
	free(s);
}

const char *suppress_path(const struct suppress *s)
{
	return s->path;
}

void suppress_say_unused(const struct suppress *s)
{
	char *name = text_clean(s->path);

	for (size_t i = 0; i < s->n; i++)
		if (!s->v[i].n_matched)
			say_verbose("%s:%u: matches nothing: %s", name, s->v[i].line,
				    s->v[i].shown);
	free(name);
}

/* ---- matching -------------------------------------------------------------------------------- */

/* Only the last * is ever tried again: what those before it took is the shortest that fits, and
 * more would leave less for the rest. */
static bool matches(const char *glob, const char *s)
{
	const char *star = NULL, *again = s;

	while (*s) {
		if (*glob == '*') {
			star = ++glob;
			again = s;
		} else if (*glob && (*glob == '?' || *glob == *s)) {
			glob++;
			s++;
		} else if (star) {
			glob = star;
			s = ++again;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return !*glob;
}

/* The whole path, or what follows one of its slashes. */
static bool is_file(const char *glob, const char *path)
{
	bool found = matches(glob, path);

	for (const char *c = path; !found && (c = strchr(c, '/')); )
		found = matches(glob, ++c);
	return found;
}

static bool is_frame(const struct element *e, const struct frame *fr)
{
	if (!e->file)
		return fr->function && matches(e->glob, fr->function);
	return fr->file && (!e->line || e->line == fr->line) && is_file(e->glob, fr->file);
}

/* The first frame that fits is the best: it leaves most for those that follow. */
static bool is_stack(const struct pattern *p, const struct frames *stack)
{
	size_t k = 0;

	for (size_t i = 0; i < stack->n && k < p->n; i++)
		k += is_frame(&p->v[k], stack->v[i]);
	return k == p->n;
}

static bool is_typed(const struct pattern *p, const struct heap_site *s)
{
	for (size_t i = 0; p->type && i < s->n_parts; i++)
		if (!s->parts[i].type || !matches(p->type, s->parts[i].type))
			return false;
	return !p->type || s->n_parts;
}

/* All patterns are asked, so that each that matches something is known. */
static bool match_heap(struct suppress *s, const struct frames *stack, const struct heap_site *site)
{
	bool any = false;

	for (size_t i = 0; i < s->n; i++) {
		struct pattern *p = &s->v[i];

		if (p->kind == KIND_GOROUTINE || (p->type && !site) || !is_stack(p, stack) ||
		    (site && !is_typed(p, site)))
			continue;
		p->n_matched++;
		any = true;
	}
	return any;
}

bool suppress_started(struct suppress *s, const struct frames *stack)
{
	bool any = false;

	for (size_t i = 0; i < s->n; i++) {
		struct pattern *p = &s->v[i];

		if (p->kind == KIND_HEAP || !is_stack(p, stack))
			continue;
		p->n_matched++;
		any = true;
	}
	return any;
}

void suppress_mark(struct suppress *s, struct findings *f)
{
	for (size_t i = 0; i < f->n_sites; i++)
		f->sites[i].suppressed = match_heap(s, &f->sites[i].stack, &f->sites[i]);
	for (size_t i = 0; i < f->n_gsites; i++)
		f->gsites[i].suppressed = suppress_started(s, &f->gsites[i].stack);
}

bool suppress_type(struct suppress *s, const char *type)
{
	bool any = false;

	for (size_t i = 0; i < s->n; i++) {
		struct pattern *p = &s->v[i];

		if (!p->type || p->n || !matches(p->type, type))
			continue;
		p->n_matched++;
		any = true;
	}
	return any;
}

bool suppress_stack(struct suppress *s, const struct frames *stack, const char *type)
{
	struct site_part part = { .type = type };
	const struct heap_site site = { .parts = &part, .n_parts = 1 };

	return match_heap(s, stack, &site);
}

bool suppress_older(struct suppress *s, const struct older_site *site)
{
	return match_heap(s, &site->stack, NULL);
}
