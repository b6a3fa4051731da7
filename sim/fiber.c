// SPDX-License-Identifier: Apache-2.0
// Stack pool, sanitizer bookkeeping, and the switch.
//
// The address sanitizer must hear of every switch (it tracks the bounds of the stack in use), the
// thread sanitizer sees each fiber as a thread of its own.
#include "fiber.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fiber_switch.h"
#include "report.h"

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define SIM_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SIM_TSAN 1
#endif
#endif

#ifdef SIM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define STACK_BYTES ((size_t)1024 * 1024)
#else
#define STACK_BYTES ((size_t)256 * 1024)
#endif
#ifdef SIM_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#define STACKS_MAX 512u

static struct sim_stack stacks[STACKS_MAX];
static uint32_t stacks_made;
static struct sim_stack *unused;
static size_t guard_size;

static struct sim_context *entering; /* first switch into a new stack: whose it is */
static struct sim_context *leaving;

static struct sim_stack *stack_take(void) {
    struct sim_stack *s = unused;
    if (s != NULL) {
        unused = s->next;
        return s;
    }
    if (stacks_made == STACKS_MAX)
        sim_harness_fail("more than %u stacks", STACKS_MAX);
    if (guard_size == 0)
        guard_size = (size_t)sysconf(_SC_PAGESIZE);
    s = &stacks[stacks_made];
    uint8_t *base = mmap(NULL, guard_size + STACK_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED || mprotect(base, guard_size, PROT_NONE) != 0)
        sim_harness_fail("no memory for a stack");
    stacks_made++;
    s->low = base + guard_size;
    s->size = STACK_BYTES;
    return s;
}

#if SIM_UCONTEXT
static void boot(void) {
    sim_fiber_start();
}
#endif

void sim_context_make(struct sim_context *c, void (*entry)(void *arg), void *arg) {
    memset(c, 0, sizeof *c);
    c->stack = stack_take();
    c->entry = entry;
    c->arg = arg;
    c->asan_low = c->stack->low;
    c->asan_size = c->stack->size;
#ifdef SIM_ASAN
    // Frames of a fiber that was abandoned left their red zones behind.
    __asan_unpoison_memory_region(c->stack->low, c->stack->size);
#endif
#ifdef SIM_TSAN
    c->tsan = __tsan_create_fiber(0);
#endif
#if SIM_UCONTEXT
    getcontext(&c->ucontext);
    c->ucontext.uc_stack.ss_sp = c->stack->low;
    c->ucontext.uc_stack.ss_size = c->stack->size;
    c->ucontext.uc_link = NULL;
    makecontext(&c->ucontext, boot, 0);
#elif defined(__x86_64__)
    // Six registers and the return address; sim_switch_boot starts with rsp a multiple of 16.
    uint64_t *top = (uint64_t *)(void *)(c->stack->low + c->stack->size - 64);
    memset(top - 7, 0, 7 * sizeof *top);
    void (*start)(void) = sim_switch_boot;
    memcpy(&top[-1], &start, sizeof start);
    c->sp = top - 7;
#else
    uint64_t *top = (uint64_t *)(void *)(c->stack->low + c->stack->size - 64);
    uint64_t *frame = top - 20;
    memset(frame, 0, 20 * sizeof *frame);
    void (*start)(void) = sim_switch_boot;
    memcpy(&frame[11], &start, sizeof start);
    c->sp = frame;
#endif
}

void sim_context_drop(struct sim_context *c) {
    if (c->stack == NULL)
        return;
    c->stack->next = unused;
    unused = c->stack;
    c->stack = NULL;
#ifdef SIM_TSAN
    __tsan_destroy_fiber(c->tsan);
#endif
}

// Runs on the new stack, right after any switch.
static void arrived(struct sim_context *self) {
#ifdef SIM_ASAN
    const void *low;
    size_t size;
    __sanitizer_finish_switch_fiber(self->asan_fake, &low, &size);
    if (leaving->stack == NULL) { // the bounds of the root are known only now
        leaving->asan_low = low;
        leaving->asan_size = size;
    }
#else
    (void)self;
#endif
}

void sim_fiber_start(void) {
    struct sim_context *self = entering;
    arrived(self);
    self->entry(self->arg);
    sim_harness_fail("a fiber returned");
}

void sim_context_switch(struct sim_context *from, struct sim_context *to, bool ends) {
    entering = to;
    leaving = from;
#ifdef SIM_ASAN
    __sanitizer_start_switch_fiber(ends ? NULL : &from->asan_fake, to->asan_low, to->asan_size);
#else
    (void)ends;
#endif
#ifdef SIM_TSAN
    if (from->tsan == NULL)
        from->tsan = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
#if SIM_UCONTEXT
    swapcontext(&from->ucontext, &to->ucontext);
#else
    sim_switch_stacks(&from->sp, to->sp);
#endif
    arrived(from);
}

// Pages come zeroed from the system and stacks grow down: the lowest word that is not zero.
#if defined(__clang__) || defined(__GNUC__)
__attribute__((no_sanitize("address")))
#endif
size_t
sim_stack_high_water(void) {
    size_t deepest = 0;
    for (uint32_t i = 0; i < stacks_made; i++) {
        const volatile uint64_t *word = (const volatile uint64_t *)(void *)stacks[i].low;
        size_t words = stacks[i].size / 8;
        size_t at = 0;
        while (at < words && word[at] == 0)
            at++;
        size_t used = stacks[i].size - at * 8;
        if (used > deepest)
            deepest = used;
    }
    return deepest;
}

size_t sim_stack_size(void) {
    return STACK_BYTES;
}

bool sim_stack_is_guard(const void *address) {
    const uint8_t *at = address;
    for (uint32_t i = 0; i < stacks_made; i++) {
        if (at < stacks[i].low && at >= stacks[i].low - guard_size)
            return true;
    }
    return false;
}
