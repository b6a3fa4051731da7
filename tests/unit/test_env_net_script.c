/* SPDX-License-Identifier: Apache-2.0 */
/* The script of socket calls on the real host; test_sim_net_script.c is its other half. */
#include "unit/cmocka_all.h"

#include "env/posix/posix.h"
#include "unit/net_script.h"

/* ENV-131, ENV-132, ENV-133, ENV-134, SIM-10 */
static void the_host_answers_as_expected(void **state) {
    (void)state;
    static struct net_script script;
    script.env = wk_env_posix();
    net_script_run(&script);
    const char *expected = NULL;
    const char *line = net_script_differs(&script, &expected);
    if (line != NULL)
        fail_msg("\"%s\" instead of \"%s\"", line, expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_answers_as_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
