// SPDX-License-Identifier: BSD-2-Clause
/*
 * sample.c - with which chance an allocation is recorded, by its size.
 */
#include "user/tracer/sample.h"

#include <math.h>

/* A size in the middle of those of the row: gl_size_row() the other way round.  Which of them is
 * taken does not matter, since every record brings the chance that was used. */
static double size_of_row(uint32_t row)
{
	if (row < 256)
		return row * 8.0 + 4;
	if (row < 512)
		return (row - 256) * 512.0 + 256;
	return (row - 512) * 32768.0 + 16384;
}

/* In 2^-32, where 0 means certain: as is what would be recorded but for one in 2^32. */
static uint32_t chance(double size, double distance)
{
	const double scaled = ldexp(-expm1(-size / distance), 32);

	if (scaled < 1)
		return 1;
	return scaled > UINT32_MAX ? 0 : (uint32_t)scaled;
}

void sample_chances(volatile struct gl_control *control, uint64_t distance)
{
	for (uint32_t i = 0; i < GL_CHANCES; i++)
		control->chances[i] = chance(size_of_row(i), (double)distance);
	control->chance_small = control->chances[gl_size_row(32 << 10)];
}
