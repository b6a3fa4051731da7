/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an engine uses WombatKV: prefill once, save the KV cache as blocks, restore it anywhere.
 *
 *     demo save DOCUMENT QUESTION    prefill, save, then wait (to be killed)
 *     demo ask DOCUMENT QUESTION     restore what is stored, prefill the rest, compare with a cold
 * run
 *
 * The prompt is DOCUMENT followed by QUESTION. The environment says where the store is; `make demo`
 * runs this program with scripts/demo.
 *
 * Block i holds the keys and values of tokens [i * 128, (i + 1) * 128). Its name is a hash over all
 * tokens up to its end, so two prompts that begin alike share the names of their first blocks.
 */
#define WMBT_KV_EXPERIMENTAL
#include <wombatkv.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "transformer.h"

enum {
    BLOCK_TOKENS = 128,
    BLOCKS_MAX = ENGINE_TOKENS_MAX / BLOCK_TOKENS,
    HEADER_BYTES = 24,
    BLOCK_BYTES = HEADER_BYTES + BLOCK_TOKENS * (int)ENGINE_KV_BYTES_PER_TOKEN
};

static const char namespace_[] = "demo";

struct prompt {
    size_t tokens;
    size_t blocks; /* full ones */
    int32_t token[ENGINE_TOKENS_MAX];
    char hash[BLOCKS_MAX][65];
    const char *hashes[BLOCKS_MAX];
};

static void die(const char *what) {
    const char *why = wmbt_kv_last_error();
    fprintf(stderr, "demo: %s%s%s\n", what, why ? ": " : "", why ? why : "");
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- prompt and hashes ------------------------------------------------------------------------
 */

/* h(i) = BLAKE3-hex( the 64 characters of h(i-1), then the tokens of block i ); h(-1) is the seed.
 */
static void hash_blocks(struct prompt *p, const struct engine *engine) {
    char fingerprint[25];
    char seed[80];
    char previous[65];
    engine_fingerprint(engine, fingerprint);
    int length = snprintf(seed, sizeof seed, "WMBTBLK1|%s|q0|ds4-v1", fingerprint);
    wmbt_kv_blake3_64hex((const uint8_t *)seed, (size_t)length, previous);
    p->blocks = p->tokens / BLOCK_TOKENS;
    for (size_t i = 0; i < p->blocks; i++) {
        uint8_t in[64 + BLOCK_TOKENS * sizeof(int32_t)];
        memcpy(in, previous, 64);
        memcpy(in + 64, p->token + i * BLOCK_TOKENS, sizeof in - 64);
        wmbt_kv_blake3_64hex(in, sizeof in, p->hash[i]);
        memcpy(previous, p->hash[i], 65);
        p->hashes[i] = p->hash[i];
    }
}

static void read_prompt(struct prompt *p, const struct engine *engine, const char *document,
                        const char *question) {
    FILE *file = fopen(document, "rb");
    if (file == NULL) {
        perror(document);
        exit(1);
    }
    memset(p, 0, sizeof *p);
    int c;
    while ((c = fgetc(file)) != EOF && p->tokens < ENGINE_TOKENS_MAX - 1)
        p->token[p->tokens++] = c;
    fclose(file);
    for (; *question != 0 && p->tokens < ENGINE_TOKENS_MAX; question++)
        p->token[p->tokens++] = (unsigned char)*question;
    hash_blocks(p, engine);
}

/* ---- envelopes: the engine's own format, with its own checks ----------------------------------
 */

struct envelope {
    uint32_t magic; /* block or tail */
    uint32_t version;
    uint32_t first_token;
    uint32_t tokens;
    uint32_t body_bytes;
    uint32_t body_crc32c;
};

#define MAGIC_BLOCK 0x314b4c42u /* "BLK1" */
#define MAGIC_TAIL  0x314c4954u /* "TIL1" */

_Static_assert(sizeof(struct envelope) == HEADER_BYTES, "written as it lies in memory");

static void seal(uint8_t *to, uint32_t magic, size_t first, size_t tokens, size_t body_bytes) {
    struct envelope e = {magic, 1, (uint32_t)first, (uint32_t)tokens, (uint32_t)body_bytes, 0};
    e.body_crc32c = wmbt_kv_crc32c(to + HEADER_BYTES, body_bytes);
    memcpy(to, &e, sizeof e);
}

/* The body, or NULL when this is not what was asked for. */
static const uint8_t *open_envelope(const uint8_t *bytes, size_t size, uint32_t magic, size_t first,
                                    size_t *tokens) {
    struct envelope e;
    if (size < sizeof e)
        return NULL;
    memcpy(&e, bytes, sizeof e);
    if (e.magic != magic || e.version != 1 || e.first_token != first ||
        e.body_bytes != size - sizeof e ||
        e.body_crc32c != wmbt_kv_crc32c(bytes + sizeof e, e.body_bytes))
        return NULL;
    *tokens = e.tokens;
    return bytes + sizeof e;
}

/* ---- save -------------------------------------------------------------------------------------
 */

static void save_blocks(wmbt_kv_handle_t *kv, const struct engine *engine, const struct prompt *p) {
    const uint8_t *payloads[BLOCKS_MAX];
    size_t sizes[BLOCKS_MAX];
    uint8_t *memory = malloc(p->blocks * BLOCK_BYTES);
    if (memory == NULL)
        die("no memory");
    for (size_t i = 0; i < p->blocks; i++) {
        uint8_t *block = memory + i * BLOCK_BYTES;
        engine_kv_save(engine, i * BLOCK_TOKENS, BLOCK_TOKENS, block + HEADER_BYTES);
        seal(block, MAGIC_BLOCK, i * BLOCK_TOKENS, BLOCK_TOKENS, BLOCK_BYTES - HEADER_BYTES);
        payloads[i] = block;
        sizes[i] = BLOCK_BYTES;
    }
    double started = now();
    int64_t bytes = wmbt_kv_put_kv_blocks(kv, namespace_, p->hashes, payloads, sizes, p->blocks);
    if (bytes < 0)
        die("saving the blocks");
    printf("  saved    %zu blocks of %d tokens, %.1f MB, in %.0f ms: acknowledged, so on disk\n",
           p->blocks, BLOCK_TOKENS, (double)bytes / 1e6, (now() - started) * 1e3);
    free(memory);
}

/* What follows the last full block. Its name does not cover its tokens, so they travel inside. */
static void save_tail(wmbt_kv_handle_t *kv, const struct engine *engine, const struct prompt *p) {
    size_t first = p->blocks * BLOCK_TOKENS;
    size_t tokens = p->tokens - first;
    size_t ids = tokens * sizeof(int32_t);
    size_t body = ids + tokens * ENGINE_KV_BYTES_PER_TOKEN;
    uint8_t *tail = malloc(HEADER_BYTES + body);
    if (tail == NULL)
        die("no memory");
    memcpy(tail + HEADER_BYTES, p->token + first, ids);
    engine_kv_save(engine, first, tokens, tail + HEADER_BYTES + ids);
    seal(tail, MAGIC_TAIL, first, tokens, body);
    if (wmbt_kv_put_raw_tail(kv, namespace_, p->hash[p->blocks - 1], tail, HEADER_BYTES + body,
                             NULL, 0) != 0)
        die("saving the tail");
    printf("  saved    the tail of %zu tokens after the last full block\n", tokens);
    free(tail);
}

/* ---- restore ----------------------------------------------------------------------------------
 */

static void print_tiers(const wmbt_kv_block_result *results, size_t count) {
    static const char letters[] = {'-', 'R', 'D', 'O'};
    printf("  tiers    ");
    for (size_t i = 0; i < count; i++)
        putchar(results[i].status == WMBT_KV_STATUS_OK ? letters[results[i].tier & 3] : '-');
    printf("   (O object store, R memory, - miss)\n");
}

/* Appends the leading blocks that are there and intact to the engine's cache; says how many. */
static size_t restore_blocks(wmbt_kv_handle_t *kv, struct engine *engine, const struct prompt *p) {
    size_t matched = 0;
    double started = now();
    if (wmbt_kv_lookup_block_prefix(kv, namespace_, p->hashes, p->blocks, &matched, NULL, 0) != 0)
        die("lookup");
    printf("  lookup   %zu of %zu blocks are stored\n", matched, p->blocks);

    wmbt_kv_block_result results[BLOCKS_MAX];
    const uint8_t **bytes = NULL;
    const size_t *sizes = NULL;
    wmbt_kv_borrow_t *borrow = NULL;
    if (wmbt_kv_get_kv_blocks_partial(kv, namespace_, p->hashes, matched, -1, results, &bytes,
                                      &sizes, &borrow) < 0)
        die("get");
    size_t restored = 0;
    for (; restored < matched && results[restored].status == WMBT_KV_STATUS_OK; restored++) {
        size_t tokens = 0;
        const uint8_t *body = open_envelope(bytes[restored], sizes[restored], MAGIC_BLOCK,
                                            restored * BLOCK_TOKENS, &tokens);
        if (body == NULL || tokens != BLOCK_TOKENS || sizes[restored] != BLOCK_BYTES)
            break;
        engine_kv_append(engine, tokens, body);
    }
    wmbt_kv_release_borrow(borrow);
    printf("  restored %zu blocks = %zu tokens in %.0f ms\n", restored, restored * BLOCK_TOKENS,
           (now() - started) * 1e3);
    print_tiers(results, matched);
    return restored;
}

/* Appends the stored tail if it is of these very tokens. */
static void restore_tail(wmbt_kv_handle_t *kv, struct engine *engine, const struct prompt *p) {
    const uint8_t *bytes = NULL;
    size_t size = 0;
    wmbt_kv_borrow_t *borrow = NULL;
    int32_t rc = wmbt_kv_get_raw_tail_borrowed(kv, namespace_, p->hash[p->blocks - 1], &bytes,
                                               &size, &borrow, NULL, 0);
    if (rc < 0)
        die("get the tail");
    if (rc == 0)
        return;
    size_t first = p->blocks * BLOCK_TOKENS;
    size_t tokens = 0;
    const uint8_t *body = open_envelope(bytes, size, MAGIC_TAIL, first, &tokens);
    size_t left = p->tokens - first;
    if (body != NULL && tokens == left &&
        memcmp(body, p->token + first, left * sizeof(int32_t)) == 0) {
        engine_kv_append(engine, tokens, body + tokens * sizeof(int32_t));
        printf("  restored the tail of %zu tokens\n", tokens);
    }
    wmbt_kv_release_borrow(borrow);
}

/* ---- the two commands -------------------------------------------------------------------------
 */

static double prefill(struct engine *engine, const struct prompt *p) {
    double started = now();
    size_t at = engine_position(engine);
    if (engine_prefill(engine, p->token + at, p->tokens - at) != 0)
        die("the prompt is too long");
    return now() - started;
}

static void save(wmbt_kv_handle_t *kv, struct engine *engine, const struct prompt *p) {
    double seconds = prefill(engine, p);
    printf("  prefill  %zu tokens in %.2f s\n", p->tokens, seconds);
    save_blocks(kv, engine, p);
    save_tail(kv, engine, p);
    fflush(stdout);
    pause();
}

static int ask(wmbt_kv_handle_t *kv, struct engine *engine, const struct prompt *p) {
    double started = now();
    size_t restored = restore_blocks(kv, engine, p);
    if (restored == p->blocks)
        restore_tail(kv, engine, p);
    double restore_seconds = now() - started;
    /* Logits come from computing: a prompt that was restored whole computes its last token again.
     */
    if (engine_position(engine) == p->tokens)
        engine_rewind(engine, p->tokens - 1);
    size_t rest = p->tokens - engine_position(engine);
    double rest_seconds = prefill(engine, p);
    printf("  prefill  the other %zu tokens in %.2f s\n", rest, rest_seconds);
    float warm[ENGINE_VOCABULARY];
    memcpy(warm, engine_logits(engine), sizeof warm);

    engine_rewind(engine, 0);
    double cold_seconds = prefill(engine, p);
    int same = memcmp(warm, engine_logits(engine), sizeof warm) == 0;
    printf("  cold run %zu tokens in %.2f s: restoring took %.0f ms instead of %.2f s of prefill\n",
           p->tokens, cold_seconds, restore_seconds * 1e3, cold_seconds - rest_seconds);
    printf("  next-token logits of both runs: %s\n", same ? "bit-identical" : "DIFFERENT");
    if (restored > 0)
        printf("  last restored block: %s\n", p->hash[restored - 1]);
    return same ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc != 4 || (strcmp(argv[1], "save") != 0 && strcmp(argv[1], "ask") != 0)) {
        fprintf(stderr, "usage: demo save|ask DOCUMENT QUESTION\n");
        return 2;
    }
    struct engine *engine = engine_new(20260101);
    struct prompt *p = malloc(sizeof *p);
    wmbt_kv_handle_t *kv = wmbt_kv_init_from_env();
    if (engine == NULL || p == NULL)
        die("no memory");
    if (kv == NULL)
        die("opening the store");
    read_prompt(p, engine, argv[2], argv[3]);
    if (p->blocks == 0)
        die("the prompt is shorter than one block");
    int rc = 0;
    if (strcmp(argv[1], "save") == 0)
        save(kv, engine, p);
    else
        rc = ask(kv, engine, p);
    wmbt_kv_free(kv);
    free(p);
    engine_free(engine);
    return rc;
}
