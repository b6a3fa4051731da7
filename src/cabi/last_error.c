/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last error of each thread.
 *
 *   env->threads slot -> record with a text of its own   (allocated at the thread's first failure)
 *                     -> one of `fixed`                   (when there was no memory for a record)
 *                     -> NULL                             (nothing has failed yet)
 *
 * A record is reused until its thread ends. The fixed ones keep the class and a general text, so
 * that a failure is never silent, out of memory included.
 */
#include "base/text.h"
#include "cabi/handle.h"

struct last_error {
    struct wk_env *env; /* who releases it; NULL: one of `fixed`, never written */
    enum wk_status status;
    const char *text; /* NULL: none */
};

struct record {
    struct last_error head;
    char text[WK_ERROR_TEXT_BYTES];
};

#define FIXED(name, text) [WK_##name] = {NULL, WK_##name, text},
static const struct last_error fixed[WK_STATUS_COUNT] = {WK_STATUS_MAP(FIXED)};
#undef FIXED
/* A miss has no text, so it needs a fixed one of its own. */
static const struct last_error fixed_miss = {NULL, WK_MISS, NULL};
static const struct last_error fixed_timeout = {NULL, WK_TIMEOUT, NULL};

/* Runs when a thread ends; also for records that a newer value replaces. */
static void destroy(void *value) {
    struct last_error *last = value;
    if (last != NULL && last->env != NULL)
        wk_release(last->env, WK_MEM_HANDLE, last, sizeof(struct record));
}

/* The thread's record; makes one when there is none. NULL without memory. */
static struct record *own_record(struct wk_env *env) {
    struct last_error *last = env->threads->slot_get(env);
    if (last != NULL && last->env != NULL)
        return (struct record *)last;
    struct record *record = wk_alloc(env, WK_MEM_HANDLE, sizeof *record);
    if (record == NULL)
        return NULL;
    record->head = (struct last_error){env, WK_OK, NULL};
    record->text[0] = 0;
    enum wk_status status = env->threads->slot_set(env, record, destroy);
    if (status == WK_OK)
        return record;
    wk_release(env, WK_MEM_HANDLE, record, sizeof *record);
    return NULL;
}

static void set_fixed(struct wk_env *env, const struct last_error *last) {
    union {
        const struct last_error *given;
        void *slot;
    } value = {last}; /* the slot takes a plain pointer; nobody writes through it */
    enum wk_status status = env->threads->slot_set(env, value.slot, destroy);
    (void)status; /* a thread that cannot even have a slot reports by return codes alone */
}

void wk_call_begin(struct wk_error *err) {
    struct wk_env *env = wk_env_current();
    wk_error_clear(err);
    struct last_error *last = env->threads->slot_get(env);
    if (last == NULL)
        return;
    if (last->env == NULL) {
        set_fixed(env, NULL);
        return;
    }
    last->status = WK_OK;
    last->text = NULL;
}

/* Copies at most capacity - 1 bytes, always terminated. */
static void copy_text(char *to, size_t capacity, const char *text, size_t length) {
    if (length > capacity - 1)
        length = capacity - 1;
    memcpy(to, text, length);
    to[length] = 0;
}

void wk_call_end(enum wk_status status, const struct wk_error *err, char *err_buf, size_t err_len) {
    if (status == WK_OK)
        return;
    if (status == WK_MISS) {
        wk_call_end_quietly(WK_MISS);
        return;
    }
    const char *text = err->length > 0 ? err->text : wk_status_text(status);
    size_t length = err->length > 0 ? err->length : strlen(text);
    if (memchr(text, 0, length) != NULL) {
        text = "error message contained interior NUL byte";
        length = strlen(text);
    }
    if (err_buf != NULL && err_len > 0)
        copy_text(err_buf, err_len, text, length);
    struct wk_env *env = wk_env_current();
    struct record *record = own_record(env);
    if (record == NULL) {
        set_fixed(env, &fixed[status]);
        return;
    }
    copy_text(record->text, sizeof record->text, text, length);
    record->head.status = status;
    record->head.text = record->text;
}

void wk_call_end_quietly(enum wk_status status) {
    struct wk_env *env = wk_env_current();
    struct last_error *last = env->threads->slot_get(env);
    if (last != NULL && last->env != NULL) {
        last->status = status;
        last->text = NULL;
        return;
    }
    set_fixed(env, status == WK_MISS ? &fixed_miss : &fixed_timeout);
}

WK_API const char *wmbt_kv_last_error(void) {
    struct wk_env *env = wk_env_current();
    const struct last_error *last = env->threads->slot_get(env);
    return last == NULL ? NULL : last->text;
}

WK_API int32_t wmbt_kv_last_status(void) {
    struct wk_env *env = wk_env_current();
    const struct last_error *last = env->threads->slot_get(env);
    return last == NULL ? (int32_t)WK_OK : (int32_t)last->status;
}
