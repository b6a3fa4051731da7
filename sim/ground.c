// SPDX-License-Identifier: Apache-2.0
// The order in which the parts of the simulator start over.
#include "bucket.h"
#include "flight.h"
#include "hash/crc32c.h"
#include "mark.h"
#include "net.h"
#include "pool.h"
#include "process.h"
#include "program.h"
#include "report.h"
#include "seed.h"

void sim_ground_reset(uint64_t seed, const struct sim_schedule *schedule,
                      const struct sim_fault_plan *faults) {
    // The path of this CPU is chosen once per program, not once per simulated process: do it here,
    // so that the first seed of a run is like every other.
    (void)wk_crc32c("", 0);
    sim_sched_reset(seed, schedule);
    sim_pool_reset();
    sim_report_reset(seed);
    sim_trace_reset(seed);
    sim_faults_reset(seed, faults);
    sim_marks_reset(seed);
    sim_processes_reset(seed);
    sim_programs_reset();
    sim_buckets_reset(seed);
    sim_flights_reset();
    sim_net_reset(seed);
}
