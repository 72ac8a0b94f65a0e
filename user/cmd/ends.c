// SPDX-License-Identifier: BSD-2-Clause
/*
 * ends.c - signals of a command.
 */
#include "user/cmd/ends.h"

#include <signal.h>
#include <string.h>

#include "user/base/util.h"
#include "user/loop.h"

int ends_open(struct loop **out, const struct ends *e)
{
	static const int asks[] = { SIGUSR1, 0 };
	int ends[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, 0 };
	struct sigaction hangup;
	int err = loop_open(out);

	sigaction(SIGHUP, NULL, &hangup);
	if (hangup.sa_handler == SIG_IGN)	/* nohup */
		ends[3] = 0;
	signal(SIGPIPE, SIG_IGN);	/* a closed pipe ends us quietly, with -EPIPE */
	signal(SIGXFSZ, SIG_IGN);	/* a file too large is a report that cannot be written */
	if (!e->on_ask)
		signal(SIGUSR1, SIG_IGN);	/* there is no report in between */
	if (!err)
		err = loop_signals(*out, ends, e->on_end, e->ctx);
	if (!err && e->on_ask)
		err = loop_signals(*out, asks, e->on_ask, e->ctx);
	if (err)
		say_error("no descriptor for signals: %s", strerror(-err));
	else
		loop_interrupt_on(*out, ends);
	return err;
}
