/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What encoding and decoding cost beside one CRC pass over the payloads.
 *
 * Batches: a PUT request and a GET reply of 16 x 512 KiB, archive in archive in envelope. First the
 * payload bytes touched: encoding with known CRCs, and decoding behind the CRC check, run with the
 * payloads' pages unreadable, so that one byte touched would end the bench; the bytes that pass
 * through the CRC are counted (the linker puts the counter in front of wk_crc32c_extend). Then
 * times, as a ratio to one CRC pass over the same bytes in the same round.
 *
 * Small messages: frames in ns, in loops long enough for the clock.
 */
#include <string.h>
#include <sys/mman.h>

#include "codec/envelope.h"
#include "codec/messages.h"
#include "codec/ops.h"
#include "hash/crc32c.h"
#include "measure.h"

#define BLOCKS        16u
#define BLOCK_BYTES   (512u * 1024)
#define PAYLOAD_BYTES (BLOCKS * (size_t)BLOCK_BYTES)
#define PAGE_BYTES    4096u
#define LOOKUP_MAX    512u
#define SCRATCH_BYTES (256u * 1024)
#define PIECES_MAX    256u
#define TRIES         5u
#define CALLS         2000u /* of a small message, per round */

static void check(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench/codec: %s failed\n", what);
        exit(1);
    }
}

/* ---- the counter ---- */

static size_t summed_bytes;

uint32_t __real_wk_crc32c_extend(uint32_t crc, const void *data, size_t size);
uint32_t __wrap_wk_crc32c_extend(uint32_t crc, const void *data, size_t size);
uint32_t __wrap_wk_crc32c_extend(uint32_t crc, const void *data, size_t size) {
    summed_bytes += size;
    return __real_wk_crc32c_extend(crc, data, size);
}

/* ---- messages ---- */

struct list {
    struct wk_iov iov;
    struct wk_span pieces[PIECES_MAX];
    uint8_t scratch[SCRATCH_BYTES];
};

static void list_clear(struct list *l) {
    l->iov = wk_iov(l->pieces, PIECES_MAX, l->scratch, SCRATCH_BYTES);
}

struct batch {
    uint8_t *blocks;
    struct wk_payload known[BLOCKS];
    struct wk_payload unknown[BLOCKS];
    struct wk_span hashes[LOOKUP_MAX];
    char text[LOOKUP_MAX][64];
};

static struct batch batch;
static struct list inner;
static struct list frame;

static void batch_make(void) {
    batch.blocks =
        mmap(NULL, PAYLOAD_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(batch.blocks != MAP_FAILED, "mmap");
    for (size_t i = 0; i < PAYLOAD_BYTES; i++)
        batch.blocks[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < BLOCKS; i++) {
        struct wk_span block = wk_span(batch.blocks + i * BLOCK_BYTES, BLOCK_BYTES);
        batch.unknown[i] = wk_payload(block);
        batch.known[i] = (struct wk_payload){block, true, wk_crc32c(block.data, block.size)};
    }
    for (size_t i = 0; i < LOOKUP_MAX; i++) {
        memset(batch.text[i], "0123456789abcdef"[i % 16], 64);
        batch.hashes[i] = wk_span(batch.text[i], 64);
    }
}

static void encode_put(const struct wk_payload *payloads) {
    struct wk_wire_error e;
    const struct wk_put_blocks_req m = {wk_span_text("default"), batch.hashes, BLOCKS, payloads,
                                        BLOCKS};
    const struct wk_wire_request request = {
        .id = 1, .op = WK_OP_PUT_KV_BLOCKS_BATCH, .name_space = wk_span_text("default")};
    list_clear(&inner);
    list_clear(&frame);
    check(wk_put_blocks_req_encode(&inner.iov, &m, &e), "put");
    wk_iov_close(&inner.iov);
    check(wk_envelope_begin(&frame.iov, &e), "envelope");
    check(wk_wire_request_encode(&frame.iov, &request, &inner.iov, &e), "request");
    check(wk_envelope_end(&frame.iov, &e), "envelope");
}

static void encode_get(const struct wk_payload *payloads) {
    struct wk_wire_error e;
    const struct wk_get_blocks_resp m = {true, payloads, BLOCKS, {false, {NULL, 0}}};
    const struct wk_wire_response response = {.id = 1, .op = WK_OP_GET_KV_BLOCKS_BATCH};
    list_clear(&inner);
    list_clear(&frame);
    check(wk_get_blocks_resp_encode(&inner.iov, &m, &e), "get");
    wk_iov_close(&inner.iov);
    check(wk_envelope_begin(&frame.iov, &e), "envelope");
    check(wk_wire_response_encode(&frame.iov, &response, &inner.iov, &e), "response");
    check(wk_envelope_end(&frame.iov, &e), "envelope");
}

/* The frame in one piece, as a receiver holds it. */
static struct wk_span_mut received(void) {
    size_t size = 0;
    for (size_t i = 0; i < frame.iov.count; i++)
        size += frame.pieces[i].size;
    uint8_t *to = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(to != MAP_FAILED, "mmap");
    struct wk_writer w = wk_writer(to, size);
    for (size_t i = 0; i < frame.iov.count; i++)
        wk_write_span(&w, frame.pieces[i]);
    return (struct wk_span_mut){to, size};
}

static struct wk_archive_list view_put(struct wk_span body) {
    struct wk_wire_error e;
    struct wk_wire_request request;
    struct wk_put_blocks_req_view m;
    check(wk_wire_request_archive_decode(body, 0, &request, &e), "request");
    check(wk_put_blocks_req_decode(request.payload.bytes, &m, &e), "put");
    return m.payloads;
}

static struct wk_archive_list view_get(struct wk_span body) {
    struct wk_wire_error e;
    struct wk_wire_response response;
    struct wk_get_blocks_resp_view m;
    check(wk_wire_response_archive_decode(body, 0, &response, &e), "response");
    check(wk_get_blocks_resp_decode(response.payload.bytes, &m, &e), "get");
    return m.payloads;
}

static struct wk_archive_list decode_put(struct wk_span message) {
    struct wk_wire_error e;
    struct wk_span body;
    check(wk_envelope_decode(message, WK_FRAME_BODY_BYTES_MAX, &body, &e), "envelope");
    return view_put(body);
}

static struct wk_archive_list decode_get(struct wk_span message) {
    struct wk_wire_error e;
    struct wk_span body;
    check(wk_envelope_decode(message, WK_FRAME_BODY_BYTES_MAX, &body, &e), "envelope");
    return view_get(body);
}

/* ---- bytes touched ---- */

/* Encodes over unreadable blocks, then with CRCs that are not known; prints what was summed. */
static void print_encoding(const char *what, void (*encode)(const struct wk_payload *)) {
    check(mprotect(batch.blocks, PAYLOAD_BYTES, PROT_NONE) == 0, "mprotect");
    summed_bytes = 0;
    encode(batch.known);
    printf("%-44s %10u payload bytes touched, %zu small bytes summed\n", what, 0u, summed_bytes);
    check(mprotect(batch.blocks, PAYLOAD_BYTES, PROT_READ) == 0, "mprotect");
    size_t small = summed_bytes;
    summed_bytes = 0;
    encode(batch.unknown);
    printf("%-44s %10zu payload bytes summed, of %zu\n", "  CRCs not known", summed_bytes - small,
           PAYLOAD_BYTES);
}

/* Pages that lie inside a payload whole become unreadable. */
static size_t hide(const struct wk_archive_list *payloads, int protection) {
    size_t hidden = 0;
    for (size_t i = 0; i < payloads->count; i++) {
        struct wk_span bytes = wk_archive_bytes_at(payloads, i);
        uintptr_t begin = ((uintptr_t)bytes.data + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
        uintptr_t end = ((uintptr_t)bytes.data + bytes.size) & ~(uintptr_t)(PAGE_BYTES - 1);
        check(mprotect((void *)begin, end - begin, protection) == 0, "mprotect");
        hidden += end - begin;
    }
    return hidden;
}

static void print_decoding(const char *what, struct wk_archive_list (*decode)(struct wk_span),
                           struct wk_archive_list (*view)(struct wk_span)) {
    struct wk_span_mut bytes = received();
    struct wk_span message = wk_span(bytes.data, bytes.size);
    summed_bytes = 0;
    struct wk_archive_list payloads = decode(message);
    size_t summed = summed_bytes;
    size_t hidden = hide(&payloads, PROT_NONE);
    summed_bytes = 0;
    view(wk_span(bytes.data + WK_ENVELOPE_HEADER_BYTES, bytes.size - WK_ENVELOPE_HEADER_BYTES));
    printf(
        "%-44s %10zu payload bytes touched beyond the CRC pass (%zu of %zu unreadable); CRC over "
        "%zu, body %zu\n",
        what, summed_bytes, hidden, PAYLOAD_BYTES, summed, bytes.size - WK_ENVELOPE_HEADER_BYTES);
    munmap(bytes.data, bytes.size);
}

/* ---- times ---- */

/* What is being measured, for functions that take no arguments. */
static struct {
    void (*encode)(const struct wk_payload *);
    struct wk_archive_list (*decode)(struct wk_span);
    struct wk_archive_list (*view)(struct wk_span);
    struct wk_span message;
    struct wk_span body;
} it;

static void sum_blocks(void) {
    for (size_t i = 0; i < BLOCKS; i++)
        wk_crc32c(batch.blocks + i * BLOCK_BYTES, BLOCK_BYTES);
}

static void sum_body(void) {
    wk_crc32c(it.body.data, it.body.size);
}

static void encode_unknown(void) {
    it.encode(batch.unknown);
}

static void encode_known(void) {
    it.encode(batch.known);
}

static void decode_all(void) {
    it.decode(it.message);
}

static void decode_view(void) {
    it.view(it.body);
}

/* The best of a few, so that what else the machine does is left out. */
static double timed(void (*work)(void)) {
    double best = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        double begin = now_us();
        work();
        double took = now_us() - begin;
        if (i == 0 || took < best)
            best = took;
    }
    return best;
}

/* After a pass that warms the caches for both, first the one, then the other, by turns. */
static double ratio(size_t round, void (*work)(void), void (*pass)(void)) {
    pass();
    double first = timed(round % 2 == 0 ? work : pass);
    double second = timed(round % 2 == 0 ? pass : work);
    return round % 2 == 0 ? first / second : second / first;
}

static void print_times(const char *what) {
    double pass_us[ROUNDS];
    double known_us[ROUNDS];
    double view_us[ROUNDS];
    double encode_ratio[ROUNDS];
    double decode_ratio[ROUNDS];
    it.encode(batch.known);
    struct wk_span_mut bytes = received();
    it.message = wk_span(bytes.data, bytes.size);
    it.body = wk_span(bytes.data + WK_ENVELOPE_HEADER_BYTES, bytes.size - WK_ENVELOPE_HEADER_BYTES);
    for (size_t i = 0; i < ROUNDS; i++) {
        encode_ratio[i] = ratio(i, encode_unknown, sum_blocks);
        decode_ratio[i] = ratio(i, decode_all, sum_body);
        pass_us[i] = timed(sum_body);
        known_us[i] = timed(encode_known);
        view_us[i] = timed(decode_view);
    }
    printf("%s\n", what);
    print_row("  one CRC pass", "us", pass_us);
    print_row("  encode, CRCs known", "us", known_us);
    print_row("  encode, CRCs not known", "x one CRC pass", encode_ratio);
    print_row("  decode, CRC check included", "x one CRC pass", decode_ratio);
    print_row("  decode behind the CRC check", "us", view_us);
    munmap(bytes.data, bytes.size);
}

/* ---- small messages ---- */

static void encode_ping(size_t hashes) {
    struct wk_wire_error e;
    const struct wk_wire_request m = {.id = 1, .op = WK_OP_PING};
    (void)hashes;
    list_clear(&frame);
    check(wk_envelope_begin(&frame.iov, &e) && wk_wire_request_encode(&frame.iov, &m, NULL, &e) &&
              wk_envelope_end(&frame.iov, &e),
          "ping");
}

static void encode_lookup(size_t hashes) {
    struct wk_wire_error e;
    const struct wk_hashes_req m = {wk_span_text("default"), batch.hashes, hashes};
    const struct wk_wire_request request = {
        .id = 1, .op = WK_OP_LOOKUP_BLOCK_PREFIX, .name_space = wk_span_text("default")};
    list_clear(&inner);
    list_clear(&frame);
    check(wk_lookup_req_encode(&inner.iov, &m, &e), "lookup");
    wk_iov_close(&inner.iov);
    check(wk_envelope_begin(&frame.iov, &e) &&
              wk_wire_request_encode(&frame.iov, &request, &inner.iov, &e) &&
              wk_envelope_end(&frame.iov, &e),
          "lookup");
}

static void decode_ping(struct wk_span message) {
    struct wk_wire_error e;
    struct wk_wire_request m;
    struct wk_span body;
    check(wk_envelope_decode(message, WK_FRAME_BODY_BYTES_MAX, &body, &e) &&
              wk_wire_request_archive_decode(body, 0, &m, &e),
          "ping");
}

static void decode_lookup(struct wk_span message) {
    struct wk_wire_error e;
    struct wk_wire_request request;
    struct wk_hashes_req_view m;
    struct wk_span body;
    check(wk_envelope_decode(message, WK_FRAME_BODY_BYTES_MAX, &body, &e) &&
              wk_wire_request_archive_decode(body, 0, &request, &e) &&
              wk_lookup_req_decode(request.payload.bytes, &m, &e),
          "lookup");
}

static void print_small(const char *what, void (*encode)(size_t), void (*decode)(struct wk_span),
                        size_t hashes) {
    double encode_ns[ROUNDS];
    double decode_ns[ROUNDS];
    char row[64];
    encode(hashes);
    struct wk_span_mut bytes = received();
    for (size_t i = 0; i < ROUNDS; i++) {
        double begin = now_us();
        for (size_t k = 0; k < CALLS; k++)
            encode(hashes);
        double middle = now_us();
        for (size_t k = 0; k < CALLS; k++)
            decode(wk_span(bytes.data, bytes.size));
        double end = now_us();
        encode_ns[i] = (middle - begin) * 1000 / CALLS;
        decode_ns[i] = (end - middle) * 1000 / CALLS;
    }
    snprintf(row, sizeof row, "encode %s, %zu bytes", what, bytes.size);
    print_row(row, "ns", encode_ns);
    snprintf(row, sizeof row, "decode %s", what);
    print_row(row, "ns", decode_ns);
    munmap(bytes.data, bytes.size);
}

int main(void) {
    batch_make();
    print_encoding("encode PUT 16 x 512 KiB, CRCs known", encode_put);
    print_decoding("decode PUT 16 x 512 KiB", decode_put, view_put);
    print_encoding("encode GET reply 16 x 512 KiB, CRCs known", encode_get);
    print_decoding("decode GET reply 16 x 512 KiB", decode_get, view_get);
    printf("\n%-52s %10s %10s %10s\n", "", "min", "median", "max");
    it.encode = encode_put;
    it.decode = decode_put;
    it.view = view_put;
    print_times("PUT 16 x 512 KiB");
    it.encode = encode_get;
    it.decode = decode_get;
    it.view = view_get;
    print_times("GET reply 16 x 512 KiB");
    print_small("frame of a PING", encode_ping, decode_ping, 0);
    print_small("frame of a lookup of 16", encode_lookup, decode_lookup, 16);
    print_small("frame of a lookup of 512", encode_lookup, decode_lookup, LOOKUP_MAX);
    return 0;
}
