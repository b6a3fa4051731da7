/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/iov.h"

#include "base/num.h"
#include "hash/crc32c.h"

struct wk_iov wk_iov(struct wk_span *pieces, size_t capacity, void *scratch, size_t scratch_bytes) {
    return (struct wk_iov){
        .pieces = pieces, .capacity = capacity, .scratch = wk_writer(scratch, scratch_bytes)};
}

struct wk_iov wk_iov_measuring(void) {
    return wk_iov(NULL, SIZE_MAX, NULL, SIZE_MAX);
}

/* Room was asked for before; a list that is full all the same takes no more and keeps its CRC of
 * what is there. */
static void add_piece(struct wk_iov *iov, struct wk_span bytes) {
    if (iov->count == iov->capacity)
        return;
    if (!wk_iov_is_measuring(iov))
        iov->pieces[iov->count] = bytes;
    iov->count++;
}

static void close_run(struct wk_iov *iov) {
    size_t size = iov->scratch.at - iov->run_at;
    if (size == 0)
        return;
    struct wk_span run = wk_span(NULL, size);
    if (!wk_iov_is_measuring(iov)) {
        run.data = iov->scratch.data + iov->run_at;
        iov->crc32c = wk_crc32c_extend(iov->crc32c, run.data, run.size);
    }
    add_piece(iov, run);
    iov->run_at = iov->scratch.at;
}

void wk_iov_copy(struct wk_iov *iov, struct wk_span bytes) {
    if (wk_iov_is_measuring(iov))
        iov->scratch.at += bytes.size;
    else
        wk_write_span(&iov->scratch, bytes);
    iov->total_bytes = wk_add_u64_clamped(iov->total_bytes, bytes.size);
}

void wk_iov_zeros(struct wk_iov *iov, size_t count) {
    if (wk_iov_is_measuring(iov))
        iov->scratch.at += count;
    else
        wk_write_zeros(&iov->scratch, count);
    iov->total_bytes = wk_add_u64_clamped(iov->total_bytes, count);
}

void wk_iov_add(struct wk_iov *iov, const struct wk_payload *payload) {
    struct wk_span bytes = payload->bytes;
    if (bytes.size <= WK_IOV_COPY_BYTES_MAX) {
        wk_iov_copy(iov, bytes);
        return;
    }
    close_run(iov);
    add_piece(iov, bytes);
    iov->total_bytes = wk_add_u64_clamped(iov->total_bytes, bytes.size);
    if (wk_iov_is_measuring(iov))
        return;
    if (payload->crc_known)
        iov->crc32c = wk_crc32c_combine(iov->crc32c, payload->crc32c, bytes.size);
    else
        iov->crc32c = wk_crc32c_extend(iov->crc32c, bytes.data, bytes.size);
}

void wk_iov_nest(struct wk_iov *iov, const struct wk_iov *inner) {
    if (inner->count == 0)
        return;
    close_run(iov);
    for (size_t i = 0; i < inner->count; i++)
        add_piece(iov, inner->pieces[i]);
    iov->total_bytes = wk_add_u64_clamped(iov->total_bytes, inner->total_bytes);
    iov->crc32c = wk_crc32c_combine(iov->crc32c, inner->crc32c, inner->total_bytes);
}

void wk_iov_close(struct wk_iov *iov) {
    close_run(iov);
}

struct wk_iov_need wk_iov_needed(const struct wk_iov *measured) {
    bool open = measured->scratch.at > measured->run_at;
    return (struct wk_iov_need){.pieces = measured->count + (open ? 1 : 0),
                                .scratch_bytes = measured->scratch.at,
                                .total_bytes = measured->total_bytes};
}

static bool too_large(struct wk_wire_error *error, const char *what, uint64_t limit, uint64_t at,
                      uint64_t got) {
    *error = (struct wk_wire_error){
        .kind = WK_WIRE_TOO_LARGE, .what = what, .needed = limit, .at = at, .got = got};
    return false;
}

bool wk_iov_has_room(const struct wk_iov *iov, struct wk_iov_need need, const char *what,
                     struct wk_wire_error *error) {
    uint64_t total = wk_add_u64_clamped(iov->total_bytes, need.total_bytes);
    if (total > WK_ARCHIVE_BYTES_MAX)
        return too_large(error, what, WK_ARCHIVE_BYTES_MAX, iov->total_bytes, total);
    /* One more for what scratch holds already and no piece shows yet. */
    size_t pieces = iov->capacity - iov->count;
    size_t open = iov->scratch.at > iov->run_at ? 1 : 0;
    if (need.pieces > pieces || pieces - need.pieces < open)
        return too_large(error, "list of pieces", iov->capacity, iov->count, need.pieces + open);
    size_t room = iov->scratch.capacity - iov->scratch.at;
    if (iov->scratch.failed || need.scratch_bytes > room)
        return too_large(error, "memory of the encoder", iov->scratch.capacity, iov->scratch.at,
                         need.scratch_bytes);
    return true;
}
