/* SPDX-License-Identifier: Apache-2.0 */
/* "host:port" of a daemon, and whether a host is this machine; against model_address.c. */
#include "config/endpoint.h"
#include "harness.h"

static void check_spelled_again(const struct wk_host_port *at) {
    char text[WK_HOST_BYTES_MAX + 16];
    int size = snprintf(text, sizeof text, at->is_ipv6 ? "[%s]:%u" : "%s:%u", at->host, at->port);
    struct wk_host_port again;
    CHECK(wk_host_port_parse(wk_span(text, (size_t)size), &again, NULL) == WK_OK,
          "an address that was read can be written and read again");
    CHECK(strcmp(again.host, at->host) == 0 && again.port == at->port &&
              again.is_ipv6 == at->is_ipv6,
          "it is the same address then");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size >= MODEL_TEXT_BYTES)
        return 0;
    struct exact input = exact_copy(data, size);
    struct wk_host_port at;
    FILL_PATTERN(&at);
    struct wk_error err;
    wk_error_clear(&err);
    struct model_address model;
    bool good = model_host_port(exact_span(&input), false, &model);
    enum wk_status status = wk_host_port_parse(exact_span(&input), &at, &err);
    CHECK((status == WK_OK) == good, "the verdict is that of the model");
    if (good) {
        CHECK(strcmp(at.host, model.host) == 0, "the host is that of the model");
        CHECK(at.port == model.port && at.is_ipv6 == model.is_ipv6, "so are port and family");
        CHECK(wk_host_is_loopback(&at) == model.loopback, "so is whether it is loopback");
        check_spelled_again(&at);
    } else {
        CHECK(status == WK_INVALID, "what is no address is invalid");
        check_error(status, &err);
        CHECK_PATTERN(&at);
    }
    exact_free(&input);
    return 0;
}
