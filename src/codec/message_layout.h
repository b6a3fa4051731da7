/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roots of the eight messages: size, alignment, and where the fields lie. For the decoder and the
 * encoder of messages alone.
 *
 * ..._AT is the position of a field within the root. What is not listed is padding.
 */
#ifndef WK_CODEC_MESSAGE_LAYOUT_H
#define WK_CODEC_MESSAGE_LAYOUT_H

/* id u64, op u8, namespace, key, payload */
#define REQUEST_BYTES        40
#define REQUEST_ALIGN        8
#define REQUEST_ID_AT        0
#define REQUEST_OP_AT        8
#define REQUEST_NAMESPACE_AT 12
#define REQUEST_KEY_AT       20
#define REQUEST_PAYLOAD_AT   28

/* id u64, status u8, op u8, payload, message */
#define RESPONSE_BYTES      32
#define RESPONSE_ALIGN      8
#define RESPONSE_ID_AT      0
#define RESPONSE_STATUS_AT  8
#define RESPONSE_OP_AT      9
#define RESPONSE_PAYLOAD_AT 12
#define RESPONSE_MESSAGE_AT 20

/* namespace, hashes */
#define HASHES_REQ_BYTES        16
#define HASHES_REQ_ALIGN        4
#define HASHES_REQ_NAMESPACE_AT 0
#define HASHES_REQ_HASHES_AT    8

/* matched_count u32, error option */
#define LOOKUP_RESP_BYTES    16
#define LOOKUP_RESP_ALIGN    4
#define LOOKUP_RESP_COUNT_AT 0
#define LOOKUP_RESP_ERROR_AT 4

/* payloads option, error option */
#define GET_RESP_BYTES       24
#define GET_RESP_ALIGN       4
#define GET_RESP_PAYLOADS_AT 0
#define GET_RESP_ERROR_AT    12

/* namespace, hashes, payloads */
#define PUT_REQ_BYTES        24
#define PUT_REQ_ALIGN        4
#define PUT_REQ_NAMESPACE_AT 0
#define PUT_REQ_HASHES_AT    8
#define PUT_REQ_PAYLOADS_AT  16

/* total_bytes u64, error option */
#define PUT_RESP_BYTES    24
#define PUT_RESP_ALIGN    8
#define PUT_RESP_TOTAL_AT 0
#define PUT_RESP_ERROR_AT 8

/* The formats' names in errors. */
#define REQUEST_NAME     "wire_request"
#define RESPONSE_NAME    "wire_response"
#define LOOKUP_REQ_NAME  "lookup_block_prefix_req"
#define LOOKUP_RESP_NAME "lookup_block_prefix_resp"
#define GET_REQ_NAME     "get_kv_blocks_batch_req"
#define GET_RESP_NAME    "get_kv_blocks_batch_resp"
#define PUT_REQ_NAME     "put_kv_blocks_batch_req"
#define PUT_RESP_NAME    "put_kv_blocks_batch_resp"

#endif
