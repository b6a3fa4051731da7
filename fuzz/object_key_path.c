/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object keys and the directory store's paths; against model_path.c. The input is taken for a key,
 * for the path of a key, and for a prefix that a LIST asks for.
 */
#include "env/dir/path.h"
#include "harness.h"

static void check_key(struct wk_span key) {
    struct wk_dir_path path;
    char model[MODEL_PATH_BYTES];
    bool good = model_path_of_key(key, model);
    CHECK(wk_dir_path_of_key(key, &path) == good, "what is a key is what the model says");
    if (!good)
        return;
    CHECK(path.length == strlen(path.text), "the path is as long as it says");
    CHECK(strcmp(path.text, model) == 0, "the path is that of the model");
    CHECK(strchr(path.text + path.name_at, '/') == NULL && path.text[path.name_at - 1] == '/',
          "name_at is where the last name starts");
    CHECK(path.base_length == 0 || path.text[path.base_length] == '/', "so does base_length end");
    char again[WK_OBJECT_KEY_BYTES_MAX + 1];
    size_t length = 0;
    CHECK(wk_dir_key_of_path(path.text, again, &length), "every path of a key is one");
    CHECK(wk_span_equal(wk_span(again, length), key), "it is the path of that key");
}

static void check_path(struct wk_span text) {
    char path[MODEL_PATH_BYTES];
    uint8_t model[MODEL_PATH_BYTES];
    size_t model_size = 0;
    char key[WK_OBJECT_KEY_BYTES_MAX + 1];
    size_t length = 0;
    if (text.size >= sizeof path || (text.size > 0 && memchr(text.data, 0, text.size) != NULL))
        return;
    if (text.size > 0)
        memcpy(path, text.data, text.size);
    path[text.size] = 0;
    bool good = model_key_of_path(text, model, &model_size);
    CHECK(wk_dir_key_of_path(path, key, &length) == good, "what is a path is what the model says");
    if (good)
        CHECK(wk_span_equal(wk_span(key, length), wk_span(model, model_size)) && key[length] == 0,
              "the key is that of the model");
}

/* A key lies below the directory of each of its own fronts, and that directory says so. OBJ-50 */
static void check_prefix(struct wk_span key, size_t cut) {
    struct wk_dir_path path;
    struct wk_dir_path below;
    char prefix[WK_OBJECT_KEY_BYTES_MAX + 1];
    size_t length = 0;
    if (!wk_dir_path_of_key(key, &path))
        return;
    CHECK(wk_dir_path_of_prefix(wk_span(key.data, cut), &below), "the front of a key is a prefix");
    CHECK(below.length < path.length && memcmp(below.text, path.text, below.length) == 0 &&
              (below.length == 0 || path.text[below.length] == '/'),
          "a key lies below the directory of its front");
    CHECK(wk_dir_prefix_of_path(below.text, prefix, &length), "that directory has a prefix");
    CHECK(length <= cut && memcmp(prefix, key.data, length) == 0, "it is a front of the key");
    CHECK(cut == length || memchr(key.data + length, '/', cut - length) == NULL,
          "it ends with the last '/'");
}

static void check_bucket(struct wk_span bucket) {
    char name[WK_DIR_PIECE_BYTES_MAX + 1];
    if (!wk_dir_name_of_bucket(bucket, name))
        return;
    CHECK(strchr(name, '/') == NULL && strchr(name, '~') == NULL && strcmp(name, ".") != 0 &&
              strcmp(name, "..") != 0 && name[0] != 0,
          "a bucket is one name that means nothing else");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct exact input = exact_copy(data, size);
    check_key(exact_span(&input));
    check_path(exact_span(&input));
    check_bucket(exact_span(&input));
    if (size > 0)
        check_prefix(exact_span(&input), data[0] % (size + 1));
    exact_free(&input);
    return 0;
}
