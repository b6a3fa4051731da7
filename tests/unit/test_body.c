/* SPDX-License-Identifier: Apache-2.0 */
/* Frame headers are looked at with libzstd itself, so that the format is not judged by us alone. */
#define ZSTD_STATIC_LINKING_ONLY
#include "unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zstd.h>

#include "base/limits.h"
#include "base/text.h"
#include "codec/body.h"
#include "hash/crc32c.h"

/* ---- help ---- */

/* Counts allocations of everything in the process, libzstd included, where nobody else does. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTS_ALLOCATIONS 0
#endif
#endif
#if !defined(COUNTS_ALLOCATIONS)
#if defined(__GLIBC__)
#define COUNTS_ALLOCATIONS 1
#else
#define COUNTS_ALLOCATIONS 0
#endif
#endif

#if COUNTS_ALLOCATIONS
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
static volatile unsigned long allocations; /* compilers think malloc leaves globals alone */
__attribute__((visibility("default"))) void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}
__attribute__((visibility("default"))) void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}
__attribute__((visibility("default"))) void *realloc(void *old, size_t size) {
    allocations++;
    return __libc_realloc(old, size);
}
#endif

static uint64_t random_state = 0x9e3779b97f4a7c15ull;

static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Memory whose last byte lies before a page that nobody may touch. */
struct guarded {
    uint8_t *map;
    size_t map_bytes;
    uint8_t *data;
    size_t size;
};

static struct guarded guarded(size_t size, size_t align) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t used = (size + page - 1) / page * page;
    struct guarded g = {.map_bytes = used + page, .size = size};
    g.map = mmap(NULL, g.map_bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(g.map != MAP_FAILED);
    assert_int_equal(mprotect(g.map + used, page, PROT_NONE), 0);
    g.data = g.map + (used - size) / align * align;
    return g;
}

static void guarded_free(struct guarded *g) {
    assert_int_equal(munmap(g->map, g->map_bytes), 0);
}

/* A body and what reading it gave, all in guarded memory. */
struct reading {
    enum wk_status status;
    struct wk_body_info info;
    struct guarded payload;
    struct wk_error err;
};

static struct reading read_body(struct wk_span body) {
    static uint64_t work[64 * 1024];
    assert_true(wk_body_decode_work_bytes() <= sizeof work);
    struct guarded from = guarded(body.size, 1);
    if (body.size > 0)
        memcpy(from.data, body.data, body.size);
    struct wk_span copy = wk_span(from.data, body.size);
    struct reading r;
    memset(&r, 0, sizeof r);
    r.status = wk_body_inspect(copy, body.size, &r.info, &r.err);
    if (r.status == WK_OK) {
        r.payload = guarded(r.info.raw_bytes, 1);
        r.status = wk_body_decode(copy, &r.info, work, wk_body_decode_work_bytes(),
                                  (struct wk_span_mut){r.payload.data, r.payload.size}, &r.err);
    } else {
        r.payload = guarded(0, 1);
    }
    guarded_free(&from);
    return r;
}

static bool reads_as(const struct reading *r, struct wk_span payload) {
    return r->status == WK_OK && wk_span_equal(wk_span(r->payload.data, r->payload.size), payload);
}

static void expect_payload(struct wk_span body, struct wk_span payload) {
    struct reading r = read_body(body);
    if (r.status != WK_OK)
        print_error("%s\n", r.err.text);
    assert_true(reads_as(&r, payload));
    guarded_free(&r.payload);
}

/* Corrupt, with a text that says `says`. */
static void expect_corrupt(struct wk_span body, const char *says) {
    struct reading r = read_body(body);
    assert_int_equal(r.status, WK_CORRUPT);
    if (strstr(r.err.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", r.err.text, says);
    guarded_free(&r.payload);
}

/* Encoded by us, in exactly the workspace and at most the room that were promised. */
static struct guarded encode(struct wk_span payload, const struct wk_body_policy *policy) {
    size_t work_bytes = wk_body_work_bytes(policy->level, payload.size);
    struct guarded work = guarded(work_bytes, 8);
    struct guarded room = guarded(wk_body_encoded_bytes_max(payload.size), 1);
    size_t size = 0;
    struct wk_error err;
    memset(work.data, 0xa5, work_bytes < 65536 ? work_bytes : 65536);
    enum wk_status status = wk_body_encode(payload, policy, work.data, work_bytes,
                                           (struct wk_span_mut){room.data, room.size}, &size, &err);
    if (status != WK_OK)
        fail_msg("%s", err.text);
    assert_true(size <= room.size);
    guarded_free(&work);
    room.size = size;
    return room;
}

static struct wk_span body_of(const struct guarded *g) {
    return wk_span(g->data, g->size);
}

/* "WBZ1" algo level raw_len rest, from hex or bytes. */
static struct wk_span wrapped(uint8_t *to, uint8_t algo, uint8_t level, uint32_t raw_len,
                              struct wk_span rest) {
    memcpy(to, "WBZ1", 4);
    to[4] = algo;
    to[5] = level;
    for (unsigned i = 0; i < 4; i++)
        to[6 + i] = (uint8_t)(raw_len >> 8 * i);
    if (rest.size > 0)
        memcpy(to + 10, rest.data, rest.size);
    return wk_span(to, 10 + rest.size);
}

static struct wk_span wrapped_hex(uint8_t *to, uint8_t algo, uint8_t level, uint32_t raw_len,
                                  const char *hex) {
    uint8_t rest[512];
    assert_true(strlen(hex) / 2 <= sizeof rest);
    assert_true(wk_hex_decode(wk_span_text(hex), rest, NULL));
    return wrapped(to, algo, level, raw_len, wk_span(rest, strlen(hex) / 2));
}

static void fill_random(uint8_t *to, size_t size) {
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(next_random() >> 32);
}

/* Compressible in part, as KV values are: runs, repeats and noise. */
static void fill_mixed(uint8_t *to, size_t size) {
    for (size_t at = 0; at < size;) {
        size_t run = next_random() % 200 + 1;
        run = run < size - at ? run : size - at;
        uint64_t kind = next_random() % 3;
        if (kind == 0)
            memset(to + at, (int)(next_random() & 0xff), run);
        else if (kind == 1 && at >= run)
            memcpy(to + at, to + at - run, run);
        else
            fill_random(to + at, run);
        at += run;
    }
}

static const struct wk_reuse statement = {{"twenty-four-digest-bytes"}, {"ds4-v1"}};

static const struct wk_body_policy level3 = {.level = 3};
static const struct wk_body_policy level3_stated = {
    .level = 3, .stated = {{"twenty-four-digest-bytes"}, {"ds4-v1"}}};

/* ---- reading what others wrote ---- */

/* BODY-1 */
static void the_vector_of_the_reference_reads_back(void **state) {
    (void)state;
    uint8_t body[64];
    struct wk_span b = wrapped_hex(body, 1, 3, 5, "28b52ffd200529000068656c6c6f");
    assert_int_equal(b.size, 24);
    expect_payload(b, wk_span_text("hello"));
    struct reading r = read_body(b);
    assert_true(r.info.wrapped);
    assert_false(r.info.checksummed);
    assert_int_equal(r.info.algo, WK_BODY_ALGO_ZSTD);
    assert_true(r.info.raw_bytes == 5);
    guarded_free(&r.payload);
    for (unsigned level = 0; level < 256; level++) {
        body[5] = (uint8_t)level;
        expect_payload(b, wk_span_text("hello"));
    }
}

/* Frames of the zstd command line tool over "hello", except where said. BODY-7 */
static void bodies_with_frames_of_the_zstd_tool_read_back(void **state) {
    (void)state;
    static const struct {
        const char *what;
        const char *frame;
        const char *payload;
        bool checksummed;
    } cases[] = {
        {"zstd -3", "28b52ffd240529000068656c6c6fa36d9f88", "hello", true},
        {"zstd -3 --no-check", "28b52ffd200529000068656c6c6f", "hello", false},
        {"from a pipe, no content size", "28b52ffd045829000068656c6c6fa36d9f88", "hello", false},
        {"--long=31, a window of 2 GiB", "28b52ffd04a829000068656c6c6fa36d9f88", "hello", false},
        {"the same, no check", "28b52ffd00a829000068656c6c6f", "hello", false},
        {"empty", "28b52ffd240001000099e9d851", "", true},
        {"two frames",
         "28b52ffd240529000068656c6c6fa36d9f88"
         "28b52ffd200529000068656c6c6f",
         "hellohello", false},
        {"an empty frame first",
         "28b52ffd240001000099e9d851"
         "28b52ffd240529000068656c6c6fa36d9f88",
         "hello", false},
        {"an empty frame last",
         "28b52ffd240529000068656c6c6fa36d9f88"
         "28b52ffd240001000099e9d851",
         "hello", true},
        {"skippable frames around",
         "502a4d1804000000deadbeef"
         "28b52ffd240529000068656c6c6fa36d9f88"
         "5e2a4d1800000000",
         "hello", false},
        {"skippable frame last", "28b52ffd240529000068656c6c6fa36d9f88502a4d180100000000", "hello",
         true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t body[256];
        struct wk_span b =
            wrapped_hex(body, 1, 3, (uint32_t)strlen(cases[i].payload), cases[i].frame);
        struct reading r = read_body(b);
        if (!reads_as(&r, wk_span_text(cases[i].payload)))
            fail_msg("%s: %s", cases[i].what, r.err.text);
        assert_int_equal(r.info.checksummed, cases[i].checksummed);
        assert_true(wk_reuse_states_nothing(&r.info.stated));
        guarded_free(&r.payload);
    }
}

/* BODY-7 BODY-2 */
static void frames_that_cannot_be_trusted_are_corrupt(void **state) {
    (void)state;
    static const struct {
        const char *frame;
        const char *says;
    } cases[] = {
        {"", "at most"},
        {"28b52f", "at most"}, /* 3 bytes hold nothing */
        {"28b52ffd", "cut short"},
        {"28b52ffd20", "cut short"},
        {"28b52ffd2005", "byte 10"},                         /* ends in the frame header */
        {"28b52ffd20052900", "byte 10"},                     /* ends in the block header */
        {"28b52ffd200529000068656c6c", "byte 10"},           /* ends in the block */
        {"28b52ffd240529000068656c6c6fa36d9f89", "hecksum"}, /* checksum wrong */
        {"28b52ffd280529000068656c6c6f", "byte 10"},         /* reserved bit */
        {"28b52ffd200429000068656c6c6f", "byte 10"},         /* content size too small */
        {"28b52ffd200629000068656c6c6f", "holds 6"},         /* content size too large */
        {"27b52ffd200529000068656c6c6f", "byte 10"},         /* zstd 0.7 */
        {"1eb52ffd200529000068656c6c6f", "byte 10"},         /* lzma-like noise */
        {"28b52ffd200529000068656c6c6f00", "not a zstd frame"},
        {"28b52ffd200529000068656c6c6f27b52ffd00000000", "not a zstd frame"},
        {"28b52ffd200529000068656c6c6f28b52ffd200529000068656c6c6f", "byte 24"},
        {"28b52ffd200529000068656c6c6f502a4d18ffffffff", "byte 24"},
        {"502a4d180400000000000000", "hold 0"},
        /* made with a dictionary, whose id is 0x6e3c2b61 */
        {"28b52ffd27612b3c6e0529000068656c6c6fa36d9f88", "byte 10"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t body[256];
        expect_corrupt(wrapped_hex(body, 1, 3, 5, cases[i].frame), cases[i].says);
    }
}

/* One shell command with the payload on its input; false when the zstd tool is not there. */
static bool through_tool(const char *command, struct wk_span input, uint8_t *to, size_t capacity,
                         size_t *size) {
    if (system("command -v zstd >/dev/null 2>&1") != 0)
        return false;
    char path[] = "/tmp/wk_test_body_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    char line[256];
    wk_format(line, sizeof line, "%s > %s", command, path);
    FILE *pipe = popen(line, "w");
    assert_non_null(pipe);
    assert_int_equal(fwrite(input.data, 1, input.size, pipe), input.size);
    assert_int_equal(pclose(pipe), 0);
    ssize_t got = read(fd, to, capacity);
    assert_true(got >= 0 && (size_t)got < capacity);
    *size = (size_t)got;
    close(fd);
    unlink(path);
    return true;
}

/* BODY-1 BODY-7 BODY-9 */
static void the_zstd_tool_and_we_read_each_other(void **state) {
    (void)state;
    static uint8_t payload[100 * 1000];
    static uint8_t other[120 * 1000];
    static uint8_t body[120 * 1000 + 10];
    fill_mixed(payload, sizeof payload);
    struct wk_span p = wk_span(payload, sizeof payload);
    static const char *const commands[] = {"zstd -q -c", "zstd -q -19 -c", "zstd -q --fast=5 -c",
                                           "zstd -q --no-check --long=27 -c"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        size_t size = 0;
        if (!through_tool(commands[i], p, other, sizeof other, &size)) {
            print_message("no zstd tool here, the embedded vectors must do\n");
            return;
        }
        expect_payload(wrapped(body, 1, 3, sizeof payload, wk_span(other, size)), p);
    }
    const struct wk_body_policy *const policies[] = {&level3, &level3_stated};
    for (size_t i = 0; i < 2; i++) {
        struct guarded ours = encode(p, policies[i]);
        size_t size = 0;
        assert_true(through_tool("zstd -q -d -c", wk_span(ours.data + 10, ours.size - 10), other,
                                 sizeof other, &size));
        assert_true(wk_span_equal(wk_span(other, size), p));
        guarded_free(&ours);
    }
}

/* BODY-1 BODY-2 */
static void other_bodies_are_verbatim(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "W",
        "WBZ1",
        "WBZ1\x01\x03\x05",
        "WBZ1\x01\x03\x05zz",
        "WBZ2xxxxx",
        "WBZ0\x01\x03xxxx",
        "plain payload",
        "\x28\xb5\x2f\xfd plain frame bytes",
        "xWBZ1\x01\x03\x05xxxxxxxx",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wk_span body = wk_span_text(cases[i]);
        expect_payload(body, body);
        struct reading r = read_body(body);
        assert_false(r.info.wrapped);
        assert_false(r.info.checksummed);
        guarded_free(&r.payload);
    }
    struct reading r = read_body(wk_span(NULL, 0));
    assert_true(reads_as(&r, wk_span("", 0)));
    guarded_free(&r.payload);
}

/* BODY-2 */
static void algos_other_than_none_and_zstd_are_corrupt_and_named(void **state) {
    (void)state;
    uint8_t body[64];
    expect_payload(wrapped(body, 0, 0, 5, wk_span_text("hello")), wk_span_text("hello"));
    expect_payload(wrapped(body, 0, 9, 0, wk_span("", 0)), wk_span("", 0));
    expect_corrupt(wrapped(body, 0, 0, 4, wk_span_text("hello")), "raw_len says 4, 5 follow");
    expect_corrupt(wrapped(body, 0, 0, 6, wk_span_text("hello")), "raw_len says 6, 5 follow");
    expect_corrupt(wrapped(body, 2, 3, 5, wk_span_text("hello")), "algo 2 (lz4)");
    for (unsigned algo = 3; algo < 256; algo++) {
        char says[16];
        wk_format(says, sizeof says, "algo %u ", algo);
        expect_corrupt(wrapped(body, (uint8_t)algo, 3, 5, wk_span_text("hello")), says);
    }
}

/* ---- damage ---- */

/* The same payload and statement, or corrupt; returns whether it was corrupt. */
static bool same_or_corrupt(struct wk_span body, struct wk_span payload,
                            const struct wk_reuse *stated, const char *what, size_t where) {
    struct reading r = read_body(body);
    if (r.status != WK_OK && r.status != WK_CORRUPT)
        fail_msg("%s %zu: status %s", what, where, wk_status_name(r.status));
    if (r.status == WK_OK && !reads_as(&r, payload))
        fail_msg("%s %zu: other bytes", what, where);
    if (r.status == WK_OK && memcmp(&r.info.stated, stated, sizeof *stated) != 0)
        fail_msg("%s %zu: another statement", what, where);
    guarded_free(&r.payload);
    return r.status == WK_CORRUPT;
}

static void flip_every_bit(struct wk_span payload, const struct wk_body_policy *policy) {
    struct guarded body = encode(payload, policy);
    size_t harmless = 0;
    for (size_t bit = 0; bit < body.size * 8; bit++) {
        body.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        harmless += !same_or_corrupt(body_of(&body), payload, &policy->stated, "flipped bit", bit);
        body.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* The 8 bits of the level; a bit of the frame header that decoders do not look at, "single
     * segment" of a small one, and in a run of one byte a few that say where to repeat it from. */
    assert_in_range(harmless, 8, 16);
    guarded_free(&body);
}

static void cut_everywhere(struct wk_span payload, const struct wk_body_policy *policy) {
    struct guarded body = encode(payload, policy);
    for (size_t size = 0; size < body.size; size++) {
        struct reading r = read_body(wk_span(body.data, size));
        if (size >= 10)
            assert_int_equal(r.status, WK_CORRUPT);
        else
            assert_false(r.status == WK_OK && (r.info.wrapped || r.info.checksummed));
        guarded_free(&r.payload);
    }
    guarded_free(&body);
}

/* BODY-6 BODY-3 BODY-9 */
static void no_flipped_bit_and_no_cut_goes_unseen(void **state) {
    (void)state;
    static uint8_t mixed[700];
    static uint8_t same[300];
    fill_mixed(mixed, sizeof mixed);
    memset(same, 'k', sizeof same);
    const struct wk_span payloads[] = {
        wk_span(NULL, 0),           wk_span_text("hello"),        wk_span_text("WBZ1 in, WBZ1 out"),
        wk_span(same, sizeof same), wk_span(mixed, sizeof mixed),
    };
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        flip_every_bit(payloads[i], &level3);
        flip_every_bit(payloads[i], &level3_stated);
        cut_everywhere(payloads[i], &level3);
        cut_everywhere(payloads[i], &level3_stated);
    }
}

/* BODY-6: a frame as long as its content must not pass for the content when algo 1 becomes 0. */
static void a_frame_as_long_as_its_content_is_told_from_it(void **state) {
    (void)state;
    static uint8_t payload[400];
    static uint8_t noise[400];
    fill_random(noise, sizeof noise);
    bool found = false;
    /* Noise with a run in it: the length of the run decides by how much the frame is shorter. */
    for (size_t run = 4; run < 60 && !found; run++) {
        memcpy(payload, noise, sizeof payload);
        memset(payload + 100, 'r', run);
        struct guarded body = encode(wk_span(payload, sizeof payload), &level3);
        if (body.size == 10 + sizeof payload) {
            found = true;
            body.data[4] = 0;
            expect_corrupt(body_of(&body), "algo 0");
        }
        guarded_free(&body);
    }
    assert_true(found);
}

/* BODY-6 */
static void random_damage_is_corrupt_or_harmless(void **state) {
    (void)state;
    static uint8_t payload[1500];
    fill_mixed(payload, sizeof payload);
    struct wk_span p = wk_span(payload, sizeof payload);
    struct guarded whole = encode(p, &level3_stated);
    struct guarded body = encode(p, &level3_stated);
    unsigned corrupt = 0;
    for (unsigned round = 0; round < 4000; round++) {
        memcpy(body.data, whole.data, whole.size);
        size_t bytes = next_random() % 8 + 1;
        /* Behind the magic: with more than one byte of that gone a body is anything at all. */
        size_t at = 5 + next_random() % (whole.size - 5 - bytes);
        fill_random(body.data + at, bytes);
        corrupt += same_or_corrupt(body_of(&body), p, &statement, "damage in round", round);
    }
    assert_true(corrupt > 3800);
    guarded_free(&whole);
    guarded_free(&body);
}

/* BODY-2 BODY-8 */
static void a_raw_len_that_lies_is_corrupt(void **state) {
    (void)state;
    uint8_t body[64];
    /* Without a content size only decoding can tell. */
    static const char *const frames[] = {"28b52ffd200529000068656c6c6f",
                                         "28b52ffd045829000068656c6c6fa36d9f88"};
    for (size_t i = 0; i < 2; i++) {
        static const uint32_t lies[] = {0,     1,        4,          6,          1000,
                                        65536, 16777216, 0x0ff00001, 0x80000005, UINT32_MAX};
        for (size_t j = 0; j < sizeof lies / sizeof *lies; j++)
            expect_corrupt(wrapped_hex(body, 1, 3, lies[j], frames[i]), "");
        expect_payload(wrapped_hex(body, 1, 3, 5, frames[i]), wk_span_text("hello"));
    }
}

/* BODY-8 */
static void claims_are_held_against_the_bytes_that_are_there(void **state) {
    (void)state;
    uint8_t body[64];
    struct wk_body_info info;
    struct wk_error err;
    const char *frame = "28b52ffd045829000068656c6c6fa36d9f88"; /* 18 bytes: 4 blocks at most */
    struct wk_span b = wrapped_hex(body, 1, 3, 4 * 128 * 1024, frame);
    assert_int_equal(wk_body_inspect(b, b.size, &info, &err), WK_OK);
    b = wrapped_hex(body, 1, 3, 4 * 128 * 1024 + 1, frame);
    assert_int_equal(wk_body_inspect(b, b.size, &info, &err), WK_CORRUPT);
    assert_non_null(strstr(err.text, "524289"));
    assert_non_null(strstr(err.text, "524288"));
    b = wrapped_hex(body, 1, 3, WK_PAYLOAD_BYTES_MAX + 1, frame);
    assert_int_equal(wk_body_inspect(b, 1ull << 40, &info, &err), WK_INVALID); /* head too short */
    static uint8_t head[WK_BODY_HEAD_BYTES];
    memcpy(head, body, 28);
    assert_int_equal(wk_body_inspect(wk_span(head, sizeof head), 1ull << 40, &info, &err),
                     WK_CORRUPT);
    assert_non_null(strstr(err.text, "267386881"));
    /* A frame header that speaks of 2^63 bytes. */
    expect_corrupt(wrapped_hex(body, 1, 3, 5, "28b52ffde0000000000000008029000068656c6c6f"),
                   "holds 9223372036854775808");
    /* The most a body can hold does pass: zeros, 128 KiB for a handful of bytes. */
    static uint8_t zeros[1024 * 1024];
    struct guarded packed = encode(wk_span(zeros, sizeof zeros), &level3);
    assert_true(packed.size < 200);
    expect_payload(body_of(&packed), wk_span(zeros, sizeof zeros));
    guarded_free(&packed);
}

/* ---- the calls ---- */

/* BODY-8 BODY-12 */
static void a_head_is_enough_to_inspect(void **state) {
    (void)state;
    static uint8_t payload[5000];
    fill_random(payload, sizeof payload);
    struct guarded body = encode(wk_span(payload, sizeof payload), &level3_stated);
    assert_true(body.size > 5000);
    struct wk_body_info part;
    struct wk_body_info whole;
    struct wk_error err;
    memset(&part, 0, sizeof part);
    memset(&whole, 0, sizeof whole);
    assert_int_equal(
        wk_body_inspect(wk_span(body.data, WK_BODY_HEAD_BYTES), body.size, &part, &err), WK_OK);
    assert_int_equal(wk_body_inspect(body_of(&body), body.size, &whole, &err), WK_OK);
    assert_memory_equal(&part, &whole, sizeof whole);
    assert_true(whole.wrapped && whole.checksummed);
    assert_true(whole.raw_bytes == 5000);
    assert_memory_equal(&whole.stated, &statement, sizeof statement);
    part = whole;
    assert_int_equal(
        wk_body_inspect(wk_span(body.data, WK_BODY_HEAD_BYTES - 1), body.size, &part, &err),
        WK_INVALID);
    assert_int_equal(wk_body_inspect(body_of(&body), body.size - 1, &part, &err), WK_INVALID);
    assert_memory_equal(&part, &whole, sizeof whole);
    /* Verbatim bodies end where payloads do. */
    assert_int_equal(wk_body_inspect(wk_span(payload, 200), WK_PAYLOAD_BYTES_MAX, &part, &err),
                     WK_OK);
    assert_int_equal(
        wk_body_inspect(wk_span(payload, 200), WK_PAYLOAD_BYTES_MAX + 1ull, &part, &err),
        WK_TOO_LARGE);
    assert_non_null(strstr(err.text, "267386881"));
    guarded_free(&body);
}

/* BODY-8 */
static void wrong_room_and_workspace_are_refused(void **state) {
    (void)state;
    static uint8_t payload[3000];
    fill_mixed(payload, sizeof payload);
    struct wk_span p = wk_span(payload, sizeof payload);
    struct guarded body = encode(p, &level3);
    struct wk_body_info info;
    struct wk_error err;
    assert_int_equal(wk_body_inspect(body_of(&body), body.size, &info, &err), WK_OK);
    size_t work_bytes = wk_body_work_bytes(3, sizeof payload);
    struct guarded work = guarded(work_bytes + 8, 8);
    struct guarded to = guarded(sizeof payload, 1);
    struct wk_span_mut room = {to.data, to.size};

    size_t least = wk_body_decode_work_bytes();
    assert_int_equal(wk_body_decode(body_of(&body), &info, work.data, least - 8, room, &err),
                     WK_INVALID);
    assert_non_null(strstr(err.text, "workspace"));
    assert_int_equal(wk_body_decode(body_of(&body), &info, work.data, 0, room, &err), WK_INVALID);
    assert_int_equal(wk_body_decode(body_of(&body), &info, work.data + 1, least, room, &err),
                     WK_INVALID);
    room.size--;
    assert_int_equal(wk_body_decode(body_of(&body), &info, work.data, least, room, &err),
                     WK_INVALID);
    room.size++;
    struct wk_body_info other = info;
    other.raw_bytes--;
    assert_int_equal(wk_body_decode(body_of(&body), &other, work.data, least, room, &err),
                     WK_CORRUPT);
    assert_non_null(strstr(err.text, "2999 then"));
    assert_int_equal(wk_body_decode(body_of(&body), &info, work.data, least, room, &err), WK_OK);
    assert_memory_equal(to.data, payload, sizeof payload);

    size_t size = 77;
    struct guarded out = guarded(wk_body_encoded_bytes_max(sizeof payload), 1);
    struct wk_span_mut wide = {out.data, out.size};
    for (size_t given = 0; given < 4096; given += 512) {
        assert_int_equal(wk_body_encode(p, &level3, work.data, given, wide, &size, &err),
                         WK_INVALID);
        assert_non_null(strstr(err.text, "workspace"));
    }
    for (size_t given = 0; given < body.size; given++) {
        struct guarded narrow = guarded(given, 1);
        assert_int_equal(wk_body_encode(p, &level3, work.data, work_bytes,
                                        (struct wk_span_mut){narrow.data, given}, &size, &err),
                         WK_INVALID);
        assert_non_null(strstr(err.text, "room of"));
        guarded_free(&narrow);
    }
    struct wk_body_policy beyond = {.level = 23};
    assert_int_equal(wk_body_encode(p, &beyond, work.data, work_bytes, wide, &size, &err),
                     WK_INVALID);
    beyond.level = -1;
    assert_int_equal(wk_body_encode(p, &beyond, work.data, work_bytes, wide, &size, &err),
                     WK_INVALID);
    assert_int_equal(size, 77);
    guarded_free(&work);
    guarded_free(&to);
    guarded_free(&out);
    guarded_free(&body);
}

/* BODY-2 BODY-9: a body that changed since its head was looked at. */
static void a_head_other_than_the_one_inspected_is_corrupt(void **state) {
    (void)state;
    static const uint8_t payload[100];
    const struct wk_body_policy says = {.level = 3, .stated = {.layout_tag = {{'x'}}}};
    struct guarded body = encode(wk_span(payload, sizeof payload), &says);
    struct wk_body_info info;
    assert_int_equal(wk_body_inspect(body_of(&body), body.size, &info, NULL), WK_OK);
    struct wk_body_info others[5] = {info, info, info, info, info};
    others[0].wrapped = false;
    others[1].algo = WK_BODY_ALGO_NONE;
    others[2].raw_bytes++;
    others[3].checksummed = false;
    others[4].stated.layout_tag.bytes[0] = 'y';
    static uint64_t work[64 * 1024];
    uint8_t to[101];
    for (size_t i = 0; i < 5; i++) {
        struct wk_error err;
        assert_int_equal(wk_body_decode(body_of(&body), &others[i], work, sizeof work,
                                        (struct wk_span_mut){to, others[i].raw_bytes}, &err),
                         WK_CORRUPT);
        assert_non_null(strstr(err.text, "not the one inspected"));
    }
    body.data[0] ^= 1;
    assert_int_equal(wk_body_decode(body_of(&body), &info, work, sizeof work,
                                    (struct wk_span_mut){to, info.raw_bytes}, NULL),
                     WK_CORRUPT);
    guarded_free(&body);
}

/* BODY-2 */
static void only_the_begin_of_a_header_may_be_a_cut_body(void **state) {
    (void)state;
    static const char header[] = "WBZ1\x01\x03\x05\0\0\0";
    for (size_t size = 0; size < 10; size++)
        assert_true(wk_body_may_be_cut(wk_span(header, size)));
    assert_true(wk_body_may_be_cut(wk_span(NULL, 0)));
    assert_false(wk_body_may_be_cut(wk_span(header, 10)));
    assert_false(wk_body_may_be_cut(wk_span("X", 1)));
    assert_false(wk_body_may_be_cut(wk_span("WBX", 3)));
    assert_false(wk_body_may_be_cut(wk_span("WBZ2.....", 9)));
}

/* BODY-2: algo 0 over what is a zstd frame too, but of a kind that holds no payload. */
static void a_skippable_frame_is_a_payload_like_any_other(void **state) {
    (void)state;
    static const char body[] = "WBZ1\x00\x03\x0c\0\0\0\x50\x2a\x4d\x18\x04\0\0\0abcd";
    expect_payload(wk_span(body, sizeof body - 1), wk_span(body + 10, 12));
    /* raw_len is what the frame says it holds, and all that follows. */
    static const char empty[] = "WBZ1\x00\x03\x08\0\0\0\x50\x2a\x4d\x18\x08\0\0\0";
    expect_payload(wk_span(empty, sizeof empty - 1), wk_span(empty + 10, 8));
}

/* BODY-8 BODY-11 */
static void nothing_is_allocated(void **state) {
    (void)state;
#if COUNTS_ALLOCATIONS
    static uint8_t payload[300 * 1000];
    static uint8_t again[300 * 1000];
    fill_mixed(payload, sizeof payload);
    struct guarded work = guarded(wk_body_work_bytes(22, sizeof payload), 8);
    struct guarded out = guarded(wk_body_encoded_bytes_max(sizeof payload), 1);
    unsigned long before = allocations;
    void *volatile one = malloc(1);
    free(one);
    assert_true(allocations == before + 1); /* it does count */
    static const int levels[] = {0, 1, 3, 5, 9, 13, 19, 22};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        struct wk_body_policy policy = {.level = levels[i], .stated = statement};
        struct wk_body_info info;
        size_t size = 0;
        before = allocations;
        (void)wk_body_wants_wrap(wk_span(payload, sizeof payload), &policy, work.data, work.size);
        enum wk_status put =
            wk_body_encode(wk_span(payload, sizeof payload), &policy, work.data, work.size,
                           (struct wk_span_mut){out.data, out.size}, &size, NULL);
        enum wk_status seen = wk_body_inspect(wk_span(out.data, size), size, &info, NULL);
        enum wk_status got = wk_body_decode(wk_span(out.data, size), &info, work.data, work.size,
                                            (struct wk_span_mut){again, sizeof again}, NULL);
        assert_true(allocations == before);
        assert_int_equal(put, WK_OK);
        assert_int_equal(seen, WK_OK);
        assert_int_equal(got, WK_OK);
        assert_memory_equal(again, payload, sizeof payload);
    }
    guarded_free(&work);
    guarded_free(&out);
#else
    skip();
#endif
}

/* ---- writing ---- */

/* BODY-5 BODY-1 */
static void we_write_one_checksummed_frame_with_its_size(void **state) {
    (void)state;
    static uint8_t payload[9 * 1024 * 1024];
    fill_mixed(payload, 70000);
    static const size_t sizes[] = {0, 1, 5, 255, 256, 70000, 65536 + 256, 1 << 20, sizeof payload};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int level = 0; level <= 3; level += 3) {
            struct wk_body_policy policy = {.level = level};
            struct guarded body = encode(wk_span(payload, sizes[i]), &policy);
            assert_memory_equal(body.data, "WBZ1\x01", 5);
            assert_int_equal(body.data[5], level == 0 ? 1 : level);
            ZSTD_frameHeader header;
            assert_int_equal(ZSTD_getFrameHeader(&header, body.data + 10, body.size - 10), 0);
            assert_int_equal(header.frameType, ZSTD_frame);
            assert_true(header.frameContentSize == sizes[i]);
            assert_int_equal(header.checksumFlag, 1);
            assert_int_equal(header.dictID, 0);
            assert_true(header.windowSize <= 8u << 20);
            assert_int_equal(body.data[14] >> 5 & 1, sizes[i] <= 8u << 20); /* single segment */
            assert_int_equal(ZSTD_findFrameCompressedSize(body.data + 10, body.size - 10),
                             body.size - 10);
            expect_payload(body_of(&body), wk_span(payload, sizes[i]));
            guarded_free(&body);
        }
    }
}

/* BODY-9 */
static void a_statement_travels_with_the_body(void **state) {
    (void)state;
    struct wk_span p = wk_span_text("a payload with a statement");
    struct guarded plain = encode(p, &level3);
    struct guarded stated = encode(p, &level3_stated);
    assert_int_equal(stated.size, plain.size + 52);
    static const uint8_t expected[] = {0x57, 0x2a, 0x4d, 0x18, 44, 0, 0, 0};
    assert_memory_equal(stated.data, plain.data, 10);
    assert_memory_equal(stated.data + 10, expected, sizeof expected);
    assert_memory_equal(stated.data + 18, "twenty-four-digest-bytesds4-v1\0\0\0\0\0\0\0\0\0\0", 40);
    uint32_t crc = wk_crc32c(stated.data + 18, 40);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(stated.data[58 + i], crc >> 8 * i & 0xff);
    assert_memory_equal(stated.data + 62, plain.data + 10, plain.size - 10);
    struct reading r = read_body(body_of(&stated));
    assert_true(reads_as(&r, p));
    assert_true(r.info.checksummed);
    assert_memory_equal(&r.info.stated, &statement, sizeof statement);
    guarded_free(&r.payload);
    /* A libzstd that knows nothing of it. */
    char again[64];
    assert_int_equal(ZSTD_decompress(again, sizeof again, stated.data + 10, stated.size - 10),
                     p.size);
    assert_memory_equal(again, p.data, p.size);
    guarded_free(&plain);
    guarded_free(&stated);
    /* Each part alone. */
    const struct wk_body_policy parts[] = {{.level = 0, .stated.layout_tag = {"ds4-v1"}},
                                           {.level = 1, .stated.model_digest = {{1}}}};
    for (size_t i = 0; i < 2; i++) {
        struct guarded one = encode(p, &parts[i]);
        r = read_body(body_of(&one));
        assert_true(reads_as(&r, p));
        assert_memory_equal(&r.info.stated, &parts[i].stated, sizeof statement);
        guarded_free(&r.payload);
        guarded_free(&one);
    }
}

static bool wants(struct wk_span payload, const struct wk_body_policy *policy) {
    struct guarded work = guarded(wk_body_work_bytes(policy->level, payload.size), 8);
    bool answer = wk_body_wants_wrap(payload, policy, work.data, work.size);
    memset(work.data, 0xee, work.size);
    assert_int_equal(wk_body_wants_wrap(payload, policy, work.data, work.size), answer);
    guarded_free(&work);
    return answer;
}

/* BODY-4 BODY-3 */
static void a_payload_that_looks_wrapped_is_wrapped(void **state) {
    (void)state;
    const struct wk_body_policy off = {.level = 0};
    static const char *const like[] = {"WBZ1", "WBZ1x", "WBZ1\x01\x03\x05", "WBZ1 plain text"};
    for (size_t i = 0; i < sizeof like / sizeof *like; i++) {
        struct wk_span p = wk_span_text(like[i]);
        assert_true(wants(p, &off));
        struct guarded body = encode(p, &off);
        expect_payload(body_of(&body), p);
        guarded_free(&body);
    }
    static const char *const unlike[] = {"WBZ", "WBZ2 plain text", "xWBZ1", "wbz1"};
    for (size_t i = 0; i < sizeof unlike / sizeof *unlike; i++)
        assert_false(wants(wk_span_text(unlike[i]), &off));
    /* A whole body of ours as the payload, and each with one byte of the magic changed: verbatim
     * they would read as corrupt. With two changed, or another size, nobody takes them for one. */
    struct guarded inner = encode(wk_span_text("hello"), &level3_stated);
    assert_true(wants(body_of(&inner), &off));
    for (size_t at = 0; at < 4; at++) {
        inner.data[at] ^= 0x20;
        assert_true(wants(body_of(&inner), &off));
        expect_corrupt(body_of(&inner), "damaged");
        struct guarded outer = encode(body_of(&inner), &off);
        expect_payload(body_of(&outer), body_of(&inner));
        guarded_free(&outer);
        inner.data[6] ^= 1;
        assert_false(wants(body_of(&inner), &off));
        expect_payload(body_of(&inner), body_of(&inner));
        inner.data[6] ^= 1;
        inner.data[(at + 1) % 4] ^= 0x01;
        assert_false(wants(body_of(&inner), &off));
        expect_payload(body_of(&inner), body_of(&inner));
        inner.data[(at + 1) % 4] ^= 0x01;
        inner.data[at] ^= 0x20;
    }
    guarded_free(&inner);
}

/* BODY-10 */
static void only_what_shrinks_is_wrapped_unless_told(void **state) {
    (void)state;
    static uint8_t payload[1 << 20];
    const struct wk_span p = wk_span(payload, sizeof payload);
    const struct wk_body_policy off = {.level = 0};
    const struct wk_body_policy checksum = {.level = 0, .must_checksum = true};
    const struct wk_body_policy stated = {.level = 0, .stated = statement};
    fill_random(payload, sizeof payload);
    assert_false(wants(p, &level3));
    assert_false(wants(p, &off));
    assert_true(wants(p, &checksum));
    assert_true(wants(p, &stated));
    assert_true(wants(wk_span(NULL, 0), &checksum));
    assert_false(wants(wk_span(NULL, 0), &level3));
    memset(payload, 0, sizeof payload);
    assert_true(wants(p, &level3));
    assert_true(wants(wk_span(payload, 1000), &level3));
    assert_false(wants(p, &off));
    /* Two of the four samples are zeros: half the bytes go away. */
    fill_random(payload, sizeof payload / 2);
    assert_true(wants(p, &level3));
    /* The threshold lies at 10 % of a whole sample. */
    fill_random(payload, sizeof payload);
    memset(payload, 0, 16 * 1024 * 8 / 100);
    assert_false(wants(wk_span(payload, 16 * 1024), &level3));
    memset(payload, 0, 16 * 1024 * 13 / 100);
    assert_true(wants(wk_span(payload, 16 * 1024), &level3));
    /* Samples reach the first and the last byte, and nothing beyond. */
    for (size_t size = 1; size < 100 * 1024; size = size * 2 + 1) {
        struct guarded g = guarded(size, 1);
        assert_int_equal(wants(wk_span(g.data, size), &level3), size > 20);
        guarded_free(&g);
    }
    /* Too little memory to tell: wrap. */
    uint64_t little[8];
    assert_true(wk_body_wants_wrap(p, &level3, little, sizeof little));
    assert_true(wk_body_wants_wrap(p, &level3, little, 0));
    fill_random(payload, sizeof payload);
    size_t enough = wk_body_work_bytes(3, sizeof payload);
    struct guarded work = guarded(enough, 8);
    size_t given = 0;
    while (wk_body_wants_wrap(p, &level3, work.data, given))
        given += 4096;
    assert_true(given > 4096 && given <= enough);
    guarded_free(&work);
}

/* BODY-1 BODY-5 */
static void every_level_and_many_sizes_read_back(void **state) {
    (void)state;
    static uint8_t payload[1 << 20];
    fill_mixed(payload, sizeof payload);
    for (int level = 0; level <= 22; level++) {
        struct wk_body_policy policy = {.level = level, .must_checksum = level % 2 == 0};
        if (level % 3 == 0)
            policy.stated = statement;
        size_t most = level > 15 ? 40 * 1000 : sizeof payload;
        for (unsigned round = 0; round < 4; round++) {
            size_t size = round == 0 ? (size_t)level : next_random() % most;
            if (round == 3 && level <= 6)
                size = sizeof payload;
            size_t at = next_random() % (sizeof payload - size + 1);
            struct guarded body = encode(wk_span(payload + at, size), &policy);
            struct reading r = read_body(body_of(&body));
            assert_true(reads_as(&r, wk_span(payload + at, size)));
            assert_true(r.info.checksummed);
            assert_memory_equal(&r.info.stated, &policy.stated, sizeof policy.stated);
            guarded_free(&r.payload);
            guarded_free(&body);
        }
    }
}

/* BODY-11 */
static void one_workspace_serves_all_smaller_payloads(void **state) {
    (void)state;
    static uint8_t payload[600 * 1000];
    static uint8_t out[610 * 1000];
    fill_mixed(payload, sizeof payload);
    static const size_t sizes[] = {0,
                                   1,
                                   300,
                                   16 * 1024,
                                   16 * 1024 + 1,
                                   100 * 1000,
                                   128 * 1024,
                                   128 * 1024 + 1,
                                   256 * 1024,
                                   256 * 1024 + 1,
                                   600 * 1000};
    size_t count = sizeof sizes / sizeof *sizes;
    for (int level = 0; level <= 22; level++) {
        for (size_t i = 0; i < count; i++) {
            /* High levels are slow: there only the ends of the size classes. */
            if (level > 12 && i != 3 && i != 6)
                continue;
            size_t work_bytes = wk_body_work_bytes(level, sizes[i]);
            struct guarded work = guarded(work_bytes, 8);
            for (size_t j = 0; j <= i; j++) {
                if (level > 6 && j + 1 < i && j % 3 != 0)
                    continue;
                struct wk_body_policy policy = {.level = level};
                size_t size = 0;
                struct wk_error err;
                if (wk_body_encode(wk_span(payload, sizes[j]), &policy, work.data, work_bytes,
                                   (struct wk_span_mut){out, sizeof out}, &size, &err) != WK_OK)
                    fail_msg("level %d, %zu of %zu: %s", level, sizes[j], sizes[i], err.text);
            }
            guarded_free(&work);
        }
        /* Bounded whatever is asked, and never less for more. */
        size_t before = 0;
        for (size_t size = 1; size <= WK_PAYLOAD_BYTES_MAX; size = size * 2 + 1) {
            size_t now = wk_body_work_bytes(level, size);
            assert_true(now >= before && now >= wk_body_decode_work_bytes());
            before = now;
        }
        assert_true(before <= 40u << 20);
        if (level <= 3)
            assert_true(before <= 2u << 20);
    }
}

/* BODY-12 BODY-11 */
static void the_largest_payload_fits_and_one_more_byte_does_not(void **state) {
    (void)state;
    struct guarded payload = guarded(WK_PAYLOAD_BYTES_MAX, 1);
    fill_mixed(payload.data + 1000, 10000);
    payload.data[WK_PAYLOAD_BYTES_MAX - 1] = 9;
    struct wk_span p = wk_span(payload.data, payload.size);
    const struct wk_body_policy fast = {.level = 1};
    assert_true(wants(p, &fast));
    struct guarded body = encode(p, &fast);
    struct reading r = read_body(body_of(&body));
    assert_true(reads_as(&r, p));
    assert_true(r.info.checksummed);
    guarded_free(&r.payload);
    guarded_free(&body);
    uint64_t work[8];
    uint8_t room[8];
    size_t size = 3;
    struct wk_error err;
    assert_int_equal(wk_body_encode(wk_span(payload.data, payload.size + 1), &fast, work,
                                    sizeof work, (struct wk_span_mut){room, 8}, &size, &err),
                     WK_TOO_LARGE);
    assert_non_null(strstr(err.text, "267386881"));
    assert_int_equal(size, 3);
    guarded_free(&payload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector_of_the_reference_reads_back),
        cmocka_unit_test(bodies_with_frames_of_the_zstd_tool_read_back),
        cmocka_unit_test(frames_that_cannot_be_trusted_are_corrupt),
        cmocka_unit_test(the_zstd_tool_and_we_read_each_other),
        cmocka_unit_test(other_bodies_are_verbatim),
        cmocka_unit_test(algos_other_than_none_and_zstd_are_corrupt_and_named),
        cmocka_unit_test(no_flipped_bit_and_no_cut_goes_unseen),
        cmocka_unit_test(a_frame_as_long_as_its_content_is_told_from_it),
        cmocka_unit_test(random_damage_is_corrupt_or_harmless),
        cmocka_unit_test(a_raw_len_that_lies_is_corrupt),
        cmocka_unit_test(claims_are_held_against_the_bytes_that_are_there),
        cmocka_unit_test(a_head_is_enough_to_inspect),
        cmocka_unit_test(wrong_room_and_workspace_are_refused),
        cmocka_unit_test(a_head_other_than_the_one_inspected_is_corrupt),
        cmocka_unit_test(only_the_begin_of_a_header_may_be_a_cut_body),
        cmocka_unit_test(a_skippable_frame_is_a_payload_like_any_other),
        cmocka_unit_test(nothing_is_allocated),
        cmocka_unit_test(we_write_one_checksummed_frame_with_its_size),
        cmocka_unit_test(a_statement_travels_with_the_body),
        cmocka_unit_test(a_payload_that_looks_wrapped_is_wrapped),
        cmocka_unit_test(only_what_shrinks_is_wrapped_unless_told),
        cmocka_unit_test(every_level_and_many_sizes_read_back),
        cmocka_unit_test(one_workspace_serves_all_smaller_payloads),
        cmocka_unit_test(the_largest_payload_fits_and_one_more_byte_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
