// SPDX-License-Identifier: BSD-2-Clause
/*
 * target.c - one process, through /proc, a pidfd and process_vm_readv.
 *
 * The executable is kept open, so that its inode number cannot be given to another file while we
 * compare by it.  An exec of the very same file is seen by the start of its stack, which the kernel
 * chooses anew.
 */
#include "user/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "user/base/util.h"

enum {
	READ_BYTES = 1 << 30,	/* per call; the kernel stops a little below 2 GiB */
	STAT_STARTSTACK = 28,	/* field of /proc/PID/stat */
};

struct target {
	pid_t pid;
	int pidfd, exe_fd;
	dev_t exe_dev;
	ino_t exe_ino;
	uint64_t stack_start;	/* 0: not shown to us */
	char exe_path[32];
	char *exe_name, *comm;
	struct target_map *maps;
	size_t n_maps;
};

/* The file below /proc/PID, without its last line feed; NULL and errno on failure. */
static char *read_proc(pid_t pid, const char *name)
{
	char path[64], *line = NULL;
	size_t cap = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	f = fopen(path, "re");
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

/* Field of /proc/PID/stat, counted from 1 as proc(5) does, from the third on; 0: not there. */
static uint64_t stat_field(pid_t pid, int field)
{
	char *stat = read_proc(pid, "stat");
	char *p = stat ? strrchr(stat, ')') : NULL;	/* the name may hold blanks and brackets */
	uint64_t v = 0;

	for (int i = 2; p && i < field; i++)
		p = strchr(p + 1, ' ');
	if (p)
		v = strtoull(p, NULL, 10);
	free(stat);
	return v;
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
	else if (scope > 0)
		say_error("process %d: no right to read its memory: run as root or with "
			  "CAP_SYS_PTRACE (kernel.yama.ptrace_scope is %d)", pid, scope);
	else
		say_error("process %d: no right to read its memory: run as root, as the user of "
			  "the process, or with CAP_SYS_PTRACE", pid);
}

/* Looks at the state and the thread group: what is not a living process ends here. */
static int check_process(pid_t pid)
{
	char *status = read_proc(pid, "status");
	const char *tgid, *state;
	int err = 0;

	if (!status) {
		err = errno == ENOENT ? -ESRCH : -errno;
		if (err == -ESRCH)
			say_error("there is no process %d, or /proc does not show it to this user",
				  pid);
		else
			say_error("process %d: /proc/%d/status: %s", pid, pid, strerror(-err));
		return err;
	}
	tgid = status_value(status, "Tgid");
	state = status_value(status, "State");
	if (tgid && atoi(tgid) != pid) {
		say_error("%d is a thread of process %d: give that number instead", pid,
			  atoi(tgid));
		err = -EINVAL;
	} else if (state && (*state == 'Z' || *state == 'X')) {
		say_error("process %d has ended already; its parent has not yet collected it", pid);
		err = -ESRCH;
	}
	free(status);
	return err;
}

static int open_pidfd(struct target *t)
{
	if (t->pid <= 0) {
		say_error("%d is not a process id", t->pid);
		return -EINVAL;
	}
	t->pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);
	if (t->pidfd >= 0)
		return check_process(t->pid);
	if (errno == ESRCH) {
		say_error("there is no process %d; pgrep -a NAME finds the right one", t->pid);
		return -ESRCH;
	}
	if (errno != ENOSYS) {
		int err = -errno, why = check_process(t->pid);	/* a thread: EINVAL or ENOENT */

		if (!why)
			say_error("process %d: pidfd_open: %s", t->pid, strerror(-err));
		return why ? why : err;
	}
	say_error("this kernel has no pidfd_open: Linux 5.3 or newer is needed");
	return -ENOSYS;
}

static int open_exe(struct target *t)
{
	char name[PATH_MAX];
	struct stat st;
	ssize_t n;

	snprintf(t->exe_path, sizeof(t->exe_path), "/proc/%d/exe", t->pid);
	n = readlink(t->exe_path, name, sizeof(name) - 1);
	if (n >= 0) {
		name[n] = '\0';
		t->exe_name = xstrdup(name);
		t->exe_fd = open(t->exe_path, O_RDONLY | O_CLOEXEC);
	}
	if (n >= 0 && t->exe_fd >= 0 && !stat(t->exe_path, &st)) {
		t->exe_dev = st.st_dev;
		t->exe_ino = st.st_ino;
		return 0;
	}
	n = -errno;
	if (n == -EACCES || n == -EPERM)
		say_no_right(t->pid);
	else if (n == -ENOENT)
		say_error("process %d has no executable: it is a kernel thread or is just ending",
			  t->pid);
	else
		say_error("process %d: %s: %s", t->pid, t->exe_path, strerror((int)-n));
	return (int)n;
}

/* The right to read memory is another than that to see the executable (ptrace access modes). */
static int check_memory(struct target *t)
{
	const struct target_map *maps;
	uint8_t byte;
	size_t n;
	int err = target_exe_maps(t, &maps, &n);

	if (!err && !n)
		err = -ENOENT;
	if (!err)
		err = target_read(t, maps[0].start, &byte, 1);
	if (err == -EPERM || err == -EACCES)
		say_no_right(t->pid);
	else if (err)
		say_error("process %d: its memory cannot be read: %s", t->pid, strerror(-err));
	return err;
}

int target_open(struct target **out, pid_t pid)
{
	struct target *t = xcalloc(1, sizeof(*t));
	int err;

	t->pid = pid;
	t->pidfd = t->exe_fd = -1;
	err = open_pidfd(t);
	if (!err)
		err = open_exe(t);
	if (!err)
		err = check_memory(t);
	if (err) {
		target_close(t);
		return err;
	}
	t->comm = read_proc(pid, "comm");
	if (!t->comm)
		t->comm = xstrdup("?");
	t->stack_start = stat_field(pid, STAT_STARTSTACK);
	*out = t;
	return 0;
}

void target_close(struct target *t)
{
	if (!t)
		return;
	if (t->pidfd >= 0)
		close(t->pidfd);
	if (t->exe_fd >= 0)
		close(t->exe_fd);
	free(t->exe_name);
	free(t->comm);
	free(t->maps);
	free(t);
}

pid_t target_pid(const struct target *t)
{
	return t->pid;
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
	char path[64], *status;
	const char *nspid;
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", t->pid);
	if (stat(path, &st))
		return -errno;
	status = read_proc(t->pid, "status");
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

/* The path of a line of maps is that of the exe link but for line feeds, written as \012. */
static bool same_path(const char *escaped, const char *path)
{
	while (*escaped && *path) {
		if (*path == '\n' && !strncmp(escaped, "\\012", 4))
			escaped += 4;
		else if (*escaped++ != *path)
			return false;
		path++;
	}
	return *escaped == *path;
}

static bool parse_map(const struct target *t, char *line, struct target_map *out)
{
	char perms[8];
	int path = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %n", &out->start, &out->end, perms,
		   &out->file_off, &path) != 4 || !path)
		return false;
	out->exec = strchr(perms, 'x');
	return same_path(line + path, t->exe_name);
}

int target_exe_maps(struct target *t, const struct target_map **maps, size_t *n)
{
	size_t n_maps = 0, cap = 0, line_cap = 0;
	struct target_map *v = NULL, map;
	char path[64], *line = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", t->pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (getline(&line, &line_cap, f) > 0) {
		if (!parse_map(t, line, &map))
			continue;
		v = grow(v, n_maps, &cap, sizeof(*v));
		v[n_maps++] = map;
	}
	free(line);
	fclose(f);
	free(t->maps);
	*maps = t->maps = v;
	*n = t->n_maps = n_maps;
	return 0;
}

int target_read(const struct target *t, uint64_t addr, void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		struct iovec local = { (char *)buf + done, len - done };
		struct iovec remote = { (void *)(uintptr_t)(addr + done), len - done };
		ssize_t got = process_vm_readv(t->pid, &local, 1, &remote, 1, 0);

		if (got <= 0)
			return got < 0 ? -errno : -EFAULT;
		done += (size_t)got;
	}
	return 0;
}

/*
 * One call, n > 0.  The kernel stops at the first byte it cannot read and returns what it has
 * copied until then, so the first read that is not whole is the bad one.  Returns how many of the
 * n reads are settled, good or bad.
 */
static size_t read_some(const struct target *t, struct target_read *reads, size_t n)
{
	struct iovec local[IOV_MAX], remote[IOV_MAX];
	size_t batch = 0, i = 0;
	uint64_t bytes = 0;
	ssize_t got;

	do {
		local[batch] = (struct iovec){ reads[batch].buf, reads[batch].len };
		remote[batch] = (struct iovec){ (void *)(uintptr_t)reads[batch].addr,
						reads[batch].len };
		bytes += reads[batch++].len;
	} while (batch < n && batch < IOV_MAX && bytes + reads[batch].len <= READ_BYTES);
	got = process_vm_readv(t->pid, local, batch, remote, batch, 0);
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

const char *target_gone(struct target *t)
{
	struct pollfd p = { .fd = t->pidfd, .events = POLLIN };
	uint64_t stack_start;
	struct stat st;

	if (poll(&p, 1, 0) > 0)
		return "exited";
	if (stat(t->exe_path, &st))
		return errno == ENOENT || errno == ESRCH ? "exited" : NULL;
	if (st.st_dev != t->exe_dev || st.st_ino != t->exe_ino)
		return "exec'ed another program";
	stack_start = stat_field(t->pid, STAT_STARTSTACK);
	if (t->stack_start && !stack_start)	/* its memory is gone already */
		return "exited";
	return stack_start != t->stack_start ? "exec'ed another program" : NULL;
}

int target_rss(const struct target *t, uint64_t *rss)
{
	char *statm = read_proc(t->pid, "statm");
	unsigned long pages;
	int err = 0;

	if (!statm)
		return -errno;
	if (sscanf(statm, "%*u %lu", &pages) == 1)
		*rss = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	else
		err = -ESRCH;
	free(statm);
	return err;
}
