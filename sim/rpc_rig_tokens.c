// SPDX-License-Identifier: Apache-2.0
// The dispatch with tokens, over a store that only counts who gets through to it.
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon/dispatch.h"
#include "disk.h"
#include "hash/blake3.h"
#include "pool.h"
#include "report.h"
#include "rpc/frame.h"
#include "rpc_rig.h"

#define PATH "/etc/wombatkv/rig-tokens"

struct rig {
    struct wk_backend store; // first
    struct sim_rpc_rig *rig;
    struct wk_dispatch dispatch;
    struct wk_rpc_session session;
    uint32_t calls; // that reached the store
};

static enum wk_status count_get(struct wk_backend *b, struct wk_span ns,
                                const struct wk_block_hash *hashes, size_t count,
                                enum wk_get_mode mode, uint64_t deadline_ns,
                                struct wk_block_result *results, struct wk_error *err) {
    (void)ns, (void)hashes, (void)count, (void)mode, (void)deadline_ns, (void)results, (void)err;
    ((struct rig *)b)->calls++;
    return WK_MISS;
}

static void release_nothing(struct wk_backend *b, const struct wk_block_result *results,
                            size_t count) {
    (void)b, (void)results, (void)count;
}

static const struct wk_backend_ops ops = {.get = count_get, .release = release_nothing};

static void put_tokens(struct sim_rpc_rig *rig, const char *token, const char *namespaces) {
    uint8_t hash[WK_BLAKE3_BYTES];
    char hex[2 * WK_BLAKE3_BYTES + 1];
    char text[256];
    struct wk_span span = wk_span_text(token);
    wk_blake3(&span, 1, hash);
    wk_hex_encode(wk_span(hash, sizeof hash), hex);
    snprintf(text, sizeof text, "[engine]\ntoken_blake3 = %s\nnamespaces = %s\n", hex, namespaces);
    sim_disk_put_text(rig->process->host->disk, PATH, text);
}

static struct rig *begin(struct sim_rpc_rig *rig) {
    struct rig *r = sim_new(sizeof *r);
    struct wk_metrics *metrics = sim_new(sizeof *metrics);
    struct wk_times *times = sim_new(sizeof *times);
    struct wk_error err;
    r->rig = rig;
    r->store.ops = &ops;
    put_tokens(rig, "right", "team-a");
    wk_metrics_init(metrics, rig->env);
    r->dispatch = (struct wk_dispatch){rig->env, &r->store, NULL, metrics, times};
    if (wk_auth_open(rig->env, PATH, "kv/cabi", &r->dispatch.auth, &err) != WK_OK)
        sim_harness_fail("%s", err.text);
    return r;
}

static void end(struct rig *r) {
    wk_auth_close(r->dispatch.auth);
}

static uint8_t serve(struct rig *r, const struct wk_wire_request *request) {
    struct wk_rpc_answer *answer = sim_new(sizeof *answer);
    wk_dispatch_serve(&r->dispatch, &r->session, request, answer);
    if (answer->release != NULL)
        answer->release(answer);
    return answer->status;
}

static uint8_t show(struct rig *r, const char *token) {
    struct wk_wire_request request = {.op = WK_OP_AUTH, .payload = wk_payload(wk_span_text(token))};
    return serve(r, &request);
}

// A get of one block: `outer` is the namespace of the request, `inner` that of the message in it.
static uint8_t get(struct rig *r, const char *outer, const char *inner) {
    static const char hash[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    struct wk_span text = wk_span_text(hash);
    struct wk_hashes_req m = {wk_span_text(inner), &text, 1};
    struct wk_frame frame;
    struct wk_wire_error error;
    if (wk_frame_open(&frame, r->rig->env, wk_hashes_req_need(&m), NULL) != WK_OK ||
        !wk_get_blocks_req_encode(&frame.iov, &m, &error))
        sim_harness_fail("a request cannot be encoded");
    wk_iov_close(&frame.iov);
    uint8_t *payload = sim_new(frame.iov.total_bytes);
    size_t size = 0;
    for (size_t i = 0; i < frame.iov.count; i++) {
        memcpy(payload + size, frame.iov.pieces[i].data, frame.iov.pieces[i].size);
        size += frame.iov.pieces[i].size;
    }
    wk_frame_free(&frame);
    struct wk_wire_request request = {.op = WK_OP_GET_KV_BLOCKS_BATCH,
                                      .name_space = wk_span_text(outer),
                                      .payload = wk_payload(wk_span(payload, size))};
    return serve(r, &request);
}

static void must_pass(struct rig *r, const char *what) {
    uint32_t before = r->calls;
    uint8_t status = get(r, "team-a", "team-a");
    if (status == WK_REPLY_ERROR || r->calls != before + 1)
        sim_violate("protocol", "%s: a request with a right token is refused", what);
}

static void must_be_denied(struct rig *r, const char *outer, const char *inner, const char *what) {
    uint32_t before = r->calls;
    uint8_t status = get(r, outer, inner);
    if (status != WK_REPLY_ERROR || r->calls != before)
        sim_violate("denied", "%s: a request for namespace %s comes through", what, inner);
}

// AUTH-2: the namespace that is read counts, not the one that is written outside.
static void namespace_of_others(struct sim_rpc_rig *rig) {
    struct rig *r = begin(rig);
    must_be_denied(r, "team-a", "team-a", "without a token");
    if (show(r, "right") != WK_REPLY_OK)
        sim_violate("protocol", "a right token is refused");
    must_pass(r, "a token");
    must_be_denied(r, "team-a", "team-b", "a token of team-a");
    must_be_denied(r, "team-b", "team-b", "a token of team-a");
    must_be_denied(r, "team-a", "team-ab", "a token of team-a");
    must_be_denied(r, "team-a", "", "a token of team-a");
    end(r);
}

static void wrong_token_after_a_right_one(struct sim_rpc_rig *rig) {
    struct rig *r = begin(rig);
    (void)show(r, "right");
    must_pass(r, "a token");
    if (show(r, "wrong") == WK_REPLY_OK)
        sim_violate("denied", "a wrong token is taken");
    must_be_denied(r, "team-a", "team-a", "after a wrong token");
    end(r);
}

// AUTH-5
static void token_that_is_withdrawn(struct sim_rpc_rig *rig) {
    struct rig *r = begin(rig);
    struct wk_error err;
    (void)show(r, "right");
    must_pass(r, "a token");
    put_tokens(rig, "another", "team-a");
    if (wk_auth_reload(r->dispatch.auth, &err) != WK_OK)
        sim_violate("protocol", "a file of tokens is not read again: %s", err.text);
    must_be_denied(r, "team-a", "team-a", "after its token was withdrawn");
    put_tokens(rig, "right", "team-b");
    if (wk_auth_reload(r->dispatch.auth, &err) != WK_OK)
        sim_violate("protocol", "a file of tokens is not read again: %s", err.text);
    must_be_denied(r, "team-a", "team-a", "after its namespace was withdrawn");
    end(r);
}

const struct sim_rpc_script sim_rpc_token_scripts[] = {
    {"namespace-of-others", namespace_of_others},
    {"wrong-token-after-a-right-one", wrong_token_after_a_right_one},
    {"token-that-is-withdrawn", token_that_is_withdrawn},
};
const size_t sim_rpc_token_script_count =
    sizeof sim_rpc_token_scripts / sizeof sim_rpc_token_scripts[0];
