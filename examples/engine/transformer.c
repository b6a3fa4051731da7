/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pre-norm decoder: x += attention(norm(x)); x += mlp(norm(x)); logits = norm(x) . embedding.
 *
 * Prefill goes through the tokens in groups, so that a weight row read from memory serves several
 * tokens; each dot product is summed in eight fixed lanes, so the group does not change a bit of
 * the result.
 */
#include "transformer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP = 16, LANES = 8 };

struct layer {
    float norm_attention[ENGINE_WIDTH];
    float norm_mlp[ENGINE_WIDTH];
    float query[ENGINE_WIDTH * ENGINE_WIDTH];
    float key[ENGINE_WIDTH * ENGINE_WIDTH];
    float value[ENGINE_WIDTH * ENGINE_WIDTH];
    float out[ENGINE_WIDTH * ENGINE_WIDTH];
    float up[ENGINE_HIDDEN * ENGINE_WIDTH];
    float down[ENGINE_WIDTH * ENGINE_HIDDEN];
};

struct kv {
    float key[ENGINE_TOKENS_MAX][ENGINE_WIDTH];
    float value[ENGINE_TOKENS_MAX][ENGINE_WIDTH];
};

struct engine {
    uint64_t weight_seed;
    size_t position;
    float embedding[ENGINE_VOCABULARY * ENGINE_WIDTH];
    struct layer layers[ENGINE_LAYERS];
    struct kv cache[ENGINE_LAYERS];
    float logits[ENGINE_VOCABULARY];
};

/* ---- weights ----------------------------------------------------------------------------------
 */

static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* Uniform in [-scale, scale), with 24 bits, so that every machine makes the same floats. */
static void fill_random(float *to, size_t count, float scale, uint64_t *state) {
    for (size_t i = 0; i < count; i++)
        to[i] = ((float)(next_random(state) >> 40) / 8388608.0f - 1.0f) * scale;
}

static void fill_ones(float *to, size_t count) {
    for (size_t i = 0; i < count; i++)
        to[i] = 1.0f;
}

struct engine *engine_new(uint64_t weight_seed) {
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    uint64_t state = weight_seed;
    engine->weight_seed = weight_seed;
    const float wide = 1.7f / sqrtf((float)ENGINE_WIDTH);
    fill_random(engine->embedding, ENGINE_VOCABULARY * ENGINE_WIDTH, 1.0f, &state);
    for (size_t l = 0; l < ENGINE_LAYERS; l++) {
        struct layer *layer = &engine->layers[l];
        fill_ones(layer->norm_attention, ENGINE_WIDTH);
        fill_ones(layer->norm_mlp, ENGINE_WIDTH);
        fill_random(layer->query, ENGINE_WIDTH * ENGINE_WIDTH, wide, &state);
        fill_random(layer->key, ENGINE_WIDTH * ENGINE_WIDTH, wide, &state);
        fill_random(layer->value, ENGINE_WIDTH * ENGINE_WIDTH, wide, &state);
        fill_random(layer->out, ENGINE_WIDTH * ENGINE_WIDTH, wide, &state);
        fill_random(layer->up, ENGINE_HIDDEN * ENGINE_WIDTH, wide, &state);
        fill_random(layer->down, ENGINE_WIDTH * ENGINE_HIDDEN, 1.7f / sqrtf((float)ENGINE_HIDDEN),
                    &state);
    }
    return engine;
}

void engine_free(struct engine *engine) {
    free(engine);
}

void engine_fingerprint(const struct engine *engine, char to[25]) {
    snprintf(to, 25, "%016llx%04x%04x", (unsigned long long)engine->weight_seed,
             (unsigned)ENGINE_LAYERS, (unsigned)ENGINE_WIDTH);
}

size_t engine_position(const struct engine *engine) {
    return engine->position;
}

void engine_rewind(struct engine *engine, size_t position) {
    if (position < engine->position)
        engine->position = position;
}

const float *engine_logits(const struct engine *engine) {
    return engine->logits;
}

/* ---- arithmetic -------------------------------------------------------------------------------
 */

/* Eight lanes, added up pairwise: one order, whatever the compiler makes of it. */
static float dot(const float *a, const float *b, size_t count) {
    float lanes[LANES] = {0};
    for (size_t i = 0; i < count; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += a[i + lane] * b[i + lane];
    }
    for (size_t width = LANES / 2; width > 0; width /= 2) {
        for (size_t lane = 0; lane < width; lane++)
            lanes[lane] += lanes[lane + width];
    }
    return lanes[0];
}

/* out[t][row] = weights[row] . in[t], for all tokens of the group. */
static void project(const float *weights, size_t rows, size_t columns, const float *in, float *out,
                    size_t tokens) {
    for (size_t row = 0; row < rows; row++) {
        for (size_t t = 0; t < tokens; t++)
            out[t * rows + row] = dot(weights + row * columns, in + t * columns, columns);
    }
}

static void rms_norm(const float *in, const float *gain, float *out) {
    float scale = 1.0f / sqrtf(dot(in, in, ENGINE_WIDTH) / (float)ENGINE_WIDTH + 1e-5f);
    for (size_t i = 0; i < ENGINE_WIDTH; i++)
        out[i] = in[i] * scale * gain[i];
}

/* Turns each pair of a row by an angle that grows with the position: rotary embedding. */
static void rotate(float *row, size_t position) {
    for (size_t head = 0; head < ENGINE_HEADS; head++) {
        float *at = row + head * ENGINE_HEAD_WIDTH;
        for (size_t i = 0; i < ENGINE_HEAD_WIDTH; i += 2) {
            float angle = (float)position * powf(10000.0f, -(float)i / (float)ENGINE_HEAD_WIDTH);
            float c = cosf(angle);
            float s = sinf(angle);
            float x = at[i];
            float y = at[i + 1];
            at[i] = x * c - y * s;
            at[i + 1] = x * s + y * c;
        }
    }
}

/* One token attends to all tokens up to itself. */
static void attend(const struct kv *kv, const float *query, size_t position, float *out) {
    static const float scale = 0.125f; /* 1 / sqrt(ENGINE_HEAD_WIDTH) */
    float weight[ENGINE_TOKENS_MAX];
    for (size_t head = 0; head < ENGINE_HEADS; head++) {
        size_t at = head * ENGINE_HEAD_WIDTH;
        float largest = -INFINITY;
        for (size_t t = 0; t <= position; t++) {
            weight[t] = dot(query + at, kv->key[t] + at, ENGINE_HEAD_WIDTH) * scale;
            largest = weight[t] > largest ? weight[t] : largest;
        }
        float sum = 0.0f;
        for (size_t t = 0; t <= position; t++) {
            weight[t] = expf(weight[t] - largest);
            sum += weight[t];
        }
        float *to = out + at;
        memset(to, 0, ENGINE_HEAD_WIDTH * sizeof *to);
        for (size_t t = 0; t <= position; t++) {
            float share = weight[t] / sum;
            for (size_t i = 0; i < ENGINE_HEAD_WIDTH; i++)
                to[i] += share * kv->value[t][at + i];
        }
    }
}

/* ---- one group of tokens ----------------------------------------------------------------------
 */

static void add_to(float *to, const float *from, size_t count) {
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
}

static void attention_step(struct engine *engine, size_t l, float *x, size_t tokens) {
    const struct layer *layer = &engine->layers[l];
    struct kv *kv = &engine->cache[l];
    float normed[GROUP * ENGINE_WIDTH];
    float query[GROUP * ENGINE_WIDTH];
    float mixed[GROUP * ENGINE_WIDTH];
    float back[GROUP * ENGINE_WIDTH];
    size_t base = engine->position;
    for (size_t t = 0; t < tokens; t++)
        rms_norm(x + t * ENGINE_WIDTH, layer->norm_attention, normed + t * ENGINE_WIDTH);
    project(layer->query, ENGINE_WIDTH, ENGINE_WIDTH, normed, query, tokens);
    project(layer->key, ENGINE_WIDTH, ENGINE_WIDTH, normed, kv->key[base], tokens);
    project(layer->value, ENGINE_WIDTH, ENGINE_WIDTH, normed, kv->value[base], tokens);
    for (size_t t = 0; t < tokens; t++) {
        rotate(query + t * ENGINE_WIDTH, base + t);
        rotate(kv->key[base + t], base + t);
    }
    for (size_t t = 0; t < tokens; t++)
        attend(kv, query + t * ENGINE_WIDTH, base + t, mixed + t * ENGINE_WIDTH);
    project(layer->out, ENGINE_WIDTH, ENGINE_WIDTH, mixed, back, tokens);
    add_to(x, back, tokens * ENGINE_WIDTH);
}

static void mlp_step(const struct layer *layer, float *x, size_t tokens) {
    float normed[GROUP * ENGINE_WIDTH];
    float hidden[GROUP * ENGINE_HIDDEN];
    float back[GROUP * ENGINE_WIDTH];
    for (size_t t = 0; t < tokens; t++)
        rms_norm(x + t * ENGINE_WIDTH, layer->norm_mlp, normed + t * ENGINE_WIDTH);
    project(layer->up, ENGINE_HIDDEN, ENGINE_WIDTH, normed, hidden, tokens);
    for (size_t i = 0; i < tokens * ENGINE_HIDDEN; i++)
        hidden[i] = hidden[i] / (1.0f + expf(-hidden[i]));
    project(layer->down, ENGINE_WIDTH, ENGINE_HIDDEN, hidden, back, tokens);
    add_to(x, back, tokens * ENGINE_WIDTH);
}

static void compute_group(struct engine *engine, const int32_t *tokens, size_t count) {
    float x[GROUP * ENGINE_WIDTH];
    for (size_t t = 0; t < count; t++) {
        size_t row = (size_t)tokens[t] % ENGINE_VOCABULARY;
        memcpy(x + t * ENGINE_WIDTH, engine->embedding + row * ENGINE_WIDTH,
               ENGINE_WIDTH * sizeof *x);
    }
    for (size_t l = 0; l < ENGINE_LAYERS; l++) {
        attention_step(engine, l, x, count);
        mlp_step(&engine->layers[l], x, count);
    }
    engine->position += count;

    float last[ENGINE_WIDTH];
    rms_norm(x + (count - 1) * ENGINE_WIDTH, engine->layers[0].norm_attention, last);
    project(engine->embedding, ENGINE_VOCABULARY, ENGINE_WIDTH, last, engine->logits, 1);
}

int engine_prefill(struct engine *engine, const int32_t *tokens, size_t count) {
    if (count > ENGINE_TOKENS_MAX - engine->position)
        return -1;
    for (size_t done = 0; done < count;) {
        size_t group = count - done < GROUP ? count - done : GROUP;
        compute_group(engine, tokens + done, group);
        done += group;
    }
    return 0;
}

/* ---- the cache as bytes -----------------------------------------------------------------------
 */

void engine_kv_save(const struct engine *engine, size_t from, size_t count, uint8_t *to) {
    size_t bytes = count * ENGINE_WIDTH * sizeof(float);
    for (size_t l = 0; l < ENGINE_LAYERS; l++) {
        memcpy(to, engine->cache[l].key[from], bytes);
        memcpy(to + bytes, engine->cache[l].value[from], bytes);
        to += 2 * bytes;
    }
}

int engine_kv_append(struct engine *engine, size_t count, const uint8_t *from) {
    if (count > ENGINE_TOKENS_MAX - engine->position)
        return -1;
    size_t bytes = count * ENGINE_WIDTH * sizeof(float);
    for (size_t l = 0; l < ENGINE_LAYERS; l++) {
        memcpy(engine->cache[l].key[engine->position], from, bytes);
        memcpy(engine->cache[l].value[engine->position], from + bytes, bytes);
        from += 2 * bytes;
    }
    engine->position += count;
    return 0;
}
