/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a switch that no C can say: callee-saved registers and the stack pointer. */
#ifndef SIM_FIBER_SWITCH_H
#define SIM_FIBER_SWITCH_H

/* Pushes the callee-saved registers, stores the stack pointer to *save, takes `load`, pops. */
void sim_switch_stacks(void **save, void *load);
/* Where a new stack starts: calls sim_fiber_start, which does not return. */
void sim_switch_boot(void);
void sim_fiber_start(void);

#endif
