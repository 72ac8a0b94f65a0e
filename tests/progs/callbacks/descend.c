// SPDX-License-Identifier: BSD-2-Clause

#include <pthread.h>

#include "_cgo_export.h"

/*
 * So much is alive across the calls that a compiler that keeps no frame pointer needs its register
 * as well; what it holds then is as likely an address of this stack as any number, and the words
 * there are other ones each time.
 */
#define STEP(name, words) \
	__attribute__((noinline)) static long name(long depth, unsigned long random, long path, \
						   volatile unsigned long *above) \
	{ \
		volatile unsigned long here[words]; \
		unsigned long a = random * 3, b = random ^ depth, c = a + above[1], d = b * c; \
		\
		for (int i = 0; i < words; i++) \
			here[i] = random + a * i; \
		down(depth - 1, random >> 1 | random << 63, path, here); \
		return a ^ b ^ c ^ d ^ here[0] ^ above[0]; \
	}

__attribute__((noinline)) static long down(long depth, unsigned long random, long path,
					   volatile unsigned long *above);

STEP(narrow, 4)
STEP(wide, 77)

static long down(long depth, unsigned long random, long path, volatile unsigned long *above)
{
	unsigned long a = random * 5, b = a ^ depth, c = b + above[1], d = c * a;

	if (!depth)
		callback(path);
	else if (random & 1)
		narrow(depth, random, path, above);
	else
		wide(depth, random, path, above);
	return a ^ b ^ c ^ d ^ above[0];
}

long descend(long depth, unsigned long random, long path)
{
	volatile unsigned long here[4] = { random, random + 1, random + 2, random + 3 };

	return down(depth, random, path, here);
}

struct task {
	long depth;
	unsigned long random;
	long path;
};

static void *begin(void *of)
{
	struct task *t = of;

	descend(t->depth, t->random, t->path);
	return NULL;
}

void on_thread(long depth, unsigned long random, long path)
{
	struct task t = { depth, random, path };
	pthread_t thread;

	if (!pthread_create(&thread, NULL, begin, &t))
		pthread_join(thread, NULL);
}
