/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics page against its table, and the table's page in specs/. */
#include "unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/metrics.h"
#include "env/posix/posix.h"

static char page[WK_METRICS_PAGE_BYTES + 1];
static struct wk_metrics metrics;
static struct wk_rpc_server *server;

static void some_stats(struct wk_backend *b,
                       void (*each)(void *ctx, const char *name, uint64_t value), void *ctx) {
    (void)b;
    each(ctx, "hits_ram", 4711);
    each(ctx, "objects_throttled", 3);
}

static void write_page(void) {
    static const struct wk_backend_ops ops = {.stats = some_stats};
    struct wk_backend store = {&ops};
    struct wk_writer w = wk_writer(page, sizeof page - 1);
    assert_true(wk_metrics_write(&metrics, &store, server, &w));
    page[w.at] = 0;
}

static void says(const char *line) {
    if (strstr(page, line) == NULL)
        fail_msg("no \"%s\" in:\n%s", line, page);
}

static int set_up(void **state) {
    (void)state;
    struct wk_rpc_server_config config = {.connections_max = 1, .receive_bytes = 1 << 20};
    wk_metrics_init(&metrics, wk_env_current());
    return wk_rpc_server_create(wk_env_current(), &config, &server, NULL) == WK_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    wk_rpc_server_destroy(server);
    return 0;
}

/* MET-2 MET-3 */
static void test_requests_are_counted_by_op_and_status(void **state) {
    (void)state;
    uint64_t begun = wk_metrics_begin(&metrics);
    write_page();
    says("\nwombatkv_requests_in_flight 1\n");
    wk_metrics_end(&metrics, begun, WK_OP_GET, WK_REPLY_MISS);
    wk_metrics_end(&metrics, wk_metrics_begin(&metrics), 77, WK_REPLY_ERROR);
    wk_metrics_end(&metrics, wk_metrics_begin(&metrics) - 2 * WK_NS_PER_S, WK_OP_GET, WK_REPLY_OK);
    write_page();
    says("\nwombatkv_requests_in_flight 0\n");
    says("\nwombatkv_requests_total{op=\"get\",status=\"miss\"} 1\n");
    says("\nwombatkv_requests_total{op=\"get\",status=\"ok\"} 1\n");
    says("\nwombatkv_requests_total{op=\"unknown\",status=\"error\"} 1\n");
    says("\nwombatkv_request_seconds_bucket{op=\"get\",le=\"1\"} 1\n");
    says("\nwombatkv_request_seconds_bucket{op=\"get\",le=\"5\"} 2\n");
    says("\nwombatkv_request_seconds_bucket{op=\"get\",le=\"+Inf\"} 2\n");
    says("\nwombatkv_request_seconds_sum{op=\"get\"} 2.");
    says("\nwombatkv_request_seconds_count{op=\"get\"} 2\n");
}

static void test_the_numbers_are_the_stores(void **state) {
    (void)state;
    write_page();
    says("\nwombatkv_hit_blocks_total{tier=\"ram\"} 4711\n");
    says("\nwombatkv_object_requests_total{class=\"throttled\"} 3\n");
    says("\nwombatkv_object_requests_total{class=\"ok\"} 0\n");
    says("\nwombatkv_connections 0\n");
    says("wombatkv_build_info{version=\"" WK_VERSION "\"} 1\n");
}

/* MET-1: the same names in the same order, and specs/ shows the table that is built in. */
static void test_the_page_is_the_table(void **state) {
    (void)state;
    static char spec[64 * 1024];
    static char file[64 * 1024];
    struct wk_writer w = wk_writer(spec, sizeof spec - 1);
    wk_metrics_write_spec(&w);
    assert_false(w.failed);
    FILE *f = fopen("specs/0021-metrics.md", "r");
    assert_non_null(f);
    size_t size = fread(file, 1, sizeof file - 1, f);
    fclose(f);
    file[size] = 0;
    assert_string_equal(spec, file);
    write_page();
    const char *row = strstr(spec, "\n| `");
    const char *at = page;
    while (row != NULL) {
        char name[80];
        char help[100];
        assert_int_equal(sscanf(row, "\n| `%79[a-z_]`", name), 1);
        snprintf(help, sizeof help, "# HELP %s ", name);
        at = strstr(at, help);
        assert_non_null(at);
        row = strstr(row + 1, "\n| `");
    }
    assert_null(strstr(at + 1, "# HELP"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_requests_are_counted_by_op_and_status, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_numbers_are_the_stores, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_page_is_the_table, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
