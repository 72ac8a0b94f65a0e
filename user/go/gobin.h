/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gobin.h - what a Go binary says of itself: version, experiments, module data, functions, and
 * program counters to functions, files and lines with inlined frames, as Go's own tracebacks do.
 *
 * Needs neither section headers nor symbols: the build info and the pclntab are found by their
 * magic, the module data by its pointer to the pclntab.  Go 1.17 to 1.27; anything else is refused
 * with a message.  Every address is a vaddr of the image.  Strings live as long as the gobin;
 * those of frames stay what they are, those of functions may change with the file (image.h).
 * Does not read DWARF, does not know processes.
 */
#ifndef GOBIN_H
#define GOBIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model.h"

struct gobin;
struct image;
struct live_words;	/* pclntab.h */
struct stack_object;

struct go_version {
	int minor, patch;	/* go1.MINOR.PATCH; release candidates and betas have patch 0 */
	char text[64];		/* "go1.26.11", without experiments */
	char experiments[192];	/* "greenteagc,noswissmap", comma separated, "" if none */
};

struct go_func {
	const char *name;	/* as runtime.FuncForPC prints it */
	uint64_t entry, end;	/* end: entry of the next function */
	uint32_t index;		/* in address order */
};

/* The fields of runtime.moduledata that others need. */
struct go_module {
	uint64_t addr;		/* of the moduledata itself */
	uint64_t text, etext;
	uint64_t types, etypes;
	uint64_t data, edata, bss, ebss;	/* package variables with pointers */
	/* Where in it the runtime has the pointer masks of these, gcdatamask and gcbssmask: each a
	 * word with the number of bits in its lower half, and the address of the bits. */
	uint32_t masks;
	/* And where the path of a plugin, a string, and the address of the next module. */
	uint32_t path, next;
};

/* The image must outlive the gobin.  Tells the user on failure: not a Go program, version not
 * supported (which, and what is), build info or pclntab damaged. */
int gobin_open(struct gobin **out, const struct image *img);
void gobin_close(struct gobin *gb);

const struct image *gobin_image(const struct gobin *gb);
const struct go_version *gobin_version(const struct gobin *gb);
const struct go_module *gobin_module(const struct gobin *gb);
/* Value of a build setting ("-race", "GOAMD64", "-buildmode"); NULL where there is none. */
const char *gobin_setting(const struct gobin *gb, const char *key);
/* Path of the main module, as in go.mod; NULL: it was built without. */
const char *gobin_main_module(const struct gobin *gb);
/* Whether the named experiment is on for this build, defaults of the version included:
 * "greenteagc", "sizespecializedmalloc", "swissmap" ... false for a name without a default row. */
bool gobin_experiment(const struct gobin *gb, const char *name);

size_t gobin_n_funcs(const struct gobin *gb);
bool gobin_func(const struct gobin *gb, size_t index, struct go_func *out);
/* The functions whose names begin so ("runtime." and more, no brackets), one after the other: *i
 * starts at 0; false: no more.  A printed name is kept for ever, so of all functions they would take
 * 30 MB in a large program. */
bool gobin_next_func(const struct gobin *gb, size_t *i, const char *beginning, struct go_func *out);
bool gobin_find_func(const struct gobin *gb, const char *name, struct go_func *out);
/* False also when the file is no longer the one that was opened. */
bool gobin_func_at(const struct gobin *gb, uint64_t pc, struct go_func *out);
/* Its name with the type arguments of generic code, "sync.(*T[go.shape.int]).M", which the file has
 * from Go 1.21 on; NULL: not known. */
const char *gobin_full_name(const struct gobin *gb, uint64_t pc);

/* Bytes between SP and the return address at pc: the pcsp table.  -1: unknown. */
int32_t gobin_frame_size(const struct gobin *gb, uint64_t pc);
/* Bytes behind the return address that belong to the function at pc: its arguments, and where it
 * may keep those that came in registers.  0: none, or unknown. */
uint32_t gobin_args_size(const struct gobin *gb, uint64_t pc);

/* Of the function that is at pc, and of its variables; false: not known. */
bool gobin_live_words(const struct gobin *gb, uint64_t pc, struct live_words *out);
bool gobin_stack_object(const struct gobin *gb, const struct live_words *live, uint32_t i,
			struct stack_object *out);

/*
 * Resolves a stack, leaf first, to frames as runtime.CallersFrames gives them: inlined frames
 * expanded, compiler-made wrappers left out.  pcs[0] is an instruction's own address unless
 * leaf_is_return; all others are return addresses.  Writes at most cap frames, returns how many
 * there are in all.  A pc outside of Go code gives a frame with function NULL, and so does each
 * when the file is no longer the one that was opened (image_changed()).
 */
size_t gobin_frames(const struct gobin *gb, const uint64_t *pcs, size_t n, bool leaf_is_return,
		    struct frame *out, size_t cap);

/*
 * A stack of return addresses as runtime.Callers gives it has one for each logical frame: behind
 * that of a call in inlined code come, one more than the address of the inlined call, those of the
 * frames around it.  Takes these out, in place, so that gobin_frames() does not show them twice;
 * returns how many are left.
 */
size_t gobin_physical(const struct gobin *gb, uint64_t *pcs, size_t n);

#endif
