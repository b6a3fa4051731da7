/* SPDX-License-Identifier: Apache-2.0 */
/* The header in C++: compiles without a warning, links with C linkage, needs nothing before it. */
#define WMBT_KV_EXPERIMENTAL
#include "wombatkv.h"

#include <cstdio>
#include <cstring>

/* ABI-1 */
int main() {
    const uint8_t digits[] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    wmbt_kv_config config;
    if (wmbt_kv_config_init(&config, sizeof config) != 0)
        return 1;
    wmbt_kv_handle_t *handle = wmbt_kv_open(&config);
    const char *text = wmbt_kv_last_error();
    bool refused = handle == NULL && text != NULL && std::strstr(text, "WMBT_KV_BUCKET") != NULL;
    bool right = wmbt_kv_abi_version() == 0x00010001u && wmbt_kv_crc32c(digits, 9) == 0xe3069283u;
    std::printf("C++: %s\n", refused && right ? "ok" : "wrong");
    return refused && right ? 0 : 1;
}
