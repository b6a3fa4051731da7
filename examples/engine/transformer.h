/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small transformer on the CPU: real attention, real KV cache, pseudo-random weights.
 *
 * It says nothing sensible, but it computes what a language model computes, so that saving and
 * restoring its KV cache can be judged by the only measure that counts: the logits of the next
 * token are bit-identical to those of a run that computed everything itself.
 *
 * Tokens are bytes. Every token's result depends on the tokens before it only, and is summed in one
 * fixed order, whatever else is computed beside it.
 */
#ifndef ENGINE_TRANSFORMER_H
#define ENGINE_TRANSFORMER_H

#include <stddef.h>
#include <stdint.h>

enum {
    ENGINE_VOCABULARY = 256,
    ENGINE_LAYERS = 6,
    ENGINE_WIDTH = 256,
    ENGINE_HEADS = 4,
    ENGINE_HEAD_WIDTH = ENGINE_WIDTH / ENGINE_HEADS,
    ENGINE_HIDDEN = 768,
    ENGINE_TOKENS_MAX = 4096
};

/* Of one token: for each layer, a key and a value row of ENGINE_WIDTH floats. */
#define ENGINE_KV_BYTES_PER_TOKEN (ENGINE_LAYERS * 2u * ENGINE_WIDTH * sizeof(float))

struct engine;

/* NULL when there is no memory. The same seed gives the same weights everywhere. */
struct engine *engine_new(uint64_t weight_seed);
void engine_free(struct engine *engine);

/* 24 hex digits that name the weights, and a terminator. */
void engine_fingerprint(const struct engine *engine, char to[25]);

/* Tokens whose keys and values are in the cache now. */
size_t engine_position(const struct engine *engine);

/* Forgets all tokens from `position` on. */
void engine_rewind(struct engine *engine, size_t position);

/* Computes `count` further tokens. Returns 0, or -1 when the context would be too long. */
int engine_prefill(struct engine *engine, const int32_t *tokens, size_t count);

/* Logits after the last token that was computed (not restored): ENGINE_VOCABULARY floats. */
const float *engine_logits(const struct engine *engine);

/*
 * The cache of tokens [from, from + count) as bytes: layer by layer, first all keys, then all
 * values. `to` has room for count * ENGINE_KV_BYTES_PER_TOKEN.
 */
void engine_kv_save(const struct engine *engine, size_t from, size_t count, uint8_t *to);
/* Appends `count` tokens to the cache from such bytes. Returns 0, or -1 when it would be too long.
 */
int engine_kv_append(struct engine *engine, size_t count, const uint8_t *from);

#endif
