# The hash and base tests for 64-bit ARM, built by the cross compiler and run under qemu-user.
# Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user.

A64_CC := aarch64-linux-gnu-gcc
A64_RUN := qemu-aarch64 -cpu max
A64 := build-aarch64
A64_BLAKE3 := $(lastword $(sort $(wildcard /usr/share/cargo/registry/blake3-*/c)))
# One directory that holds xxhash.h alone: /usr/include itself is for another processor. The
# header carries the whole of xxHash, so no library for the target is needed.
A64_CPPFLAGS := -Isrc -Itests/aarch64 -Itests -isystem $(A64)/include \
                -I$(A64_BLAKE3) -D_GNU_SOURCE -DXXH_INLINE_ALL
A64_CFLAGS := -std=c11 -O2 -g -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
              -Wmissing-prototypes -Wvla $(if $(WERROR),-Werror)
A64_SRC := $(wildcard src/base/*.c src/hash/*.c) src/env/cpu.c
A64_OBJ := $(A64_SRC:%.c=$(A64)/obj/%.o) \
           $(addprefix $(A64)/obj/blake3/,blake3.o blake3_dispatch.o blake3_portable.o blake3_neon.o)
A64_BIN := $(addprefix $(A64)/tests/,test_base test_crc32c test_blake3 test_xxh3)

.SECONDARY: $(A64_OBJ)

.PHONY: test-aarch64
test-aarch64: $(A64_BIN) ## hash and base tests for 64-bit ARM under qemu-user
	@for t in $(A64_BIN); do echo "== $$t"; $(A64_RUN) $$t || exit 1; done

$(A64)/include/xxhash.h: /usr/include/xxhash.h
	@mkdir -p $(@D)
	cp $< $@

$(A64)/obj/%.o: %.c | $(A64)/include/xxhash.h
	@mkdir -p $(@D)
	$(A64_CC) $(A64_CPPFLAGS) $(A64_CFLAGS) -MMD -MP -c $< -o $@

$(A64)/obj/blake3/%.o: $(A64_BLAKE3)/%.c
	@mkdir -p $(@D)
	$(A64_CC) -O3 -c $< -o $@

$(A64)/tests/%: tests/unit/%.c $(A64_OBJ)
	@mkdir -p $(@D)
	$(A64_CC) $(A64_CPPFLAGS) $(A64_CFLAGS) -MMD -MP -MF $@.d -static $< -o $@ $(A64_OBJ)

-include $(A64_OBJ:.o=.d) $(A64_BIN:%=%.d)
