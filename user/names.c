// SPDX-License-Identifier: BSD-2-Clause
/*
 * names.c - plugs a process's binary into sites.
 */
#include "user/names.h"

#include "user/go/gobin.h"
#include "user/go/sitetype.h"
#include "user/process.h"
#include "user/sites.h"

static size_t frames(void *ctx, const uint64_t *pcs, size_t n, bool leaf_is_return,
		     struct frame *out, size_t cap)
{
	return gobin_frames(process_gobin(ctx), pcs, n, leaf_is_return, out, cap);
}

static void words(void *ctx, uint64_t typ, const uint64_t *pcs, size_t n, struct site_words *out)
{
	struct site_type type;

	sitetype_get(process_sitetype(ctx), typ, pcs, n, &type);
	*out = (struct site_words){ .type = type.name, .how = type.how };
}

void names_of(struct process *p, size_t types_bytes, struct sites_ops *out)
{
	sitetype_limit(process_sitetype(p), types_bytes);
	*out = (struct sites_ops){ .ctx = p, .frames = frames, .words = words };
}
