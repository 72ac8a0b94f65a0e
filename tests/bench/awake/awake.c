// SPDX-License-Identifier: BSD-2-Clause
/*
 * awake.c - keeps every processor from sleeping, without taking it from anybody: how long it has
 * slept changes what a wake-up costs the program that is measured, and a tracer at work changes how
 * long it sleeps.
 *
 * usage: awake                                    prints "awake", ends when stdin ends
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

/* What is left of a processor, and little of what its hardware threads share. */
static void idle(pid_t parent, int cpu)
{
	const struct sched_param none = { 0 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent ||
	    sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, SCHED_IDLE, &none))
		exit(1);
	for (;;)
#if defined(__x86_64__)
		__builtin_ia32_pause();
#else
		__asm__ volatile("yield");
#endif
}

int main(void)
{
	const long n = sysconf(_SC_NPROCESSORS_ONLN);
	const pid_t self = getpid();

	for (long i = 0; i < n; i++)
		if (!fork())
			idle(self, (int)i);
	puts("awake");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
