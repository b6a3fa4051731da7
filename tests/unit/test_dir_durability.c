/* SPDX-License-Identifier: Apache-2.0 */
/* The directory store over a model of what a disk keeps when the power goes. */
#include "unit/cmocka_all.h"

#include "unit/dir_util.h"

/* ---- what would survive power loss --------------------------------------------------------- */

/*
 * A model over the real files: every directory entry made is lost until its directory is synced,
 * and bytes until their file is. Handles are known by address, files by path.
 */
#define ENTRIES_MAX 256

struct entry {
    char path[300];
    bool durable; /* the name */
    bool synced;  /* a file's bytes */
};

struct model {
    struct faulty faulty; /* first */
    struct entry entries[ENTRIES_MAX];
    size_t count;
    struct {
        void *handle;
        char path[300];
    } open[64];
    unsigned dir_syncs;
    unsigned broken; /* a directory got an entry before its own name was durable */
};

static struct model *model_of(struct wk_env *env) {
    return (struct model *)env;
}

static struct wk_env_files *real_files(struct model *m) {
    return (struct wk_env_files *)m->faulty.real->files;
}

static struct entry *entry_of(struct model *m, const char *path) {
    for (size_t i = 0; i < m->count; i++) {
        if (strcmp(m->entries[i].path, path) == 0)
            return &m->entries[i];
    }
    return NULL;
}

static const char *path_of(struct model *m, void *handle) {
    for (size_t i = 0; i < 64; i++) {
        if (m->open[i].handle == handle)
            return m->open[i].path;
    }
    fail_msg("an unknown handle");
    return NULL;
}

static void remember(struct model *m, void *handle, const char *path) {
    for (size_t i = 0; i < 64; i++) {
        if (m->open[i].handle == NULL) {
            m->open[i].handle = handle;
            strcpy(m->open[i].path, path);
            return;
        }
    }
    fail_msg("too many open handles");
}

static void forget(struct model *m, void *handle) {
    for (size_t i = 0; i < 64; i++) {
        if (m->open[i].handle == handle)
            m->open[i].handle = NULL;
    }
}

static void join(char to[300], struct model *m, struct wk_dir *dir, const char *name) {
    snprintf(to, 300, "%s/%s", dir != NULL ? path_of(m, dir) : "", dir != NULL ? name : name + 1);
}

static void add_entry(struct model *m, struct wk_dir *dir, const char *path) {
    struct entry *parent = entry_of(m, path_of(m, dir));
    bool housekeeping = parent != NULL && strstr(parent->path, "/b/~") != NULL;
    if (parent != NULL && !parent->durable && !housekeeping)
        m->broken++;
    struct entry *e = entry_of(m, path);
    if (e == NULL) {
        assert_true(m->count < ENTRIES_MAX);
        e = &m->entries[m->count++];
    }
    memset(e, 0, sizeof *e);
    strcpy(e->path, path);
}

static enum wk_status model_dir_open(struct wk_env *env, struct wk_dir *parent, const char *name,
                                     uint32_t flags, struct wk_dir **out, struct wk_error *err) {
    struct model *m = model_of(env);
    struct wk_dir *probe;
    bool there =
        real_files(m)->dir_open(m->faulty.real, parent, name, WK_OPEN_READ, &probe, NULL) == WK_OK;
    if (there)
        real_files(m)->dir_close(m->faulty.real, probe);
    enum wk_status status = real_files(m)->dir_open(env, parent, name, flags, out, err);
    if (status != WK_OK)
        return status;
    char path[300];
    join(path, m, parent, name);
    if (!there)
        add_entry(m, parent, path);
    remember(m, *out, path);
    return WK_OK;
}

static void model_dir_close(struct wk_env *env, struct wk_dir *dir) {
    forget(model_of(env), dir);
    real_files(model_of(env))->dir_close(env, dir);
}

static enum wk_status model_dir_sync(struct wk_env *env, struct wk_dir *dir, struct wk_error *err) {
    struct model *m = model_of(env);
    m->dir_syncs++;
    const char *path = path_of(m, dir);
    size_t length = strlen(path);
    for (size_t i = 0; i < m->count; i++) {
        struct entry *e = &m->entries[i];
        if (strncmp(e->path, path, length) == 0 && e->path[length] == '/' &&
            strchr(e->path + length + 1, '/') == NULL)
            e->durable = true;
    }
    return real_files(m)->dir_sync(env, dir, err);
}

static enum wk_status model_open(struct wk_env *env, struct wk_dir *dir, const char *name,
                                 uint32_t flags, struct wk_file **out, struct wk_error *err) {
    struct model *m = model_of(env);
    enum wk_status status = real_files(m)->open(env, dir, name, flags, out, err);
    if (status != WK_OK)
        return status;
    char path[300];
    join(path, m, dir, name);
    if ((flags & WK_OPEN_EXCLUSIVE) != 0)
        add_entry(m, dir, path);
    remember(m, *out, path);
    return WK_OK;
}

static void model_close(struct wk_env *env, struct wk_file *file) {
    forget(model_of(env), file);
    real_files(model_of(env))->close(env, file);
}

static enum wk_status model_sync(struct wk_env *env, struct wk_file *file, struct wk_error *err) {
    struct model *m = model_of(env);
    entry_of(m, path_of(m, file))->synced = true;
    return real_files(m)->sync(env, file, err);
}

static enum wk_status model_rename(struct wk_env *env, struct wk_dir *from_dir, const char *from,
                                   struct wk_dir *to_dir, const char *to, struct wk_error *err) {
    struct model *m = model_of(env);
    char path[300];
    join(path, m, from_dir, from);
    bool synced = entry_of(m, path)->synced;
    join(path, m, to_dir, to);
    add_entry(m, to_dir, path);
    entry_of(m, path)->synced = synced;
    return real_files(m)->rename(env, from_dir, from, to_dir, to, err);
}

static void model_init(struct model *m) {
    memset(m, 0, sizeof *m);
    faulty_init(&m->faulty);
    m->faulty.files.dir_open = model_dir_open;
    m->faulty.files.dir_close = model_dir_close;
    m->faulty.files.dir_sync = model_dir_sync;
    m->faulty.files.open = model_open;
    m->faulty.files.close = model_close;
    m->faulty.files.sync = model_sync;
    m->faulty.files.rename = model_rename;
}

/* All names on the way to the object are durable, and so are its bytes. */
static void assert_survives(struct model *m, const struct place *p, const char *key) {
    char path[300];
    snprintf(path, sizeof path, "%s", file_of(p, key));
    struct entry *file = entry_of(m, path);
    assert_non_null(file);
    assert_true(file->synced);
    for (char *end = path + strlen(path); end > path + strlen(p->root); end = strrchr(path, '/')) {
        *end = 0;
        struct entry *e = entry_of(m, path);
        if (e != NULL && !e->durable)
            fail_msg("%s would be lost", path);
    }
}

/* OBJ-20 OBJ-21 */
static void an_acknowledged_put_survives_power_loss(void **state) {
    static struct model m;
    static struct place deep;
    struct place *p = *state;
    snprintf(deep.root, sizeof deep.root, "%.200s/x/y", p->root);
    snprintf(deep.endpoint, sizeof deep.endpoint, "file://%s", deep.root);
    model_init(&m);
    struct wk_objects *o = open_in(&m.faulty.env, &deep);
    static const char *const keys[] = {"a", "kv/ns/a", "kv/ns/b", "kv/other/c", "kv/ns/a", "kv/d"};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(put(o, keys[i], "x").class, WK_OBJECT_OK);
        assert_survives(&m, &deep, keys[i]);
    }
    assert_int_equal(m.broken, 0);
    o->ops->close(o);
    assert_int_equal(m.faulty.alive, 0);
}

/* OBJ-20: a directory that somebody else made and did not sync is made durable first. */
static void directories_found_are_synced_before_they_count(void **state) {
    static struct model m;
    struct place *p = *state;
    model_init(&m);
    struct wk_objects *o = open_in(&m.faulty.env, p);
    struct wk_dir_path path;
    assert_true(wk_dir_path_of_key(wk_span_text("kv/ns/a"), &path));
    /* How far a process got that died: 1..4 of the directories "kv", "ns", "~x", "y". */
    for (unsigned depth = 1; depth <= 4; depth++) {
        char text[400];
        snprintf(text, sizeof text, "%s/b/kv", p->root);
        remove_tree(text);
        m.count = 0;
        size_t length = 0;
        for (unsigned i = 0; i < depth; i++)
            length += strcspn(path.text + length, "/") + 1;
        length--;
        /* Made by others; their names durable except the last (OBJ-20 for them, too). */
        for (size_t end = 0; end <= length; end++) {
            if (path.text[end] != '/' && end != length)
                continue;
            snprintf(text, sizeof text, "%s/b/%.*s", p->root, (int)end, path.text);
            assert_int_equal(mkdir(text, 0700), 0);
            strcpy(m.entries[m.count].path, text);
            m.entries[m.count].synced = false;
            m.entries[m.count++].durable = end != length;
        }
        assert_int_equal(put(o, "kv/ns/a", "x").class, WK_OBJECT_OK);
        assert_survives(&m, p, "kv/ns/a");
        assert_int_equal(m.broken, 0);
    }
    o->ops->close(o);
}

/* OBJ-20: so is the directory of the endpoint. */
static void a_root_found_is_synced_when_the_store_opens(void **state) {
    static struct model m;
    struct place *p = *state;
    model_init(&m);
    strcpy(m.entries[m.count++].path, p->root);
    struct wk_objects *o = open_in(&m.faulty.env, p);
    assert_true(entry_of(&m, p->root)->durable);
    assert_int_equal(m.broken, 0);
    o->ops->close(o);
}

/* OBJ-23 */
static void deleting_what_is_absent_syncs_its_absence(void **state) {
    static struct model m;
    model_init(&m);
    struct wk_objects *o = open_in(&m.faulty.env, *state);
    assert_int_equal(put(o, "kv/a", "x").class, WK_OBJECT_OK);
    assert_int_equal(del(o, "kv/a", NULL).class, WK_OBJECT_OK);
    unsigned before = m.dir_syncs;
    assert_int_equal(del(o, "kv/a", NULL).class, WK_OBJECT_OK);
    assert_true(m.dir_syncs > before);
    o->ops->close(o);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_acknowledged_put_survives_power_loss),
        TEST(directories_found_are_synced_before_they_count),
        TEST(a_root_found_is_synced_when_the_store_opens),
        TEST(deleting_what_is_absent_syncs_its_absence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
