/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O thread: takes requests from the waiting calls in turns, keeps at most
 * WK_OBJECTS_IN_FLIGHT_MAX under way in one libcurl multi, and gives the results back.
 *
 *   calls --take--> busy transfers --libcurl--> finish --last one--> the caller wakes up
 *                        ^                        |
 *                        '-- once more with ------'
 *                            renewed credentials
 *
 * A call's requests, results and bodies are touched by this thread from the moment the call is in
 * the list until its last result is final; `done == count`, seen under the mutex, gives them back.
 */
#include <pthread.h>

#include "base/num.h"
#include "env/s3/s3_private.h"

/* ---- libcurl, once ------------------------------------------------------------------------- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_code = CURLE_FAILED_INIT; /* sync: written inside the once */

static void init_curl(void) {
    curl_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- results -------------------------------------------------------------------------------- */

/* One more result is final. Under the mutex; the call may be gone when it is let go. */
static void one_done(struct wk_s3_store *s, struct wk_s3_call *call) {
    call->done++;
    if (call->done == call->count)
        s->env->threads->cond_signal(s->env, &call->finished);
}

static void finish_transfer(struct wk_s3_transfer *t) {
    struct wk_s3_store *s = t->store;
    struct wk_s3_call *call = t->call;
    wk_list_remove(&t->link);
    wk_list_append(&s->free, &t->link);
    s->busy_count--;
    wk_lock(s->env, &s->mutex);
    call->under_way--;
    one_done(s, call);
    wk_unlock(s->env, &s->mutex);
}

/* ---- starting ------------------------------------------------------------------------------- */

static struct wk_s3_transfer *take_transfer(struct wk_s3_store *s) {
    if (!wk_list_empty(&s->free))
        return WK_CONTAINER_OF(s->free.next, struct wk_s3_transfer, link);
    if (s->transfers == WK_OBJECTS_IN_FLIGHT_MAX)
        return NULL;
    struct wk_s3_transfer *t = wk_alloc(s->env, WK_MEM_IO, sizeof *t);
    if (t == NULL)
        return NULL;
    memset(t, 0, sizeof *t);
    t->store = s;
    wk_list_append(&s->free, &t->link);
    s->transfers++;
    return t;
}

/* Skips what was refused before it began. Under the mutex. */
static void skip_refused(struct wk_s3_store *s, struct wk_s3_call *call) {
    while (call->next < call->count && call->results[call->next].class != WK_OBJECT_CANCELLED) {
        call->next++;
        one_done(s, call);
    }
    if (call->next == call->count)
        wk_list_remove(&call->link);
}

/* Ends what has not been taken: the caller gave up, or its time is over. Under the mutex. */
static void drop_rest(struct wk_s3_store *s, struct wk_s3_call *call) {
    for (size_t i = call->next; i < call->count; i++) {
        struct wk_object_result *result = &call->results[i];
        if (result->class == WK_OBJECT_CANCELLED)
            (void)wk_object_goes_on(s->env, call->deadline_ns, call->cancel, result);
    }
    size_t rest = call->count - call->next;
    call->next = call->count;
    wk_list_remove(&call->link);
    for (size_t i = 0; i < rest; i++)
        one_done(s, call);
}

/* The next call that may have one more request under way; it goes to the end of the line. */
static struct wk_s3_call *next_call(struct wk_s3_store *s) {
    for (struct wk_list *at = s->calls.next; at != &s->calls;) {
        struct wk_s3_call *call = WK_CONTAINER_OF(at, struct wk_s3_call, link);
        at = at->next;
        if (wk_object_list_goes_on(s->env, call->deadline_ns, call->cancel, NULL) != WK_OBJECT_OK) {
            drop_rest(s, call);
            continue;
        }
        skip_refused(s, call);
        if (call->next == call->count || call->under_way == call->parallel)
            continue;
        wk_list_remove(&call->link);
        wk_list_append(&s->calls, &call->link);
        return call;
    }
    return NULL;
}

static void begin(struct wk_s3_transfer *t) {
    bool going = wk_s3_request_prepare(t);
    if (going && curl_multi_add_handle(t->store->multi, t->easy) != CURLM_OK) {
        wk_s3_request_release(t);
        wk_s3_error_set(t, WK_OBJECT_SERVER_ERROR, WK_NO_MEMORY, "no memory for a request");
        going = false;
    }
    if (!going)
        finish_transfer(t);
}

/* False when nothing could be taken. */
static bool start_one(struct wk_s3_store *s) {
    struct wk_s3_transfer *t = take_transfer(s);
    wk_lock(s->env, &s->mutex);
    struct wk_s3_call *call = next_call(s);
    if (t == NULL || call == NULL) {
        wk_unlock(s->env, &s->mutex);
        return false;
    }
    t->call = call;
    t->request = &call->requests[call->next];
    t->result = &call->results[call->next];
    call->next++;
    call->under_way++;
    if (call->next == call->count)
        wk_list_remove(&call->link);
    wk_unlock(s->env, &s->mutex);
    wk_list_remove(&t->link);
    wk_list_append(&s->busy, &t->link);
    s->busy_count++;
    t->repeated = false;
    t->body_crc = t->result->crc32c;
    begin(t);
    return true;
}

/* ---- ending --------------------------------------------------------------------------------- */

/* Once, when the store did not accept the keys and there are other ones by now. */
static bool repeats(struct wk_s3_transfer *t) {
    if (t->repeated || t->answer.to != NULL || !wk_s3_error_is_of_credentials(&t->answer) ||
        !wk_s3_credentials_renew(t->store->credentials, t->keys_generation))
        return false;
    t->repeated = true;
    begin(t);
    return true;
}

static void end_transfer(struct wk_s3_transfer *t, CURLcode code) {
    wk_s3_answer_finish(t, code);
    (void)curl_multi_remove_handle(t->store->multi, t->easy);
    wk_s3_request_release(t);
    if (!repeats(t))
        finish_transfer(t);
}

static bool collect(struct wk_s3_store *s) {
    bool any = false;
    int left;
    for (;;) {
        CURLMsg *message = curl_multi_info_read(s->multi, &left);
        if (message == NULL)
            return any;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        char *owner = NULL;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
        end_transfer((struct wk_s3_transfer *)(void *)owner, code);
        any = true;
    }
}

/* Cancelled, and without effect when it ends here: it only reads, or was not sent. */
static bool ends_cancelled(struct wk_s3_transfer *t) {
    const wk_atomic_u32 *cancel = t->call->cancel;
    enum wk_object_verb verb = t->request->verb;
    long request_bytes = 1;
    if (cancel == NULL || wk_atomic_load_u32(cancel, WK_ACQUIRE, "s3.cancel") == 0)
        return false;
    if (verb == WK_OBJECT_GET || verb == WK_OBJECT_HEAD)
        return true;
    (void)curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    return request_bytes == 0;
}

/* A store that does not answer would hold up a close for as long as a LIST may take. */
static void drop_cancelled(struct wk_s3_store *s) {
    for (struct wk_list *at = s->busy.next; at != &s->busy;) {
        struct wk_s3_transfer *t = WK_CONTAINER_OF(at, struct wk_s3_transfer, link);
        at = at->next;
        if (!ends_cancelled(t))
            continue;
        (void)curl_multi_remove_handle(s->multi, t->easy);
        wk_s3_request_release(t);
        wk_s3_error_set(t, WK_OBJECT_CANCELLED, WK_UNAVAILABLE, "cancelled by the caller");
        finish_transfer(t);
    }
}

/* ---- the thread ----------------------------------------------------------------------------- */

static int wait_ms(struct wk_s3_store *s) {
    uint64_t now = wk_now_ns(s->env);
    uint64_t wait = 60 * WK_NS_PER_S;
    bool cancellable = false;
    wk_lock(s->env, &s->mutex);
    for (struct wk_list *at = s->calls.next; at != &s->calls; at = at->next) {
        const struct wk_s3_call *call = WK_CONTAINER_OF(at, struct wk_s3_call, link);
        wait = wk_min_u64(wait, call->deadline_ns > now ? call->deadline_ns - now : 0);
        cancellable = cancellable || call->cancel != NULL;
    }
    wk_unlock(s->env, &s->mutex);
    for (struct wk_list *at = s->busy.next; at != &s->busy; at = at->next)
        cancellable =
            cancellable || WK_CONTAINER_OF(at, struct wk_s3_transfer, link)->call->cancel != NULL;
    if (cancellable)
        wait = wk_min_u64(wait, WK_S3_CANCEL_TICK_NS);
    return (int)((wait + WK_NS_PER_MS - 1) / WK_NS_PER_MS);
}

static bool is_closing(struct wk_s3_store *s) {
    wk_lock(s->env, &s->mutex);
    bool closing = s->closing;
    wk_unlock(s->env, &s->mutex);
    return closing;
}

/* Here and not in the closing thread: TLS says good-bye, and a SIGPIPE must not reach the host. */
static void free_transfers(struct wk_s3_store *s) {
    while (!wk_list_empty(&s->free)) {
        struct wk_s3_transfer *t = WK_CONTAINER_OF(s->free.next, struct wk_s3_transfer, link);
        wk_list_remove(&t->link);
        if (t->easy != NULL)
            curl_easy_cleanup(t->easy);
        wk_release(s->env, WK_MEM_IO, t, sizeof *t);
    }
    (void)curl_multi_cleanup(s->multi);
}

static void io_main(void *arg) {
    struct wk_s3_store *s = arg;
    int running;
    while (!is_closing(s)) {
        while (start_one(s)) {
        }
        (void)curl_multi_perform(s->multi, &running);
        if (collect(s))
            continue;
        drop_cancelled(s);
        (void)curl_multi_poll(s->multi, NULL, 0, wait_ms(s), NULL);
    }
    free_transfers(s);
}

enum wk_status wk_s3_loop_start(struct wk_s3_store *s, struct wk_error *err) {
    (void)pthread_once(&curl_once, init_curl);
    if (curl_code != CURLE_OK)
        return wk_fail(err, WK_UNAVAILABLE, "libcurl does not start: %s",
                       curl_easy_strerror(curl_code));
    wk_list_init(&s->busy);
    wk_list_init(&s->free);
    wk_list_init(&s->calls);
    s->multi = curl_multi_init();
    if (s->multi == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for an object store");
    curl_multi_setopt(s->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)WK_OBJECTS_IN_FLIGHT_MAX);
    curl_multi_setopt(s->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)WK_OBJECTS_IN_FLIGHT_MAX);
    enum wk_status status = WK_OK;
    /* Without it the thread would sleep over new calls. */
    if (curl_multi_wakeup(s->multi) != CURLM_OK)
        status = wk_fail(err, WK_UNAVAILABLE, "no file descriptors for an object store");
    if (status == WK_OK)
        status = s->env->threads->start(s->env, "wk-s3", io_main, s, &s->thread, err);
    if (status != WK_OK)
        (void)curl_multi_cleanup(s->multi);
    return status;
}

void wk_s3_loop_stop(struct wk_s3_store *s) {
    /* Inside the lock: the thread frees the multi as soon as it has seen `closing`. */
    wk_lock(s->env, &s->mutex);
    s->closing = true;
    (void)curl_multi_wakeup(s->multi);
    wk_unlock(s->env, &s->mutex);
    s->env->threads->join(s->env, s->thread);
}

void wk_s3_loop_run(struct wk_s3_store *s, struct wk_s3_call *call) {
    struct wk_env *env = s->env;
    wk_lock(env, &s->mutex);
    wk_list_append(&s->calls, &call->link);
    wk_unlock(env, &s->mutex);
    (void)curl_multi_wakeup(s->multi); /* the caller is a user: nobody closes the store */
    wk_lock(env, &s->mutex);
    while (call->done < call->count)
        (void)env->threads->cond_wait(env, &call->finished, &s->mutex, WK_FOREVER);
    wk_unlock(env, &s->mutex);
}
