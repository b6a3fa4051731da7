// SPDX-License-Identifier: Apache-2.0
// Shared memory: create is refused, as on a host without it, so the rest cannot be reached.
#include "process.h"
#include "report.h"

static _Noreturn void unreachable(void) {
    sim_violate("environment", "a shared segment was used that nobody can have");
}

static enum wk_status create(struct wk_env *env, const char *label, size_t size,
                             struct wk_shm **out, struct wk_error *err) {
    (void)sim_enter(env, 1000);
    (void)label, (void)size, (void)out;
    return wk_fail(err, WK_UNAVAILABLE, "shared memory is not simulated yet");
}

static enum wk_status seal(struct wk_env *env, struct wk_shm *segment, struct wk_error *err) {
    (void)env, (void)segment, (void)err;
    unreachable();
}

static size_t shm_size(struct wk_env *env, struct wk_shm *segment) {
    (void)env, (void)segment;
    unreachable();
}

static enum wk_status shm_map(struct wk_env *env, struct wk_shm *segment, bool writable, void **out,
                              struct wk_error *err) {
    (void)env, (void)segment, (void)writable, (void)out, (void)err;
    unreachable();
}

static void shm_unmap(struct wk_env *env, struct wk_shm *segment, void *ptr) {
    (void)env, (void)segment, (void)ptr;
    unreachable();
}

static void shm_close(struct wk_env *env, struct wk_shm *segment) {
    (void)env;
    if (segment != NULL)
        unreachable();
}

static enum wk_status shm_wait(struct wk_env *env, const wk_atomic_u32 *word, uint32_t expected,
                               uint64_t deadline_ns) {
    (void)env, (void)word, (void)expected, (void)deadline_ns;
    unreachable();
}

static void shm_wake(struct wk_env *env, wk_atomic_u32 *word, uint32_t count) {
    (void)env, (void)word, (void)count;
    unreachable();
}

const struct wk_env_shm sim_env_shm = {create,    seal,      shm_size, shm_map,
                                       shm_unmap, shm_close, shm_wait, shm_wake};
