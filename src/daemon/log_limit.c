/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/log_limit.h"

enum wk_status wk_log_limit_init(struct wk_log_limit *limit, struct wk_env *env,
                                 const struct wk_env_log *to) {
    memset(limit, 0, sizeof *limit);
    limit->env = env;
    limit->to = to;
    return env->threads->mutex_init(env, &limit->mutex);
}

/* With the mutex held. The last kind is everybody's who came too late for one of their own. */
static struct wk_log_kind *kind_of(struct wk_log_limit *limit, const char *name) {
    struct wk_log_kind *kind = limit->kinds;
    struct wk_log_kind *last = &limit->kinds[WK_LOG_KINDS_MAX - 1];
    while (kind != last && kind->name != NULL && strcmp(kind->name, name) != 0)
        kind++;
    if (kind == last)
        kind->name = "others";
    else if (kind->name == NULL)
        kind->name = name;
    return kind;
}

/* With the mutex held: one kind with a count to tell, whose window is over at `now_ns`. */
static bool take_repeated(struct wk_log_limit *limit, uint64_t now_ns, struct wk_log_kind *out) {
    for (size_t i = 0; i < WK_LOG_KINDS_MAX; i++) {
        struct wk_log_kind *kind = &limit->kinds[i];
        if (kind->dropped == 0 || now_ns - kind->since_ns < WK_LOG_WINDOW_NS)
            continue;
        *out = *kind;
        kind->dropped = 0;
        return true;
    }
    return false;
}

/* With the mutex held. */
static bool may_pass(struct wk_log_limit *limit, const char *name, uint64_t now_ns) {
    struct wk_log_kind *kind = kind_of(limit, name);
    if (kind->seen == 0 || now_ns - kind->since_ns >= WK_LOG_WINDOW_NS) {
        kind->since_ns = now_ns;
        kind->seen = 0;
    }
    kind->seen++;
    if (kind->seen <= WK_LOG_BURST)
        return true;
    kind->dropped++;
    return false;
}

static void tell_repeated(struct wk_log_limit *limit, const struct wk_log_kind *kind) {
    struct wk_log_field fields[] = {{"name", kind->name, 0}, {"count", NULL, kind->dropped}};
    limit->to->event(limit->env, WK_LOG_WARN, "log.repeated", fields, 2);
}

void wk_log_limit_event(struct wk_log_limit *limit, enum wk_log_level level, const char *name,
                        const struct wk_log_field *fields, size_t count) {
    struct wk_env *env = limit->env;
    struct wk_log_kind repeated;
    if (level == WK_LOG_DEBUG) {
        limit->to->event(env, level, name, fields, count);
        return;
    }
    uint64_t now = wk_now_ns(env);
    wk_lock(env, &limit->mutex);
    bool has_repeated = take_repeated(limit, now, &repeated);
    bool passes = may_pass(limit, name, now);
    wk_unlock(env, &limit->mutex);
    if (has_repeated)
        tell_repeated(limit, &repeated);
    if (passes)
        limit->to->event(env, level, name, fields, count);
}

void wk_log_limit_flush(struct wk_log_limit *limit) {
    struct wk_log_kind repeated;
    bool more = true;
    while (more) {
        wk_lock(limit->env, &limit->mutex);
        more = take_repeated(limit, UINT64_MAX, &repeated);
        wk_unlock(limit->env, &limit->mutex);
        if (more)
            tell_repeated(limit, &repeated);
    }
}
