/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an object key is spelled as a path below the bucket's directory, and back.
 *
 *     kv/cabi/ns/wombatkv/v1/block/b3=<hex>     the key
 *     kv/cabi/ns/wombatkv/v1/block/~3/f/b3=<hex>     its path
 *
 * Every segment of the key but the last is a directory; the last one is a file below two fan-out
 * directories, named by the first two hex digits of XXH3-64 (seed 0) of the whole key. All names
 * use [A-Za-z0-9._=-] and %XX only; names of ours that are no segment carry a '~', which escaping
 * never produces, so that objects, segments and housekeeping cannot clash.
 *
 * The mapping is one-to-one and needs no table: LIST reads keys off the names. That is why a long
 * segment is cut into nested directories ("<200 characters>~") and not replaced by a hash.
 *
 * specs/0004-object-stores.md has it byte by byte. Pure functions.
 */
#ifndef WK_ENV_DIR_PATH_H
#define WK_ENV_DIR_PATH_H

#include "base/limits.h"
#include "base/span.h"

/* Characters of one escaped piece of a segment, without the '~'. File systems end at 255. */
#define WK_DIR_PIECE_BYTES_MAX 200u

/* Worst key: 1024 bytes '/', four characters each ("%00/"); plus marks, fan-out, terminator. */
#define WK_DIR_PATH_BYTES_MAX 4224u

#define WK_DIR_FAN_DIGITS 16u

/* A path with its terminator, '/' between the names. */
struct wk_dir_path {
    size_t length;
    size_t base_length; /* of the directory that holds the fan-out; 0: the bucket itself */
    size_t name_at;     /* where the file's name starts */
    uint64_t hash;      /* XXH3-64 of the key */
    char text[WK_DIR_PATH_BYTES_MAX];
};

/* False when the key is empty, too long or has a NUL byte. */
bool wk_dir_path_of_key(struct wk_span key, struct wk_dir_path *out);

/*
 * The directory of all keys that start with `prefix` up to its last '/'; "" is the bucket. Sets
 * text and length only. False when the prefix is too long or has a NUL byte.
 */
bool wk_dir_path_of_prefix(struct wk_span prefix, struct wk_dir_path *out);

/*
 * The key of a file's path; false when wk_dir_path_of_key would not spell that key so: a file of
 * somebody else. `key` gets its terminator.
 */
bool wk_dir_key_of_path(const char *path, char key[WK_OBJECT_KEY_BYTES_MAX + 1],
                        size_t *key_length);

/*
 * What all keys below a segment directory start with, its '/' included; false when the path has a
 * name that is no piece of a segment.
 */
bool wk_dir_prefix_of_path(const char *path, char prefix[WK_OBJECT_KEY_BYTES_MAX + 1],
                           size_t *prefix_length);

/* A bucket as one name: escaped like a segment. False when it is empty or longer than one piece. */
bool wk_dir_name_of_bucket(struct wk_span bucket, char name[WK_DIR_PIECE_BYTES_MAX + 1]);

/* True for the names of the fan-out's first level ("~3") and second level ("f"). */
bool wk_dir_is_fan_first(const char *name);
bool wk_dir_is_fan_second(const char *name);

#endif
