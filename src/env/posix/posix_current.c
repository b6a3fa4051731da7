/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from posix_env.c so that the simulator can bring its own answer. */
#include "env/posix/posix.h"

struct wk_env *wk_env_current(void) {
    return wk_env_posix();
}
