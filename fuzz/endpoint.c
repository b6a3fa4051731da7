/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints of object stores; against model_address.c. */
#include <strings.h>

#include "config/endpoint.h"
#include "harness.h"

static void check_address(const struct wk_endpoint *got, const struct model_address *model) {
    CHECK(strcmp(got->at.host, model->host) == 0, "the host is that of the model");
    CHECK(got->at.port == model->port && got->at.is_ipv6 == model->is_ipv6,
          "so are port and family");
    CHECK(wk_host_is_loopback(&got->at) == model->loopback, "so is whether it is loopback");
    char text[WK_HOST_BYTES_MAX + 32];
    int size =
        snprintf(text, sizeof text, got->at.is_ipv6 ? "%s://[%s]:%u/" : "%s://%s:%u/",
                 got->kind == WK_ENDPOINT_HTTPS ? "HttpS" : "hTtp", got->at.host, got->at.port);
    struct wk_endpoint again;
    CHECK(wk_endpoint_parse(wk_span(text, (size_t)size), &again, NULL) == WK_OK,
          "an endpoint that was read can be written and read again");
    CHECK(strcmp(again.at.host, got->at.host) == 0 && again.at.port == got->at.port &&
              again.at.is_ipv6 == got->at.is_ipv6 && again.kind == got->kind,
          "it is the same endpoint then");
}

/* SET-8: what stands before an '@' may be a password, so the text is the same for all of them. */
static void check_no_password(struct wk_span text, const struct wk_error *err) {
    if (memchr(text.data, '@', text.size) == NULL ||
        (text.size >= 7 && strncasecmp((const char *)text.data, "file://", 7) == 0))
        return;
    struct wk_endpoint ignored;
    struct wk_error other;
    CHECK(wk_endpoint_parse(wk_span_text("http://u:p@h"), &ignored, &other) == WK_INVALID,
          "an endpoint has no place for a password");
    CHECK(strcmp(other.text, err->text) == 0, "the text shows nothing of the endpoint");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size >= MODEL_TEXT_BYTES)
        return 0;
    struct exact input = exact_copy(data, size);
    struct wk_span text = exact_span(&input);
    struct wk_endpoint got;
    FILL_PATTERN(&got);
    struct wk_error err;
    wk_error_clear(&err);
    struct model_address model;
    struct wk_span path = wk_span(NULL, 0);
    enum model_endpoint kind = model_endpoint(text, &model, &path);
    enum wk_status status = wk_endpoint_parse(text, &got, &err);
    CHECK((status == WK_OK) == (kind != MODEL_NO_ENDPOINT), "the verdict is that of the model");
    if (status != WK_OK) {
        CHECK(status == WK_INVALID, "what is no endpoint is invalid");
        check_error(status, &err);
        CHECK_PATTERN(&got);
        if (size > 0)
            check_no_password(text, &err);
    } else if (kind == MODEL_FILE) {
        CHECK(got.kind == WK_ENDPOINT_FILE, "a directory is a directory");
        CHECK(got.path.data == path.data && got.path.size == path.size,
              "the directory is a view of the rest of the text");
    } else {
        CHECK(got.kind == (kind == MODEL_HTTPS ? WK_ENDPOINT_HTTPS : WK_ENDPOINT_HTTP),
              "the scheme is that of the model");
        check_address(&got, &model);
    }
    exact_free(&input);
    return 0;
}
