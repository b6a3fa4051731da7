/* SPDX-License-Identifier: Apache-2.0 */
#include "interop/values.h"

/* ---- random values ---- */

static size_t random_size(struct sim_rng *rng) {
    switch (sim_rng_below(rng, 8)) {
    case 0:
        return 0;
    case 1:
        return (size_t)sim_rng_between(rng, 58, 70);
    case 2:
        return (size_t)sim_rng_between(rng, 120, 136); /* around WK_IOV_COPY_BYTES_MAX */
    case 3:
        return (size_t)sim_rng_below(rng, 400);
    default:
        return (size_t)sim_rng_below(rng, 14);
    }
}

static struct wk_span random_text(struct sim_rng *rng, struct arena *arena) {
    static const struct {
        const char *bytes;
        size_t size;
    } characters[] = {{"x", 1},
                      {"\0", 1},
                      {"\x7f", 1},
                      {"\xc2\x80", 2},
                      {"\xdf\xbf", 2},
                      {"\xe0\xa0\x80", 3},
                      {"\xed\x9f\xbf", 3},
                      {"\xef\xbf\xbf", 3},
                      {"\xf0\x90\x80\x80", 4},
                      {"\xf4\x8f\xbf\xbf", 4}};
    const size_t kinds = sizeof characters / sizeof characters[0];
    size_t size = random_size(rng);
    size_t capacity = size + 4;
    struct wk_writer w = wk_writer(arena_take(arena, capacity), capacity);
    bool plain = sim_rng_below(rng, 2) == 0;
    while (w.at < size) {
        size_t kind = plain ? 0 : (size_t)sim_rng_below(rng, kinds);
        wk_write_span(&w, wk_span(characters[kind].bytes, characters[kind].size));
    }
    return wk_writer_span(&w);
}

static struct wk_span random_bytes(struct sim_rng *rng, struct arena *arena) {
    size_t size = random_size(rng);
    uint8_t *bytes = arena_take(arena, size);
    sim_rng_fill(rng, bytes, size);
    return wk_span(bytes, size);
}

static uint64_t random_number(struct sim_rng *rng) {
    uint64_t kind = sim_rng_below(rng, 4);
    return kind == 0 ? UINT64_MAX : kind == 1 ? 0 : sim_rng_next(rng);
}

static void random_hashes(struct sim_rng *rng, struct arena *arena, struct message *m) {
    m->hash_count = (size_t)sim_rng_below(rng, 6);
    m->hashes = arena_take(arena, m->hash_count * sizeof *m->hashes);
    for (size_t i = 0; i < m->hash_count; i++)
        m->hashes[i] = random_text(rng, arena);
}

static void random_payloads(struct sim_rng *rng, struct arena *arena, struct message *m) {
    m->payload_count = (size_t)sim_rng_below(rng, 6);
    m->payloads = arena_take(arena, m->payload_count * sizeof *m->payloads);
    for (size_t i = 0; i < m->payload_count; i++)
        m->payloads[i] = wk_payload(random_bytes(rng, arena));
}

static struct wk_text_option random_option(struct sim_rng *rng, struct arena *arena) {
    struct wk_text_option out = {sim_rng_below(rng, 3) > 0, {NULL, 0}};
    if (out.some)
        out.text = random_text(rng, arena);
    return out;
}

struct message value_random(struct sim_rng *rng, struct arena *arena) {
    struct message m = {.type = (enum message_type)sim_rng_below(rng, MESSAGE_TYPES)};
    if (m.type == WIRE_REQUEST || m.type == WIRE_RESPONSE) {
        m.id = random_number(rng);
        m.op = (uint8_t)random_number(rng);
        m.payload = random_bytes(rng, arena);
    }
    if (m.type == WIRE_RESPONSE) {
        m.status = (uint8_t)random_number(rng);
        m.text = random_text(rng, arena);
    }
    if (m.type == WIRE_REQUEST)
        m.key = random_text(rng, arena);
    if (m.type == WIRE_REQUEST || m.type == LOOKUP_REQ || m.type == GET_REQ || m.type == PUT_REQ)
        m.name_space = random_text(rng, arena);
    if (m.type == LOOKUP_REQ || m.type == GET_REQ || m.type == PUT_REQ)
        random_hashes(rng, arena, &m);
    m.hit = m.type == GET_RESP && sim_rng_below(rng, 4) > 0;
    if (m.type == PUT_REQ || m.hit)
        random_payloads(rng, arena, &m);
    if (m.type == LOOKUP_RESP || m.type == GET_RESP || m.type == PUT_RESP)
        m.error = random_option(rng, arena);
    if (m.type == LOOKUP_RESP)
        m.matched_count = (uint32_t)random_number(rng);
    if (m.type == PUT_RESP)
        m.total_bytes = random_number(rng);
    return m;
}

/* ---- the plain form ---- */

static void write_sized(struct wk_writer *to, struct wk_span bytes) {
    wk_write_u32le(to, (uint32_t)bytes.size);
    wk_write_span(to, bytes);
}

static void write_option(struct wk_writer *to, const struct wk_text_option *o) {
    wk_write_u8(to, o->some);
    if (o->some)
        write_sized(to, o->text);
}

static void write_hashes(struct wk_writer *to, const struct message *m) {
    wk_write_u32le(to, (uint32_t)m->hash_count);
    for (size_t i = 0; i < m->hash_count; i++)
        write_sized(to, m->hashes[i]);
}

static void write_payloads(struct wk_writer *to, const struct message *m) {
    wk_write_u32le(to, (uint32_t)m->payload_count);
    for (size_t i = 0; i < m->payload_count; i++)
        write_sized(to, m->payloads[i].bytes);
}

static void write_get_resp(struct wk_writer *to, const struct message *m) {
    wk_write_u8(to, m->hit);
    if (m->hit)
        write_payloads(to, m);
    write_option(to, &m->error);
}

static void write_request(struct wk_writer *to, const struct message *m) {
    wk_write_u64le(to, m->id);
    wk_write_u8(to, m->op);
    write_sized(to, m->name_space);
    write_sized(to, m->key);
    write_sized(to, m->payload);
}

static void write_response(struct wk_writer *to, const struct message *m) {
    wk_write_u64le(to, m->id);
    wk_write_u8(to, m->status);
    wk_write_u8(to, m->op);
    write_sized(to, m->payload);
    write_sized(to, m->text);
}

void value_write(struct wk_writer *to, const struct message *m) {
    switch (m->type) {
    case WIRE_REQUEST:
        write_request(to, m);
        break;
    case WIRE_RESPONSE:
        write_response(to, m);
        break;
    case LOOKUP_REQ:
    case GET_REQ:
        write_sized(to, m->name_space);
        write_hashes(to, m);
        break;
    case LOOKUP_RESP:
        wk_write_u32le(to, m->matched_count);
        write_option(to, &m->error);
        break;
    case GET_RESP:
        write_get_resp(to, m);
        break;
    case PUT_REQ:
        write_sized(to, m->name_space);
        write_hashes(to, m);
        write_payloads(to, m);
        break;
    case PUT_RESP:
        wk_write_u64le(to, m->total_bytes);
        write_option(to, &m->error);
        break;
    case MESSAGE_TYPES:
        break;
    }
}

/* ---- damage ---- */

static void put_word(uint8_t *at, uint32_t value) {
    struct wk_writer w = wk_writer(at, 4);
    wk_write_u32le(&w, value);
}

/* A word, moved a little: an offset or a size that is nearly right. */
static void nudge(struct sim_rng *rng, uint8_t *at) {
    put_word(at, wk_archive_u32(at) + (uint32_t)sim_rng_below(rng, 33) - 16);
}

static void swap(uint8_t *a, uint8_t *b, size_t size) {
    for (size_t i = 0; i < size; i++) {
        uint8_t kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

/* Up to eight bytes in at `at`, or away from there; mostly eight, which leaves everything aligned.
 */
static size_t few(struct sim_rng *rng, size_t most) {
    if (most >= 8 && sim_rng_below(rng, 4) > 0)
        return 8;
    return (size_t)sim_rng_below(rng, (most < 8 ? most : 8) + 1);
}

static size_t insert(struct sim_rng *rng, uint8_t *archive, size_t size, size_t at, size_t room) {
    size_t count = few(rng, room);
    memmove(archive + at + count, archive + at, size - at);
    sim_rng_fill(rng, archive + at, count);
    return size + count;
}

static size_t drop(struct sim_rng *rng, uint8_t *archive, size_t size, size_t at) {
    size_t left = size - at;
    size_t count = few(rng, left);
    memmove(archive + at, archive + at + count, left - count);
    return size - count;
}

static size_t damage_once(struct sim_rng *rng, uint8_t *archive, size_t size, size_t capacity) {
    static const uint32_t words[] = {0,    1,    2,          8,          0x80,      0x88,
                                     0x89, 0xff, 0x7fffffff, 0x80000000, UINT32_MAX};
    size_t word = (size_t)sim_rng_below(rng, size / 4) * 4;
    size_t other = (size_t)sim_rng_below(rng, size / 4) * 4;
    switch (sim_rng_below(rng, 10)) {
    case 0:
        archive[sim_rng_below(rng, size)] = (uint8_t)sim_rng_next(rng);
        return size;
    case 1:
        archive[sim_rng_below(rng, size)] ^= (uint8_t)(1u << sim_rng_below(rng, 8));
        return size;
    case 2:
        put_word(archive + word, words[sim_rng_below(rng, sizeof words / sizeof words[0])]);
        return size;
    case 3:
        swap(archive + word, archive + other, 4);
        return size;
    case 4:
        memcpy(archive + word, archive + other, 4);
        return size;
    case 5:
        return drop(rng, archive, size, (size_t)sim_rng_below(rng, size));
    case 6:
        return drop(rng, archive, size, 0);
    case 7:
        return insert(rng, archive, size, (size_t)sim_rng_below(rng, size + 1), capacity - size);
    default:
        nudge(rng, archive + word);
        return size;
    }
}

size_t archive_damage(struct sim_rng *rng, uint8_t *archive, size_t size, size_t capacity) {
    uint64_t changes = sim_rng_between(rng, 1, 3);
    for (uint64_t i = 0; i < changes && size >= 4; i++)
        size = damage_once(rng, archive, size, capacity);
    return size;
}
