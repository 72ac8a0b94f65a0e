// SPDX-License-Identifier: BSD-2-Clause
/*
 * target.c - one process, through /proc, a pidfd and process_vm_readv.
 *
 * A pid is only a number: it may be given to another process, and its process may run another
 * program.  So everything is opened once, below one descriptor of /proc/PID, which stands for the
 * process and not for the number, and compared when all is open.  What is open then stays:
 *
 *  - the executable, which the kernel gives no other file's inode as long as it is held;
 *  - /proc/PID/mem, which belongs to the address space that the process had when it was opened
 *    (fs/proc/base.c, mem_open): once the process has exec'ed or ended, reading from it returns 0
 *    bytes, while one that lives has bytes or an error there;
 *  - /proc/PID/task/PID/stat, which belongs to the process: the start of its stack, which the
 *    kernel chooses anew at each exec, and the flag of a process on its way out.  That of the main
 *    thread is the cheaper one, since the process's own adds up all threads.
 */
#include "user/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "user/base/capability.h"
#include "user/base/procstat.h"
#include "user/base/util.h"
#include "user/base/watchdog.h"

enum {
	READ_BYTES = 1 << 30,	/* per call; the kernel stops a little below 2 GiB */
	READ_LIMIT_MS = 10000,
	EXITING = 4,		/* PF_EXITING, include/linux/sched.h */
};

/* Where no process has memory, so that a look there costs nothing and fails: above the user's half
 * of the address space. */
#define NOWHERE 0x7ffffffffffff000

struct target {
	pid_t pid;
	int pidfd;
	int proc_fd;		/* the folder /proc/PID */
	int exe_fd, mem_fd, stat_fd;
	uint64_t stack_start;	/* 0: not shown to us */
	char exe_path[32];
	char *exe_name, *comm;
	struct target_map *maps;
	size_t n_maps;
	struct watchdog *watchdog;
	char *stalled;		/* its message */
};

/* As fopen(), below /proc/PID. */
static FILE *open_proc(const struct target *t, const char *name)
{
	int fd = openat(t->proc_fd, name, O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && !f)
		close(fd);
	return f;
}

/* The file below /proc/PID, without its last line feed; NULL and errno on failure. */
static char *read_proc(const struct target *t, const char *name)
{
	char *line = NULL;
	size_t cap = 0;
	FILE *f = open_proc(t, name);

	if (!f)
		return NULL;
	errno = 0;
	if (getdelim(&line, &cap, '\0', f) <= 0 || !*line) {
		int err = errno ? errno : ESRCH;

		free(line);
		line = NULL;
		errno = err;
	} else if (line[strlen(line) - 1] == '\n') {
		line[strlen(line) - 1] = '\0';
	}
	fclose(f);
	return line;
}

/* Where the value of a line "Key:\tvalue" of /proc/PID/status starts; NULL: no such line. */
static const char *status_value(const char *status, const char *key)
{
	size_t len = strlen(key);
	const char *line = status;

	while (line && (strncmp(line, key, len) || line[len] != ':')) {
		line = strchr(line, '\n');
		line += line ? 1 : 0;
	}
	return line ? line + len + 1 + strspn(line + len + 1, " \t") : NULL;
}

static int yama_scope(void)
{
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;

	if (f) {
		if (fscanf(f, "%d", &scope) != 1)
			scope = 0;
		fclose(f);
	}
	return scope;
}

static void say_no_right(pid_t pid)
{
	int scope = yama_scope();

	if (scope >= 3)
		say_error("process %d: no right to read its memory: kernel.yama.ptrace_scope is "
			  "%d, which forbids it to everybody until the next boot", pid, scope);
	else if (has_capability(CAPABILITY_SYS_PTRACE))
		say_error("process %d: the kernel does not let its memory be read, despite "
			  "CAP_SYS_PTRACE; a security module or a user namespace of its own can do "
			  "that (/proc/%d/attr/current, /proc/%d/ns/user)", pid, pid, pid);
	else if (!geteuid())
		say_error("process %d: no right to read its memory: this root is without "
			  "CAP_SYS_PTRACE (--cap-add SYS_PTRACE gives it to a container)", pid);
	else if (scope > 0)
		say_error("process %d: no right to read its memory: run as root or with "
			  "CAP_SYS_PTRACE (kernel.yama.ptrace_scope is %d)", pid, scope);
	else
		say_error("process %d: no right to read its memory: run as root, as the user of "
			  "the process, or with CAP_SYS_PTRACE", pid);
}

/* ---- has it gone ---------------------------------------------------------------------------- */

static bool has_ended(const struct target *t)
{
	struct pollfd p = { .fd = t->pidfd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* Its address space has no user any more. */
static bool memory_gone(const struct target *t)
{
	char byte;
	ssize_t n;

	watchdog_begin(t->watchdog);
	n = pread(t->mem_fd, &byte, sizeof(byte), NOWHERE);
	watchdog_end(t->watchdog);
	return !n;
}

bool target_may_be_gone(const struct target *t)
{
	return memory_gone(t);
}

const char *target_gone(const struct target *t)
{
	static const enum procstat_field fields[] = { PROCSTAT_FLAGS, PROCSTAT_STARTSTACK };
	bool gone = memory_gone(t);
	uint64_t v[ARRAY_SIZE(fields)];
	int err = procstat_read(t->stat_fd, fields, v, ARRAY_SIZE(fields));

	if (err == -ESRCH || has_ended(t))
		return "exited";
	if (gone)	/* on its way out, before it says so */
		return !err && v[0] & EXITING ? "exited" : "exec'ed another program";
	/* A child of vfork() may still hold the old memory. */
	if (!err && t->stack_start && v[1] && v[1] != t->stack_start)
		return "exec'ed another program";
	return NULL;
}

int target_say_unreadable(const struct target *t, int err)
{
	const char *why = target_gone(t);

	if (why)
		say_error("process %d has %s: there is nothing more to read", t->pid, why);
	else if (err == -ESRCH)
		say_error("process %d is ending: there is nothing more to read", t->pid);
	else if (err == -EPERM || err == -EACCES)
		say_no_right(t->pid);
	else
		say_error("process %d: its memory cannot be read: %s", t->pid, strerror(-err));
	return why ? -ESRCH : err;
}

/* ---- open ----------------------------------------------------------------------------------- */

/* Why a file below /proc/PID cannot be opened; returns err, or -ESRCH if the process has ended. */
static int say_unopened(const struct target *t, const char *name, int err)
{
	bool was_there = t->exe_fd >= 0 || !strcmp(name, "status");

	if (has_ended(t) || err == -ESRCH || (err == -ENOENT && was_there)) {
		say_error("process %d has ended while it was being opened", t->pid);
		return -ESRCH;
	}
	if (err == -EACCES || err == -EPERM)
		say_no_right(t->pid);
	else if (err == -ENOENT)
		say_error("process %d has no executable: it is a kernel thread or is just ending",
			  t->pid);
	else
		say_error("process %d: /proc/%d/%s: %s", t->pid, t->pid, name, strerror(-err));
	return err;
}

/* Looks at the state and the thread group: what is not a living process ends here. */
static int check_process(const struct target *t)
{
	char *status = read_proc(t, "status");
	const char *tgid, *state;
	int err = 0;

	if (!status)
		return say_unopened(t, "status", -errno);
	tgid = status_value(status, "Tgid");
	state = status_value(status, "State");
	if (tgid && atoi(tgid) != t->pid) {
		say_error("%d is a thread of process %d: give that number instead", t->pid,
			  atoi(tgid));
		err = -EINVAL;
	} else if (state && (*state == 'Z' || *state == 'X')) {
		say_error("process %d has ended already; its parent has not yet collected it",
			  t->pid);
		err = -ESRCH;
	}
	free(status);
	return err;
}

static int open_folder(struct target *t)
{
	char path[32];
	int err;

	snprintf(path, sizeof(path), "/proc/%d", t->pid);
	t->proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = t->proc_fd < 0 ? -errno : 0;
	if (err == -ENOENT)
		say_error("there is no process %d, or /proc does not show it to this user", t->pid);
	else if (err)
		say_error("process %d: %s: %s", t->pid, path, strerror(-err));
	return err == -ENOENT ? -ESRCH : err;
}

/* The pidfd comes first: as long as it says that its process lives, the number is still that
 * process's. */
static int open_process(struct target *t)
{
	int err, why;

	if (t->pid <= 0) {
		say_error("%d is not a process id", t->pid);
		return -EINVAL;
	}
	t->pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);
	err = t->pidfd < 0 ? -errno : 0;
	if (err == -ESRCH) {
		say_error("there is no process %d; pgrep -a NAME finds the right one", t->pid);
		return -ESRCH;
	}
	if (err == -ENOSYS) {
		say_error("this kernel has no pidfd_open: Linux 5.3 or newer is needed");
		return -ENOSYS;
	}
	why = open_folder(t);
	if (!why)
		why = check_process(t);		/* a thread: pidfd_open says EINVAL or ENOENT */
	if (!why && err)
		say_error("process %d: pidfd_open: %s", t->pid, strerror(-err));
	return why ? why : err;
}

static int open_below(struct target *t, int *fd, const char *name)
{
	*fd = openat(t->proc_fd, name, O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? say_unopened(t, name, -errno) : 0;
}

static int open_files(struct target *t)
{
	char name[PATH_MAX];
	ssize_t n;
	int err = open_below(t, &t->exe_fd, "exe");

	if (!err)
		err = open_below(t, &t->mem_fd, "mem");
	snprintf(name, sizeof(name), "task/%d/stat", t->pid);
	if (!err)
		err = open_below(t, &t->stat_fd, name);
	if (err)
		return err;
	snprintf(t->exe_path, sizeof(t->exe_path), "/proc/self/fd/%d", t->exe_fd);
	n = readlinkat(t->proc_fd, "exe", name, sizeof(name) - 1);
	name[n < 0 ? 0 : n] = '\0';
	t->exe_name = xstrdup(n < 0 ? "?" : name);
	procstat_read(t->stat_fd, (enum procstat_field[]){ PROCSTAT_STARTSTACK }, &t->stack_start,
		      1);
	return 0;
}

/* The right to read memory is another than that to see the executable (ptrace access modes). */
static int check_memory(struct target *t)
{
	const struct target_map *maps;
	uint8_t byte;
	size_t n;
	int err = target_exe_maps(t, &maps, &n);

	if (err)
		return err;
	err = target_read(t, maps[0].start, &byte, 1);
	return err ? target_say_unreadable(t, err) : 0;
}

/* What was opened one after the other belongs together: memory_gone() holds for an exec since the
 * memory was opened, and one before that shows in the executable. */
static int check_same(struct target *t)
{
	struct stat held, now;
	int err;

	if (target_gone(t))
		return target_say_unreadable(t, -ESRCH);
	if (fstat(t->exe_fd, &held) || fstatat(t->proc_fd, "exe", &now, 0)) {
		err = -errno;
		return target_say_unreadable(t, err);
	}
	if (held.st_dev == now.st_dev && held.st_ino == now.st_ino)
		return 0;
	say_error("process %d has exec'ed another program while it was being opened", t->pid);
	return -ESRCH;
}

int target_open(struct target **out, pid_t pid)
{
	struct target *t = xcalloc(1, sizeof(*t));
	int err;

	t->pid = pid;
	t->pidfd = t->proc_fd = t->exe_fd = t->mem_fd = t->stat_fd = -1;
	t->stalled = xasprintf("process %d: its memory does not answer (a page that another "
			       "process should serve, by userfaultfd or FUSE?)", pid);
	err = target_limit_reads(t, READ_LIMIT_MS);
	if (!err)
		err = open_process(t);
	if (!err)
		err = open_files(t);
	if (!err)
		err = check_memory(t);
	if (!err)
		err = check_same(t);
	if (err) {
		target_close(t);
		return err;
	}
	t->comm = read_proc(t, "comm");
	if (!t->comm)
		t->comm = xstrdup("?");
	*out = t;
	return 0;
}

int target_limit_reads(struct target *t, unsigned limit_ms)
{
	watchdog_free(t->watchdog);
	t->watchdog = NULL;
	return watchdog_new(&t->watchdog, limit_ms, t->stalled);
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void target_close(struct target *t)
{
	if (!t)
		return;
	close_if_open(t->pidfd);
	close_if_open(t->proc_fd);
	close_if_open(t->exe_fd);
	close_if_open(t->mem_fd);
	close_if_open(t->stat_fd);
	watchdog_free(t->watchdog);
	free(t->stalled);
	free(t->exe_name);
	free(t->comm);
	free(t->maps);
	free(t);
}

pid_t target_pid(const struct target *t)
{
	return t->pid;
}

double target_age_s(const struct target *t)
{
	uint64_t start;
	struct timespec now;

	if (procstat_read(t->stat_fd, (enum procstat_field[]){ PROCSTAT_STARTTIME }, &start, 1) ||
	    clock_gettime(CLOCK_BOOTTIME, &now))
		return NAN;
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9 -
	       (double)start / (double)sysconf(_SC_CLK_TCK);
}

int target_pidfd(const struct target *t)
{
	return t->pidfd;
}

const char *target_exe_path(const struct target *t)
{
	return t->exe_path;
}

const char *target_exe_name(const struct target *t)
{
	return t->exe_name;
}

const char *target_comm(const struct target *t)
{
	return t->comm;
}

/* include/linux/proc_ns.h PROC_PID_INIT_INO: the inode of the initial pid namespace, on every
 * machine */
bool target_pid_is_global(void)
{
	struct stat st;

	return !stat("/proc/self/ns/pid", &st) && st.st_ino == 0xeffffffc;
}

int target_pidns(const struct target *t, uint64_t *dev, uint64_t *ino, uint32_t *pid)
{
	const char *nspid;
	struct stat st;
	char *status;

	if (fstatat(t->proc_fd, "ns/pid", &st, 0))
		return -errno;
	status = read_proc(t, "status");
	if (!status)
		return -errno;
	/* As the kernel's MKDEV(), which bpf_get_ns_current_pid_tgid() compares with. */
	*dev = (uint64_t)major(st.st_dev) << 20 | minor(st.st_dev);
	*ino = st.st_ino;
	*pid = (uint32_t)t->pid;
	/* One number for each level of namespaces, its own last. */
	nspid = status_value(status, "NSpid");
	for (char *end; nspid && *nspid && *nspid != '\n'; nspid = end + strspn(end, " \t")) {
		unsigned long v = strtoul(nspid, &end, 10);

		if (end == nspid)
			break;
		*pid = (uint32_t)v;
	}
	free(status);
	return 0;
}

/* ---- memory --------------------------------------------------------------------------------- */

/* A line of maps that maps a file: which, in the kernel's own numbers. */
struct file_map {
	struct target_map map;
	unsigned major, minor;
	uint64_t ino;
};

static size_t read_maps(FILE *f, struct file_map **out)
{
	size_t n = 0, cap = 0, line_cap = 0;
	struct file_map *v = NULL, m;
	char perms[8], *line = NULL;

	while (getline(&line, &line_cap, f) > 0) {
		if (sscanf(line, "%lx-%lx %7s %lx %x:%x %lu", &m.map.start, &m.map.end, perms,
			   &m.map.file_off, &m.major, &m.minor, &m.ino) != 7 || !m.ino)
			continue;
		m.map.exec = strchr(perms, 'x');
		v = grow(v, n, &cap, sizeof(*v));
		v[n++] = m;
	}
	free(line);
	*out = v;
	return n;
}

/* Where the kernel entered the program; 0: not to be found out. */
static uint64_t entry_point(const struct target *t)
{
	FILE *f = open_proc(t, "auxv");
	uint64_t pair[2], entry = 0;

	while (f && !entry && fread(pair, sizeof(pair), 1, f) == 1)
		if (pair[0] == AT_ENTRY)
			entry = pair[1];
	if (f)
		fclose(f);
	return entry;
}

/*
 * The mapping whose file is the one we hold.  What maps says of a file is not always what stat()
 * says (overlayfs, btrfs), but the links of map_files lead to the file itself.  Following them
 * needs more rights than the rest; without them, the program's entry point lies in the mapping.
 * NULL: none.
 */
static const struct file_map *find_exe(const struct target *t, const struct file_map *maps,
				       size_t n)
{
	struct stat held, st;
	uint64_t entry = 0;
	char name[64];

	if (fstat(t->exe_fd, &held))
		return NULL;
	for (size_t i = 0; i < n && !entry; i++) {
		snprintf(name, sizeof(name), "map_files/%lx-%lx", maps[i].map.start,
			 maps[i].map.end);
		if (fstatat(t->proc_fd, name, &st, 0))
			entry = errno == EPERM || errno == EACCES ? entry_point(t) : 0;
		else if (st.st_dev == held.st_dev && st.st_ino == held.st_ino)
			return &maps[i];
	}
	for (size_t i = 0; i < n; i++)
		if (maps[i].map.start <= entry && entry < maps[i].map.end)
			return &maps[i];
	return NULL;
}

static int say_not_mapped(const struct target *t)
{
	if (target_gone(t))
		return target_say_unreadable(t, -ESRCH);
	say_error("process %d: its executable is not among its mappings: is the program packed, or "
		  "started through another one?", t->pid);
	return -ENOENT;
}

int target_exe_maps(struct target *t, const struct target_map **maps, size_t *n)
{
	FILE *f = open_proc(t, "maps");
	const struct file_map *exe;
	struct file_map *all;
	size_t n_all;

	if (!f)
		return target_say_unreadable(t, -errno);
	watchdog_begin(t->watchdog);
	n_all = read_maps(f, &all);
	watchdog_end(t->watchdog);
	fclose(f);
	exe = find_exe(t, all, n_all);
	t->maps = xreallocarray(t->maps, n_all, sizeof(*t->maps));
	t->n_maps = 0;
	for (size_t i = 0; exe && i < n_all; i++)
		if (all[i].major == exe->major && all[i].minor == exe->minor &&
		    all[i].ino == exe->ino)
			t->maps[t->n_maps++] = all[i].map;
	free(all);
	*maps = t->maps;
	*n = t->n_maps;
	return t->n_maps ? 0 : say_not_mapped(t);
}

static ssize_t read_memory(const struct target *t, const struct iovec *local, size_t n_local,
			   const struct iovec *remote, size_t n_remote)
{
	ssize_t got;

	watchdog_begin(t->watchdog);
	got = process_vm_readv(t->pid, local, n_local, remote, n_remote, 0);
	watchdog_end(t->watchdog);
	return got;
}

int target_read(const struct target *t, uint64_t addr, void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		struct iovec local = { (char *)buf + done, len - done };
		struct iovec remote = { (void *)(uintptr_t)(addr + done), len - done };
		ssize_t got = read_memory(t, &local, 1, &remote, 1);

		if (got <= 0)
			return got < 0 ? -errno : -EFAULT;
		done += (size_t)got;
	}
	return 0;
}

/*
 * One call, n > 0.  The kernel stops at the first byte it cannot read and returns what it has
 * copied until then, so the first read that is not whole is the bad one.  Returns how many of the
 * n reads are settled, good or bad.  What lies side by side there is one place to the kernel, which
 * takes 0.3 us for each, whatever its length.
 */
static size_t read_some(const struct target *t, struct target_read *reads, size_t n)
{
	struct iovec local[IOV_MAX], remote[IOV_MAX];
	size_t batch = 0, places = 0, i = 0;
	uint64_t bytes = 0, end = 0;
	ssize_t got;

	do {
		const struct target_read *r = &reads[batch];

		local[batch++] = (struct iovec){ r->buf, r->len };
		if (!places || r->addr != end)
			remote[places++] = (struct iovec){ (void *)(uintptr_t)r->addr, 0 };
		remote[places - 1].iov_len += r->len;
		end = r->addr + r->len;
		bytes += r->len;
	} while (batch < n && batch < IOV_MAX && bytes + reads[batch].len <= READ_BYTES);
	got = read_memory(t, local, batch, remote, places);
	if (got < 0 && errno != EFAULT)
		return n;	/* gone, or no right: none will succeed */
	for (; i < batch; i++) {
		if (got < (ssize_t)reads[i].len)
			return i + 1;
		got -= (ssize_t)reads[i].len;
		reads[i].ok = true;
	}
	return batch;
}

size_t target_read_many(const struct target *t, struct target_read *reads, size_t n)
{
	size_t n_ok = 0;

	for (size_t i = 0; i < n; i++)
		reads[i].ok = false;
	for (size_t done = 0; done < n;)
		done += read_some(t, reads + done, n - done);
	for (size_t i = 0; i < n; i++)
		n_ok += reads[i].ok;
	return n_ok;
}

int target_cpu_ns(const struct target *t, uint64_t *ns)
{
	struct timespec now;
	clockid_t clock;

	if (clock_getcpuclockid(t->pid, &clock) || clock_gettime(clock, &now))
		return -ESRCH;
	*ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return 0;
}

int target_resident(const struct target *t, uint64_t *rss, uint64_t *files)
{
	char *statm = read_proc(t, "statm");
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	unsigned long pages, shared;
	int err = 0;

	if (!statm)
		return -errno;
	if (sscanf(statm, "%*u %lu %lu", &pages, &shared) == 2) {
		*rss = pages * page;
		*files = shared * page;
	} else {
		err = -ESRCH;
	}
	free(statm);
	return err;
}
