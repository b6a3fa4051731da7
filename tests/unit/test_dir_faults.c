/* SPDX-License-Identifier: Apache-2.0 */
/* The directory store on a disk that fails, a memory that ends, and files that change. */
#include "unit/cmocka_all.h"

#include <errno.h>
#include <sys/mount.h>
#include <unistd.h>

#include "unit/dir_util.h"

/* ---- every file operation fails once -------------------------------------------------------- */

struct failing {
    struct faulty faulty; /* first */
    unsigned calls;
    unsigned fail_at; /* 0: none */
    enum wk_status with;
    bool renamed; /* the failed call came after the rename */
    bool failed_after_rename;
};

static bool fails_now(struct wk_env *env) {
    struct failing *f = (struct failing *)env;
    f->calls++;
    if (f->calls != f->fail_at)
        return false;
    f->failed_after_rename = f->renamed;
    return true;
}

static struct wk_env_files *beneath(struct wk_env *env) {
    return (struct wk_env_files *)((struct failing *)env)->faulty.real->files;
}

#define FAIL_OR(env, err, call)                                                                    \
    (fails_now(env) ? wk_fail(err, ((struct failing *)(env))->with, "planted") : beneath(env)->call)

static enum wk_status failing_dir_open(struct wk_env *env, struct wk_dir *parent, const char *name,
                                       uint32_t flags, struct wk_dir **out, struct wk_error *err) {
    return FAIL_OR(env, err, dir_open(env, parent, name, flags, out, err));
}
static enum wk_status failing_dir_sync(struct wk_env *env, struct wk_dir *d, struct wk_error *err) {
    return FAIL_OR(env, err, dir_sync(env, d, err));
}
static enum wk_status failing_open(struct wk_env *env, struct wk_dir *dir, const char *name,
                                   uint32_t flags, struct wk_file **out, struct wk_error *err) {
    return FAIL_OR(env, err, open(env, dir, name, flags, out, err));
}
static enum wk_status failing_pwrite(struct wk_env *env, struct wk_file *file,
                                     const struct wk_span *spans, size_t count, uint64_t offset,
                                     struct wk_error *err) {
    return FAIL_OR(env, err, pwrite(env, file, spans, count, offset, err));
}
static enum wk_status failing_sync(struct wk_env *env, struct wk_file *f, struct wk_error *err) {
    return FAIL_OR(env, err, sync(env, f, err));
}
static enum wk_status failing_file_info(struct wk_env *env, struct wk_file *file,
                                        struct wk_file_info *out, struct wk_error *err) {
    return FAIL_OR(env, err, file_info(env, file, out, err));
}
static enum wk_status failing_info(struct wk_env *env, struct wk_dir *dir, const char *name,
                                   struct wk_file_info *out, struct wk_error *err) {
    return FAIL_OR(env, err, info(env, dir, name, out, err));
}
static enum wk_status failing_rename(struct wk_env *env, struct wk_dir *from_dir, const char *from,
                                     struct wk_dir *to_dir, const char *to, struct wk_error *err) {
    enum wk_status status = FAIL_OR(env, err, rename(env, from_dir, from, to_dir, to, err));
    ((struct failing *)env)->renamed |= status == WK_OK;
    return status;
}
static enum wk_status failing_lock(struct wk_env *env, struct wk_file *f, struct wk_error *err) {
    return FAIL_OR(env, err, lock(env, f, err));
}
static enum wk_status failing_remove(struct wk_env *env, struct wk_dir *dir, const char *name,
                                     struct wk_error *err) {
    enum wk_status status = FAIL_OR(env, err, remove(env, dir, name, err));
    ((struct failing *)env)->renamed |= status == WK_OK;
    return status;
}

static void failing_init(struct failing *f) {
    memset(f, 0, sizeof *f);
    faulty_init(&f->faulty);
    f->faulty.files.dir_open = failing_dir_open;
    f->faulty.files.dir_sync = failing_dir_sync;
    f->faulty.files.open = failing_open;
    f->faulty.files.pwrite = failing_pwrite;
    f->faulty.files.sync = failing_sync;
    f->faulty.files.file_info = failing_file_info;
    f->faulty.files.info = failing_info;
    f->faulty.files.rename = failing_rename;
    f->faulty.files.lock = failing_lock;
    f->faulty.files.remove = failing_remove;
}

static enum wk_object_class class_for(enum wk_status status) {
    return status == WK_NO_SPACE ? WK_OBJECT_NO_SPACE
           : status == WK_DENIED ? WK_OBJECT_DENIED
                                 : WK_OBJECT_SERVER_ERROR;
}

/* Puts "new" over "old" with the fail_at-th file call failing; true once no call was left. */
static bool put_with_failure(struct failing *f, struct wk_objects *o, struct wk_objects *sane,
                             const struct place *p, const char *key) {
    assert_int_equal(put(sane, key, "old").class, WK_OBJECT_OK);
    f->calls = 0;
    f->renamed = false;
    f->failed_after_rename = false;
    struct wk_object_result r = put(o, key, "new");
    bool reached = f->fail_at <= f->calls;
    f->fail_at = 0;
    if (r.class == WK_OBJECT_OK) {
        /* Not reached, or something that need not succeed. */
        assert_true(holds(sane, key, "new"));
    } else if (f->failed_after_rename) {
        assert_int_equal(r.class, WK_OBJECT_SERVER_ERROR);
        assert_true(holds(sane, key, "new"));
        assert_int_equal(r.etag.length, 0);
    } else {
        assert_int_equal(r.class, class_for(f->with));
        assert_string_equal(r.error.text, "planted");
        assert_true(holds(sane, key, "old"));
    }
    assert_int_equal(temporaries(p), 0);
    return !reached;
}

/* OBJ-22 OBJ-24 */
static void a_failed_put_leaves_the_old_object_whole(void **state) {
    static const enum wk_status with[] = {WK_NO_SPACE, WK_DENIED, WK_UNAVAILABLE};
    static struct failing f;
    failing_init(&f);
    struct wk_objects *o = open_in(&f.faulty.env, *state);
    struct wk_objects *sane = open_at(*state);
    for (size_t i = 0; i < 3; i++) {
        unsigned failures = 0;
        f.with = with[i];
        for (unsigned at = 1;; at++) {
            f.fail_at = at;
            if (put_with_failure(&f, o, sane, *state, "kv/a"))
                break;
            failures++;
        }
        assert_true(failures >= 10);
    }
    o->ops->close(o);
    sane->ops->close(sane);
    assert_int_equal(f.faulty.alive, 0);
}

/* OBJ-24 */
static void failed_reads_and_deletes_say_so(void **state) {
    static struct failing f;
    failing_init(&f);
    struct wk_objects *o = open_in(&f.faulty.env, *state);
    f.with = WK_UNAVAILABLE;
    for (unsigned verb = 0; verb < 4; verb++) {
        for (unsigned at = 1;; at++) {
            assert_int_equal(put(o, "kv/a", "x").class, WK_OBJECT_OK);
            f.calls = 0;
            f.fail_at = at;
            struct body b = {0};
            struct listed l = {0};
            enum wk_object_class class = verb == 0   ? get(o, "kv/a", &b).class
                                         : verb == 1 ? head(o, "kv/a").class
                                         : verb == 2 ? del(o, "kv/a", NULL).class
                                                     : list(o, "kv/", &l);
            bool reached = f.calls >= at;
            f.fail_at = 0;
            if (class == WK_OBJECT_OK && verb == 3)
                assert_int_equal(l.count, 1);
            body_free(&b);
            listed_clear(&l);
            if (!reached) {
                assert_int_equal(class, WK_OBJECT_OK);
                break;
            }
            assert_true(class == WK_OBJECT_SERVER_ERROR || (verb == 2 && class == WK_OBJECT_OK));
        }
    }
    o->ops->close(o);
}

/* ---- memory -------------------------------------------------------------------------------- */

static void all_verbs(struct faulty *f, const struct place *p, bool sane) {
    struct wk_objects_config config = {.endpoint = p->endpoint, .bucket = "b"};
    struct wk_objects *o = NULL;
    struct wk_error err;
    enum wk_status status = wk_dir_objects_open(&f->env, &config, &o, &err);
    if (status != WK_OK) {
        assert_false(sane);
        assert_int_equal(status, WK_NO_MEMORY);
        assert_null(o);
        return;
    }
    struct body b = {0};
    struct listed l = {0};
    enum wk_object_class classes[] = {
        put(o, "kv/a", "x").class, get(o, "kv/a", &b).class,   head(o, "kv/a").class,
        list(o, "", &l),           del(o, "kv/a", NULL).class,
    };
    for (size_t i = 0; i < 5; i++) {
        bool fine =
            classes[i] == WK_OBJECT_OK ||
            (!sane && (classes[i] == WK_OBJECT_SERVER_ERROR || classes[i] == WK_OBJECT_ABSENT));
        assert_true(fine);
    }
    body_free(&b);
    listed_clear(&l);
    o->ops->close(o);
}

/* OBJ-63 */
static void every_allocation_may_fail(void **state) {
    static struct faulty f;
    faulty_init(&f);
    for (uint64_t k = 1;; k++) {
        f.allocs = 0;
        f.fail_alloc_from = k;
        f.fail_alloc_to = k % 3 == 0 ? UINT64_MAX : k + 1; /* once, or from then on */
        all_verbs(&f, *state, false);
        assert_int_equal(f.alive, 0);
        if (f.allocs < k)
            break;
    }
    f.fail_alloc_from = f.fail_alloc_to = UINT64_MAX;
    all_verbs(&f, *state, true);
    assert_int_equal(f.alive, 0);
}

/* ---- files that change while they are read -------------------------------------------------- */

struct meddler {
    const struct place *place;
    struct wk_objects *o;
    int what;
};

static void meddle(void *ctx, uint64_t size_bytes) {
    struct meddler *m = ctx;
    (void)size_bytes;
    usleep(15000); /* so that the time of the file differs */
    if (m->what == 0)
        write_file(file_of(m->place, "kv/a"), "longer than before", 18);
    else if (m->what == 1)
        assert_int_equal(truncate(file_of(m->place, "kv/a"), 2), 0);
    else if (m->what == 2)
        write_file(file_of(m->place, "kv/a"), "WORLD", 5);
    else if (m->what == 3)
        assert_int_equal(put(m->o, "kv/a", "replaced").class, WK_OBJECT_OK);
    else
        assert_int_equal(del(m->o, "kv/a", NULL).class, WK_OBJECT_OK);
}

/* OBJ-30 OBJ-31 */
static void a_body_is_never_a_mixture(void **state) {
    struct wk_objects *o = open_at(*state);
    const char *const want[] = {NULL, NULL, "WORLD", "hello", "hello"};
    for (int what = 0; what < 5; what++) {
        assert_int_equal(put(o, "kv/a", "hello").class, WK_OBJECT_OK);
        struct meddler m = {*state, o, what};
        struct body b = {.on_reserve = meddle, .ctx = &m};
        struct wk_object_result r = get(o, "kv/a", &b);
        assert_int_equal(r.class, want[what] == NULL ? WK_OBJECT_CORRUPT : WK_OBJECT_OK);
        if (want[what] != NULL)
            assert_memory_equal(b.data, want[what], 5);
        body_free(&b);
    }
    o->ops->close(o);
}

static const struct place *busy_place;

static enum wk_status busy_pread(struct wk_env *env, struct wk_file *file, void *to, size_t size,
                                 uint64_t offset, size_t *out_size, struct wk_error *err) {
    usleep(15000);
    write_file(file_of(busy_place, "kv/a"), "HELLO", 5);
    return ((struct faulty *)env)->real->files->pread(env, file, to, size, offset, out_size, err);
}

/* OBJ-31 */
static void a_file_that_never_rests_is_corrupt(void **state) {
    static struct faulty f;
    faulty_init(&f);
    f.files.pread = busy_pread;
    busy_place = *state;
    struct wk_objects *o = open_in(&f.env, *state);
    assert_int_equal(put(o, "kv/a", "hello").class, WK_OBJECT_OK);
    struct body b = {0};
    assert_int_equal(get(o, "kv/a", &b).class, WK_OBJECT_CORRUPT);
    assert_int_equal(b.reserved, 1);
    body_free(&b);
    o->ops->close(o);
}

static const char *vanishing;

static enum wk_status vanishing_info(struct wk_env *env, struct wk_dir *dir, const char *name,
                                     struct wk_file_info *out, struct wk_error *err) {
    if (strcmp(name, vanishing) == 0)
        return wk_fail(err, WK_MISS, "gone");
    return ((struct faulty *)env)->real->files->info(env, dir, name, out, err);
}

/* OBJ-52 */
static void what_vanishes_during_a_list_is_left_out(void **state) {
    static struct faulty f;
    faulty_init(&f);
    f.files.info = vanishing_info;
    vanishing = "b";
    struct wk_objects *o = open_in(&f.env, *state);
    struct wk_objects *sane = open_at(*state);
    assert_int_equal(put(sane, "kv/a", "x").class, WK_OBJECT_OK);
    assert_int_equal(put(sane, "kv/b", "x").class, WK_OBJECT_OK);
    struct listed l = {0};
    assert_int_equal(list(o, "", &l), WK_OBJECT_OK);
    assert_int_equal(l.count, 1);
    assert_string_equal(l.keys[0], "kv/a");
    listed_clear(&l);
    o->ops->close(o);
    sane->ops->close(sane);
}

/* ---- a file system with a slow clock and few inodes ------------------------------------------ */

struct coarse {
    struct faulty faulty; /* first */
    uint64_t inodes[64];
    uint64_t times[64];
    size_t count;
};

/* Time in steps of 2 ms; a new file takes the inode of the last but one. */
static void coarsen(struct wk_env *env, struct wk_file_info *info) {
    struct coarse *c = (struct coarse *)env;
    /* A file is told by its true number and time: the system may reuse numbers, too. */
    size_t i = 0;
    while (i < c->count && (c->inodes[i] != info->inode || c->times[i] != info->modified_ns))
        i++;
    if (i == c->count) {
        assert_true(c->count < sizeof c->inodes / sizeof *c->inodes);
        c->inodes[c->count] = info->inode;
        c->times[c->count++] = info->modified_ns;
    }
    info->inode = i % 2;
    /* The system has a tick of its own below this, of up to 10 ms. */
    info->modified_ns -= info->modified_ns % (2 * WK_NS_PER_MS);
}

static enum wk_status coarse_info(struct wk_env *env, struct wk_dir *dir, const char *name,
                                  struct wk_file_info *out, struct wk_error *err) {
    struct coarse *c = (struct coarse *)env;
    enum wk_status status = c->faulty.real->files->info(env, dir, name, out, err);
    if (status == WK_OK)
        coarsen(env, out);
    return status;
}

static enum wk_status coarse_file_info(struct wk_env *env, struct wk_file *file,
                                       struct wk_file_info *out, struct wk_error *err) {
    struct coarse *c = (struct coarse *)env;
    enum wk_status status = c->faulty.real->files->file_info(env, file, out, err);
    if (status == WK_OK)
        coarsen(env, out);
    return status;
}

/* OBJ-34 */
static void a_reused_inode_does_not_repeat_an_etag(void **state) {
    static struct coarse c;
    memset(&c, 0, sizeof c);
    faulty_init(&c.faulty);
    c.faulty.files.info = coarse_info;
    c.faulty.files.file_info = coarse_file_info;
    struct wk_objects *o = open_in(&c.faulty.env, *state);
    struct wk_etag seen[12];
    for (int i = 0; i < 12; i++) {
        if (i == 6)
            assert_int_equal(del(o, "kv/a", NULL).class, WK_OBJECT_OK);
        seen[i] = put(o, "kv/a", "x").etag;
        for (int j = 0; j < i; j++)
            assert_string_not_equal(seen[i].text, seen[j].text);
    }
    o->ops->close(o);
}

static enum wk_status careless_info(struct wk_env *env, struct wk_dir *dir, const char *name,
                                    struct wk_file_info *out, struct wk_error *err) {
    const char *same = strcmp(name, "~TMP") == 0 ? "~tmp" : name;
    return ((struct faulty *)env)->real->files->info(env, dir, same, out, err);
}

/* OBJ-14 */
static void a_file_system_that_ignores_case_is_refused(void **state) {
    static struct faulty f;
    struct place *p = *state;
    faulty_init(&f);
    f.files.info = careless_info;
    struct wk_objects_config config = {.endpoint = p->endpoint, .bucket = "b"};
    struct wk_objects *o = NULL;
    struct wk_error err;
    assert_int_equal(wk_dir_objects_open(&f.env, &config, &o, &err), WK_INVALID);
    assert_non_null(strstr(err.text, "upper from lower"));
    assert_int_equal(f.alive, 0);
}

/* ---- a full disk --------------------------------------------------------------------------- */

/* OBJ-24 */
static void a_full_disk_is_no_space_and_keeps_what_it_has(void **state) {
    struct place *p = *state;
    if (mount("none", p->root, "tmpfs", 0, "size=512k,mode=0700") != 0) {
        print_message("SKIPPED: a full disk needs mount(2): %s\n", strerror(errno));
        skip();
    }
    static char text[100 * 1024 + 1];
    memset(text, 'x', sizeof text - 1);
    struct wk_objects *o = open_at(p);
    unsigned stored = 0;
    struct wk_object_result r;
    char key[16];
    for (; stored < 20; stored++) {
        snprintf(key, sizeof key, "kv/%u", stored);
        r = put(o, key, text);
        if (r.class != WK_OBJECT_OK)
            break;
    }
    size_t left_over = temporaries(p);
    bool whole = true;
    for (unsigned i = 0; i < stored; i++) {
        snprintf(key, sizeof key, "kv/%u", i);
        whole = whole && holds(o, key, text);
    }
    bool opens = true;
    struct wk_objects *again = open_at(p);
    opens = again != NULL;
    again->ops->close(again);
    enum wk_object_class deleted = del(o, "kv/0", NULL).class;
    enum wk_object_class after = put(o, "kv/new", text).class;
    o->ops->close(o);
    umount2(p->root, MNT_DETACH);
    assert_int_equal(r.class, WK_OBJECT_NO_SPACE);
    assert_non_null(strstr(r.error.text, "No space left"));
    assert_in_range(stored, 2, 5);
    assert_int_equal(left_over, 0);
    assert_true(whole && opens);
    assert_int_equal(deleted, WK_OBJECT_OK);
    assert_int_equal(after, WK_OBJECT_OK);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_failed_put_leaves_the_old_object_whole),
        TEST(failed_reads_and_deletes_say_so),
        TEST(every_allocation_may_fail),
        TEST(a_body_is_never_a_mixture),
        TEST(a_file_that_never_rests_is_corrupt),
        TEST(what_vanishes_during_a_list_is_left_out),
        TEST(a_reused_inode_does_not_repeat_an_etag),
        TEST(a_file_system_that_ignores_case_is_refused),
        TEST(a_full_disk_is_no_space_and_keeps_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
