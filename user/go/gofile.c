// SPDX-License-Identifier: BSD-2-Clause
/*
 * gofile.c - looks for Go's section in an ELF file of any class and machine.
 */
#include "user/go/gofile.h"

#include <stddef.h>
#include <string.h>

#include <gelf.h>
#include <libelf.h>

#include "user/base/limits.h"

static bool has_section(Elf *elf, const char *wanted)
{
	Elf_Scn *scn = NULL;
	size_t names, n = 0;
	const char *name;
	GElf_Shdr sh;

	if (elf_getshdrstrndx(elf, &names))
		return false;
	while (n++ < MAX_SECTIONS && (scn = elf_nextscn(elf, scn)) && gelf_getshdr(scn, &sh)) {
		name = elf_strptr(elf, names, sh.sh_name);
		if (name && !strcmp(name, wanted))
			return true;
	}
	return false;
}

bool gofile_likely(int fd)
{
	bool likely = false;
	size_t n = 0;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF)
		likely = elf_getshdrnum(elf, &n) || !n || has_section(elf, ".go.buildinfo");
	elf_end(elf);
	return likely;
}
