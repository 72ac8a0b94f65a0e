// SPDX-License-Identifier: BSD-2-Clause
/*
 * protobuf.c - writes protocol buffers (protobuf.dev, "Encoding").
 */
#include "user/report/protobuf.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"

enum wire_type { WIRE_VARINT = 0, WIRE_LEN = 2 };

void protobuf_append(struct protobuf *b, const void *data, size_t len)
{
	if (len > b->cap - b->len) {
		b->cap = 2 * (b->len + len) + 64;
		b->data = xreallocarray(b->data, b->cap, 1);
	}
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
}

void protobuf_varint(struct protobuf *b, uint64_t v)
{
	uint8_t bytes[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (uint8_t)(v | 0x80);
	bytes[n++] = (uint8_t)v;
	protobuf_append(b, bytes, n);
}

void protobuf_u64(struct protobuf *b, unsigned int field, uint64_t v)
{
	if (!v)
		return;
	protobuf_varint(b, (uint64_t)field << 3 | WIRE_VARINT);
	protobuf_varint(b, v);
}

void protobuf_bytes(struct protobuf *b, unsigned int field, const void *data, size_t len)
{
	protobuf_varint(b, (uint64_t)field << 3 | WIRE_LEN);
	protobuf_varint(b, len);
	protobuf_append(b, data, len);
}

void protobuf_message(struct protobuf *b, unsigned int field, struct protobuf *msg)
{
	protobuf_bytes(b, field, msg->data, msg->len);
	msg->len = 0;
}

void protobuf_fini(struct protobuf *b)
{
	free(b->data);
	*b = (struct protobuf){ 0 };
}
