/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one handle asks of its bucket, request by request: rule "requests".
 *
 *   never more in flight than WK_OBJECTS_IN_FLIGHT_MAX
 *   in one call of the ABI: an absent object is not asked for again and again, a request that was
 *   throttled, failed or had no answer waits before it goes again
 *   repetitions that fail, too, stay within a budget of the handle
 *   a batch after several that were throttled has fewer requests under way
 */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "env/env.h"
#include "process.h"

struct sim_ledger;

/* `process`: whose handle it is; the plan of its engine says how patient the settings are. */
struct sim_ledger *sim_ledger_create(const struct sim_process *process);
/* By the fiber that sends; does not come back when a rule is broken. */
void sim_ledger_batch(struct sim_ledger *ledger, uint32_t parallel);
void sim_ledger_sent(struct sim_ledger *ledger, const struct wk_object_request *request);
void sim_ledger_answered(struct sim_ledger *ledger, const struct wk_object_request *request,
                         enum wk_object_class class);
void sim_ledger_batch_done(struct sim_ledger *ledger, bool throttled);

#endif
