// SPDX-License-Identifier: Apache-2.0
// Our client against a daemon that does what a script says. The value of a tail is a row of the
// last letter of its tip, so that any other value shows.
#include <stdio.h>
#include <string.h>

#include "codec/ops.h"
#include "pool.h"
#include "report.h"
#include "rpc/client.h"
#include "rpc/frame.h"
#include "rpc/message.h"
#include "rpc_rig.h"

#define VALUE_BYTES  600u
#define TIP_BYTES    64u
#define MANY_BLOCKS  4100u // more than one batch takes
#define LATE_MS      300u
#define PATIENCE_MS  20000u
#define BLOCKS_LARGE 2u // a batch of more is TOO_LARGE to this daemon

// What the daemon does with request number n of its life; the PING of the open is number 0.
enum act {
    ANSWER,
    STALE,   // the answer to the request before it, once more
    FLIP,    // a bit of the value is another one
    LATE,    // answers when the client has given up
    PIECES,  // a byte or a few at a time
    CLOSE,   // hangs up instead
    LEAVE,   // answers, then hangs up
    REFUSE,  // does not like the token
    TOO_LONG // a batch of more than BLOCKS_LARGE does not fit
};

struct daemon {
    struct sim_rpc_rig *rig;
    const enum act *acts;
    uint32_t act_count;
    uint32_t requests;
    uint32_t puts; // of tails
    struct wk_socket *listener;
    struct wk_address at;
    struct wk_thread *thread;
    char last_letter; // of the key before
    struct wk_backend *client;
    struct wk_error err;
};

// ---- what the daemon says

static void fill(uint8_t *to, char letter) {
    memset(to, letter, VALUE_BYTES);
}

static char letter_of(const struct wk_wire_request *r) {
    return r->key.size == 0 ? 0 : (char)r->key.data[r->key.size - 1];
}

static void send_frame(struct daemon *d, struct wk_stream *s, struct wk_frame *frame,
                       enum act act) {
    uint64_t until_ns = sim_rpc_in_ms(d->rig, PATIENCE_MS);
    size_t step = act == PIECES ? 7 : SIZE_MAX;
    for (size_t i = 0; i < frame->iov.count; i++) {
        for (size_t at = 0; at < frame->iov.pieces[i].size;) {
            size_t left = frame->iov.pieces[i].size - at;
            size_t size = left < step ? left : step;
            struct wk_span span = wk_span(frame->iov.pieces[i].data + at, size);
            if (wk_stream_write(s, &span, 1, until_ns, NULL, NULL) != WK_OK)
                return;
            at += size;
            if (act == PIECES && at % 70 == 0)
                sim_rpc_pause(d->rig, 1);
        }
    }
}

static void send_reply(struct daemon *d, struct wk_stream *s, const struct wk_wire_response *reply,
                       const struct wk_iov *nested, enum act act) {
    struct wk_frame frame;
    if (wk_frame_response(&frame, d->rig->env, reply, nested, NULL) != WK_OK)
        sim_harness_fail("a reply cannot be encoded");
    if (act == FLIP && frame.iov.count > 1) {
        struct wk_span *piece = &frame.iov.pieces[1]; // the value, borrowed
        uint8_t *copy = sim_copy(piece->data, piece->size);
        copy[piece->size / 2] ^= 4;
        *piece = wk_span(copy, piece->size);
    }
    send_frame(d, s, &frame, act);
    wk_frame_free(&frame);
}

static void answer_blocks(struct daemon *d, struct wk_stream *s, const struct wk_wire_request *r,
                          struct wk_wire_response *reply, enum act act) {
    struct wk_hashes_req_view view;
    struct wk_wire_error error;
    struct wk_frame inner;
    struct wk_payload payloads[BLOCKS_LARGE * 4];
    if (!wk_get_blocks_req_decode(r->payload.bytes, &view, &error) ||
        view.hashes.count > BLOCKS_LARGE * 4)
        sim_harness_fail("a batch that this daemon cannot read");
    if (act == TOO_LONG && view.hashes.count > BLOCKS_LARGE) {
        reply->status = WK_REPLY_TOO_LARGE;
        send_reply(d, s, reply, NULL, act);
        return;
    }
    for (size_t i = 0; i < view.hashes.count; i++)
        payloads[i] = wk_payload(wk_span_text("a block"));
    struct wk_get_blocks_resp m = {
        .hit = true, .payloads = payloads, .payload_count = view.hashes.count};
    if (wk_frame_open(&inner, d->rig->env, wk_get_blocks_resp_need(&m), NULL) != WK_OK ||
        !wk_get_blocks_resp_encode(&inner.iov, &m, &error))
        sim_harness_fail("a batch cannot be encoded");
    wk_iov_close(&inner.iov);
    send_reply(d, s, reply, &inner.iov, act);
    wk_frame_free(&inner);
}

static void answer_put(struct daemon *d, struct wk_stream *s,
                       const struct wk_wire_response *reply) {
    struct wk_put_blocks_resp m = {.total_bytes = 0};
    struct wk_frame inner;
    struct wk_wire_error error;
    if (wk_frame_open(&inner, d->rig->env, wk_put_blocks_resp_need(&m), NULL) != WK_OK ||
        !wk_put_blocks_resp_encode(&inner.iov, &m, &error))
        sim_harness_fail("a reply cannot be encoded");
    wk_iov_close(&inner.iov);
    send_reply(d, s, reply, &inner.iov, ANSWER);
    wk_frame_free(&inner);
}

static void answer(struct daemon *d, struct wk_stream *s, const struct wk_wire_request *r,
                   enum act act) {
    struct wk_wire_response reply = {.id = r->id, .op = r->op};
    uint8_t *value = sim_new(VALUE_BYTES);
    fill(value, act == STALE ? d->last_letter : letter_of(r));
    if (act == STALE)
        reply.id--;
    if (act == LATE)
        sim_rpc_pause(d->rig, LATE_MS);
    if (act == REFUSE) {
        reply.status = WK_REPLY_ERROR;
        reply.message = wk_span_text("denied: not you");
    }
    d->last_letter = letter_of(r);
    if (r->op == WK_OP_GET_KV_BLOCKS_BATCH) {
        answer_blocks(d, s, r, &reply, act);
    } else if (r->op == WK_OP_PUT_KV_BLOCKS_BATCH) {
        answer_put(d, s, &reply);
    } else {
        if (r->op == WK_OP_GET)
            reply.payload = wk_payload(wk_span(value, VALUE_BYTES));
        send_reply(d, s, &reply, NULL, act);
    }
}

// False: the connection ends.
static bool serve_one(struct daemon *d, struct wk_stream *s) {
    struct wk_envelope_header header;
    struct wk_wire_request r;
    struct wk_wire_error error;
    if (wk_message_read_header(s, WK_FOREVER, &header, NULL) != WK_OK)
        return false;
    uint8_t *body = sim_new(header.body_bytes + 1);
    uint64_t until_ns = sim_rpc_in_ms(d->rig, PATIENCE_MS);
    if (wk_stream_read(s, body, header.body_bytes, until_ns, NULL, NULL) != WK_OK)
        return false;
    if (!wk_wire_request_archive_decode(wk_span(body, header.body_bytes), 0, &r, &error))
        sim_violate("protocol", "the client sends what is no request");
    uint32_t n = d->requests++;
    enum act act = n < d->act_count ? d->acts[n] : ANSWER;
    d->puts += r.op == WK_OP_PUT;
    if (act == CLOSE)
        return false;
    answer(d, s, &r, act);
    return act != LEAVE;
}

static void daemon_main(void *arg) {
    struct daemon *d = arg;
    struct wk_env *env = d->rig->env;
    struct wk_socket *socket;
    struct wk_address peer;
    while (env->net->accept(env, d->listener, WK_FOREVER, &socket, &peer, NULL) == WK_OK) {
        struct wk_stream s;
        if (wk_stream_open(&s, env, socket, NULL) != WK_OK)
            sim_harness_fail("no memory for a connection");
        while (serve_one(d, &s))
            continue;
        wk_stream_close(&s);
    }
}

// ---- begin and end

static enum wk_status dial(struct daemon *d, const char *token) {
    char text[WK_ADDRESS_BYTES_MAX];
    d->rig->env->net->address_text(d->rig->env, &d->at, text, sizeof text);
    struct wk_rpc_client_config config = {.at_text = text,
                                          .token = wk_span_text(token),
                                          .call_timeout_ns = PATIENCE_MS * WK_NS_PER_MS};
    if (wk_host_port_parse(wk_span_text(text), &config.at, NULL) != WK_OK)
        sim_harness_fail("the address of a listener cannot be read");
    return wk_rpc_client_open(d->rig->env, &config, &d->client, &d->err);
}

static struct daemon *listen_with(struct sim_rpc_rig *rig, const enum act *acts, uint32_t count) {
    struct wk_env *env = rig->env;
    struct daemon *d = sim_new(sizeof *d);
    size_t found;
    d->rig = rig;
    d->acts = acts;
    d->act_count = count;
    uint64_t until_ns = sim_rpc_in_ms(rig, 1000);
    if (env->net->resolve(env, "127.0.0.1", 0, until_ns, &d->at, 1, &found, NULL) != WK_OK ||
        env->net->listen(env, &d->at, 8, &d->listener, NULL) != WK_OK ||
        env->net->local_address(env, d->listener, &d->at, NULL) != WK_OK)
        sim_harness_fail("a script cannot listen");
    d->thread = sim_rpc_start(rig, daemon_main, d);
    return d;
}

static struct daemon *begin(struct sim_rpc_rig *rig, const enum act *acts, uint32_t count) {
    struct daemon *d = listen_with(rig, acts, count);
    sim_rpc_expect_status(dial(d, ""), WK_OK, &d->err, "open");
    return d;
}

static void end(struct daemon *d) {
    struct wk_env *env = d->rig->env;
    if (d->client != NULL)
        d->client->ops->close(d->client);
    env->net->shutdown(env, d->listener);
    sim_rpc_join(d->rig, d->thread);
    env->net->close(env, d->listener);
}

// ---- calls

// RPC-10: whatever comes, a value is that of the tip.
static enum wk_status get(struct daemon *d, char letter, uint64_t deadline_ns) {
    char tip[TIP_BYTES];
    uint8_t wanted[VALUE_BYTES];
    struct wk_block_result result;
    memset(tip, '0', sizeof tip);
    tip[TIP_BYTES - 1] = letter;
    fill(wanted, letter);
    enum wk_status status = d->client->ops->get_tail(
        d->client, wk_span_text("ns"), wk_span(tip, sizeof tip), deadline_ns, &result, &d->err);
    if (status != WK_OK)
        return status;
    if (result.bytes.size != VALUE_BYTES || memcmp(result.bytes.data, wanted, VALUE_BYTES) != 0)
        sim_violate("bytes", "the tail of tip %c is answered with other bytes, the first is %c",
                    letter, result.bytes.size == 0 ? '-' : (char)result.bytes.data[0]);
    d->client->ops->release(d->client, &result, 1);
    return WK_OK;
}

static void must_get(struct daemon *d, char letter, const char *what) {
    sim_rpc_expect_status(get(d, letter, WK_FOREVER), WK_OK, &d->err, what);
}

static enum wk_status put(struct daemon *d) {
    char tip[TIP_BYTES];
    memset(tip, '0', sizeof tip);
    return d->client->ops->put_tail(d->client, wk_span_text("ns"), wk_span(tip, sizeof tip),
                                    wk_span_text("a tail"), &d->err);
}

// ---- scripts

#define COUNT(acts) (uint32_t)(sizeof(acts) / sizeof(acts)[0])

static void answer_of_another_request(struct sim_rpc_rig *rig) {
    static const enum act acts[] = {ANSWER, ANSWER, STALE, ANSWER};
    struct daemon *d = begin(rig, acts, COUNT(acts));
    must_get(d, 'a', "a get");
    sim_rpc_expect(get(d, 'b', WK_FOREVER) != WK_OK, "a reply with the number before is taken");
    must_get(d, 'c', "a get after a wrong reply");
    end(d);
}

static void answer_that_comes_late(struct sim_rpc_rig *rig) {
    static const enum act acts[] = {ANSWER, LATE, ANSWER};
    struct daemon *d = begin(rig, acts, COUNT(acts));
    enum wk_status status = get(d, 'a', sim_rpc_in_ms(rig, LATE_MS / 3));
    sim_rpc_expect_status(status, WK_TIMEOUT, &d->err, "a get that is not answered in time");
    must_get(d, 'b', "the get after one that was not answered in time");
    end(d);
}

static void flipped_value(struct sim_rpc_rig *rig) {
    static const enum act acts[] = {ANSWER, FLIP, ANSWER};
    struct daemon *d = begin(rig, acts, COUNT(acts));
    sim_rpc_expect(get(d, 'a', WK_FOREVER) != WK_OK, "a damaged value is taken");
    must_get(d, 'b', "a get after a damaged value");
    end(d);
}

static void tail_put_without_an_answer(struct sim_rpc_rig *rig) {
    static const enum act acts[] = {ANSWER, CLOSE, ANSWER};
    struct daemon *d = begin(rig, acts, COUNT(acts));
    sim_rpc_expect_status(put(d), WK_UNAVAILABLE, &d->err, "a put of a tail without an answer");
    sim_rpc_expect(d->puts == 1, "a put of a tail that was sent whole is sent again");
    end(d);
}

static void get_without_an_answer(struct sim_rpc_rig *rig) {
    static const enum act acts[] = {ANSWER, CLOSE, PIECES};
    struct daemon *d = begin(rig, acts, COUNT(acts));
    must_get(d, 'a', "a get whose connection ended");
    end(d);
}

static void daemon_that_left(struct sim_rpc_rig *rig) {
    static const enum act acts[] = {ANSWER, LEAVE, ANSWER};
    struct daemon *d = begin(rig, acts, COUNT(acts));
    must_get(d, 'a', "a get");
    sim_rpc_pause(rig, 50);
    sim_rpc_expect_status(put(d), WK_OK, &d->err, "a put of a tail after the daemon hung up");
    end(d);
}

static void token_that_is_refused(struct sim_rpc_rig *rig) {
    static const enum act acts[] = {REFUSE};
    struct daemon *d = listen_with(rig, acts, COUNT(acts));
    sim_rpc_expect_status(dial(d, "open sesame"), WK_DENIED, &d->err, "an open with a bad token");
    uint32_t sockets = rig->process->sockets;
    if (sockets > 2) // the listener, and the daemon's end until it hears
        sim_violate("leak", "%u sockets after an open that failed", sockets);
    end(d);
}

static void batch_that_is_too_large(struct sim_rpc_rig *rig) {
    static const enum act acts[] = {ANSWER, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG};
    struct daemon *d = begin(rig, acts, COUNT(acts));
    struct wk_block_hash hashes[BLOCKS_LARGE * 2];
    struct wk_block_result results[BLOCKS_LARGE * 2];
    memset(hashes, 7, sizeof hashes);
    enum wk_status status =
        d->client->ops->get(d->client, wk_span_text("ns"), hashes, BLOCKS_LARGE * 2, WK_GET_ALL,
                            WK_FOREVER, results, &d->err);
    sim_rpc_expect_status(status, WK_OK, &d->err, "a get that has to be halved");
    d->client->ops->release(d->client, results, BLOCKS_LARGE * 2);
    end(d);
}

static void put_of_many_blocks(struct sim_rpc_rig *rig) {
    static const enum act acts[] = {ANSWER};
    struct daemon *d = begin(rig, acts, COUNT(acts));
    struct wk_block_hash *hashes = sim_new(MANY_BLOCKS * sizeof *hashes);
    struct wk_span *payloads = sim_new(MANY_BLOCKS * sizeof *payloads);
    enum wk_status status =
        d->client->ops->put(d->client, wk_span_text("ns"), hashes, payloads, MANY_BLOCKS, &d->err);
    sim_rpc_expect_status(status, WK_OK, &d->err, "a put of many blocks");
    sim_rpc_expect(d->requests == 3, "a put of two batches is not two requests");
    end(d);
}

const struct sim_rpc_script sim_rpc_client_scripts[] = {
    {"answer-of-another-request", answer_of_another_request},
    {"answer-that-comes-late", answer_that_comes_late},
    {"flipped-value", flipped_value},
    {"tail-put-without-an-answer", tail_put_without_an_answer},
    {"get-without-an-answer", get_without_an_answer},
    {"daemon-that-left", daemon_that_left},
    {"token-that-is-refused", token_that_is_refused},
    {"batch-that-is-too-large", batch_that_is_too_large},
    {"put-of-many-blocks", put_of_many_blocks},
};
const size_t sim_rpc_client_script_count =
    sizeof sim_rpc_client_scripts / sizeof sim_rpc_client_scripts[0];
