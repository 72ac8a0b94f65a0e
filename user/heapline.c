// SPDX-License-Identifier: BSD-2-Clause
/*
 * heapline.c - growth that goroutines explain is told with them, and what may be accepted is held
 * back; all else when it changes.
 */
#include "user/heapline.h"

/* What grows was told with goroutines, or became worse with them, and goes on without them: the
 * change was taken note of when it came, and had no line. */
static bool is_untold(const struct heap_line *l, const struct heap_change *c)
{
	return c->told > l->shown && !l->held && !l->accepted && !c->of_goroutines;
}

bool heapline_is_due(struct heap_line *l, const struct heap_change *c, bool *anew)
{
	*anew = false;
	if (!c->changed && !(c->other_classes && c->told == LEAKS) && !is_untold(l, c))
		return false;
	*anew = c->told != CALM && l->shown == CALM && !l->held && !l->accepted;
	if (c->told == CALM && l->shown == CALM)
		l->held = l->accepted = false;
	else if (c->told != CALM && c->of_goroutines)
		l->leaking = c->leaking;
	else if (c->told != CALM && c->suppresses)
		l->held = true;
	else
		return true;
	return false;
}

void heapline_told(struct heap_line *l, unsigned told, uint64_t leaking)
{
	*l = (struct heap_line){ .shown = told, .leaking = leaking };
}
