// SPDX-License-Identifier: BSD-2-Clause
/*
 * buildinfo.c - Go version and settings of the build.
 *
 * The blob (cmd/link/internal/ld/data.go, debug/buildinfo/buildinfo.go) is 16-aligned:
 *
 *	 0	"\xff Go buildinf:"
 *	14	size of a pointer
 *	15	flags: 1 big endian, 2 strings inline
 *	16	Go 1.17: addresses of two Go strings, the version and the module information
 *	32	Go 1.18 and newer: the two strings, each a varint length and its bytes
 *
 * The module information is framed by 16 magic bytes at both ends.  Of its lines only
 * "build\tKEY=VALUE" and "mod\tPATH\tVERSION" matter here.
 */
#include "user/go/buildinfo.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/reader.h"
#include "user/base/util.h"
#include "user/go/image.h"

#define MAGIC "\xff Go buildinf:"

enum {
	ALIGN = 16,
	HEADER = 32,
	FLAG_BIG_ENDIAN = 1,
	FLAG_INLINE = 2,
	FRAME = 16,			/* at either end of the module information */
	OLDEST = 17, NEWEST = 27,	/* go1.N */
	MAX_VERSION = 512,		/* bytes of the version text */
};

struct span {
	const char *p;
	uint64_t n;
};

static bool is_blob(const struct image *img, uint64_t vaddr)
{
	char head[HEADER];

	return image_read(img, vaddr, head, sizeof(head)) &&
	       !memcmp(head, MAGIC, sizeof(MAGIC) - 1) && head[14] == 8 &&
	       !(head[15] & FLAG_BIG_ENDIAN);
}

static bool find_in_segment(const struct image *img, const struct image_segment *seg,
			    uint64_t *vaddr)
{
	const uint64_t start = (seg->vaddr + ALIGN - 1) & -(uint64_t)ALIGN;
	uint64_t avail, off, first, word;
	const char *p = image_at(img, start, &avail);

	memcpy(&first, MAGIC, sizeof(first));
	for (off = 0; p && off + HEADER <= avail; off += ALIGN) {
		memcpy(&word, p + off, sizeof(word));
		if (word == first && is_blob(img, start + off)) {
			*vaddr = start + off;
			return true;
		}
	}
	return false;
}

/* The linker puts it first into the data segment; read-only data may hold the blob of another
 * program (an embedded file), so it comes second. */
static bool find_blob(const struct image *img, uint64_t *vaddr)
{
	const struct image_segment *segs;
	uint64_t size;
	size_t i, n;
	int write;

	if (image_section(img, ".go.buildinfo", vaddr, &size) && is_blob(img, *vaddr))
		return true;
	segs = image_segments(img, &n);
	for (write = 1; write >= 0; write--)
		for (i = 0; i < n; i++)
			if (segs[i].write == write && find_in_segment(img, &segs[i], vaddr))
				return true;
	return false;
}

static struct span inline_string(struct reader *r)
{
	uint64_t len = reader_uvarint(r);

	return (struct span){ reader_bytes(r, len), len };
}

/* The string header that the word at vaddr points to. */
static bool go_string(const struct image *img, uint64_t vaddr, struct span *out)
{
	uint64_t header, s[2], avail;
	const char *p;

	if (!image_read(img, vaddr, &header, sizeof(header)) ||
	    !image_read(img, header, s, sizeof(s)))
		return false;
	p = s[1] ? image_at(img, s[0], &avail) : "";
	if (!p || (s[1] && avail < s[1]))
		return false;
	*out = (struct span){ p, s[1] };
	return true;
}

static bool read_strings(const struct image *img, uint64_t vaddr, struct span *version,
			 struct span *module)
{
	uint64_t avail;
	const uint8_t *p = image_at(img, vaddr, &avail);

	if (p[15] & FLAG_INLINE) {
		struct reader r = reader_of(p + HEADER, avail - HEADER);

		*version = inline_string(&r);
		*module = inline_string(&r);
		return !r.bad;
	}
	if (!go_string(img, vaddr + 24, module))	/* none if built without modules */
		*module = (struct span){ "", 0 };
	return go_string(img, vaddr + 16, version);
}

/* " X:a,b" up to Go 1.25, "-X:a,b" from 1.26 on (cmd/dist, cmd/link/internal/ld/main.go). */
static const char *experiments_in(const char *text)
{
	const char *s = strstr(text, "X:");

	while (s && (s == text || (s[-1] != ' ' && s[-1] != '-')))
		s = strstr(s + 1, "X:");
	return s;
}

/* What may stand in a report or on a terminal. */
static void make_printable(char *s)
{
	for (; *s; s++)
		if (!isprint((unsigned char)*s))
			*s = '?';
}

static bool number(const char **s, int *out)
{
	char *end;
	unsigned long v;

	if (!isdigit((unsigned char)**s))
		return false;
	v = strtoul(*s, &end, 10);
	if (v > 9999)
		return false;
	*s = end;
	*out = v;
	return true;
}

/*
 * Seen in the wild: "go1.19.8", "go1.22", "go1.27rc1", "devel go1.25-e4c9d2b Thu May ...",
 * "go1.22.1 (Red Hat 1.22.1-1.el9)", "go1.21.0-fips", "go1.25.14 X:greenteagc".
 */
bool buildinfo_parse_version(const char *text, struct go_version *out)
{
	const char *s = strstr(text, "go1."), *x = experiments_in(text);
	struct go_version v = { 0 };
	size_t len;

	if (!s || (x && s > x))
		return false;
	s += strlen("go1.");
	if (!number(&s, &v.minor))
		return false;
	if (*s == '.') {
		s++;
		if (!number(&s, &v.patch))
			return false;
	}
	len = x ? (size_t)(x - 1 - text) : strlen(text);
	snprintf(v.text, sizeof(v.text), "%.*s", (int)len, text);
	if (x)
		snprintf(v.experiments, sizeof(v.experiments), "%.*s",
			 (int)strcspn(x + 2, " )"), x + 2);
	make_printable(v.text);
	make_printable(v.experiments);
	*out = v;
	return true;
}

static int check_version(const char *program, const struct span *text, struct go_version *out)
{
	char copy[MAX_VERSION];
	bool known;

	snprintf(copy, sizeof(copy), "%.*s", (int)(text->n < sizeof(copy) ? text->n : sizeof(copy)),
		 text->p);
	known = buildinfo_parse_version(copy, out);
	make_printable(copy);
	if (!known) {
		say_error("%s: built with an unknown version of Go (\"%.64s\"), this version knows "
			  "Go 1.%d to 1.%d; build it with a release of Go", program, copy, OLDEST,
			  NEWEST);
		return -ENOTSUP;
	}
	if (out->minor < OLDEST || out->minor > NEWEST) {
		say_error("%s: built with %s, this version knows Go 1.%d to 1.%d; %s", program,
			  out->text, OLDEST, NEWEST, out->minor > NEWEST ?
			  "use a newer gobpfleak" : "build it with a newer Go");
		return -ENOTSUP;
	}
	return 0;
}

/* Takes one Go string literal or bare word off *s in place (debug.ParseBuildInfo). */
static char *unquote(char **s, char stop)
{
	char *in = *s, *out = *s, *word = *s;

	if (*in == '`' || *in == '"') {
		char quote = *in++;

		for (; *in && *in != quote; in++) {
			if (quote == '"' && *in == '\\' && in[1])
				in++;
			*out++ = *in;
		}
		if (*in)
			in++;
	} else {
		while (*in && *in != stop)
			*out++ = *in++;
	}
	if (*in && *in == stop)
		in++;
	*s = in;
	*out = '\0';
	return word;
}

static void read_lines(struct buildinfo *bi, const struct span *module)
{
	size_t cap = 0;
	char *line, *rest;

	if (module->n < 2 * FRAME || module->n > MAX_MODULE_INFO)
		return;
	bi->text = xcalloc(module->n - 2 * FRAME + 1, 1);
	memcpy(bi->text, module->p + FRAME, module->n - 2 * FRAME);
	rest = bi->text;
	while ((line = strsep(&rest, "\n"))) {
		struct build_setting st;

		if (!strncmp(line, "mod\t", 4)) {
			line += 4;
			bi->main_module = strsep(&line, "\t");
			continue;
		}
		if (strncmp(line, "build\t", 6))
			continue;
		line += 6;
		st.key = unquote(&line, '=');
		st.value = unquote(&line, '\0');
		bi->settings = grow(bi->settings, bi->n_settings, &cap, sizeof(*bi->settings));
		bi->settings[bi->n_settings++] = st;
	}
}

int buildinfo_init(struct buildinfo *out, const struct image *img)
{
	struct span version, module;
	struct buildinfo bi = { 0 };
	uint64_t vaddr;
	int err;

	if (!find_blob(img, &vaddr)) {
		say_error("%s is not a Go program (no Go build information); gobpfleak traces Go "
			  "programs only", image_name(img));
		return -ENOEXEC;
	}
	if (!read_strings(img, vaddr, &version, &module)) {
		say_error("%s: damaged Go build information; rebuild or reinstall the program",
			  image_name(img));
		return -EBADMSG;
	}
	err = check_version(image_name(img), &version, &bi.version);
	if (err)
		return err;
	read_lines(&bi, &module);
	*out = bi;
	return 0;
}

void buildinfo_fini(struct buildinfo *bi)
{
	free(bi->settings);
	free(bi->text);
}
