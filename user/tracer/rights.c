// SPDX-License-Identifier: BSD-2-Clause
/*
 * rights.c - what may be missing before anything is loaded.
 */
#include "user/tracer/rights.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "user/base/capability.h"
#include "user/base/util.h"

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

static int check_rights(void)
{
	bool bpf = has_capability(CAPABILITY_BPF), perfmon = has_capability(CAPABILITY_PERFMON);

	if (has_capability(CAPABILITY_SYS_ADMIN) || (bpf && perfmon))
		return 0;
	say_error("missing rights: %s%s%s to load BPF programs; %s", bpf ? "" : "CAP_BPF",
		  !bpf && !perfmon ? " and " : "", perfmon ? "" : "CAP_PERFMON",
		  geteuid() ? "run it as root (sudo gobpfleak ...)" :
		  "this root has been left without: a container is given more with --cap-add, "
		  "or run it on the host");
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
