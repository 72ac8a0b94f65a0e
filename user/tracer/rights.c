// SPDX-License-Identifier: BSD-2-Clause
/*
 * rights.c - what may be missing before anything is loaded.
 */
#include "user/tracer/rights.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "user/base/util.h"

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

bool kernel_at_least(int major, int minor)
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

int rights_check(void)
{
	int err = check_rights();

	return err ? err : check_kernel();
}
