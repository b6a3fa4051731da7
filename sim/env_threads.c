// SPDX-License-Identifier: Apache-2.0
// Threads are fibers. Locks are words in the memory of the process, so that a crash takes them
// along; who waits stands in the fibers. Misuse is a violation of "locks": unlocking what another
// thread holds, locking twice, destroying what is held or waited for, using what was never
// initialised, ending a thread with a lock in hand, two threads that wait for each other.
#include <string.h>

#include "atomics.h"
#include "fault.h"
#include "pool.h"
#include "process.h"
#include "report.h"
#include "sched.h"
#include "threads.h"
#include "trace.h"

#define LOCK_COST_NS  30u
#define START_COST_NS 15000u
#define MUTEX_MAGIC   0x6d757465786d7578ull
#define RWLOCK_MAGIC  0x72776c6f636b7277ull
#define COND_MAGIC    0x636f6e64636f6e64ull
#define GONE_MAGIC    0xdeadbeefdeadbeefull
#define READERS_MAX   80u

struct wk_thread {
    struct sim_process *process;
    void (*main)(void *arg);
    void *arg;
    bool ended;
};

struct mutex {
    uint64_t magic;
    struct sim_fiber *owner;
};

struct rwlock {
    uint64_t magic;
    struct sim_fiber *writer;
    uint32_t readers;
    uint16_t reader_ids[READERS_MAX];
};

struct cond {
    uint64_t magic;
    struct wk_mutex *mutex; // of those who wait
};

_Static_assert(sizeof(struct mutex) <= sizeof(struct wk_mutex), "fits");
_Static_assert(sizeof(struct rwlock) <= sizeof(struct wk_rwlock), "fits");
_Static_assert(sizeof(struct cond) <= sizeof(struct wk_cond), "fits");

static void check_magic(uint64_t magic, uint64_t wanted, const char *what) {
    if (magic == GONE_MAGIC)
        sim_violate("locks", "%s used after it was destroyed", what);
    if (magic != wanted)
        sim_violate("locks", "%s used that was never initialised", what);
}

// ---- threads

static void thread_ends(struct sim_fiber *self) {
    if (self->slot != NULL && self->slot_destroy != NULL) {
        void *value = self->slot;
        self->slot = NULL;
        self->slot_destroy(value);
    }
    if (self->locks_held > 0)
        sim_violate("locks", "%s ends with %u locks in hand", self->label, self->locks_held);
}

void sim_thread_ends(void) {
    struct sim_fiber *self = sim_self();
    sim_buffers_drain(self);
    thread_ends(self);
}

static void thread_entry(void *arg) {
    struct wk_thread *t = arg;
    t->main(t->arg);
    sim_thread_ends();
    t->ended = true;
    sim_wake("join", t, UINT32_MAX);
}

static enum wk_status start(struct wk_env *env, const char *name, void (*main)(void *arg),
                            void *arg, struct wk_thread **out, struct wk_error *err) {
    struct sim_process *p = sim_enter(env, START_COST_NS);
    if (strlen(name) > 15)
        sim_violate("environment", "thread name \"%s\" is longer than 15 bytes", name);
    if (sim_fault(SIM_FAULT_THREAD_START))
        return wk_fail(err, WK_UNAVAILABLE, "cannot start thread %s: no resources", name);
    struct wk_thread *t = sim_new(sizeof *t);
    t->process = p;
    t->main = main;
    t->arg = arg;
    struct sim_fiber *f = sim_spawn(p, name, thread_entry, t);
    if (f == NULL)
        return wk_fail(err, WK_UNAVAILABLE, "cannot start thread %s: too many", name);
    sim_event("thread", name, f->id, 0);
    p->threads++;
    *out = t;
    return WK_OK;
}

static void join(struct wk_env *env, struct wk_thread *thread) {
    struct sim_process *p = sim_enter(env, LOCK_COST_NS);
    while (!thread->ended)
        (void)sim_block("join", thread, SIM_NEVER);
    p->threads--;
}

static void yield(struct wk_env *env) {
    (void)sim_enter(env, LOCK_COST_NS);
    sim_point(SIM_POINT_YIELD, LOCK_COST_NS);
}

static uint32_t self_number(struct wk_env *env) {
    (void)sim_enter(env, 2);
    const struct sim_fiber *self = sim_self();
    return self == NULL ? 0 : (uint32_t)self->id;
}

// ---- mutex

static enum wk_status mutex_init(struct wk_env *env, struct wk_mutex *m) {
    struct sim_process *p = sim_enter(env, LOCK_COST_NS);
    memset(m, 0, sizeof *m);
    ((struct mutex *)m)->magic = MUTEX_MAGIC;
    p->locks++;
    return WK_OK;
}

static void mutex_destroy(struct wk_env *env, struct wk_mutex *m) {
    struct sim_process *p = sim_enter(env, LOCK_COST_NS);
    struct mutex *x = (struct mutex *)m;
    check_magic(x->magic, MUTEX_MAGIC, "a mutex");
    if (x->owner != NULL || sim_count_waiting("mutex", m) > 0)
        sim_violate("locks", "a mutex destroyed while it is %s",
                    x->owner != NULL ? "held" : "waited for");
    x->magic = GONE_MAGIC;
    p->locks--;
}

// The owner of what self waits for waits for a mutex, whose owner ... is self?
static void check_circle(const struct sim_fiber *self, const struct mutex *x) {
    const struct sim_fiber *f = x->owner;
    for (int i = 0; i < 64 && f != NULL; i++) {
        if (f == self)
            sim_violate("deadlock", "%s waits for a mutex that it keeps others from releasing",
                        self->label);
        if (f->state != SIM_FIBER_BLOCKED || strcmp(f->wait_why, "mutex") != 0)
            return;
        f = ((const struct mutex *)f->wait_on)->owner;
    }
}

static void take(struct wk_mutex *m) {
    struct mutex *x = (struct mutex *)m;
    struct sim_fiber *self = sim_self();
    if (x->owner == self)
        sim_violate("locks", "%s locks a mutex that it holds", self->label);
    while (x->owner != NULL) {
        check_circle(self, x);
        (void)sim_block("mutex", m, SIM_NEVER);
        check_magic(x->magic, MUTEX_MAGIC, "a mutex");
    }
    x->owner = self;
    self->locks_held++;
}

static void mutex_lock(struct wk_env *env, struct wk_mutex *m) {
    (void)sim_enter(env, LOCK_COST_NS);
    check_magic(((struct mutex *)m)->magic, MUTEX_MAGIC, "a mutex");
    if (sim_self() != NULL)
        take(m);
}

static bool mutex_trylock(struct wk_env *env, struct wk_mutex *m) {
    (void)sim_enter(env, LOCK_COST_NS);
    struct mutex *x = (struct mutex *)m;
    check_magic(x->magic, MUTEX_MAGIC, "a mutex");
    if (x->owner != NULL)
        return false;
    if (sim_self() != NULL)
        take(m);
    return true;
}

static void give(struct wk_mutex *m) {
    struct mutex *x = (struct mutex *)m;
    struct sim_fiber *self = sim_self();
    check_magic(x->magic, MUTEX_MAGIC, "a mutex");
    if (x->owner != self)
        sim_violate("locks", "%s unlocks a mutex that %s holds", self->label,
                    x->owner == NULL ? "nobody" : x->owner->label);
    x->owner = NULL;
    self->locks_held--;
    sim_wake("mutex", m, 1);
}

static void mutex_unlock(struct wk_env *env, struct wk_mutex *m) {
    if (sim_self() == NULL)
        return;
    // Control may leave before the unlock and after it, not between unlock and wake.
    (void)sim_enter(env, LOCK_COST_NS);
    give(m);
    sim_point(SIM_POINT_CALL, 1);
}

// ---- reader-writer lock

static enum wk_status rwlock_init(struct wk_env *env, struct wk_rwlock *l) {
    struct sim_process *p = sim_enter(env, LOCK_COST_NS);
    memset(l, 0, sizeof *l);
    ((struct rwlock *)l)->magic = RWLOCK_MAGIC;
    p->locks++;
    return WK_OK;
}

static void rwlock_destroy(struct wk_env *env, struct wk_rwlock *l) {
    struct sim_process *p = sim_enter(env, LOCK_COST_NS);
    struct rwlock *x = (struct rwlock *)l;
    check_magic(x->magic, RWLOCK_MAGIC, "a reader-writer lock");
    if (x->writer != NULL || x->readers > 0 || sim_count_waiting("rwlock", l) > 0)
        sim_violate("locks", "a reader-writer lock destroyed while it is held or waited for");
    x->magic = GONE_MAGIC;
    p->locks--;
}

static int32_t reader_place(const struct rwlock *x, const struct sim_fiber *self) {
    for (uint32_t i = 0; i < x->readers; i++) {
        if (x->reader_ids[i] == (uint16_t)self->id)
            return (int32_t)i;
    }
    return -1;
}

static struct rwlock *rwlock_enter(struct wk_env *env, struct wk_rwlock *l) {
    (void)sim_enter(env, LOCK_COST_NS);
    struct rwlock *x = (struct rwlock *)l;
    check_magic(x->magic, RWLOCK_MAGIC, "a reader-writer lock");
    struct sim_fiber *self = sim_self();
    if (self != NULL && (x->writer == self || reader_place(x, self) >= 0))
        sim_violate("locks", "%s locks a reader-writer lock that it holds", self->label);
    return x;
}

static void rwlock_read(struct wk_env *env, struct wk_rwlock *l) {
    struct rwlock *x = rwlock_enter(env, l);
    struct sim_fiber *self = sim_self();
    if (self == NULL)
        return;
    while (x->writer != NULL)
        (void)sim_block("rwlock", l, SIM_NEVER);
    if (x->readers == READERS_MAX)
        sim_harness_fail("more than %u readers", READERS_MAX);
    x->reader_ids[x->readers++] = (uint16_t)self->id;
    self->locks_held++;
}

static void rwlock_write(struct wk_env *env, struct wk_rwlock *l) {
    struct rwlock *x = rwlock_enter(env, l);
    struct sim_fiber *self = sim_self();
    if (self == NULL)
        return;
    while (x->writer != NULL || x->readers > 0)
        (void)sim_block("rwlock", l, SIM_NEVER);
    x->writer = self;
    self->locks_held++;
}

static void rwlock_unlock(struct wk_env *env, struct wk_rwlock *l) {
    struct sim_fiber *self = sim_self();
    if (self == NULL)
        return;
    (void)sim_enter(env, LOCK_COST_NS);
    struct rwlock *x = (struct rwlock *)l;
    check_magic(x->magic, RWLOCK_MAGIC, "a reader-writer lock");
    if (x->writer == self) {
        x->writer = NULL;
    } else {
        int32_t place = reader_place(x, self);
        if (place < 0)
            sim_violate("locks", "%s unlocks a reader-writer lock that it does not hold",
                        self->label);
        x->reader_ids[place] = x->reader_ids[--x->readers];
    }
    self->locks_held--;
    sim_wake("rwlock", l, UINT32_MAX);
    sim_point(SIM_POINT_CALL, 1);
}

// ---- condition

static enum wk_status cond_init(struct wk_env *env, struct wk_cond *c) {
    struct sim_process *p = sim_enter(env, LOCK_COST_NS);
    memset(c, 0, sizeof *c);
    ((struct cond *)c)->magic = COND_MAGIC;
    p->locks++;
    return WK_OK;
}

static void cond_destroy(struct wk_env *env, struct wk_cond *c) {
    struct sim_process *p = sim_enter(env, LOCK_COST_NS);
    struct cond *x = (struct cond *)c;
    check_magic(x->magic, COND_MAGIC, "a condition");
    if (sim_count_waiting("cond", c) > 0)
        sim_violate("locks", "a condition destroyed while somebody waits on it");
    x->magic = GONE_MAGIC;
    p->locks--;
}

static void check_wait(struct cond *x, struct wk_cond *c, struct wk_mutex *m) {
    check_magic(x->magic, COND_MAGIC, "a condition");
    if (((struct mutex *)m)->owner != sim_self())
        sim_violate("locks", "%s waits on a condition without its mutex", sim_self()->label);
    if (sim_count_waiting("cond", c) > 0 && x->mutex != m)
        sim_violate("locks", "two mutexes for one condition");
    x->mutex = m;
}

static enum wk_status cond_wait(struct wk_env *env, struct wk_cond *c, struct wk_mutex *m,
                                uint64_t deadline_ns) {
    const struct sim_process *p = sim_enter(env, LOCK_COST_NS);
    check_wait((struct cond *)c, c, m);
    bool woken = true;
    bool spurious = sim_fault(SIM_FAULT_SPURIOUS_WAKE);
    give(m); // no schedule point until we are among those who wait
    if (spurious)
        sim_point(SIM_POINT_YIELD, LOCK_COST_NS);
    else
        woken = sim_block("cond", c, sim_process_deadline(p, deadline_ns));
    take(m);
    return woken ? WK_OK : WK_TIMEOUT;
}

static void cond_wake(struct wk_env *env, struct wk_cond *c, uint32_t most) {
    (void)sim_enter(env, LOCK_COST_NS);
    check_magic(((struct cond *)c)->magic, COND_MAGIC, "a condition");
    (void)sim_wake("cond", c, most);
}

static void cond_signal(struct wk_env *env, struct wk_cond *c) {
    cond_wake(env, c, 1);
}

static void cond_broadcast(struct wk_env *env, struct wk_cond *c) {
    cond_wake(env, c, UINT32_MAX);
}

// ---- slot

static void *slot_get(struct wk_env *env) {
    (void)sim_enter(env, 2);
    const struct sim_fiber *self = sim_self();
    return self == NULL ? NULL : self->slot;
}

static enum wk_status slot_set(struct wk_env *env, void *value, void (*destroy)(void *value)) {
    (void)sim_enter(env, 2);
    struct sim_fiber *self = sim_self();
    self->slot = value;
    self->slot_destroy = destroy;
    return WK_OK;
}

const struct wk_env_threads sim_env_threads = {
    start,          join,          yield,        self_number,  mutex_init,     mutex_destroy,
    mutex_lock,     mutex_trylock, mutex_unlock, rwlock_init,  rwlock_destroy, rwlock_read,
    rwlock_write,   rwlock_unlock, cond_init,    cond_destroy, cond_wait,      cond_signal,
    cond_broadcast, slot_get,      slot_set,
};
