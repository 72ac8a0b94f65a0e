// SPDX-License-Identifier: BSD-2-Clause
/*
 * verify.c - compares planned bytes with live ones.
 */
#include "user/verify.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "user/base/util.h"
#include "user/probe/plan.h"
#include "user/process.h"
#include "user/target.h"

int verify_there(struct process *p)
{
	const char *gone = process_gone(p);

	if (!gone)
		return 0;
	say_error("process %d has %s before it could be traced",
		  (int)target_pid(process_target(p)), gone);
	return -ESRCH;
}

/*
 * The live bytes must be what the file says, or a breakpoint over their first byte: another
 * tracer's probe (an int3, or since Linux 6.18 a whole call over a nop, which we never probe).
 */
int verify_code(struct process *p, const struct plan *plan)
{
	static const uint8_t int3 = 0xcc;
	const struct target *target = process_target(p);

	for (size_t i = 0; i < plan->n; i++) {
		const struct plan_probe *probe = &plan->probes[i];
		uint8_t live[PLAN_MAX_BYTES];
		int err = target_read(target, probe->vaddr + process_bias(p), live, probe->n_bytes);

		if (err)
			return target_say_unreadable(target, err);
		if ((live[0] == probe->bytes[0] || live[0] == int3) &&
		    !memcmp(live + 1, probe->bytes + 1, probe->n_bytes - 1))
			continue;
		err = verify_there(p);	/* with other code it is another program, mostly */
		if (err)
			return err;
		say_error("process %d: its code at %s+0x%llx is not what its file says; nothing "
			  "was planted. Has the file been replaced, or does another tool patch the "
			  "process? Restart it",
			  (int)target_pid(target), probe->func,
			  (unsigned long long)(probe->vaddr - probe->func_entry));
		return -EBADMSG;
	}
	return 0;
}

/* A byte of which nothing is known may be one; so may each of a program that runs there now, which
 * may be the same one again. */
bool verify_clean(struct process *p, const struct plan *plan)
{
	const struct target *target = process_target(p);

	if (process_gone(p))
		return false;
	for (size_t i = 0; i < plan->n; i++) {
		const struct plan_probe *probe = &plan->probes[i];
		uint8_t live;

		if (target_read(target, probe->vaddr + process_bias(p), &live, sizeof(live)) ||
		    live != probe->bytes[0])
			return false;
	}
	return true;
}
