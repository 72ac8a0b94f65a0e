/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image.h - one ELF file: segments, sections, symbols, and its bytes by virtual address.
 *
 * vaddr is always the address the file was linked at (load bias 0).  In position-independent files
 * the relative relocations are applied to what image_read() copies, so a pointer read by it is a
 * vaddr; not to what image_at() shows, unless image_relocate() was called for it.  Works without
 * section headers and without symbols.  64-bit little-endian files for x86-64 only.  The file is
 * hostile input: every offset is checked.
 *
 * The file may be truncated or written to while it is open ("stop; cp new app").  Then its bytes
 * are gone: a read through a pointer of image_at() finds zeros or the new file's bytes, but does
 * not end the program (a SIGBUS handler sees to that), and everything below says that it is not
 * there.  Replacing the file by rename or removing it changes nothing.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image;

struct image_segment {		/* one PT_LOAD, clamped to what the file really has */
	uint64_t vaddr, memsz, filesz, file_off;
	bool write, exec;
};

/* name: how to call the file in messages.  Tells the user on failure (not an ELF file, 32-bit,
 * damaged, architecture not supported). */
int image_open(struct image **out, const char *path, const char *name);
void image_close(struct image *img);

/* Whether the bytes are no longer those that were opened; once true, always true.  Ask behind a use
 * of pointers from image_at() whether what they led to can be believed. */
bool image_changed(const struct image *img);

/* For who reads very much: until it is called with false, what is read is not compared with the
 * file each time; then image_changed() tells whether any of it can be believed.  Counts, so may
 * nest. */
void image_defer_checks(const struct image *img, bool defer);
/* image_changed(), unless that is deferred: then what is known by now. */
bool image_seen_changed(const struct image *img);

int image_fd(const struct image *img);
const char *image_name(const struct image *img);
uint16_t image_machine(const struct image *img);	/* EM_X86_64 */
const struct image_segment *image_segments(const struct image *img, size_t *n);

/* The bytes at vaddr, *avail of them up to the end of the segment's file part; NULL: not there. */
const void *image_at(const struct image *img, uint64_t vaddr, uint64_t *avail);
/* Copies exactly len bytes; false if they are not all in the file. */
bool image_read(const struct image *img, uint64_t vaddr, void *buf, size_t len);
/* Has image_at() show the len bytes at vaddr relocated from now on; that takes memory. */
void image_relocate(const struct image *img, uint64_t vaddr, uint64_t len);
/* The next place that a relocation makes point to value; *i begins at 0. */
bool image_next_pointer(const struct image *img, uint64_t value, size_t *i, uint64_t *vaddr);
bool image_file_off(const struct image *img, uint64_t vaddr, uint64_t *file_off);
/* Whether vaddr lies in a segment's memory (file part or zero-filled). */
bool image_mapped(const struct image *img, uint64_t vaddr, uint64_t len);

bool image_section(const struct image *img, const char *name, uint64_t *vaddr, uint64_t *size);
/* Data, from .symtab; false where there is none or no such name. */
bool image_symbol(const struct image *img, const char *name, uint64_t *vaddr, uint64_t *size);
/* The symbols of data in .symtab, as symtab_next_object(). */
const char *image_next_object(const struct image *img, size_t *i, uint64_t *vaddr, uint64_t *size);
bool image_stripped(const struct image *img);		/* no .symtab */
/* GNU build id as hex, else Go's build id, else NULL. */
const char *image_build_id(const struct image *img);

#endif
