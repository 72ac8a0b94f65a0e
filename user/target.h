/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target.h - one process: its executable, its mappings, its memory, and whether it is still there.
 *
 * Knows neither ELF nor Go.  Never stops the process and never writes to it.  Functions that return
 * int return 0 or a negative errno; those that say so have already told the user.
 */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct target;

/* One read of a batch. */
struct target_read {
	uint64_t addr;		/* in the target */
	void *buf;
	uint32_t len;
	bool ok;		/* set by target_read_many(): all len bytes were read */
};

/* One line of /proc/PID/maps that maps the executable. */
struct target_map {
	uint64_t start, end;	/* addresses in the target */
	uint64_t file_off;
	bool exec;
};

/* Opens a pidfd and the executable through /proc/PID/exe.  Tells the user on failure:
 * -ESRCH no such process, -EINVAL not a process but a thread, -EACCES/-EPERM missing rights,
 * -ENOENT a kernel thread, others. */
int target_open(struct target **out, pid_t pid);
void target_close(struct target *t);

pid_t target_pid(const struct target *t);
int target_pidfd(const struct target *t);		/* readable when the process has ended */
const char *target_exe_path(const struct target *t);	/* "/proc/PID/exe", openable at all times */
const char *target_exe_name(const struct target *t);	/* what that link says, for people */
const char *target_comm(const struct target *t);

/* Pid namespace of the target (kernel device encoding, inode) and its pid there. */
int target_pidns(const struct target *t, uint64_t *dev, uint64_t *ino, uint32_t *pid);

/* Whether we are in the initial pid namespace, so that our pids are the kernel's own. */
bool target_pid_is_global(void);

/* All mappings of the executable; the array belongs to the target and is read anew at each call. */
int target_exe_maps(struct target *t, const struct target_map **maps, size_t *n);

/* All len bytes or a negative errno. */
int target_read(const struct target *t, uint64_t addr, void *buf, size_t len);
/* As many process_vm_readv calls as needed; sets .ok of each.  Returns how many are ok. */
size_t target_read_many(const struct target *t, struct target_read *reads, size_t n);

/* NULL while the process runs the same executable as at target_open(); otherwise "exited" or
 * "exec'ed another program". */
const char *target_gone(struct target *t);

/* Resident bytes, as /proc/PID/statm has them. */
int target_rss(const struct target *t, uint64_t *rss);

#endif
