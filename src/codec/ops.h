/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and names that both ends of the remote protocol know: op codes, reply statuses, the
 * magics of the payloads inside a message, and the frame of the shared-memory ring.
 *
 * Source of every value: the reference's transport crate, whose clients and daemons we talk to.
 * AUTH alone is ours. The names travel in logs and messages.
 */
#ifndef WK_CODEC_OPS_H
#define WK_CODEC_OPS_H

#include "base/span.h"

/* A byte in a message; any other value is answered with ERROR "unknown op <n>". */
enum wk_op {
    WK_OP_PING = 1,
    WK_OP_PUT = 2,
    WK_OP_GET = 3,
    WK_OP_EXISTS = 4,
    WK_OP_STATS = 5,
    WK_OP_CLEAR = 6,
    WK_OP_RESTORE = 7,
    WK_OP_CLOSE = 8,
    WK_OP_GET_MANY = 9,
    WK_OP_LIST = 10,
    WK_OP_LOOKUP_BLOCK_PREFIX = 11,
    WK_OP_GET_KV_BLOCKS_BATCH = 12,
    WK_OP_PUT_KV_BLOCKS_BATCH = 13,
    WK_OP_AUTH = 128 /* ours */
};

/* "ping" to "put_kv_blocks_batch", "auth"; "unknown" for every other code. */
const char *wk_op_name(uint8_t code);

/* The status byte of a reply. */
enum wk_reply { WK_REPLY_OK = 0, WK_REPLY_MISS = 1, WK_REPLY_TOO_LARGE = 2, WK_REPLY_ERROR = 3 };

/* "ok", "miss", "too_large", "error"; "unknown" for every other code. */
const char *wk_reply_name(uint8_t code);

/* In front of the archive in the payload of ops 11 to 13. */
#define WK_OP_MAGIC_BYTES                 16u
#define WK_LOOKUP_BLOCK_PREFIX_REQ_MAGIC  "WMBT_LBP_REQ\0\0\0\0"
#define WK_LOOKUP_BLOCK_PREFIX_RESP_MAGIC "WMBT_LBP_RES\0\0\0\0"
#define WK_GET_KV_BLOCKS_BATCH_REQ_MAGIC  "WMBT_GBB_REQ\0\0\0\0"
#define WK_GET_KV_BLOCKS_BATCH_RESP_MAGIC "WMBT_GBB_RES\0\0\0\0"
#define WK_PUT_KV_BLOCKS_BATCH_REQ_MAGIC  "WMBT_PBB_REQ\0\0\0\0"
#define WK_PUT_KV_BLOCKS_BATCH_RESP_MAGIC "WMBT_PBB_RES\0\0\0\0"

/* In front of a key batch and a bytes batch, NUL included. The second is one byte longer. */
#define WK_KEY_BATCH_MAGIC         "WMBT_KV_KEYS_V1"
#define WK_KEY_BATCH_MAGIC_BYTES   16u
#define WK_BYTES_BATCH_MAGIC       "WMBT_KV_BYTES_V1"
#define WK_BYTES_BATCH_MAGIC_BYTES 17u

/*
 * One slot of the reference's shared-memory ring. No frame of ours has this size, but it decides
 * which values that client stores in chunks, and which GET_MANY replies are TOO_LARGE everywhere.
 */
#define WK_FRAME_DATA_BYTES   (4u * 1024 * 1024 - 16)
#define WK_FRAME_SLACK_BYTES  256u /* kept free for the message around a payload */
#define WK_RING_DEPTH_DEFAULT 16u

/* Suffixes of the cursor segments: the daemon reads requests, the client reads replies. */
#define WK_REQ_CONSUMER_ID  "dn"
#define WK_RESP_CONSUMER_ID "cn"

#define WK_ATTACH_TIMEOUT_NS (30ull * 1000 * 1000 * 1000)

/* True when a payload of so many bytes fits in one frame with the slack. */
bool wk_fits_one_frame(size_t payload_bytes);

#endif
