/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks and the switch between them. A context is either a fiber's own stack (made here) or the
 * stack of the thread that calls first (the root). Guard page below every stack; stacks go back to
 * a pool and keep their pages, so that a seed starts in no time.
 */
#ifndef SIM_FIBER_H
#define SIM_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#define SIM_UCONTEXT 1
#include <ucontext.h>
#else
#define SIM_UCONTEXT 0
#endif

struct sim_stack {
    struct sim_stack *next;
    uint8_t *low; /* first usable byte, above the guard page */
    size_t size;
};

struct sim_context {
    void *sp;
    struct sim_stack *stack; /* NULL for the root */
    void (*entry)(void *arg);
    void *arg;
    const void *asan_low; /* bounds and fake stack, for the address sanitizer */
    size_t asan_size;
    void *asan_fake;
    void *tsan;
#if SIM_UCONTEXT
    ucontext_t ucontext;
#endif
};

/* A context that will run entry(arg) when first switched to. `entry` never returns. */
void sim_context_make(struct sim_context *c, void (*entry)(void *arg), void *arg);
/* Gives the stack back. Never for the context that runs. */
void sim_context_drop(struct sim_context *c);
/* Saves where we are in `from`, goes on in `to`. `ends`: nobody will come back to `from`. */
void sim_context_switch(struct sim_context *from, struct sim_context *to, bool ends);

/* Deepest use of any stack so far, and the size of one. */
size_t sim_stack_high_water(void);
size_t sim_stack_size(void);
/* Is this address in the guard page of a stack? For the crash report. */
bool sim_stack_is_guard(const void *address);

#endif
