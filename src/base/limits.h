/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every limit of the library, in one place. Sizes in bytes unless the name says otherwise.
 * A limit that an operator may want to change is a setting (config/settings.def), not a constant.
 */
#ifndef WK_BASE_LIMITS_H
#define WK_BASE_LIMITS_H

/* One block or raw tail. A frame of the remote protocol is at most 256 MiB; 1 MiB stays for the
 * keys and the archive around the payload, so that all four backends take the same payloads. */
#define WK_PAYLOAD_BYTES_MAX (255u * 1024 * 1024)

/* Blocks in one call. ds4 sends at most 512; the rest is head-room. */
#define WK_BATCH_BLOCKS_MAX 65536u

#define WK_ERROR_TEXT_BYTES 1024u

/* Object keys. S3 ends at 1024 bytes; nothing longer is sent anywhere. */
#define WK_OBJECT_KEY_BYTES_MAX 1024u

/* One object as it is stored: a payload, its header, and what zstd adds when nothing shrinks. */
#define WK_OBJECT_BODY_BYTES_MAX (256u * 1024 * 1024)

/* The body of one frame of the remote protocol, TCP or HTTP; the envelope's header not counted. */
#define WK_FRAME_BODY_BYTES_MAX (256u * 1024 * 1024)

/* The least memory for requests on their way: one of the largest size. */
#define WK_RECEIVE_BYTES_MIN (257u * 1024 * 1024)

/* An archive: its offsets are i32. One text in it: its length has 30 bits. */
#define WK_ARCHIVE_BYTES_MAX      0x7fffffffu
#define WK_ARCHIVE_TEXT_BYTES_MAX 0x3fffffffu

/* Texts and payloads up to this size are copied into an encoder's own memory instead of being a
 * piece of their own: two more pieces cost writev more than the copy costs us. */
#define WK_IOV_COPY_BYTES_MAX 128u

/* A namespace and a prefix must leave room for each other and "sidecar/raw_tail/b3=<64>". */
#define WK_NAMESPACE_BYTES_MAX 512u
#define WK_S3_PREFIX_BYTES_MAX 256u
#define WK_NAMESPACES_MAX      65535u

/* ETag as the store gives it, quotes included; longer ones are treated as absent. */
#define WK_ETAG_BYTES_MAX 128u

/* A token that a client shows to a daemon. */
#define WK_RPC_TOKEN_BYTES_MAX 1024u
/* A frame of somebody who has not shown one yet, and how long a connection may rest until then. */
#define WK_RPC_STRANGER_BYTES_MAX (64u * 1024)
#define WK_RPC_STRANGER_NS        (30ull * 1000000000)

/* One configuration value; the file of a daemon's settings; addresses that it listens on. */
#define WK_VAR_BYTES_MAX         4096u
#define WK_CONFIG_FILE_BYTES_MAX (256u * 1024)
#define WK_LISTENERS_MAX         16u

/* The head of an HTTP message, its blank line included; fields in it; the target of a request. */
#define WK_HTTP_HEAD_BYTES_MAX   16384u
#define WK_HTTP_FIELDS_MAX       64u
#define WK_HTTP_TARGET_BYTES_MAX 1024u

/* Tries of a sequence-locked read before it takes the writers' lock. */
#define WK_SEQUENCE_TRIES_MAX 16u

/* Steps along parent links in one call: the cycle checks of one wk_radix_link_chain together, and
 * the emptied hinges one removal takes with it. As long as the longest chain one call can name. */
#define WK_CHAIN_WALK_MAX 65536u

/* Requests on the object store in flight, per handle. */
#define WK_OBJECTS_IN_FLIGHT_MAX 64u
/* So many places are left by the worst throttling: one that hangs must not stop the others. */
#define WK_OBJECTS_IN_FLIGHT_MIN 4u

/* S3. A page of LIST: 1000 keys of 1024 bytes, each byte as %XX, and what stands around them. */
#define WK_S3_PAGE_KEYS            1000u
#define WK_S3_PAGE_BYTES_MAX       (4u * 1024 * 1024)
#define WK_S3_EMPTY_PAGES_MAX      1000u /* in a row, that say that more follows */
#define WK_S3_TOKEN_BYTES_MAX      4096u /* a continuation token */
#define WK_S3_XML_DEPTH_MAX        16u
#define WK_S3_XML_PATH_BYTES_MAX   255u
#define WK_S3_XML_TEXT_BYTES_MAX   4096u        /* one element's; a key of 1024 bytes is 3072 */
#define WK_S3_ERROR_BODY_BYTES_MAX (16u * 1024) /* what is read of an error's body */
#define WK_S3_HEADER_BYTES_MAX     (64u * 1024) /* all headers of one answer */
#define WK_S3_ERROR_WORD_BYTES     64u          /* error code, region, server name */
#define WK_S3_CREDENTIAL_BYTES_MAX 1024u        /* access key, secret key */
#define WK_S3_CREDENTIALS_FILE_MAX (64u * 1024)

/* HEADs that one listing in the background spends on blocks that it did not show. */
#define WK_RECONCILE_HEADS_MAX 65536u

/* One JSON object of wmbt_kv_stats_json. */
#define WK_STATS_BYTES_MAX (64u * 1024)

/* Time without progress that ends a call: a base plus the bytes at a minimum rate. */
#define WK_PROGRESS_BASE_NS           (30ull * 1000 * 1000 * 1000)
#define WK_PROGRESS_BYTES_PER_SEC_MIN (1024u * 1024)

#endif
