/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protobuf.h - writes protocol buffers: varints, byte strings, nested messages.  No other field
 * types, no reading.
 */
#ifndef PROTOBUF_H
#define PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

struct protobuf {		/* starts as { 0 } */
	uint8_t *data;
	size_t len, cap;
};

/* What is encoded already. */
void protobuf_append(struct protobuf *b, const void *data, size_t len);
void protobuf_varint(struct protobuf *b, uint64_t v);
/* Nothing for 0, which is the default. */
void protobuf_u64(struct protobuf *b, unsigned int field, uint64_t v);
void protobuf_bytes(struct protobuf *b, unsigned int field, const void *data, size_t len);
/* The field from msg, which becomes empty and may be filled again. */
void protobuf_message(struct protobuf *b, unsigned int field, struct protobuf *msg);
void protobuf_fini(struct protobuf *b);

#endif
