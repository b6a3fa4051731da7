/* SPDX-License-Identifier: Apache-2.0 */
/* wmbt_kv_config to struct wk_settings. */
#ifndef WK_CABI_CONFIG_H
#define WK_CABI_CONFIG_H

#include "cabi/handle.h"
#include "config/settings.h"

/* Not NULL, a size that fits, and no member set that this library does not know. */
WK_MUST_CHECK enum wk_status wk_config_check(const wmbt_kv_config *config, struct wk_error *err);

/* Members of the scopes (enum wk_setting_scope) on top of what is there, in the table's order. */
WK_MUST_CHECK enum wk_status wk_config_read(const wmbt_kv_config *config, uint32_t scopes,
                                            struct wk_settings *settings, struct wk_error *err);

#endif
