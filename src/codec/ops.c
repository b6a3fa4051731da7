/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/ops.h"

const char *wk_op_name(uint8_t code) {
    switch (code) {
    case WK_OP_PING:
        return "ping";
    case WK_OP_PUT:
        return "put";
    case WK_OP_GET:
        return "get";
    case WK_OP_EXISTS:
        return "exists";
    case WK_OP_STATS:
        return "stats";
    case WK_OP_CLEAR:
        return "clear";
    case WK_OP_RESTORE:
        return "restore";
    case WK_OP_CLOSE:
        return "close";
    case WK_OP_GET_MANY:
        return "get_many";
    case WK_OP_LIST:
        return "list";
    case WK_OP_LOOKUP_BLOCK_PREFIX:
        return "lookup_block_prefix";
    case WK_OP_GET_KV_BLOCKS_BATCH:
        return "get_kv_blocks_batch";
    case WK_OP_PUT_KV_BLOCKS_BATCH:
        return "put_kv_blocks_batch";
    case WK_OP_AUTH:
        return "auth";
    default:
        return "unknown";
    }
}

const char *wk_reply_name(uint8_t code) {
    switch (code) {
    case WK_REPLY_OK:
        return "ok";
    case WK_REPLY_MISS:
        return "miss";
    case WK_REPLY_TOO_LARGE:
        return "too_large";
    case WK_REPLY_ERROR:
        return "error";
    default:
        return "unknown";
    }
}

bool wk_fits_one_frame(size_t payload_bytes) {
    return payload_bytes <= WK_FRAME_DATA_BYTES - WK_FRAME_SLACK_BYTES;
}
