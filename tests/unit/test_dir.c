/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include <pthread.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "unit/dir_util.h"

/* ---- opening ------------------------------------------------------------------------------ */

static enum wk_status try_open(const char *endpoint, const char *bucket, struct wk_error *err) {
    struct wk_objects_config config = {.endpoint = endpoint, .bucket = bucket};
    struct wk_objects *o = NULL;
    enum wk_status status = wk_dir_objects_open(wk_env_current(), &config, &o, err);
    if (status == WK_OK)
        o->ops->close(o);
    return status;
}

/* OBJ-10 */
static void endpoints_that_are_no_directory_are_refused_by_name(void **state) {
    struct place *p = *state;
    static const char *const wrong[] = {
        NULL,       "",           "file:",     "file://relative/dir", "file://host/dir",
        "/tmp/dir", "http://x/y", "FILE:///x", "file:///tmp/../etc",
    };
    struct wk_error err;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(try_open(wrong[i], "b", &err), WK_INVALID);
        assert_int_equal(err.status, WK_INVALID);
        assert_non_null(strstr(err.text, wrong[i] != NULL ? wrong[i] : "object store"));
    }
    assert_int_equal(try_open(p->endpoint, NULL, &err), WK_INVALID);
    assert_non_null(strstr(err.text, "bucket"));
    assert_int_equal(try_open(p->endpoint, "", &err), WK_INVALID);
    assert_int_equal(entries_of(p->root), 0);
}

/* OBJ-11 */
static void missing_directories_are_made_for_the_owner_only(void **state) {
    struct place *p = *state;
    char endpoint[400];
    char path[400];
    struct wk_error err;
    struct stat st;
    snprintf(endpoint, sizeof endpoint, "file://%s//x/./y/", p->root);
    assert_int_equal(try_open(endpoint, "my bucket", &err), WK_OK);
    static const char *const made[] = {"x", "x/y", "x/y/my%20bucket"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", p->root, made[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
    }
    assert_int_equal(try_open(endpoint, "my bucket", &err), WK_OK);
}

/* OBJ-11 */
static void a_file_in_the_way_is_named(void **state) {
    struct place *p = *state;
    char path[400];
    char endpoint[420];
    struct wk_error err;
    snprintf(path, sizeof path, "%s/file", p->root);
    write_file(path, "x", 1);
    snprintf(endpoint, sizeof endpoint, "file://%s", path);
    assert_int_equal(try_open(endpoint, "b", &err), WK_INVALID);
    assert_non_null(strstr(err.text, "Not a directory"));
    snprintf(endpoint, sizeof endpoint, "file://%s/below", path);
    assert_int_equal(try_open(endpoint, "b", &err), WK_INVALID);
    assert_int_equal(try_open(p->endpoint, "file", &err), WK_INVALID);
    assert_non_null(strstr(err.text, p->root));
}

/* OBJ-11 */
static void a_directory_that_may_not_be_written_is_denied(void **state) {
    struct place *p = *state;
    struct wk_error err;
    assert_int_equal(try_open(p->endpoint, "b", &err), WK_OK);
    char bucket[300];
    snprintf(bucket, sizeof bucket, "%s/b", p->root);
    assert_int_equal(chmod(p->root, 0755) | chmod(bucket, 0555), 0);
    bool root = geteuid() == 0;
    if (root)
        assert_int_equal(seteuid(65534), 0);
    enum wk_status existing = try_open(p->endpoint, "b", &err);
    struct wk_error other;
    enum wk_status missing = try_open(p->endpoint, "other", &other);
    if (root)
        assert_int_equal(seteuid(0), 0);
    chmod(bucket, 0700);
    assert_int_equal(existing, WK_DENIED);
    assert_non_null(strstr(err.text, "Permission denied"));
    assert_int_equal(missing, root ? WK_DENIED : WK_OK);
}

/* OBJ-13 */
static void the_directory_itself_may_not_be_a_link(void **state) {
    struct place *p = *state;
    char path[400];
    char endpoint[420];
    struct wk_error err;
    snprintf(path, sizeof path, "%s/link", p->root);
    assert_int_equal(symlink("/tmp", path), 0);
    snprintf(endpoint, sizeof endpoint, "file://%s", path);
    assert_int_equal(try_open(endpoint, "b", &err), WK_DENIED);
    assert_int_equal(try_open(p->endpoint, "link", &err), WK_DENIED);
}

/* ---- round trips -------------------------------------------------------------------------- */

static void what_was_put_is_got_until_it_is_deleted(void **state) {
    struct wk_objects *o = open_at(*state);
    assert_int_equal(o->caps, WK_OBJECTS_ETAG | WK_OBJECTS_CONDITIONAL | WK_OBJECTS_HEAD |
                                  WK_OBJECTS_LIST | WK_OBJECTS_LIST_SIZES | WK_OBJECTS_CONCURRENT);
    struct body b = {0};
    assert_int_equal(get(o, "kv/a", &b).class, WK_OBJECT_ABSENT);
    assert_int_equal(b.reserved, 0);
    assert_int_equal(head(o, "kv/a").class, WK_OBJECT_ABSENT);
    assert_int_equal(del(o, "kv/a", NULL).class, WK_OBJECT_OK);
    struct wk_object_result r = put(o, "kv/a", "hello");
    assert_int_equal(r.class, WK_OBJECT_OK);
    assert_int_equal(r.size_bytes, 5);
    assert_true(r.etag.length > 2);
    assert_false(r.has_crc32c);
    assert_true(holds(o, "kv/a", "hello"));
    struct wk_object_result h = head(o, "kv/a");
    assert_int_equal(h.class, WK_OBJECT_OK);
    assert_int_equal(h.size_bytes, 5);
    assert_int_equal(h.modified_ns, r.modified_ns);
    assert_string_equal(h.etag.text, r.etag.text);
    assert_int_equal(put(o, "kv/a", "").class, WK_OBJECT_OK);
    assert_true(holds(o, "kv/a", ""));
    assert_int_equal(del(o, "kv/a", NULL).class, WK_OBJECT_OK);
    assert_int_equal(get(o, "kv/a", &b).class, WK_OBJECT_ABSENT);
    assert_int_equal(temporaries(*state), 0);
    o->ops->close(o);
}

/* OBJ-6 */
static void hostile_keys_are_objects_of_their_own(void **state) {
    struct place *p = *state;
    struct wk_objects *o = open_at(p);
    static char longest[1025];
    static char deep[201];
    memset(longest, ' ', 1024);
    memset(deep, '/', 200);
    const char *keys[] = {"a",    "a/b", "a/",    "/a",         "/",     "//",  "..",
                          "../x", ".",   "~tmp",  "~lock/00",   "%2E",   "%00", "~0/1/a",
                          "A",    "a b", "a%20b", "\xff\x01\\", longest, deep};
    size_t count = sizeof keys / sizeof *keys;
    for (size_t i = 0; i < count; i++) {
        struct wk_object_result r = put(o, keys[i], keys[i]);
        if (r.class != WK_OBJECT_OK)
            fail_msg("%s: %s", keys[i], r.error.text);
    }
    for (size_t i = 0; i < count; i++)
        assert_true(holds(o, keys[i], keys[i]));
    struct listed l = {0};
    assert_int_equal(list(o, "", &l), WK_OBJECT_OK);
    assert_int_equal(l.count, count);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(listed_find(&l, keys[i], &at), 1);
        assert_int_equal(l.sizes[at], strlen(keys[i]));
    }
    listed_clear(&l);
    assert_int_equal(entries_of(p->root), 1); /* nothing beside the bucket */
    for (size_t i = 0; i < count; i++)
        assert_int_equal(del(o, keys[i], NULL).class, WK_OBJECT_OK);
    assert_int_equal(list(o, "", &l), WK_OBJECT_OK);
    assert_int_equal(l.count, 0);
    o->ops->close(o);
}

/* OBJ-1 */
static void requests_that_can_never_succeed_are_invalid(void **state) {
    struct wk_objects *o = open_at(*state);
    char key[1026];
    memset(key, 'k', 1025);
    key[1025] = 0;
    assert_int_equal(put(o, key, "x").class, WK_OBJECT_INVALID);
    assert_int_equal(head(o, "").class, WK_OBJECT_INVALID);
    key[1024] = 0;
    assert_int_equal(put(o, key, "x").class, WK_OBJECT_OK);
    static const uint8_t byte;
    struct wk_span huge = {&byte, WK_OBJECT_BODY_BYTES_MAX + 1ull};
    struct wk_object_request r = {
        .verb = WK_OBJECT_PUT, .key = "k", .body = &huge, .body_count = 1};
    assert_int_equal(run(o, &r).class, WK_OBJECT_INVALID);
    struct wk_etag etag = {0};
    struct wk_object_request mixed[] = {
        {.verb = WK_OBJECT_GET, .key = "k", .if_match = &etag},
        {.verb = WK_OBJECT_PUT, .key = "k", .if_none_match = &etag},
        {.verb = WK_OBJECT_DELETE, .key = "k", .if_absent = true},
        {.verb = (enum wk_object_verb)9, .key = "k"},
    };
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(run(o, &mixed[i]).class, WK_OBJECT_INVALID);
    o->ops->close(o);
}

static void bodies_of_many_pieces_and_megabytes_are_whole(void **state) {
    struct wk_objects *o = open_at(*state);
    size_t size = 17 * 1024 * 1024 + 5; /* three steps */
    uint8_t *data = malloc(size);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    struct wk_span spans[40];
    size_t at = 0;
    for (size_t i = 0; i < 40; i++) {
        size_t piece = i == 39 ? size - at : i % 4 == 0 ? 0 : i == 21 ? 16u << 20 : 1000 + i;
        spans[i] = wk_span(data + at, piece);
        at += piece;
    }
    struct wk_object_request r = {
        .verb = WK_OBJECT_PUT, .key = "big", .body = spans, .body_count = 40};
    assert_int_equal(run(o, &r).class, WK_OBJECT_OK);
    struct body b = {0};
    assert_int_equal(get(o, "big", &b).class, WK_OBJECT_OK);
    assert_int_equal(b.size, size);
    assert_memory_equal(b.data, data, size);
    body_free(&b);
    free(data);
    o->ops->close(o);
}

/* ---- third parties ------------------------------------------------------------------------ */

/* OBJ-32 */
static void files_hold_the_body_and_nothing_else(void **state) {
    struct place *p = *state;
    struct wk_objects *o = open_at(p);
    assert_int_equal(put(o, "kv/a", "hello").class, WK_OBJECT_OK);
    char text[16] = {0};
    int fd = open(file_of(p, "kv/a"), O_RDWR);
    assert_int_equal(read(fd, text, sizeof text), 5);
    assert_string_equal(text, "hello");
    struct wk_etag before = head(o, "kv/a").etag;
    usleep(20000);
    assert_int_equal(pwrite(fd, "J", 1, 0), 1); /* what a failing disk may do */
    close(fd);
    assert_true(holds(o, "kv/a", "Jello"));
    assert_string_not_equal(head(o, "kv/a").etag.text, before.text);
    write_file(file_of(p, "kv/a"), "a body from elsewhere", 21);
    assert_true(holds(o, "kv/a", "a body from elsewhere"));
    o->ops->close(o);
}

/* OBJ-13 OBJ-33 */
static void links_and_devices_in_the_tree_are_not_followed(void **state) {
    struct place *p = *state;
    struct wk_objects *o = open_at(p);
    char secret[300];
    snprintf(secret, sizeof secret, "%s/secret", p->root);
    write_file(secret, "secret", 6);
    const char *keys[] = {"kv/link", "kv/pipe", "kv/directory"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(put(o, keys[i], "x").class, WK_OBJECT_OK);
        const char *file = file_of(p, keys[i]);
        unlink(file);
        int done = i == 0 ? symlink(secret, file) : i == 1 ? mkfifo(file, 0600) : mkdir(file, 0700);
        assert_int_equal(done, 0);
        struct body b = {0};
        struct wk_object_result r = get(o, keys[i], &b);
        assert_int_equal(r.class, WK_OBJECT_CORRUPT);
        assert_int_equal(b.reserved, 0);
        assert_int_equal(head(o, keys[i]).class, WK_OBJECT_CORRUPT);
    }
    struct listed l = {0};
    assert_int_equal(list(o, "", &l), WK_OBJECT_OK);
    assert_int_equal(l.count, 0);
    /* A PUT replaces the link, not what it points to. */
    assert_int_equal(put(o, "kv/link", "mine").class, WK_OBJECT_OK);
    assert_true(holds(o, "kv/link", "mine"));
    char text[8] = {0};
    int fd = open(secret, O_RDONLY);
    assert_int_equal(read(fd, text, sizeof text), 6);
    close(fd);
    o->ops->close(o);
}

/* OBJ-13 */
static void a_linked_segment_leads_nowhere(void **state) {
    struct place *p = *state;
    struct wk_objects *o = open_at(p);
    assert_int_equal(put(o, "real/a", "x").class, WK_OBJECT_OK);
    char link[300];
    char target[300];
    snprintf(link, sizeof link, "%s/b/linked", p->root);
    snprintf(target, sizeof target, "%s/b/real", p->root);
    assert_int_equal(symlink(target, link), 0);
    struct body b = {0};
    assert_int_equal(get(o, "linked/a", &b).class, WK_OBJECT_DENIED);
    assert_int_equal(put(o, "linked/a", "y").class, WK_OBJECT_DENIED);
    assert_int_equal(del(o, "linked/a", NULL).class, WK_OBJECT_DENIED);
    assert_true(holds(o, "real/a", "x"));
    struct listed l = {0};
    assert_int_equal(list(o, "", &l), WK_OBJECT_OK);
    assert_int_equal(l.count, 1);
    listed_clear(&l);
    o->ops->close(o);
}

/* OBJ-33 */
static void absurd_sizes_are_never_delivered(void **state) {
    struct place *p = *state;
    struct wk_objects *o = open_at(p);
    assert_int_equal(put(o, "kv/a", "x").class, WK_OBJECT_OK);
    assert_int_equal(truncate(file_of(p, "kv/a"), (off_t)1 << 40), 0);
    struct body b = {0};
    struct wk_object_result r = get(o, "kv/a", &b);
    assert_int_equal(r.class, WK_OBJECT_CORRUPT);
    assert_non_null(strstr(r.error.text, "1099511627776"));
    assert_int_equal(b.reserved, 0);
    assert_int_equal(head(o, "kv/a").class, WK_OBJECT_CORRUPT);
    o->ops->close(o);
}

/* OBJ-15 */
static void a_removed_tree_is_noticed_and_made_again(void **state) {
    struct place *p = *state;
    struct wk_objects *mine = open_at(p);
    struct wk_objects *theirs = open_at(p);
    assert_int_equal(put(mine, "kv/ns/a", "1").class, WK_OBJECT_OK);
    assert_true(holds(mine, "kv/ns/a", "1")); /* it now keeps the directory open */
    char path[300];
    snprintf(path, sizeof path, "%s/b/kv", p->root);
    remove_tree(path);
    assert_int_equal(put(theirs, "kv/ns/a", "2").class, WK_OBJECT_OK);
    assert_true(holds(mine, "kv/ns/a", "2"));
    remove_tree(path);
    assert_int_equal(head(mine, "kv/ns/a").class, WK_OBJECT_ABSENT);
    assert_int_equal(head(mine, "kv/ns/a").class, WK_OBJECT_ABSENT);
    assert_int_equal(put(mine, "kv/ns/a", "3").class, WK_OBJECT_OK);
    assert_true(holds(theirs, "kv/ns/a", "3"));
    remove_tree(p->root);
    struct wk_object_result r = put(mine, "kv/ns/a", "4");
    assert_int_equal(r.class, WK_OBJECT_SERVER_ERROR);
    assert_non_null(strstr(r.error.text, "removed"));
    assert_int_equal(head(mine, "kv/ns/a").class, WK_OBJECT_ABSENT);
    mine->ops->close(mine);
    theirs->ops->close(theirs);
}

/* ---- ETags and conditions ----------------------------------------------------------------- */

/* OBJ-34 */
static void etags_change_with_every_put(void **state) {
    struct wk_objects *o = open_at(*state);
    struct wk_etag seen[10];
    for (int i = 0; i < 10; i++) {
        seen[i] = put(o, "kv/a", i % 2 == 0 ? "even" : "odd!").etag;
        for (int j = 0; j < i; j++)
            assert_string_not_equal(seen[i].text, seen[j].text);
    }
    struct body b = {0};
    struct wk_object_request r = {.verb = WK_OBJECT_GET,
                                  .key = "kv/a",
                                  .if_none_match = &seen[9],
                                  .sink = {body_reserve, &b}};
    struct wk_object_result same = run(o, &r);
    assert_int_equal(same.class, WK_OBJECT_NOT_MODIFIED);
    assert_string_equal(same.etag.text, seen[9].text);
    assert_int_equal(b.reserved, 0);
    r.if_none_match = &seen[7];
    assert_int_equal(run(o, &r).class, WK_OBJECT_OK);
    assert_int_equal(b.reserved, 1);
    body_free(&b);
    o->ops->close(o);
}

/* OBJ-40 OBJ-41 */
static void conditions_decide_about_writes(void **state) {
    struct wk_objects *o = open_at(*state);
    struct wk_etag old = {.length = 3, .text = "\"x\""};
    assert_int_equal(put_if(o, "kv/a", "0", false, &old).class, WK_OBJECT_PRECONDITION_FAILED);
    assert_int_equal(del(o, "kv/a", &old).class, WK_OBJECT_PRECONDITION_FAILED);
    assert_int_equal(del(o, "nowhere/a", &old).class, WK_OBJECT_PRECONDITION_FAILED);
    struct wk_object_result first = put_if(o, "kv/a", "1", true, NULL);
    assert_int_equal(first.class, WK_OBJECT_OK);
    assert_int_equal(put_if(o, "kv/a", "2", true, NULL).class, WK_OBJECT_PRECONDITION_FAILED);
    assert_true(holds(o, "kv/a", "1"));
    old = first.etag;
    struct wk_object_result second = put_if(o, "kv/a", "2", false, &old);
    assert_int_equal(second.class, WK_OBJECT_OK);
    struct wk_etag now = second.etag;
    assert_int_equal(put_if(o, "kv/a", "3", false, &old).class, WK_OBJECT_PRECONDITION_FAILED);
    assert_int_equal(del(o, "kv/a", &old).class, WK_OBJECT_PRECONDITION_FAILED);
    assert_true(holds(o, "kv/a", "2"));
    assert_int_equal(del(o, "kv/a", &now).class, WK_OBJECT_OK);
    assert_int_equal(head(o, "kv/a").class, WK_OBJECT_ABSENT);
    assert_int_equal(temporaries(*state), 0);
    o->ops->close(o);
}

#define RACERS 4
#define ROUNDS 4

struct racer {
    pthread_t thread;
    struct wk_objects *o;
    unsigned won;
    unsigned failed;
};

/* Claims one key per round, then adds one to a common counter by If-Match. */
static void *race(void *arg) {
    struct racer *me = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char key[32];
        snprintf(key, sizeof key, "claims/%u", i);
        enum wk_object_class class = put_if(me->o, key, "mine", true, NULL).class;
        me->won += class == WK_OBJECT_OK;
        me->failed += class != WK_OBJECT_OK && class != WK_OBJECT_PRECONDITION_FAILED;
        for (bool done = false; !done;) {
            struct body b = {0};
            struct wk_object_result r = get(me->o, "counter", &b);
            char text[16] = "";
            memcpy(text, b.data, b.size < sizeof text ? b.size : sizeof text - 1);
            snprintf(text, sizeof text, "%08lu", strtoul(text, NULL, 10) + 1);
            me->failed += r.class != WK_OBJECT_OK;
            struct wk_etag etag = r.etag;
            body_free(&b);
            class = put_if(me->o, "counter", text, false, &etag).class;
            done = class != WK_OBJECT_PRECONDITION_FAILED;
            me->failed += done && class != WK_OBJECT_OK;
        }
    }
    return NULL;
}

/* In a process of its own; its exit code is how many claims it won, 100 for a failure. */
static pid_t race_in_child(const struct place *p) {
    pid_t child = fork();
    if (child != 0)
        return child;
    struct racer me = {.o = open_at(p)};
    race(&me);
    me.o->ops->close(me.o);
    _exit(me.failed > 0 ? 100 : (int)me.won);
}

/* OBJ-40 OBJ-41 OBJ-42: threads over two handles that know nothing of each other, and a process. */
static void racing_writers_lose_no_update(void **state) {
    struct place *p = *state;
    struct racer racers[RACERS] = {0};
    struct wk_objects *first = open_at(p);
    assert_int_equal(put(first, "counter", "00000000").class, WK_OBJECT_OK);
    first->ops->close(first);
    pid_t child = race_in_child(p); /* before there are threads */
    assert_true(child > 0);
    struct wk_objects *handles[2] = {open_at(p), open_at(p)};
    for (int i = 0; i < RACERS; i++) {
        racers[i].o = handles[i % 2];
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    unsigned won = 0;
    for (int i = 0; i < RACERS; i++) {
        pthread_join(racers[i].thread, NULL);
        assert_int_equal(racers[i].failed, 0);
        won += racers[i].won;
    }
    int code;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code));
    assert_in_range(WEXITSTATUS(code), 0, ROUNDS);
    assert_int_equal(won + (unsigned)WEXITSTATUS(code), ROUNDS);
    char want[16];
    snprintf(want, sizeof want, "%08d", (RACERS + 1) * ROUNDS);
    assert_true(holds(handles[0], "counter", want));
    handles[0]->ops->close(handles[0]);
    handles[1]->ops->close(handles[1]);
}

/* OBJ-42 */
static void a_lock_that_another_process_keeps_ends_at_the_deadline(void **state) {
    struct place *p = *state;
    struct wk_objects *o = open_at(p);
    assert_int_equal(put(o, "kv/a", "1").class, WK_OBJECT_OK);
    struct wk_dir_path path;
    assert_true(wk_dir_path_of_key(wk_span_text("kv/a"), &path));
    char name[400];
    snprintf(name, sizeof name, "%s/b/~lock/%02x", p->root, (unsigned)(path.hash % 64));
    int fd = open(name, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    struct wk_span span = wk_span_text("2");
    struct wk_object_request r = {
        .verb = WK_OBJECT_PUT, .key = "kv/a", .body = &span, .body_count = 1};
    struct wk_object_result result;
    o->ops->batch(o, &r, &result, 1, 1, wk_now_ns(wk_env_current()) + 30 * WK_NS_PER_MS, NULL);
    assert_int_equal(result.class, WK_OBJECT_TIMEOUT);
    assert_true(holds(o, "kv/a", "1"));
    assert_int_equal(temporaries(p), 0);
    close(fd);
    assert_int_equal(put(o, "kv/a", "3").class, WK_OBJECT_OK);
    o->ops->close(o);
}

/* ---- listing ------------------------------------------------------------------------------ */

/* OBJ-50 */
static void a_list_has_what_starts_with_the_prefix(void **state) {
    struct wk_objects *o = open_at(*state);
    char deep[600];
    memset(deep, 'd', sizeof deep);
    memcpy(deep, "kv/", 3);
    memcpy(deep + 590, "/end", 5);
    const char *keys[] = {"kv/a", "kv/ab", "kv/a/x", "kv/b", "kvx", "other/a", deep};
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(put(o, keys[i], keys[i]).class, WK_OBJECT_OK);
    char long_prefix[] = "kv/dddddddddd";
    const struct {
        const char *prefix;
        size_t count;
    } cases[] = {{"", 7},      {"kv", 6},        {"kv/", 5},    {"kv/a", 3}, {"kv/a/", 1},
                 {"kv/ab", 1}, {long_prefix, 1}, {"kv/a/y", 0}, {"no", 0},   {"no/thing/", 0}};
    struct listed l = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(list(o, cases[i].prefix, &l), WK_OBJECT_OK);
        assert_int_equal(l.count, cases[i].count);
        for (size_t k = 0; k < l.count; k++) {
            assert_int_equal(strncmp(l.keys[k], cases[i].prefix, strlen(cases[i].prefix)), 0);
            assert_int_equal(l.sizes[k], strlen(l.keys[k]));
            assert_string_equal(l.etags[k].text, head(o, l.keys[k]).etag.text);
        }
        listed_clear(&l);
    }
    l.stop_at = 2;
    assert_int_equal(list(o, "", &l), WK_OBJECT_OK);
    assert_int_equal(l.count, 2);
    listed_clear(&l);
    char prefix[1026];
    memset(prefix, 'p', sizeof prefix);
    prefix[1025] = 0;
    assert_int_equal(list(o, prefix, &l), WK_OBJECT_INVALID);
    o->ops->close(o);
}

/* OBJ-51 */
static void foreign_files_are_left_out_of_lists(void **state) {
    struct place *p = *state;
    struct wk_objects *o = open_at(p);
    assert_int_equal(put(o, "kv/a", "x").class, WK_OBJECT_OK);
    static const char *const directories[] = {"kv/~g", "kv/~0~", "kv/white space", "~kv", "%zz"};
    char path[WK_DIR_PATH_BYTES_MAX + 400];
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "%s/b/%s", p->root, directories[i]);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof path, "%s/b/%s/file", p->root, directories[i]);
        write_file(path, "x", 1);
    }
    snprintf(path, sizeof path, "%s/b/kv/file", p->root);
    write_file(path, "x", 1);
    snprintf(path, sizeof path, "%s/b/~tmp/1-x", p->root);
    write_file(path, "x", 1);
    snprintf(path, sizeof path, "%s.partial~", file_of(p, "kv/a"));
    write_file(path, "x", 1);
    snprintf(path, sizeof path, "%s2", file_of(p, "kv/a")); /* most likely another fan-out */
    struct wk_dir_path second;
    assert_true(wk_dir_path_of_key(wk_span_text("kv/a2"), &second));
    bool misplaced = strncmp(second.text, path + strlen(p->root) + 3, second.name_at) != 0;
    assert_true(misplaced);
    write_file(path, "x", 1);
    struct listed l = {0};
    assert_int_equal(list(o, "", &l), WK_OBJECT_OK);
    assert_int_equal(l.count, 1);
    assert_string_equal(l.keys[0], "kv/a");
    listed_clear(&l);
    o->ops->close(o);
}

/* OBJ-12 */
static void only_old_leftovers_of_dead_processes_are_removed(void **state) {
    struct place *p = *state;
    struct wk_objects *o = open_at(p);
    o->ops->close(o);
    static const char hex[] = "00112233445566778899aabbccddeeff";
    const struct {
        unsigned long id;
        const char *rest;
        bool old;
        bool stays;
    } files[] = {
        {2147483647, hex, true, false},              /* no such process */
        {2147483647, hex, false, true},              /* young */
        {(unsigned long)getpid(), hex, true, true},  /* ours */
        {(unsigned long)getppid(), hex, true, true}, /* alive */
        {2147483647, "somebody-else", true, true},   /* not our name */
    };
    for (size_t i = 0; i < 5; i++) {
        char path[400];
        snprintf(path, sizeof path, "%s/b/~tmp/%lu-%s", p->root, files[i].id, files[i].rest);
        if (i == 1)
            path[strlen(path) - 1] = '0';
        write_file(path, "x", 1);
        struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
        if (files[i].old)
            times[0] = times[1] = (struct timespec){.tv_sec = time(NULL) - 25 * 3600};
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    o = open_at(p);
    for (size_t i = 0; i < 5; i++) {
        char path[400];
        snprintf(path, sizeof path, "%s/b/~tmp/%lu-%s", p->root, files[i].id, files[i].rest);
        if (i == 1)
            path[strlen(path) - 1] = '0';
        assert_int_equal(access(path, F_OK) == 0, files[i].stays);
    }
    o->ops->close(o);
}

/* ---- batches ------------------------------------------------------------------------------ */

#define BATCH 60

/* OBJ-60 */
static void a_parallel_batch_answers_each_request_in_its_place(void **state) {
    struct wk_objects *o = open_at(*state);
    static char keys[BATCH][32];
    static struct wk_span spans[BATCH];
    static struct wk_object_request requests[BATCH];
    static struct wk_object_result results[BATCH];
    static struct body bodies[BATCH];
    memset(requests, 0, sizeof requests);
    for (int i = 0; i < BATCH; i++) {
        snprintf(keys[i], sizeof keys[i], "kv/batch/%d", i);
        spans[i] = wk_span_text(keys[i]);
        requests[i] = (struct wk_object_request){
            .verb = WK_OBJECT_PUT, .key = keys[i], .body = &spans[i], .body_count = 1};
    }
    o->ops->batch(o, requests, results, BATCH, 8, WK_FOREVER, NULL);
    for (int i = 0; i < BATCH; i++) {
        assert_int_equal(results[i].class, WK_OBJECT_OK);
        bodies[i] = (struct body){0};
        requests[i] =
            (struct wk_object_request){.verb = i % 3 == 1 ? WK_OBJECT_HEAD : WK_OBJECT_GET,
                                       .key = i % 3 == 2 ? "kv/batch/absent" : keys[i],
                                       .sink = {body_reserve, &bodies[i]}};
    }
    o->ops->batch(o, requests, results, BATCH, 64, WK_FOREVER, NULL);
    for (int i = 0; i < BATCH; i++) {
        assert_int_equal(results[i].class, i % 3 == 2 ? WK_OBJECT_ABSENT : WK_OBJECT_OK);
        assert_int_equal(results[i].error.length, 0);
        if (i % 3 != 2)
            assert_int_equal(results[i].size_bytes, spans[i].size);
        if (i % 3 == 0)
            assert_memory_equal(bodies[i].data, keys[i], spans[i].size);
        body_free(&bodies[i]);
    }
    o->ops->batch(o, NULL, NULL, 0, 8, WK_FOREVER, NULL);
    o->ops->close(o);
}

static void raise_cancel(void *ctx, uint64_t size_bytes) {
    (void)size_bytes;
    wk_atomic_store_u32(ctx, 1, WK_RELEASE, "test.cancel");
}

/* OBJ-61 */
static void cancel_and_deadline_end_what_has_not_begun(void **state) {
    struct wk_objects *o = open_at(*state);
    assert_int_equal(put(o, "kv/a", "x").class, WK_OBJECT_OK);
    static wk_atomic_u32 cancel;
    wk_atomic_store_u32(&cancel, 0, WK_RELAXED, "test.cancel");
    struct body bodies[2] = {{.on_reserve = raise_cancel, .ctx = &cancel}, {0}};
    struct wk_object_request r[2] = {
        {.verb = WK_OBJECT_GET, .key = "kv/a", .sink = {body_reserve, &bodies[0]}},
        {.verb = WK_OBJECT_GET, .key = "kv/a", .sink = {body_reserve, &bodies[1]}}};
    struct wk_object_result results[2];
    o->ops->batch(o, r, results, 2, 1, WK_FOREVER, &cancel);
    assert_int_equal(results[0].class, WK_OBJECT_CANCELLED);
    assert_int_equal(results[1].class, WK_OBJECT_CANCELLED);
    assert_int_equal(bodies[1].reserved, 0);
    body_free(&bodies[0]);
    struct listed l = {0};
    struct wk_error err;
    assert_int_equal(o->ops->list(o, "", listed_add, &l, WK_FOREVER, &cancel, &err),
                     WK_OBJECT_CANCELLED);
    assert_int_equal(o->ops->list(o, "", listed_add, &l, 1, NULL, &err), WK_OBJECT_TIMEOUT);
    assert_int_equal(l.count, 0);
    o->ops->batch(o, r, results, 2, 1, 1, NULL);
    assert_int_equal(results[0].class, WK_OBJECT_TIMEOUT);
    struct body refusing = {.refuse = true};
    assert_int_equal(get(o, "kv/a", &refusing).class, WK_OBJECT_CANCELLED);
    o->ops->close(o);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(endpoints_that_are_no_directory_are_refused_by_name),
        TEST(missing_directories_are_made_for_the_owner_only),
        TEST(a_file_in_the_way_is_named),
        TEST(a_directory_that_may_not_be_written_is_denied),
        TEST(the_directory_itself_may_not_be_a_link),
        TEST(what_was_put_is_got_until_it_is_deleted),
        TEST(hostile_keys_are_objects_of_their_own),
        TEST(requests_that_can_never_succeed_are_invalid),
        TEST(bodies_of_many_pieces_and_megabytes_are_whole),
        TEST(files_hold_the_body_and_nothing_else),
        TEST(links_and_devices_in_the_tree_are_not_followed),
        TEST(a_linked_segment_leads_nowhere),
        TEST(absurd_sizes_are_never_delivered),
        TEST(a_removed_tree_is_noticed_and_made_again),
        TEST(etags_change_with_every_put),
        TEST(conditions_decide_about_writes),
        TEST(racing_writers_lose_no_update),
        TEST(a_lock_that_another_process_keeps_ends_at_the_deadline),
        TEST(a_list_has_what_starts_with_the_prefix),
        TEST(foreign_files_are_left_out_of_lists),
        TEST(only_old_leftovers_of_dead_processes_are_removed),
        TEST(a_parallel_batch_answers_each_request_in_its_place),
        TEST(cancel_and_deadline_end_what_has_not_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
