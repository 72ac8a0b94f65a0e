/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gofile.h - whether a file may be a Go program, by reading little of it.
 */
#ifndef GOFILE_H
#define GOFILE_H

#include <stdbool.h>

/*
 * By the names of its sections: Go's linker and the system's both give the build information one of
 * its own (.go.buildinfo, Go 1.13 and newer), of whatever architecture.  True also for an ELF file
 * without sections: only its bytes tell.  fd: open for reading; its offset may move.
 */
bool gofile_likely(int fd);

#endif
