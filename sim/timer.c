// SPDX-License-Identifier: Apache-2.0
#include "timer.h"

#include "report.h"

#define TIMERS_MAX 4096u

static struct sim_timer *heap[TIMERS_MAX + 1];
static uint32_t armed;
static uint64_t orders;

void sim_timers_reset(void) {
    armed = 0;
    orders = 0;
}

static bool before(const struct sim_timer *a, const struct sim_timer *b) {
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void put(uint32_t place, struct sim_timer *timer) {
    heap[place] = timer;
    timer->place = place;
}

static void sift_up(struct sim_timer *timer, uint32_t place) {
    for (; place > 1 && before(timer, heap[place / 2]); place /= 2)
        put(place, heap[place / 2]);
    put(place, timer);
}

static void sift_down(struct sim_timer *timer, uint32_t place) {
    for (uint32_t child = place * 2; child <= armed; child = place * 2) {
        if (child < armed && before(heap[child + 1], heap[child]))
            child++;
        if (!before(heap[child], timer))
            break;
        put(place, heap[child]);
        place = child;
    }
    put(place, timer);
}

void sim_timer_arm(struct sim_timer *timer, uint64_t at_ns) {
    sim_timer_cancel(timer);
    if (armed == TIMERS_MAX)
        sim_harness_fail("more than %u timers", TIMERS_MAX);
    timer->at_ns = at_ns;
    timer->order = orders++;
    armed++;
    sift_up(timer, armed);
}

void sim_timer_cancel(struct sim_timer *timer) {
    uint32_t place = timer->place;
    if (place == 0)
        return;
    timer->place = 0;
    struct sim_timer *last = heap[armed--];
    if (last == timer)
        return;
    if (place > 1 && before(last, heap[place / 2]))
        sift_up(last, place);
    else
        sift_down(last, place);
}

uint64_t sim_timers_next(void) {
    return armed == 0 ? UINT64_MAX : heap[1]->at_ns;
}

void sim_timers_fire(uint64_t now_ns) {
    while (armed > 0 && heap[1]->at_ns <= now_ns) {
        struct sim_timer *timer = heap[1];
        sim_timer_cancel(timer);
        timer->fire(timer);
    }
}
