#include <stdio.h>
#include <string.h>
#include <wombatkv.h>

int main(void) {
    char hash[65]; /* names a chain of tokens; the engine chooses it */
    wmbt_kv_blake3_64hex((const uint8_t *)"tokens 0 to 127", 15, hash);
    const char *hashes[] = {hash}, *kv_state = "keys and values of 128 tokens", *ns = "model-a";
    const uint8_t *payloads[] = {(const uint8_t *)kv_state}, **bytes;
    const size_t sizes[] = {strlen(kv_state)}, *lengths;
    size_t matched = 0;
    wmbt_kv_borrow_t *borrow = NULL;

    wmbt_kv_handle_t *kv = wmbt_kv_init_from_env();
    if (kv == NULL || wmbt_kv_put_kv_blocks(kv, ns, hashes, payloads, sizes, 1) < 0 ||
        wmbt_kv_lookup_block_prefix(kv, ns, hashes, 1, &matched, NULL, 0) != 0)
        return fprintf(stderr, "%s\n", wmbt_kv_last_error()), 1;
    if (wmbt_kv_get_kv_blocks_borrowed(kv, ns, hashes, matched, &bytes, &lengths, &borrow) == 1 &&
        matched == 1)
        printf("%zu block: %.*s\n", matched, (int)lengths[0], (const char *)bytes[0]);
    wmbt_kv_release_borrow(borrow);
    wmbt_kv_free(kv);
}
