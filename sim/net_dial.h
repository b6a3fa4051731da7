/* SPDX-License-Identifier: Apache-2.0 */
/* Making a connection, between env_net.c (which has the listeners) and net_dial.c. */
#ifndef SIM_NET_DIAL_H
#define SIM_NET_DIAL_H

#include "net.h"

/* The listener of the host that a connection to `at` meets; NULL: none. */
struct wk_socket *sim_net_listener(const struct sim_host *host, const struct sim_place *at);
bool sim_net_full(const struct wk_socket *listener);
void sim_net_enqueue(struct wk_socket *listener, struct sim_end *end);

/* 0 and the client's end, or an errno: ECONNREFUSED, EHOSTUNREACH, ETIMEDOUT. Takes its time. */
int sim_net_dial(struct sim_process *from, const struct sim_place *to, uint64_t until_ns,
                 struct sim_end **out);

#endif
