/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places worth reaching, and bugs planted on purpose.
 *
 * WK_MARK("fill.epoch_changed") tells the simulator that a run came by; a sweep fails when a mark
 * is never reached. It is nothing in the library. The name is the mark's identity, not the line.
 *
 * WK_PLANTED(n) is true only in a build with -DWK_PLANT=n: `make plants` builds each planted bug
 * and shows that the simulator finds it, `make fuzz-plants` does so for the fuzzers. sim/plants.def
 * and fuzz/plants.def list them. In the library it is the constant false.
 */
#ifndef WK_BASE_MARK_H
#define WK_BASE_MARK_H

#ifdef WK_SIM
void wk_sim_mark(const char *name);
#define WK_MARK(name) wk_sim_mark(name)
#else
#define WK_MARK(name) ((void)0)
#endif

#ifdef WK_PLANT
#define WK_PLANTED(n) (WK_PLANT == (n))
#else
#define WK_PLANTED(n) 0
#endif

#endif
