// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_container.c - container.h: names of cgroups as container runtimes give them.
 */
#include "user/container.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/util.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define SHORT "0123456789ab"

static void test_names(void **state)
{
	static const struct { const char *text, *name; } rows[] = {
		{ "", NULL },
		{ "0::/\n", NULL },
		{ "0::/user.slice/user-0.slice/session-1.scope\n", NULL },
		{ "0::/system.slice/docker.service\n", NULL },
		{ "0::/system.slice/docker-" ID ".scope\n", "docker:" SHORT },
		{ "0::/docker/" ID "\n", "docker:" SHORT },
		{ "0::/docker/" ID "/init.scope\n", "docker:" SHORT },
		{ "0::/docker/" OTHER "/docker/" ID "\n", "docker:" SHORT },
		{ "0::/kubepods/besteffort/pod1234-56/" ID "\n", "container:" SHORT },
		{ "0::/kubepods.slice/kubepods-pod1_2.slice/cri-containerd-" ID ".scope\n",
		  "cri-containerd:" SHORT },
		{ "0::/kubepods.slice/kubepods-pod1_2.slice/crio-" ID ".scope", "crio:" SHORT },
		{ "0::/machine.slice/libpod-" ID ".scope/container\n", "libpod:" SHORT },
		{ "0::/" ID "\n", "container:" SHORT },
		{ "0::/lxc.payload.web-1/system.slice/a.service\n", "lxc:web-1" },
		{ "4:memory:/lxc/web-1\n", "lxc:web-1" },
		{ "0::/machine.slice/systemd-nspawn@box.service/payload\n", "nspawn:box" },
		{ "12:cpu,cpuacct:/\n9:memory:/docker/" ID "\n0::/\n", "docker:" SHORT },
		{ "1:name=systemd:/docker/" ID "\n", "docker:" SHORT },
		/* cut short, or not what it should be */
		{ "0::/docker/0123456789abcdef\n", NULL },
		{ "0::/docker/" ID, "docker:" SHORT },
		{ "no colons\n", NULL },
		{ "one:colon\n", NULL },
		{ ":::::\n\n///\n", NULL },
		{ "0::/systemd-nspawn@", "nspawn:" },
		{ "0::/-" ID, ":" SHORT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *name = container_of_cgroup(rows[i].text);

		if (!rows[i].name && name)
			fail_msg("%s: %s", rows[i].text, name);
		if (rows[i].name && (!name || strcmp(name, rows[i].name)))
			fail_msg("%s: %s, not %s", rows[i].text, name, rows[i].name);
		free(name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
