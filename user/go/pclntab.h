/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pclntab.h - functions and their tables of values by program counter.
 *
 * All pcs are instructions' own addresses, never return addresses.
 */
#ifndef PCLNTAB_H
#define PCLNTAB_H

#include <stdbool.h>
#include <stdint.h>

#include "user/go/moduledata.h"

struct image;
struct pclntab_layout;

struct pclntab {
	const struct image *img;
	const struct pclntab_layout *lo;
	const struct moduledata *md;
};

/* One runtime._func. */
struct pcln_func {
	uint64_t entry, end;
	uint32_t index;
	uint32_t name_off;
	int32_t args;				/* bytes that the caller keeps for arguments;
						 * negative: unknown */
	uint32_t pcsp, pcfile, pcln, cu_off;	/* offsets of tables */
	uint32_t n_pcdata, n_funcdata;
	uint8_t func_id;
	const uint8_t *tables;			/* pcdata offsets, then funcdata */
};

/* One runtime.inlinedCall: a function that was inlined, and where into its parent. */
struct pcln_inlined {
	int32_t index;		/* in the function's tree */
	uint32_t name_off;
	uint64_t parent_pc;
	uint8_t func_id;
};

/* Functions with a meaning for tracebacks (runtime's abi.FuncID, other numbers in other
 * versions). */
struct pcln_func_ids {
	uint8_t gopanic, panicwrap, sigpanic, wrapper;
	uint8_t async_preempt, debug_call;
};

/* Both must outlive *out.  False: functions are not in order of address, or no such version. */
bool pclntab_init(struct pclntab *out, const struct image *img, const struct moduledata *md,
		  int minor);

const struct pcln_func_ids *pclntab_func_ids(const struct pclntab *pt);

/* False: no such function, a hole of the function table, or damaged. */
bool pclntab_func(const struct pclntab *pt, uint64_t index, struct pcln_func *out);
bool pclntab_func_at(const struct pclntab *pt, uint64_t pc, struct pcln_func *out);

/* As it stands in the table; NULL if there is none. */
const char *pclntab_name(const struct pclntab *pt, uint32_t name_off);

/* Value at pc of the table at that offset (pcsp, pcfile, pcln); -1: none. */
int32_t pclntab_value(const struct pclntab *pt, const struct pcln_func *f, uint32_t table,
		      uint64_t pc);

/* In which words of a frame the collector looks for pointers: one bit for each, at a vaddr. */
struct word_map {
	uint64_t bits;
	uint32_t first, n;	/* the first word's offset in bytes, and how many there are */
};

struct live_words {
	struct word_map frame;	/* from the lowest address on */
	struct word_map args;	/* from behind the return address on */
	uint64_t objects;	/* vaddr of what pclntab_stack_object() gives out, */
	uint32_t n_objects;	/* and how many there are */
	uint32_t frame_bytes;
};

/* A variable of which the address is taken.  The collector looks into it if a word that it looks at
 * points to it: until the variable is set, it has what other frames left there. */
struct stack_object {
	uint32_t off;		/* in bytes from the lowest address of the frame on */
	uint32_t bytes;
	struct word_map words;	/* off 0 is its begin; bits 0: all may be pointers */
};

/* At the call before pc + 1, by the compiler's maps.  False: unknown. */
bool pclntab_live_words(const struct pclntab *pt, const struct pcln_func *f, uint64_t pc,
			struct live_words *out);
/* False: there is none yet at that pc, or it is not known. */
bool pclntab_stack_object(const struct pclntab *pt, const struct live_words *live, uint32_t i,
			  struct stack_object *out);

/* The innermost call inlined at pc; false: pc is in f's own body. */
bool pclntab_inlined_at(const struct pclntab *pt, const struct pcln_func *f, uint64_t pc,
			struct pcln_inlined *out);

/* False: unknown. */
bool pclntab_line(const struct pclntab *pt, const struct pcln_func *f, uint64_t pc,
		  const char **file, uint32_t *line);

#endif
