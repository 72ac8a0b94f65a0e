// SPDX-License-Identifier: BSD-2-Clause
/*
 * inlined.c - finds copies of a function that a profile made the compiler inline.
 *
 * Decoding the whole text would take a second in a big program; so calls (e8 rel32) are looked for
 * byte by byte, and only what looks like one to the right target is decoded.
 */
#include "user/probe/inlined.h"

#include <errno.h>
#include <string.h>

#include "user/base/util.h"
#include "user/code/insn.h"
#include "user/go/gobin.h"
#include "user/go/image.h"

enum {
	CALL_REL32 = 0xe8,
	CALL_BYTES = 5,
	FIRST_PGO = 20,		/* Go 1.20 */
};

/* Without build settings (other build systems leave them out) nobody knows. */
static bool may_use_profile(const struct gobin *gb)
{
	return gobin_version(gb)->minor >= FIRST_PGO &&
	       (gobin_setting(gb, "-pgo") || !gobin_setting(gb, "-compiler"));
}

static bool starts_with_any(const char *name, const char *const beginnings[4])
{
	for (int i = 0; i < 4 && beginnings[i]; i++)
		if (!strncmp(name, beginnings[i], strlen(beginnings[i])))
			return true;
	return false;
}

/* Whether an instruction starts at vaddr, and not within another. */
static bool is_instruction(const struct gobin *gb, const struct go_func *fn, uint64_t vaddr)
{
	const struct image *img = gobin_image(gb);
	struct insns in;
	uint64_t avail;
	const void *code = image_at(img, fn->entry, &avail);
	bool found;

	if (!code || fn->end <= fn->entry || avail < fn->end - fn->entry ||
	    insns_decode(&in, image_machine(img), code, fn->end - fn->entry, fn->entry))
		return true;
	found = insns_at(&in, vaddr) >= 0;
	insns_free(&in);
	return found;
}

/* Whether the call at vaddr, if it is one, stands where it should not. */
static bool is_copy(const struct gobin *gb, const struct inlined_rule *rule, uint64_t vaddr,
		    struct go_func *where)
{
	return gobin_func_at(gb, vaddr, where) && !starts_with_any(where->name, rule->callers) &&
	       is_instruction(gb, where, vaddr);
}

static bool find_calls(const struct gobin *gb, const struct inlined_rule *rule, uint64_t callee,
		       const uint8_t *text, uint64_t len, struct go_func *where)
{
	uint64_t start = gobin_module(gb)->text;
	const uint8_t *p = text;

	while ((p = memchr(p, CALL_REL32, len - (uint64_t)(p - text)))) {
		uint64_t at = (uint64_t)(p++ - text);
		int32_t rel;

		if (len - at < CALL_BYTES)
			break;
		memcpy(&rel, text + at + 1, sizeof(rel));
		if (start + at + CALL_BYTES + (uint64_t)(int64_t)rel == callee &&
		    is_copy(gb, rule, start + at, where))
			return true;
	}
	return false;
}

int inlined_find(const struct gobin *gb, const struct inlined_rule *rule, struct go_func *where)
{
	const struct go_module *md = gobin_module(gb);
	uint64_t avail, len = md->etext - md->text;
	const uint8_t *text = image_at(gobin_image(gb), md->text, &avail);

	if (!may_use_profile(gb))
		return 0;
	if (!text || md->etext < md->text || avail < len)
		return -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(rule->callees) && rule->callees[i]; i++) {
		struct go_func callee;

		if (gobin_find_func(gb, rule->callees[i], &callee) &&
		    find_calls(gb, rule, callee.entry, text, len, where))
			return 1;
	}
	return 0;
}
