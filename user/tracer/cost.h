/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost.h - measures one hit.
 */
#ifndef COST_H
#define COST_H

#include <stdint.h>

struct cost {
	int prog_fd;
	double trap_ns;		/* one hit without the program's work; NAN: unknown */
	uint64_t own_runs, own_run_ns;	/* of the program by ourselves */
	int stats_fd;		/* while the kernel measures the program's run time, or -1 */
	uint64_t stats_end_ns;
};

void cost_init(struct cost *c);	/* nothing is known */
/* Measures the trap, lets the kernel measure the program from now on; the second time nothing. */
void cost_start(struct cost *c, int prog_fd);
/* Ends the measuring when there is enough; to be called now and then. */
void cost_tick(struct cost *c);
void cost_stop(struct cost *c);
/* NAN: unknown. */
double cost_ns_per_hit(const struct cost *c);

#endif
