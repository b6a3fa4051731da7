/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "env/callbacks/callbacks.h"
#include "unit/objects_util.h"

/* ---- a host's store: a table in memory, and the ways it may misbehave ------------------------ */

#define TOY_MAX 64

enum quirk {
    QUIRK_NONE,
    QUIRK_ERROR,       /* -1 */
    QUIRK_STRANGE,     /* a value nobody defined, outputs set */
    QUIRK_NO_BYTES,    /* a size without a buffer */
    QUIRK_ABSURD_SIZE, /* a size over every limit, a buffer of one byte */
    QUIRK_NO_ITERATOR,
    QUIRK_FOREIGN_KEYS /* iterates over what nobody asked for as well */
};

struct toy {
    pthread_mutex_t mutex;
    struct {
        char *key;
        uint8_t *value;
        size_t size;
    } entries[TOY_MAX];
    size_t count;
    enum quirk quirk;
    _Atomic int buffers;   /* handed out and not yet given back */
    _Atomic int iterators; /* open */
    _Atomic int inside;    /* calls under way */
    _Atomic int most;
    _Atomic bool hold; /* calls stay inside while it is set */
    unsigned calls;
};

struct toy_iter {
    struct toy *toy;
    size_t at;
    size_t foreign;
    char prefix[64];
};

static void toy_enter(struct toy *t) {
    int now = ++t->inside;
    for (int most = t->most; most < now;)
        atomic_compare_exchange_weak(&t->most, &most, now);
    while (t->hold)
        sched_yield();
    pthread_mutex_lock(&t->mutex);
    t->calls++;
}

static int toy_leave(struct toy *t, int code) {
    pthread_mutex_unlock(&t->mutex);
    t->inside--;
    return code;
}

static uint8_t *toy_copy(struct toy *t, const void *data, size_t size) {
    uint8_t *copy = malloc(size + 1);
    if (size > 0)
        memcpy(copy, data, size);
    t->buffers++;
    return copy;
}

static size_t toy_find(struct toy *t, const uint8_t *key, size_t size) {
    for (size_t i = 0; i < t->count; i++) {
        if (strlen(t->entries[i].key) == size && memcmp(t->entries[i].key, key, size) == 0)
            return i;
    }
    return t->count;
}

static int toy_get(void *ctx, const uint8_t *key, size_t key_size, uint8_t **value, size_t *size) {
    struct toy *t = ctx;
    toy_enter(t);
    size_t i = toy_find(t, key, key_size);
    if (t->quirk == QUIRK_ERROR)
        return toy_leave(t, -1);
    if (t->quirk == QUIRK_STRANGE) {
        *value = (uint8_t *)(uintptr_t)16; /* must not be touched */
        *size = 5;
        return toy_leave(t, 7);
    }
    if (i == t->count)
        return toy_leave(t, 1);
    *size = t->entries[i].size;
    *value = t->quirk == QUIRK_NO_BYTES ? NULL : toy_copy(t, t->entries[i].value, *size);
    if (t->quirk == QUIRK_ABSURD_SIZE)
        *size = SIZE_MAX;
    return toy_leave(t, 0);
}

static int toy_set(void *ctx, const uint8_t *key, size_t key_size, const uint8_t *value,
                   size_t size) {
    struct toy *t = ctx;
    toy_enter(t);
    if (t->quirk == QUIRK_ERROR || t->count == TOY_MAX)
        return toy_leave(t, -1);
    if (t->quirk == QUIRK_STRANGE)
        return toy_leave(t, 1);
    size_t i = toy_find(t, key, key_size);
    if (i == t->count) {
        t->entries[i].key = strndup((const char *)key, key_size);
        t->count++;
    } else {
        free(t->entries[i].value);
    }
    t->entries[i].value = malloc(size + 1);
    memcpy(t->entries[i].value, value, size);
    t->entries[i].size = size;
    return toy_leave(t, 0);
}

static int toy_del(void *ctx, const uint8_t *key, size_t key_size) {
    struct toy *t = ctx;
    toy_enter(t);
    if (t->quirk == QUIRK_ERROR)
        return toy_leave(t, -1);
    size_t i = toy_find(t, key, key_size);
    if (i < t->count) {
        free(t->entries[i].key);
        free(t->entries[i].value);
        t->entries[i] = t->entries[--t->count];
    }
    return toy_leave(t, 0);
}

static int toy_head(void *ctx, const uint8_t *key, size_t key_size, uint64_t *size) {
    struct toy *t = ctx;
    toy_enter(t);
    size_t i = toy_find(t, key, key_size);
    if (t->quirk == QUIRK_ERROR)
        return toy_leave(t, -1);
    if (i < t->count)
        *size = t->quirk == QUIRK_ABSURD_SIZE ? UINT64_MAX : t->entries[i].size;
    return toy_leave(t, i < t->count ? 0 : 1);
}

static void *toy_iter_create(void *ctx, const uint8_t *prefix, size_t size, int reverse) {
    struct toy *t = ctx;
    assert_int_equal(reverse, 0);
    if (t->quirk == QUIRK_NO_ITERATOR)
        return NULL;
    struct toy_iter *iter = calloc(1, sizeof *iter);
    iter->toy = t;
    memcpy(iter->prefix, prefix, size);
    t->iterators++;
    return iter;
}

/* Keys that are none of ours, before those that are. */
static bool toy_foreign(struct toy_iter *iter, uint8_t **key, size_t *size) {
    static const struct {
        const char *key;
        size_t size;
    } foreign[] = {{"", 0}, {"kv/a\0b", 6}, {"another/prefix", 14}, {"k", 1}};
    static char too_long[1025];
    memset(too_long, 'k', sizeof too_long);
    if (iter->toy->quirk != QUIRK_FOREIGN_KEYS || iter->foreign == 5)
        return false;
    size_t i = iter->foreign++;
    *size = i == 4 ? sizeof too_long : foreign[i].size;
    *key = toy_copy(iter->toy, i == 4 ? too_long : foreign[i].key, *size);
    return true;
}

/* 0 and the position, or a code to return. */
static int toy_step(struct toy_iter *iter, uint8_t **key, size_t *key_size, size_t *at) {
    struct toy *t = iter->toy;
    if (t->quirk == QUIRK_ERROR)
        return -1;
    for (; iter->at < t->count; iter->at++) {
        const char *name = t->entries[iter->at].key;
        if (strncmp(name, iter->prefix, strlen(iter->prefix)) != 0)
            continue;
        *at = iter->at++;
        *key_size = strlen(name);
        *key = t->quirk == QUIRK_NO_BYTES ? NULL : toy_copy(t, name, *key_size);
        return 0;
    }
    return 1;
}

static int toy_iter_next(void *arg, uint8_t **key, size_t *key_size, uint8_t **value,
                         size_t *size) {
    struct toy_iter *iter = arg;
    struct toy *t = iter->toy;
    toy_enter(t);
    size_t at = 0;
    if (toy_foreign(iter, key, key_size))
        return toy_leave(t, 0);
    int code = toy_step(iter, key, key_size, &at);
    if (code == 0) {
        *size = t->entries[at].size;
        *value = toy_copy(t, t->entries[at].value, *size);
    }
    return toy_leave(t, code);
}

static int toy_iter_keys_next(void *arg, uint8_t **key, size_t *key_size, uint64_t *size) {
    struct toy_iter *iter = arg;
    struct toy *t = iter->toy;
    toy_enter(t);
    size_t at = 0;
    int code = toy_step(iter, key, key_size, &at);
    *size = code == 0 ? t->entries[at].size : 0;
    return toy_leave(t, code);
}

static void toy_iter_free(void *arg) {
    struct toy_iter *iter = arg;
    iter->toy->iterators--;
    free(iter);
}

static void toy_free_buf(void *ctx, void *buffer) {
    struct toy *t = ctx;
    t->buffers--;
    free(buffer);
}

static struct wk_objects_callbacks table_of(struct toy *t) {
    return (struct wk_objects_callbacks){
        .size = sizeof(struct wk_objects_callbacks),
        .ctx = t,
        .get = toy_get,
        .set = toy_set,
        .del = toy_del,
        .iter_create = toy_iter_create,
        .iter_next = toy_iter_next,
        .iter_free = toy_iter_free,
        .free_buf = toy_free_buf,
        .head = toy_head,
    };
}

static void toy_init(struct toy *t) {
    memset(t, 0, sizeof *t);
    pthread_mutex_init(&t->mutex, NULL);
}

/* OBJ-72: whatever happened, every buffer and iterator came back. */
static void toy_end(struct toy *t) {
    assert_int_equal(t->buffers, 0);
    assert_int_equal(t->iterators, 0);
    for (size_t i = 0; i < t->count; i++) {
        free(t->entries[i].key);
        free(t->entries[i].value);
    }
    pthread_mutex_destroy(&t->mutex);
}

static enum wk_status try_open(struct wk_env *env, const struct wk_objects_callbacks *table,
                               struct wk_objects **out, struct wk_error *err) {
    struct wk_objects_config config = {.callbacks = table, .endpoint = "ignored", .threads = 4};
    return wk_callbacks_objects_open(env, &config, out, err);
}

static struct wk_objects *open_table(const struct wk_objects_callbacks *table) {
    struct wk_objects *o = NULL;
    struct wk_error err;
    if (try_open(wk_env_current(), table, &o, &err) != WK_OK)
        fail_msg("%s", err.text);
    return o;
}

/* ---- the table ---------------------------------------------------------------------------- */

static void assert_refused(const struct wk_objects_callbacks *table, const char *text) {
    struct wk_objects *o = NULL;
    struct wk_error err;
    assert_int_equal(try_open(wk_env_current(), table, &o, &err), WK_INVALID);
    assert_null(o);
    if (strstr(err.text, text) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", err.text, text);
}

/* OBJ-70 */
static void tables_without_the_required_members_are_refused(void **state) {
    (void)state;
    struct toy t;
    toy_init(&t);
    struct wk_objects_callbacks table = table_of(&t);
    table.size = 0;
    assert_refused(&table, "sizeof");
    table = table_of(&t);
    table.get = NULL;
    assert_refused(&table, "missing: get");
    table = table_of(&t);
    table.set = NULL;
    table.free_buf = NULL;
    assert_refused(&table, "missing: set free_buf");
    table = table_of(&t);
    table.iter_free = NULL;
    assert_refused(&table, "iter_create, iter_next and iter_free");
    table = table_of(&t);
    table.iter_create = NULL;
    table.iter_next = NULL;
    table.iter_free = NULL;
    table.iter_keys_next = toy_iter_keys_next;
    assert_refused(&table, "iter_create, iter_next and iter_free");
    table = table_of(&t);
    table.flags = 0x80;
    assert_refused(&table, "unknown flags 0x80");
    /* Cut in the middle of free_buf: that member is not there. */
    table = table_of(&t);
    table.size = (uint32_t)(offsetof(struct wk_objects_callbacks, free_buf) + sizeof(void *) - 1);
    assert_refused(&table, "missing: free_buf");
    toy_end(&t);
}

/* OBJ-70 OBJ-73 */
static void older_and_newer_hosts_work(void **state) {
    (void)state;
    struct toy t;
    toy_init(&t);
    struct {
        struct wk_objects_callbacks table;
        void *later[4];
    } newer = {.table = table_of(&t)};
    newer.table.size = sizeof newer;
    struct wk_objects *o = open_table(&newer.table);
    assert_int_equal(o->caps, WK_OBJECTS_HEAD | WK_OBJECTS_LIST | WK_OBJECTS_LIST_SIZES);
    o->ops->close(o);
    struct wk_objects_callbacks older = table_of(&t);
    older.size = (uint32_t)offsetof(struct wk_objects_callbacks, head);
    o = open_table(&older);
    assert_int_equal(o->caps, WK_OBJECTS_LIST | WK_OBJECTS_LIST_SIZES);
    assert_int_equal(head(o, "kv/a").class, WK_OBJECT_INVALID);
    o->ops->close(o);
    toy_end(&t);
}

/* OBJ-73 */
static void each_missing_member_has_its_answer(void **state) {
    (void)state;
    struct toy t;
    toy_init(&t);
    struct wk_objects_callbacks table = table_of(&t);
    table.del = NULL;
    table.head = NULL;
    table.iter_create = NULL;
    table.iter_next = NULL;
    table.iter_free = NULL;
    table.flags = WK_CALLBACKS_THREAD_SAFE;
    struct wk_objects *o = open_table(&table);
    assert_int_equal(o->caps, WK_OBJECTS_CONCURRENT);
    assert_int_equal(put(o, "kv/a", "x").class, WK_OBJECT_OK);
    assert_true(holds(o, "kv/a", "x"));
    struct wk_object_result r = del(o, "kv/a", NULL);
    assert_int_equal(r.class, WK_OBJECT_INVALID);
    assert_non_null(strstr(r.error.text, "del"));
    assert_int_equal(head(o, "kv/a").class, WK_OBJECT_INVALID);
    struct listed l = {0};
    assert_int_equal(list(o, "", &l), WK_OBJECT_INVALID);
    o->ops->close(o);
    table = table_of(&t);
    table.iter_keys_next = toy_iter_keys_next;
    o = open_table(&table);
    assert_int_equal(o->caps, WK_OBJECTS_HEAD | WK_OBJECTS_LIST);
    assert_int_equal(list(o, "", &l), WK_OBJECT_OK);
    assert_int_equal(l.count, 1);
    assert_int_equal(l.sizes[0], 0);
    listed_clear(&l);
    o->ops->close(o);
    toy_end(&t);
}

/* OBJ-75 */
static void conditions_are_refused_and_not_pretended(void **state) {
    (void)state;
    struct toy t;
    toy_init(&t);
    struct wk_objects_callbacks table = table_of(&t);
    struct wk_objects *o = open_table(&table);
    struct wk_etag etag = {.length = 1, .text = "x"};
    assert_int_equal(put_if(o, "kv/a", "x", true, NULL).class, WK_OBJECT_INVALID);
    assert_int_equal(put_if(o, "kv/a", "x", false, &etag).class, WK_OBJECT_INVALID);
    assert_int_equal(del(o, "kv/a", &etag).class, WK_OBJECT_INVALID);
    struct wk_object_request r = {.verb = WK_OBJECT_GET, .key = "kv/a", .if_none_match = &etag};
    assert_int_equal(run(o, &r).class, WK_OBJECT_INVALID);
    assert_int_equal(t.calls, 0);
    o->ops->close(o);
    toy_end(&t);
}

/* ---- requests ----------------------------------------------------------------------------- */

/* OBJ-71 OBJ-72 */
static void what_was_set_is_got_listed_and_deleted(void **state) {
    (void)state;
    struct toy t;
    toy_init(&t);
    struct wk_objects_callbacks table = table_of(&t);
    struct wk_objects *o = open_table(&table);
    memset(&table, 0xff, sizeof table); /* it was copied */
    struct body b = {0};
    assert_int_equal(get(o, "kv/a", &b).class, WK_OBJECT_ABSENT);
    assert_int_equal(head(o, "kv/a").class, WK_OBJECT_ABSENT);
    assert_int_equal(put(o, "kv/a", "hello").class, WK_OBJECT_OK);
    assert_int_equal(put(o, "kv/b", "").class, WK_OBJECT_OK);
    assert_int_equal(put(o, "other", "x").class, WK_OBJECT_OK);
    assert_true(holds(o, "kv/a", "hello"));
    assert_true(holds(o, "kv/b", ""));
    struct wk_object_result r = head(o, "kv/a");
    assert_int_equal(r.size_bytes, 5);
    assert_int_equal(r.etag.length, 0);
    struct listed l = {0};
    assert_int_equal(list(o, "kv/", &l), WK_OBJECT_OK);
    assert_int_equal(l.count, 2);
    size_t at = 0;
    assert_int_equal(listed_find(&l, "kv/a", &at), 1);
    assert_int_equal(l.sizes[at], 5);
    listed_clear(&l);
    l.stop_at = 1;
    assert_int_equal(list(o, "", &l), WK_OBJECT_OK);
    assert_int_equal(l.count, 1);
    listed_clear(&l);
    assert_int_equal(del(o, "kv/a", NULL).class, WK_OBJECT_OK);
    assert_int_equal(del(o, "kv/a", NULL).class, WK_OBJECT_OK);
    assert_int_equal(get(o, "kv/a", &b).class, WK_OBJECT_ABSENT);
    struct body refusing = {.refuse = true};
    assert_int_equal(get(o, "other", &refusing).class, WK_OBJECT_CANCELLED);
    o->ops->close(o);
    toy_end(&t);
}

static void bodies_of_many_pieces_arrive_as_one(void **state) {
    (void)state;
    struct toy t;
    toy_init(&t);
    struct wk_objects_callbacks table = table_of(&t);
    struct wk_objects *o = open_table(&table);
    struct wk_span spans[] = {wk_span_text("WBZ1"), wk_span(NULL, 0), wk_span_text("body")};
    struct wk_object_request r = {
        .verb = WK_OBJECT_PUT, .key = "kv/a", .body = spans, .body_count = 3};
    assert_int_equal(run(o, &r).class, WK_OBJECT_OK);
    assert_true(holds(o, "kv/a", "WBZ1body"));
    r.body_count = 0;
    assert_int_equal(run(o, &r).class, WK_OBJECT_OK);
    assert_true(holds(o, "kv/a", ""));
    static const uint8_t byte;
    struct wk_span huge[] = {{&byte, SIZE_MAX}, {&byte, 2}};
    r.body = huge;
    r.body_count = 2;
    assert_int_equal(run(o, &r).class, WK_OBJECT_INVALID);
    r.body_count = 1;
    assert_int_equal(run(o, &r).class, WK_OBJECT_INVALID);
    o->ops->close(o);
    toy_end(&t);
}

/* OBJ-72 OBJ-74 */
static void a_misbehaving_host_is_an_error_and_no_crash(void **state) {
    (void)state;
    struct toy t;
    toy_init(&t);
    struct wk_objects_callbacks table = table_of(&t);
    struct wk_objects *o = open_table(&table);
    assert_int_equal(put(o, "kv/a", "hello").class, WK_OBJECT_OK);
    struct body b = {0};
    struct listed l = {0};
    t.quirk = QUIRK_ERROR;
    struct wk_object_result r = get(o, "kv/a", &b);
    assert_int_equal(r.class, WK_OBJECT_SERVER_ERROR);
    assert_string_equal(r.error.text, "the host's get returned -1");
    assert_int_equal(put(o, "kv/a", "x").class, WK_OBJECT_SERVER_ERROR);
    assert_int_equal(del(o, "kv/a", NULL).class, WK_OBJECT_SERVER_ERROR);
    assert_int_equal(head(o, "kv/a").class, WK_OBJECT_SERVER_ERROR);
    assert_int_equal(list(o, "", &l), WK_OBJECT_SERVER_ERROR);
    t.quirk = QUIRK_STRANGE;
    assert_int_equal(get(o, "kv/a", &b).class, WK_OBJECT_SERVER_ERROR);
    assert_int_equal(put(o, "kv/a", "x").class, WK_OBJECT_SERVER_ERROR);
    t.quirk = QUIRK_NO_BYTES;
    assert_int_equal(get(o, "kv/a", &b).class, WK_OBJECT_CORRUPT);
    assert_int_equal(list(o, "", &l), WK_OBJECT_CORRUPT);
    t.quirk = QUIRK_ABSURD_SIZE;
    assert_int_equal(get(o, "kv/a", &b).class, WK_OBJECT_CORRUPT);
    assert_int_equal(head(o, "kv/a").class, WK_OBJECT_CORRUPT);
    t.quirk = QUIRK_NO_ITERATOR;
    assert_int_equal(list(o, "", &l), WK_OBJECT_SERVER_ERROR);
    assert_int_equal(b.reserved, 0);
    assert_int_equal(l.count, 0);
    t.quirk = QUIRK_FOREIGN_KEYS;
    assert_int_equal(list(o, "kv/", &l), WK_OBJECT_OK);
    assert_int_equal(l.count, 1);
    assert_string_equal(l.keys[0], "kv/a");
    listed_clear(&l);
    t.quirk = QUIRK_NONE;
    assert_true(holds(o, "kv/a", "hello"));
    o->ops->close(o);
    toy_end(&t);
}

/* ---- threads ------------------------------------------------------------------------------ */

static void run_puts(struct wk_objects *o, unsigned rounds) {
    static _Thread_local char keys[16][16];
    static _Thread_local struct wk_object_result results[16];
    struct wk_span span = wk_span_text("value");
    struct wk_object_request requests[16];
    for (int i = 0; i < 16; i++) {
        snprintf(keys[i], sizeof keys[i], "kv/%d", i);
        requests[i] = (struct wk_object_request){
            .verb = WK_OBJECT_PUT, .key = keys[i], .body = &span, .body_count = 1};
    }
    for (unsigned round = 0; round < rounds; round++) {
        o->ops->batch(o, requests, results, 16, 4, WK_FOREVER, NULL);
        for (int i = 0; i < 16; i++) {
            if (results[i].class != WK_OBJECT_OK)
                abort();
        }
    }
}

static void *put_from_thread(void *arg) {
    run_puts(arg, 20);
    struct listed *l = calloc(1, sizeof *l);
    if (list(arg, "", l) != WK_OBJECT_OK || l->count != 16)
        abort();
    listed_clear(l);
    free(l);
    return NULL;
}

/* OBJ-71 */
static void a_host_that_is_not_thread_safe_is_entered_by_one(void **state) {
    (void)state;
    struct toy t;
    toy_init(&t);
    struct wk_objects_callbacks table = table_of(&t);
    struct wk_objects *o = open_table(&table);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_from_thread, o), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(t.most, 1);
    o->ops->close(o);
    toy_end(&t);
}

static void *let_go_when_full(void *arg) {
    struct toy *t = arg;
    while (t->inside < 4)
        sched_yield();
    t->hold = false;
    return NULL;
}

/* OBJ-71: the first four calls end only once all four are inside. */
static void a_thread_safe_host_is_entered_in_parallel(void **state) {
    (void)state;
    struct toy t;
    toy_init(&t);
    struct wk_objects_callbacks table = table_of(&t);
    table.flags = WK_CALLBACKS_THREAD_SAFE;
    struct wk_objects *o = open_table(&table);
    t.hold = true;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, let_go_when_full, &t), 0);
    run_puts(o, 3);
    pthread_join(thread, NULL);
    assert_int_equal(t.most, 4);
    o->ops->close(o);
    toy_end(&t);
}

static void *put_one(void *arg) {
    if (put(arg, "kv/slow", "x").class != WK_OBJECT_OK)
        abort();
    return NULL;
}

/* OBJ-61 OBJ-71 */
static void waiting_for_a_busy_host_ends_at_the_deadline(void **state) {
    (void)state;
    struct toy t;
    toy_init(&t);
    struct wk_objects_callbacks table = table_of(&t);
    struct wk_objects *o = open_table(&table);
    t.hold = true;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, put_one, o), 0);
    while (t.inside == 0)
        sched_yield();
    struct body b = {0};
    struct wk_object_request r = {
        .verb = WK_OBJECT_GET, .key = "kv/slow", .sink = {body_reserve, &b}};
    struct wk_object_result result;
    uint64_t soon = wk_now_ns(wk_env_current()) + 20 * WK_NS_PER_MS;
    o->ops->batch(o, &r, &result, 1, 1, soon, NULL);
    assert_int_equal(result.class, WK_OBJECT_TIMEOUT);
    struct listed l = {0};
    struct wk_error err;
    soon = wk_now_ns(wk_env_current()) + 20 * WK_NS_PER_MS;
    assert_int_equal(o->ops->list(o, "", listed_add, &l, soon, NULL, &err), WK_OBJECT_TIMEOUT);
    wk_atomic_u32 cancel = {1};
    o->ops->batch(o, &r, &result, 1, 1, WK_FOREVER, &cancel);
    assert_int_equal(result.class, WK_OBJECT_CANCELLED);
    t.hold = false;
    pthread_join(thread, NULL);
    assert_true(holds(o, "kv/slow", "x"));
    o->ops->close(o);
    toy_end(&t);
}

/* OBJ-63 */
static void every_allocation_may_fail(void **state) {
    (void)state;
    struct toy t;
    toy_init(&t);
    static struct faulty f;
    faulty_init(&f);
    struct wk_objects_callbacks table = table_of(&t);
    struct wk_span spans[] = {wk_span_text("a"), wk_span_text("b")};
    struct wk_object_request r = {
        .verb = WK_OBJECT_PUT, .key = "kv/a", .body = spans, .body_count = 2};
    for (uint64_t k = 1;; k++) {
        f.allocs = 0;
        f.fail_alloc_from = k;
        f.fail_alloc_to = k + 1;
        struct wk_objects *o = NULL;
        struct wk_error err;
        enum wk_status status = try_open(&f.env, &table, &o, &err);
        if (status == WK_OK) {
            enum wk_object_class want = f.allocs + 1 == k ? WK_OBJECT_SERVER_ERROR : WK_OBJECT_OK;
            assert_int_equal(run(o, &r).class, want);
            o->ops->close(o);
        } else {
            assert_int_equal(status, WK_NO_MEMORY);
        }
        assert_int_equal(f.alive, 0);
        if (f.allocs < k)
            break;
    }
    toy_end(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_without_the_required_members_are_refused),
        cmocka_unit_test(older_and_newer_hosts_work),
        cmocka_unit_test(each_missing_member_has_its_answer),
        cmocka_unit_test(conditions_are_refused_and_not_pretended),
        cmocka_unit_test(what_was_set_is_got_listed_and_deleted),
        cmocka_unit_test(bodies_of_many_pieces_arrive_as_one),
        cmocka_unit_test(a_misbehaving_host_is_an_error_and_no_crash),
        cmocka_unit_test(a_host_that_is_not_thread_safe_is_entered_by_one),
        cmocka_unit_test(a_thread_safe_host_is_entered_in_parallel),
        cmocka_unit_test(waiting_for_a_busy_host_ends_at_the_deadline),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
