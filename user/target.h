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

/* Holds the process, its memory and its executable open: all of one and the same program, also when
 * the pid is given to another process or the process runs another program meanwhile.  Tells the
 * user on failure: -ESRCH no such process, or it ended meanwhile, -EINVAL not a process but a
 * thread, -EACCES/-EPERM missing rights, -ENOENT a kernel thread, others. */
int target_open(struct target **out, pid_t pid);
void target_close(struct target *t);

pid_t target_pid(const struct target *t);
/* Since it was started, whatever it has executed meanwhile; NAN: not known. */
double target_age_s(const struct target *t);
int target_pidfd(const struct target *t);		/* readable when the process has ended */
/* "/proc/self/fd/N": whoever opens this path in our process gets the very file that the process ran
 * at target_open(), whatever /proc/PID/exe leads to by then. */
const char *target_exe_path(const struct target *t);
const char *target_exe_name(const struct target *t);	/* what /proc/PID/exe said, for people */
const char *target_comm(const struct target *t);

/* Pid namespace of the target (kernel device encoding, inode) and its pid there. */
int target_pidns(const struct target *t, uint64_t *dev, uint64_t *ino, uint32_t *pid);

/* Whether we are in the initial pid namespace, so that our pids are the kernel's own. */
bool target_pid_is_global(void);

/* All mappings of the executable, recognised by device and inode; the array belongs to the target
 * and is read anew at each call.  Tells the user on failure, -ENOENT: it is not mapped. */
int target_exe_maps(struct target *t, const struct target_map **maps, size_t *n);

/* All len bytes or a negative errno.  A read that does not return for 10 s, since its page is
 * served by another process that does not serve it, ends the program with a message. */
int target_read(const struct target *t, uint64_t addr, void *buf, size_t len);
/* As many process_vm_readv calls as needed; sets .ok of each.  Returns how many are ok. */
size_t target_read_many(const struct target *t, struct target_read *reads, size_t n);

/* Tells the user why the process cannot be read: err is what a read returned.  Returns err, -ESRCH
 * if it has gone. */
int target_say_unreadable(const struct target *t, int err);
/* For tests: another limit than 10 s. */
int target_limit_reads(struct target *t, unsigned limit_ms);

/*
 * NULL while the process is the one of target_open() and runs the program it ran then; otherwise
 * "exited" or "exec'ed another program", also when that is the very same file.  Opens nothing and
 * takes microseconds, so it may be asked before and after each look.  Only what proves the end is
 * the end: what cannot be found out is NULL.
 */
const char *target_gone(const struct target *t);
/* At a tenth of the price: false is as good as NULL above, unless a child of vfork() still holds
 * the old memory. */
bool target_may_be_gone(const struct target *t);

/* What all its threads have computed, in ns. */
int target_cpu_ns(const struct target *t, uint64_t *ns);
/* Resident bytes, and those of them that are of files or shared with others, as /proc/PID/statm has
 * them. */
int target_resident(const struct target *t, uint64_t *rss, uint64_t *files);

#endif
