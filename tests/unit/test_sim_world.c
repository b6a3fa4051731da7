/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulated world is made of: disks that lose power, buckets that misbehave. */
#include "unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bucket.h"
#include "disk.h"
#include "fault.h"
#include "flight.h"
#include "hash/crc32c.h"
#include "process.h"
#include "report.h"
#include "sched.h"
#include "seed.h"

static struct sim_process *process;
static struct wk_env *env;
static struct sim_fault_plan faults;

static const struct sim_schedule plain = {SIM_UNIFORM, 500000, 250000, 0, 0, 100};

static void world(uint64_t seed) {
    sim_ground_reset(seed, &plain, &faults);
    process = sim_process_create(sim_host_create("host"), "p");
    env = &process->env;
}

static void run(void (*main)(void *arg), void *arg) {
    assert_non_null(sim_spawn(process, "main", main, arg));
    sim_run();
    if (sim_violation()->happened)
        fail_msg("%s: %s", sim_violation()->rule, sim_violation()->text);
}

static int no_faults(void **state) {
    (void)state;
    memset(&faults, 0, sizeof faults);
    return 0;
}

/* ---- disk */

static struct wk_dir *root;

static void open_root(void) {
    assert_int_equal(env->files->dir_open(env, NULL, "/", WK_OPEN_READ, &root, NULL), WK_OK);
}

static struct wk_file *open_file(const char *name, uint32_t flags) {
    struct wk_file *f = NULL;
    struct wk_error err;
    assert_int_equal(env->files->open(env, root, name, WK_OPEN_READ | flags, &f, &err), WK_OK);
    return f;
}

static void write_at(struct wk_file *f, uint64_t offset, uint8_t byte, size_t size) {
    uint8_t *bytes = malloc(size);
    memset(bytes, byte, size);
    struct wk_span span = wk_span(bytes, size);
    assert_int_equal(env->files->pwrite(env, f, &span, 1, offset, NULL), WK_OK);
    free(bytes);
}

static void write_two_sync_one(void *arg) {
    (void)arg;
    open_root();
    struct wk_file *f = open_file("synced", WK_OPEN_WRITE | WK_OPEN_CREATE);
    write_at(f, 0, 'a', 4096);
    assert_int_equal(env->files->sync(env, f, NULL), WK_OK);
    assert_int_equal(env->files->dir_sync(env, root, NULL), WK_OK);
    write_at(f, 0, 'b', 4096);
    struct wk_file *g = open_file("unsynced", WK_OPEN_WRITE | WK_OPEN_CREATE);
    write_at(g, 0, 'c', 4096);
}

struct seen {
    bool synced_there;
    bool unsynced_there;
    bool mixed;
    bool only_known;
    bool any_old;
    bool any_new;
};

static void look_after(void *arg) {
    struct seen *seen = arg;
    struct wk_file_info info;
    open_root();
    seen->synced_there = env->files->info(env, root, "synced", &info, NULL) == WK_OK;
    seen->unsynced_there = env->files->info(env, root, "unsynced", &info, NULL) == WK_OK;
    if (!seen->synced_there)
        return;
    uint8_t bytes[4096];
    size_t size;
    struct wk_file *f = open_file("synced", 0);
    assert_int_equal(env->files->pread(env, f, bytes, sizeof bytes, 0, &size, NULL), WK_OK);
    assert_int_equal(size, 4096);
    uint32_t olds = 0;
    seen->only_known = true;
    for (size_t i = 0; i < size; i++) {
        olds += bytes[i] == 'a';
        seen->only_known = seen->only_known && (bytes[i] == 'a' || bytes[i] == 'b');
    }
    seen->any_old = olds == 4096;
    seen->any_new = olds == 0;
    seen->mixed = olds > 0 && olds < 4096;
}

/* SIM-4 */
static void power_loss_keeps_what_was_synced_and_any_part_of_the_rest(void **state) {
    (void)state;
    uint32_t mixed = 0, name_kept = 0, name_lost = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct seen seen;
        memset(&seen, 0, sizeof seen);
        world(seed);
        run(write_two_sync_one, NULL);
        sim_host_crash(sim_host_at(0), "test");
        assert_false(process->alive);
        process = sim_process_create(sim_host_at(0), "q");
        env = &process->env;
        run(look_after, &seen);
        assert_true(seen.synced_there);
        assert_true(seen.only_known);
        mixed += seen.mixed;
        name_kept += seen.unsynced_there;
        name_lost += !seen.unsynced_there;
    }
    assert_true(mixed > 5);
    assert_true(name_kept > 5);
    assert_true(name_lost > 5);
}

static void a_process_crash_loses_no_written_byte(void **state) {
    (void)state;
    struct seen seen;
    memset(&seen, 0, sizeof seen);
    world(1);
    run(write_two_sync_one, NULL);
    sim_process_crash(process, "test");
    process = sim_process_create(sim_host_at(0), "q");
    env = &process->env;
    run(look_after, &seen);
    assert_true(seen.any_new);
    assert_true(seen.unsynced_there);
}

static void replace(void *arg) {
    (void)arg;
    open_root();
    struct wk_file *old = open_file("name", WK_OPEN_WRITE | WK_OPEN_CREATE);
    write_at(old, 0, 'a', 4096);
    assert_int_equal(env->files->sync(env, old, NULL), WK_OK);
    assert_int_equal(env->files->dir_sync(env, root, NULL), WK_OK);
    struct wk_file *new = open_file("temporary", WK_OPEN_WRITE | WK_OPEN_CREATE);
    write_at(new, 0, 'b', 4096);
    assert_int_equal(env->files->sync(env, new, NULL), WK_OK);
    assert_int_equal(env->files->rename(env, root, "temporary", root, "name", NULL), WK_OK);
}

static void look_at_name(void *arg) {
    uint8_t *byte = arg;
    size_t size;
    open_root();
    struct wk_file *f = open_file("name", 0);
    assert_int_equal(env->files->pread(env, f, byte, 1, 100, &size, NULL), WK_OK);
    assert_int_equal(size, 1);
}

/* SIM-4 */
static void a_rename_is_kept_or_lost_as_one(void **state) {
    (void)state;
    uint32_t old = 0, new = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        uint8_t byte = 0;
        world(seed);
        run(replace, NULL);
        sim_host_crash(sim_host_at(0), "test");
        process = sim_process_create(sim_host_at(0), "q");
        env = &process->env;
        run(look_at_name, &byte);
        old += byte == 'a';
        new += byte == 'b';
    }
    assert_int_equal(old + new, 40);
    assert_true(old > 3);
    assert_true(new > 3);
}

static void failed_sync(void *arg) {
    (void)arg;
    open_root();
    struct wk_file *f = open_file("synced", WK_OPEN_WRITE | WK_OPEN_CREATE);
    write_at(f, 0, 'a', 4096);
    assert_int_equal(env->files->dir_sync(env, root, NULL), WK_UNAVAILABLE);
    assert_int_equal(env->files->sync(env, f, NULL), WK_UNAVAILABLE);
    sim_faults_heal();
    assert_int_equal(env->files->dir_sync(env, root, NULL), WK_OK);
    assert_int_equal(env->files->sync(env, f, NULL), WK_OK); /* too late: the pages are gone */
}

static void look_at_size(void *arg) {
    struct wk_file_info info;
    open_root();
    assert_int_equal(env->files->info(env, root, "synced", &info, NULL), WK_OK);
    *(uint64_t *)arg = info.size_bytes;
}

static void a_failed_sync_forgets_the_pages_for_good(void **state) {
    (void)state;
    uint64_t size = 1;
    faults.ppm[SIM_FAULT_DISK_SYNC_FAILED] = 1000000;
    world(1);
    run(failed_sync, NULL);
    sim_host_crash(sim_host_at(0), "test");
    process = sim_process_create(sim_host_at(0), "q");
    env = &process->env;
    run(look_at_size, &size);
    assert_int_equal(size, 0);
}

static void lock_it(void *arg) {
    struct wk_file *f;
    open_root();
    f = open_file("lock", WK_OPEN_WRITE | WK_OPEN_CREATE);
    *(enum wk_status *)arg = env->files->lock(env, f, NULL);
    sim_sleep(1000);
}

static void a_lock_ends_with_its_process(void **state) {
    (void)state;
    enum wk_status first, second, third;
    world(1);
    run(lock_it, &first);
    assert_int_equal(first, WK_OK);
    struct sim_process *holder = process;
    process = sim_process_create(sim_host_at(0), "q");
    env = &process->env;
    run(lock_it, &second);
    assert_int_equal(second, WK_CONFLICT);
    sim_process_crash(holder, "test");
    run(lock_it, &third);
    assert_int_equal(third, WK_OK);
}

static void fill_disk(void *arg) {
    (void)arg;
    open_root();
    uint64_t left;
    struct wk_file *f = open_file("big", WK_OPEN_WRITE | WK_OPEN_CREATE);
    write_at(f, 0, 'a', 6000);
    assert_int_equal(env->files->free_space(env, root, &left, NULL), WK_OK);
    assert_int_equal(left, 4000);
    uint8_t bytes[5000] = {0};
    struct wk_span span = wk_span(bytes, sizeof bytes);
    assert_int_equal(env->files->pwrite(env, f, &span, 1, 6000, NULL), WK_NO_SPACE);
    assert_int_equal(env->files->remove(env, root, "big", NULL), WK_OK);
    assert_int_equal(env->files->free_space(env, root, &left, NULL), WK_OK);
    assert_int_equal(left, 10000);
}

static void a_full_disk_says_so(void **state) {
    (void)state;
    world(1);
    sim_disk_set_quota(sim_host_at(0)->disk, 10000);
    run(fill_disk, NULL);
}

/* ---- buckets */

struct body {
    uint8_t bytes[256];
    uint64_t size;
};

static void *reserve_body(void *ctx, uint64_t size) {
    struct body *b = ctx;
    b->size = size;
    return size <= sizeof b->bytes ? b->bytes : NULL;
}

static struct wk_objects *open_bucket(void) {
    struct wk_objects_config config = {.endpoint = "http://127.0.0.1:9000", .bucket = "b"};
    struct wk_objects *objects = NULL;
    assert_int_equal(env->objects->open(env, &config, &objects, NULL), WK_OK);
    return objects;
}

static struct wk_object_result once(struct wk_objects *objects,
                                    const struct wk_object_request *request, uint64_t ns) {
    struct wk_object_result result;
    uint64_t deadline = wk_now_ns(env) + ns;
    objects->ops->batch(objects, request, &result, 1, 4, deadline, NULL);
    return result;
}

static struct wk_object_result put_text(struct wk_objects *objects, const char *key,
                                        const char *text, uint64_t ns) {
    struct wk_span span = wk_span_text(text);
    struct wk_object_request put = {.verb = WK_OBJECT_PUT,
                                    .key = key,
                                    .body = &span,
                                    .body_count = 1,
                                    .body_crc32c = wk_crc32c(text, strlen(text))};
    return once(objects, &put, ns);
}

static void put_get_list(void *arg) {
    (void)arg;
    struct wk_objects *objects = open_bucket();
    assert_int_equal(put_text(objects, "k/1", "one", WK_NS_PER_S).class, WK_OBJECT_OK);
    struct body body;
    struct wk_object_request get = {
        .verb = WK_OBJECT_GET, .key = "k/1", .sink = {reserve_body, &body}};
    struct wk_object_result r = once(objects, &get, WK_NS_PER_S);
    assert_int_equal(r.class, WK_OBJECT_OK);
    assert_memory_equal(body.bytes, "one", 3);
    assert_true(r.has_crc32c);
    struct wk_etag etag = r.etag;
    get.if_none_match = &etag;
    assert_int_equal(once(objects, &get, WK_NS_PER_S).class, WK_OBJECT_NOT_MODIFIED);
    assert_int_equal(put_text(objects, "k/1", "two", WK_NS_PER_S).class, WK_OBJECT_OK);
    assert_int_equal(once(objects, &get, WK_NS_PER_S).class, WK_OBJECT_OK);
    assert_memory_equal(body.bytes, "two", 3);
    struct wk_object_request delete = {.verb = WK_OBJECT_DELETE, .key = "k/1", .if_match = &etag};
    assert_int_equal(once(objects, &delete, WK_NS_PER_S).class, WK_OBJECT_PRECONDITION_FAILED);
    delete.if_match = NULL;
    assert_int_equal(once(objects, &delete, WK_NS_PER_S).class, WK_OBJECT_OK);
    get.if_none_match = NULL;
    assert_int_equal(once(objects, &get, WK_NS_PER_S).class, WK_OBJECT_ABSENT);
    objects->ops->close(objects);
    sim_process_exit(process);
}

static void a_bucket_keeps_conditions_and_bodies(void **state) {
    (void)state;
    world(1);
    run(put_get_list, NULL);
}

static void put_that_fails(void *arg) {
    struct wk_objects *objects = open_bucket();
    *(enum wk_object_class *)arg = put_text(objects, "k", "x", WK_NS_PER_S).class;
}

static void error_before_has_no_effect_error_after_has_one(void **state) {
    (void)state;
    enum wk_object_class class;
    faults.ppm[SIM_FAULT_OBJECT_ERROR_BEFORE] = 1000000;
    world(1);
    run(put_that_fails, &class);
    assert_int_equal(class, WK_OBJECT_SERVER_ERROR);
    assert_null(sim_bucket_find(sim_bucket("b"), "k"));
    memset(&faults, 0, sizeof faults);
    faults.ppm[SIM_FAULT_OBJECT_ERROR_AFTER] = 1000000;
    world(1);
    run(put_that_fails, &class);
    assert_int_equal(class, WK_OBJECT_SERVER_ERROR);
    assert_non_null(sim_bucket_find(sim_bucket("b"), "k"));
}

static void put_that_comes_late(void *arg) {
    (void)arg;
    struct wk_objects *objects = open_bucket();
    assert_int_equal(put_text(objects, "k", "x", WK_NS_PER_S).class, WK_OBJECT_SERVER_ERROR);
    assert_null(sim_bucket_find(sim_bucket("b"), "k"));
    assert_int_equal(sim_flights_pending(), 1);
    sim_sleep(100 * WK_NS_PER_S);
    assert_non_null(sim_bucket_find(sim_bucket("b"), "k"));
    assert_int_equal(sim_flights_pending(), 0);
}

static void a_late_effect_comes_after_the_answer(void **state) {
    (void)state;
    faults.ppm[SIM_FAULT_OBJECT_LATE] = 1000000;
    world(1);
    run(put_that_comes_late, NULL);
}

static void get_without_answer(void *arg) {
    (void)arg;
    struct wk_objects *objects = open_bucket();
    uint64_t before = wk_now_ns(env);
    assert_int_equal(put_text(objects, "k", "x", 5 * WK_NS_PER_S).class, WK_OBJECT_TIMEOUT);
    assert_in_range(wk_now_ns(env) - before, 5 * WK_NS_PER_S, 5 * WK_NS_PER_S + WK_NS_PER_MS);
}

static void a_black_hole_lasts_until_the_deadline(void **state) {
    (void)state;
    faults.ppm[SIM_FAULT_OBJECT_BLACK_HOLE] = 1000000;
    world(1);
    run(get_without_answer, NULL);
}

static void get_damaged(void *arg) {
    (void)arg;
    struct wk_objects *objects = open_bucket();
    assert_int_equal(put_text(objects, "k", "0123456789", WK_NS_PER_S).class, WK_OBJECT_OK);
    struct body body;
    struct wk_object_request get = {
        .verb = WK_OBJECT_GET, .key = "k", .sink = {reserve_body, &body}};
    assert_int_equal(once(objects, &get, WK_NS_PER_S).class, WK_OBJECT_CORRUPT);
}

static void damage_on_the_way_is_corrupt(void **state) {
    (void)state;
    faults.ppm[SIM_FAULT_OBJECT_CORRUPT] = 1000000;
    world(1);
    run(get_damaged, NULL);
    memset(&faults, 0, sizeof faults);
    faults.ppm[SIM_FAULT_OBJECT_TRUNCATED] = 1000000;
    world(1);
    run(get_damaged, NULL);
}

struct listed {
    uint32_t count;
    uint32_t most;
};

static bool count_entry(void *ctx, const struct wk_object_entry *entry) {
    struct listed *l = ctx;
    assert_int_equal(strncmp(entry->key, "k/", 2), 0);
    return ++l->count < l->most;
}

static void list_many(void *arg) {
    (void)arg;
    struct wk_objects *objects = open_bucket();
    char key[16];
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof key, "k/%02d", i);
        assert_int_equal(put_text(objects, key, "x", WK_NS_PER_S).class, WK_OBJECT_OK);
    }
    assert_int_equal(put_text(objects, "l", "x", WK_NS_PER_S).class, WK_OBJECT_OK);
    struct listed l = {0, 1000};
    assert_int_equal(objects->ops->list(objects, "k/", count_entry, &l, WK_FOREVER, NULL, NULL),
                     WK_OBJECT_OK);
    assert_int_equal(l.count, 40);
    l = (struct listed){0, 15};
    assert_int_equal(objects->ops->list(objects, "k/", count_entry, &l, WK_FOREVER, NULL, NULL),
                     WK_OBJECT_OK);
    assert_int_equal(l.count, 15);
}

static void a_listing_shows_every_key_once(void **state) {
    (void)state;
    world(1);
    run(list_many, NULL);
}

/* ---- the real directory store over the simulated disk */

static void dir_store(void *arg) {
    (void)arg;
    struct wk_objects_config config = {.endpoint = "file:///data/kv", .bucket = "b", .threads = 3};
    struct wk_objects *objects = NULL;
    struct wk_error err;
    if (env->objects->open(env, &config, &objects, &err) != WK_OK)
        fail_msg("%s", err.text);
    assert_int_equal(put_text(objects, "k/1", "one", 10 * WK_NS_PER_S).class, WK_OBJECT_OK);
    struct body body;
    struct wk_object_request get = {
        .verb = WK_OBJECT_GET, .key = "k/1", .sink = {reserve_body, &body}};
    assert_int_equal(once(objects, &get, 10 * WK_NS_PER_S).class, WK_OBJECT_OK);
    assert_memory_equal(body.bytes, "one", 3);
    objects->ops->close(objects);
    sim_process_exit(process);
}

static void the_directory_store_runs_over_the_simulated_disk(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        world(seed);
        run(dir_store, NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(power_loss_keeps_what_was_synced_and_any_part_of_the_rest,
                               no_faults),
        cmocka_unit_test_setup(a_process_crash_loses_no_written_byte, no_faults),
        cmocka_unit_test_setup(a_rename_is_kept_or_lost_as_one, no_faults),
        cmocka_unit_test_setup(a_failed_sync_forgets_the_pages_for_good, no_faults),
        cmocka_unit_test_setup(a_lock_ends_with_its_process, no_faults),
        cmocka_unit_test_setup(a_full_disk_says_so, no_faults),
        cmocka_unit_test_setup(a_bucket_keeps_conditions_and_bodies, no_faults),
        cmocka_unit_test_setup(error_before_has_no_effect_error_after_has_one, no_faults),
        cmocka_unit_test_setup(a_late_effect_comes_after_the_answer, no_faults),
        cmocka_unit_test_setup(a_black_hole_lasts_until_the_deadline, no_faults),
        cmocka_unit_test_setup(damage_on_the_way_is_corrupt, no_faults),
        cmocka_unit_test_setup(a_listing_shows_every_key_once, no_faults),
        cmocka_unit_test_setup(the_directory_store_runs_over_the_simulated_disk, no_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
