// SPDX-License-Identifier: BSD-2-Clause
/*
 * tracer.c - the BPF side from outside: load, plant, drain, count, leave.
 *
 * One program stands behind all probes, so that one link plants them all and one close removes them
 * all: the kernel waits for a grace period per link, 32 ms for 100 probes of one uprobe_multi link
 * against 9 s for 100 perf events.  The libbpf of Debian 12 does not know uprobe_multi yet; the
 * system call is made here.  Before Linux 6.6 the same is had from one tracefs event of many
 * points.
 */
#include "user/tracer/tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "gobpfleak.skel.h"
#include "user/base/util.h"

enum { ATTACH_UPROBE_MULTI = 48 };	/* BPF_TRACE_UPROBE_MULTI, Linux 6.6 */

struct tracer {
	struct gobpfleak *skel;
	struct bpf_program *prog;
	struct ring_buffer *ring;
	tracer_sink sink;
	void *ctx;
	__u64 file_offs[GL_MAX_PROBES];
	size_t n_probes;
	int link_fd;		/* uprobe_multi, or -1 */
	int event_fd;		/* the tracefs event of many points, or -1 */
	char event[64];		/* its name, "gobpfleak/p123" */
	double trap_ns;		/* one hit without the program's work; NAN: unknown */
	int stats_fd;		/* while the kernel measures our program's run time, or -1 */
	uint64_t stats_end_ns;
};

/* ---- what may be missing ------------------------------------------------------------------- */

static bool has_capability(int cap)
{
	unsigned long long eff = 0;
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &eff) == 1)
			break;
	if (f)
		fclose(f);
	return eff >> cap & 1;
}

static bool kernel_at_least(int major, int minor)
{
	struct utsname u;
	int a = 0, b = 0;

	if (uname(&u) || sscanf(u.release, "%d.%d", &a, &b) != 2)
		return true;	/* let the load decide */
	return a > major || (a == major && b >= minor);
}

/* lockdown=confidentiality forbids reading memory from BPF programs. */
static bool locked_down(void)
{
	char line[128] = "";
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	bool yes;

	if (!f)
		return false;
	yes = fgets(line, sizeof(line), f) && strstr(line, "[confidentiality]");
	fclose(f);
	return yes;
}

enum { CAP_SYS_ADMIN_ = 21, CAP_PERFMON_ = 38, CAP_BPF_ = 39 };	/* linux/capability.h */

static int check_rights(void)
{
	bool bpf = has_capability(CAP_BPF_), perfmon = has_capability(CAP_PERFMON_);

	if (has_capability(CAP_SYS_ADMIN_) || (bpf && perfmon))
		return 0;
	say_error("missing rights: %s%s%s to load BPF programs; run it as root "
		  "(sudo gobpfleak ...)", bpf ? "" : "CAP_BPF",
		  !bpf && !perfmon ? " and " : "", perfmon ? "" : "CAP_PERFMON");
	return -EPERM;
}

static int check_kernel(void)
{
	struct utsname u;

	uname(&u);
	if (!kernel_at_least(5, 8)) {
		say_error("Linux %s is too old: the BPF ring buffer needs 5.8 or newer", u.release);
		return -ENOTSUP;
	}
	if (locked_down()) {
		say_error("the kernel is locked down (confidentiality): BPF programs may not read "
			  "memory; boot with lockdown=integrity or none");
		return -EPERM;
	}
	return 0;
}

/* ---- open ---------------------------------------------------------------------------------- */

static int on_record(void *ctx, void *data, size_t size)
{
	struct tracer *tr = ctx;
	const struct gl_header *rec = data;

	if (size >= sizeof(*rec) && rec->len <= size)
		tr->sink(tr->ctx, rec);
	return 0;
}

static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char text[512];

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	say_verbose("%s", text);
	return 0;
}

/* Fills the slots; false: two probes share one with this multiplier. */
static bool fill_slots(struct gl_slot *slots, const struct tracer_probe *probes, size_t n,
		       __u64 hash)
{
	memset(slots, 0, GL_SLOTS * sizeof(*slots));
	for (size_t i = 0; i < n; i++) {
		struct gl_slot *slot = &slots[gl_slot_of(probes[i].addr, hash)];

		if (slot->addr)
			return false;
		*slot = (struct gl_slot){ .addr = probes[i].addr, .row = probes[i].row };
	}
	return true;
}

/* Looks for a multiplier without collisions: of 1000, 650 are with 30 probes, 8 with 100. */
static int set_table(struct tracer *tr, const struct gl_config *config,
		     const struct tracer_probe *probes, size_t n)
{
	struct gl_config c = *config;

	if (n > GL_MAX_PROBES) {
		say_error("%zu probes are needed, %d are the most: this build of Go is "
			  "not supported", n, GL_MAX_PROBES);
		return -E2BIG;
	}
	c.hash = 0x9e3779b97f4a7c15ull;
	while (!fill_slots((struct gl_slot *)tr->skel->rodata->slots, probes, n, c.hash))
		c.hash = c.hash * 0x5851f42d4c957f2dull | 1;
	memcpy((void *)&tr->skel->rodata->config, &c, sizeof(c));
	for (size_t i = 0; i < n; i++)
		tr->file_offs[i] = probes[i].file_off;
	tr->n_probes = n;
	return 0;
}

static int load(struct tracer *tr)
{
	bool cmpxchg = kernel_at_least(5, 12);	/* see stack.bpf.h */
	int err;

	tr->prog = cmpxchg ? tr->skel->progs.gl_hit : tr->skel->progs.gl_hit_percpu;
	bpf_program__set_autoload(tr->skel->progs.gl_hit, cmpxchg);
	bpf_program__set_autoload(tr->skel->progs.gl_hit_percpu, !cmpxchg);
	bpf_program__set_expected_attach_type(tr->prog,
					      (enum bpf_attach_type)ATTACH_UPROBE_MULTI);
	err = gobpfleak__load(tr->skel);
	if (err)
		say_error("the kernel does not load the BPF programs: %s; -v shows its reasons",
			  strerror(-err));
	return err;
}

int tracer_open(struct tracer **out, const struct gl_config *config,
		const struct tracer_probe *probes, size_t n, tracer_sink sink, void *ctx)
{
	struct tracer *tr;
	int err = check_rights();

	if (!err)
		err = check_kernel();
	if (err)
		return err;
	libbpf_set_print(print_libbpf);
	tr = xcalloc(1, sizeof(*tr));
	tr->sink = sink;
	tr->ctx = ctx;
	tr->link_fd = tr->event_fd = tr->stats_fd = -1;
	tr->trap_ns = NAN;
	tr->skel = gobpfleak__open();
	if (!tr->skel) {
		err = -errno;
		say_error("libbpf does not open the BPF programs: %s", strerror(errno));
		goto out;
	}
	err = set_table(tr, config, probes, n);
	if (!err)
		err = load(tr);
	if (err)
		goto out;
	tr->ring = ring_buffer__new(bpf_map__fd(tr->skel->maps.ring), on_record, tr, NULL);
	if (!tr->ring) {
		err = -errno;
		say_error("the ring buffer cannot be mapped: %s", strerror(errno));
		goto out;
	}
	*out = tr;
	return 0;
out:
	tracer_close(tr);
	return err;
}

/* ---- attach -------------------------------------------------------------------------------- */

/* The part of union bpf_attr for BPF_LINK_CREATE with BPF_TRACE_UPROBE_MULTI, as Linux 6.6
 * defined it. */
struct uprobe_multi_attr {
	__u32 prog_fd;
	__u32 target_fd;
	__u32 attach_type;
	__u32 flags;
	__u64 path;
	__u64 offsets;
	__u64 ref_ctr_offsets;
	__u64 cookies;
	__u32 cnt;
	__u32 multi_flags;
	__u32 pid;
	__u32 pad;
};

static int link_create(int prog_fd, const char *path, pid_t pid, const __u64 *offsets, size_t n)
{
	struct uprobe_multi_attr attr = {
		.prog_fd = prog_fd, .attach_type = ATTACH_UPROBE_MULTI,
		.path = (uintptr_t)path, .offsets = (uintptr_t)offsets, .cnt = n, .pid = pid,
	};
	int fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}

/* A kernel that has uprobe_multi says that a directory is no file to probe; others do not get so
 * far. */
static bool has_uprobe_multi(int prog_fd)
{
	__u64 offset = 0;

	return link_create(prog_fd, "/", 0, &offset, 1) == -EBADF;
}

static int attach_multi(struct tracer *tr, const char *path, pid_t pid)
{
	/* Before 6.10 the kernel's filter matched one thread; the program filters anyhow. */
	pid_t filter = kernel_at_least(6, 10) ? pid : 0;
	int fd = link_create(bpf_program__fd(tr->prog), path, filter, tr->file_offs, tr->n_probes);

	if (fd < 0) {
		say_error("the kernel refuses the probes: %s; nothing was planted", strerror(-fd));
		return fd;
	}
	tr->link_fd = fd;
	return 0;
}

static const char *tracefs(void)
{
	static const char *const dirs[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/uprobe_events", dirs[i]);
		if (!access(path, W_OK))
			return dirs[i];
	}
	return NULL;
}

static int write_event(const char *dir, const char *fmt, ...)
{
	char path[128], line[512];
	int fd, len, err = 0;
	va_list ap;

	snprintf(path, sizeof(path), "%s/uprobe_events", dir);
	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, line, len) != len)
		err = -errno;
	close(fd);
	return err;
}

static int event_id(const char *dir, const char *event)
{
	char path[192];
	FILE *f;
	int id = -ENOENT;

	snprintf(path, sizeof(path), "%s/events/%s/id", dir, event);
	f = fopen(path, "re");
	if (f && fscanf(f, "%d", &id) != 1)
		id = -EBADMSG;
	if (f)
		fclose(f);
	return id;
}

/* The event is opened for one task, so that the kernel keeps breakpoints out of other processes;
 * the program runs for every thread of it. */
static int open_event(struct tracer *tr, const char *dir, pid_t pid)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr),
					.sample_period = 1, .wakeup_events = 1 };
	int id = event_id(dir, tr->event);
	int fd;

	if (id < 0)
		return id;
	attr.config = id;
	fd = syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(tr->prog)) ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0)) {
		int err = -errno;

		close(fd);
		return err;
	}
	tr->event_fd = fd;
	return 0;
}

static int attach_event(struct tracer *tr, const char *path, pid_t pid)
{
	const char *dir = tracefs();
	int err = 0;

	if (!dir) {
		say_error("this kernel has no uprobe_multi (Linux 6.6), and tracefs is not mounted "
			  "or not writable; run as root: mount -t tracefs "
			  "tracefs /sys/kernel/tracing");
		return -ENOENT;
	}
	snprintf(tr->event, sizeof(tr->event), "gobpfleak/p%d", (int)getpid());
	write_event(dir, "-:%s\n", tr->event);	/* of one with our pid that was killed */
	for (size_t i = 0; i < tr->n_probes && !err; i++)
		err = write_event(dir, "p:%s %s:0x%llx\n", tr->event, path, tr->file_offs[i]);
	if (!err)
		err = open_event(tr, dir, pid);
	if (err)
		say_error("the kernel refuses the probes: %s (tracefs event %s)", strerror(-err),
			  tr->event);
	return err;
}

/* ---- the cost of a hit --------------------------------------------------------------------- */

/* The same kind of instruction as in the target: one that the kernel emulates. */
#if defined(__x86_64__)
extern void calibration_point(void);
__asm__(".pushsection .text\n"
	"calibration_point:\n"
	"	jmp 1f\n"
	"1:	ret\n"
	".popsection\n");
#define HAVE_CALIBRATION_POINT 1
#else
static void calibration_point(void) {}
#define HAVE_CALIBRATION_POINT 0
#endif

enum { CALIBRATION_CALLS = 2000, STATS_RUNS = 10000 };
#define STATS_NS 10000000000ull

static double ns_per_call(void)
{
	uint64_t start = now_ns();

	for (int i = 0; i < CALIBRATION_CALLS; i++)
		calibration_point();
	return (double)(now_ns() - start) / CALIBRATION_CALLS;
}

/* File offset of an address of our own code; -1: not found. */
static int64_t own_file_off(uintptr_t addr)
{
	unsigned long start, end, off;
	int64_t found = -1;
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");

	while (f && found < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &off) == 3 &&
		    addr >= start && addr < end)
			found = (int64_t)(addr - start + off);
	if (f)
		fclose(f);
	return found;
}

/* The program returns early for us, who are not the target: what is left is the trap. */
static void calibrate(struct tracer *tr)
{
	int64_t off = HAVE_CALIBRATION_POINT ? own_file_off((uintptr_t)calibration_point) : -1;
	__u64 offset = off;
	double bare, probed;
	int fd;

	if (off < 0)
		return;
	bare = ns_per_call();
	fd = link_create(bpf_program__fd(tr->prog), "/proc/self/exe", getpid(), &offset, 1);
	if (fd < 0)
		return;
	probed = ns_per_call();
	close(fd);
	tr->trap_ns = probed > bare ? probed - bare : 0;
}

/* Measuring makes every run of every BPF program some ns dearer, so it ends when there is
 * enough. */
static void measure_runs(struct tracer *tr)
{
	tr->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	tr->stats_end_ns = now_ns() + STATS_NS;
}

static struct bpf_prog_info run_stats(const struct tracer *tr)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(tr->prog), &info, &len))
		info.run_cnt = 0;
	return info;
}

static void end_measuring(struct tracer *tr)
{
	if (tr->stats_fd < 0 ||
	    (now_ns() < tr->stats_end_ns && run_stats(tr).run_cnt < STATS_RUNS))
		return;
	close(tr->stats_fd);
	tr->stats_fd = -1;
}

double tracer_ns_per_hit(const struct tracer *tr)
{
	struct bpf_prog_info info = run_stats(tr);

	return info.run_cnt ? tr->trap_ns + (double)info.run_time_ns / (double)info.run_cnt : NAN;
}

/* ---- attach, all of it ---------------------------------------------------------------------- */

int tracer_attach(struct tracer *tr, const char *path, pid_t pid)
{
	int err;

	if (has_uprobe_multi(bpf_program__fd(tr->prog))) {
		err = attach_multi(tr, path, pid);
		if (!err)
			calibrate(tr);
	} else {
		err = attach_event(tr, path, pid);
	}
	if (!err)
		measure_runs(tr);
	return err;
}

/* ---- run and leave ------------------------------------------------------------------------- */

int tracer_fd(const struct tracer *tr)
{
	return ring_buffer__epoll_fd(tr->ring);
}

int tracer_drain(struct tracer *tr)
{
	int n = ring_buffer__consume(tr->ring);

	end_measuring(tr);
	return n < 0 ? n : 0;
}

void tracer_counters(const struct tracer *tr, uint64_t counters[GL_N_COUNTERS])
{
	int map = bpf_map__fd(tr->skel->maps.counters), n_cpu = libbpf_num_possible_cpus();
	__u64 *per_cpu = xcalloc(n_cpu > 0 ? n_cpu : 1, sizeof(*per_cpu));

	for (__u32 i = 0; i < GL_N_COUNTERS; i++) {
		counters[i] = 0;
		if (bpf_map_lookup_elem(map, &i, per_cpu))
			continue;
		for (int c = 0; c < n_cpu; c++)
			counters[i] += per_cpu[c];
	}
	free(per_cpu);
}

void tracer_detach(struct tracer *tr)
{
	if (tr->link_fd >= 0)
		close(tr->link_fd);
	if (tr->event_fd >= 0)
		close(tr->event_fd);
	if (tr->event[0] && tracefs())
		write_event(tracefs(), "-:%s\n", tr->event);
	if (tr->stats_fd >= 0)
		close(tr->stats_fd);
	tr->link_fd = tr->event_fd = tr->stats_fd = -1;
	tr->event[0] = '\0';
}

void tracer_close(struct tracer *tr)
{
	if (!tr)
		return;
	tracer_detach(tr);
	ring_buffer__free(tr->ring);
	gobpfleak__destroy(tr->skel);
	free(tr);
}
