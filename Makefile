# WombatKV in C. `make help` lists the targets.
#
# Results lie in build/, variants in build-<variant>/:
#   make CC=clang      build-clang/       make SAN=asan   build-asan/  (address + undefined)
#   make COVERAGE=1    build-coverage/    make SAN=tsan   build-tsan/
# Any mix works: make CC=clang SAN=tsan -> build-clang-tsan/

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

ifeq ($(origin CC),default)
CC := gcc
endif
SAN ?=
COVERAGE ?=
WERROR ?=
PREFIX ?= /usr/local
DESTDIR ?=

empty :=
space := $(empty) $(empty)
variant := $(subst $(space),-,$(strip $(if $(findstring clang,$(CC)),clang) $(SAN) $(if $(COVERAGE),coverage)))
B := build$(if $(variant),-$(variant))

VERSION := 1.1.0
SOVERSION := 1

# `make V=1` shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-7s %s\n' $(1) $(2))

# ---- flags ------------------------------------------------------------------------------------

OPT := $(if $(COVERAGE),-O0,-O2)
CPPFLAGS := -Isrc -Iinclude -DWK_VERSION='"$(VERSION)"'
CFLAGS := -std=c11 $(OPT) -g -fPIC -fvisibility=hidden -fno-common \
          -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
          $(if $(WERROR),-Werror)
LDFLAGS :=
ifeq ($(SAN),asan)
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else ifeq ($(SAN),tsan)
SANFLAGS := -fsanitize=thread -fno-omit-frame-pointer
else ifneq ($(SAN),)
$(error SAN=$(SAN) is not known; use asan or tsan)
endif
CFLAGS += $(SANFLAGS)
LDFLAGS += $(SANFLAGS)
ifneq ($(COVERAGE),)
CFLAGS += --coverage
LDFLAGS += --coverage
endif

LIBS := -lzstd -lxxhash -lcurl -lexpat -linih -lssl -lcrypto -lpthread
PC_PRIVATE_REQUIRES := libzstd libxxhash expat inih openssl
# Not libcurl: its own static list names a dozen libraries that a linker of libcurl.so never needs.
PC_PRIVATE_LIBS := -lcurl -lpthread

# BLAKE3: the system's libblake3 where pkg-config knows it, else the official sources that Debian
# ships for Rust. Never our own.
BLAKE3_PC := $(shell pkg-config --exists libblake3 2>/dev/null && echo yes)
ifeq ($(BLAKE3_PC),yes)
CPPFLAGS += $(shell pkg-config --cflags libblake3)
LIBS += $(shell pkg-config --libs libblake3)
PC_PRIVATE_REQUIRES += libblake3
BLAKE3_OBJ :=
else
BLAKE3_DIR := $(lastword $(sort $(wildcard /usr/share/cargo/registry/blake3-*/c)))
CPPFLAGS += $(if $(BLAKE3_DIR),-I$(BLAKE3_DIR))
BLAKE3_NAMES := blake3 blake3_dispatch blake3_portable
ifeq ($(shell uname -m),x86_64)
BLAKE3_NAMES += blake3_sse2_x86-64_unix blake3_sse41_x86-64_unix blake3_avx2_x86-64_unix \
                blake3_avx512_x86-64_unix
else ifeq ($(shell uname -m),aarch64)
BLAKE3_NAMES += blake3_neon
endif
BLAKE3_OBJ := $(BLAKE3_NAMES:%=$(B)/obj/blake3/%.o)
endif

# HTTP heads: llhttp where pkg-config knows it, else http-parser, which has no .pc file.
ifeq ($(shell pkg-config --exists libllhttp 2>/dev/null && echo yes),yes)
CPPFLAGS += -DWK_HTTP_LLHTTP $(shell pkg-config --cflags libllhttp)
LIBS += $(shell pkg-config --libs libllhttp)
PC_PRIVATE_REQUIRES += libllhttp
else
LIBS += -lhttp_parser
PC_PRIVATE_LIBS += -lhttp_parser
endif

# ---- sources ----------------------------------------------------------------------------------

# Core: everything above the environment. Its objects are audited (make audit).
CORE_DIRS := base hash codec config radix store backend rpc cabi
CORE_SRC := $(wildcard $(CORE_DIRS:%=src/%/*.c))
# The environment: the only code that may call the operating system, and the stores above it.
ENV_SRC := $(wildcard src/env/*.c src/env/*/*.c)
LIB_SRC := $(CORE_SRC) $(ENV_SRC)
# The daemon is core too, but for its main file; no engine carries it.
DAEMON_MAIN := src/daemon/main.c
DAEMON_SRC := $(filter-out $(DAEMON_MAIN),$(wildcard src/daemon/*.c))
DAEMON_OBJ := $(DAEMON_SRC:%.c=$(B)/obj/%.o)
CORE_OBJ := $(CORE_SRC:%.c=$(B)/obj/%.o) $(DAEMON_OBJ)
LIB_OBJ := $(LIB_SRC:%.c=$(B)/obj/%.o)

HEADERS := include/wombatkv.h
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:tests/%.c=$(B)/tests/%)
BENCH_SRC := $(wildcard bench/*.c)
BENCH_BIN := $(BENCH_SRC:bench/%.c=$(B)/bench/%)

# ---- library ----------------------------------------------------------------------------------

.PHONY: all
all: lib $(B)/wombatkv-daemon $(B)/wombatkv-sim

.PHONY: lib
lib: $(B)/libwombatkv.so $(B)/libwombatkv.so.$(SOVERSION) $(B)/libwombatkv.a ## the shared and the static library

$(B)/obj/src/env/posix/%.o: CPPFLAGS += -D_GNU_SOURCE
$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# Other people's sources: their warnings are not ours to mend.
$(B)/obj/blake3/%.o: $(BLAKE3_DIR)/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) -O3 -g -fPIC -fvisibility=hidden $(SANFLAGS) -c $< -o $@
$(B)/obj/blake3/%.o: $(BLAKE3_DIR)/%.S
	@mkdir -p $(@D)
	$(call say,AS,$@)
	$(Q)$(CC) -fPIC -c $< -o $@

# Everything, internal names visible: what unit tests and benches link.
$(B)/obj/libinternal.a: $(LIB_OBJ) $(DAEMON_OBJ) $(BLAKE3_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

# -z nodelete: threads of the library may run when a host calls dlclose.
$(B)/libwombatkv.so.$(SOVERSION): $(LIB_OBJ) $(BLAKE3_OBJ) src/cabi/wombatkv.map
	$(call say,LD,$@)
	$(Q)$(CC) -shared -o $@ $(LDFLAGS) -Wl,-soname,libwombatkv.so.$(SOVERSION) \
	    -Wl,--version-script=src/cabi/wombatkv.map -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro \
	    $(if $(SAN),,-Wl,-z,defs) $(LIB_OBJ) $(BLAKE3_OBJ) $(LIBS)

$(B)/libwombatkv.so: $(B)/libwombatkv.so.$(SOVERSION)
	$(Q)ln -sf $(<F) $@

# One object with everything but the ABI made local, so that the archive adds no names to a host.
$(B)/libwombatkv.a: $(LIB_OBJ) $(BLAKE3_OBJ) src/cabi/wombatkv.map
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)ld -r -o $(B)/obj/wombatkv-all.o $(LIB_OBJ) $(BLAKE3_OBJ)
	$(Q)sed -n 's/^ *\(wmbt_kv_[a-z0-9_]*\);.*/\1/p' src/cabi/wombatkv.map > $(B)/obj/exports.txt
	$(Q)objcopy --keep-global-symbols=$(B)/obj/exports.txt $(B)/obj/wombatkv-all.o $(B)/obj/wombatkv.o
	$(Q)ar rcs $@ $(B)/obj/wombatkv.o

# ---- unit tests and benches -------------------------------------------------------------------

$(B)/tests/unit/%: tests/unit/%.c $(B)/obj/libinternal.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) -D_GNU_SOURCE -Itests $(CFLAGS) -MMD -MP -MF $@.d $< -o $@ $(LDFLAGS) \
	    $(B)/obj/libinternal.a -lcmocka $(LIBS)

# The peer of bench/crc32c.c, where it is installed.
ifeq ($(shell pkg-config --exists libisal 2>/dev/null && echo yes),yes)
$(B)/bench/crc32c: CPPFLAGS += -DWK_BENCH_ISAL
$(B)/bench/crc32c: BENCH_LIBS += -lisal
endif

# Counts the bytes that are summed.
$(B)/bench/codec: BENCH_LIBS += -Wl,--wrap=wk_crc32c_extend

$(B)/bench/%: bench/%.c $(B)/obj/libinternal.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) -D_GNU_SOURCE $(CFLAGS) -MMD -MP -MF $@.d $< -o $@ $(LDFLAGS) \
	    $(B)/obj/libinternal.a $(LIBS) $(BENCH_LIBS)

# Prints one line per program; the whole output of one that fails.
.PHONY: unit
unit: $(UNIT_BIN) ## unit tests
	$(Q)scripts/run-tests $(UNIT_BIN)

# Those that neither count allocations themselves nor take minutes on a simulated processor.
VALGRIND_TESTS := base object_key settings cabi_calls cabi_open cabi_memory arena cache \
                  store_basic store_races dir callbacks radix_links env_files s3_list s3_answers \
                  s3_credentials
.PHONY: valgrind
valgrind: $(VALGRIND_TESTS:%=$(B)/tests/unit/test_%) ## unit tests of what holds memory, under valgrind
	$(Q)WRAPPER="valgrind -q --error-exitcode=9 --leak-check=full" scripts/run-tests $^

.PHONY: bench
bench: $(BENCH_BIN) ## builds the benches into build/bench

# ---- checks -----------------------------------------------------------------------------------

.PHONY: audit
audit: $(CORE_OBJ) ## core objects: no operating system, no writable data
	$(Q)scripts/audit-symbols $(CORE_OBJ)

.PHONY: check-exports
check-exports: lib ## the shared and static library define the ABI and nothing else
	$(Q)scripts/check-exports $(B)/libwombatkv.so $(B)/libwombatkv.a src/cabi/wombatkv.map

.PHONY: check-specs
check-specs: ## every MUST of specs/ is named by a test
	$(Q)scripts/check-specs

.PHONY: check-format
check-format: ## clang-format has nothing to say
	$(Q)clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')

.PHONY: check-install
check-install: lib $(B)/wombatkv-daemon ## installs into an empty place and builds against it
	$(Q)scripts/check-install $(B) $(CC)

# ---- the main commands ------------------------------------------------------------------------

.PHONY: deps deps-dev
deps: ## installs what the library needs
	$(Q)scripts/deps lib
deps-dev: ## installs what the tests need, too
	$(Q)scripts/deps dev

# Each starts a make of its own after the packages are there: this one looked for them too early.
.PHONY: test demo
test: deps-dev ## everything that must hold, in about three minutes
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) test-build
	$(Q)$(MAKE) --no-print-directory test-run
demo: deps ## the main job, on a directory: prefill, save, kill -9, restore; then a bug found by seed
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) lib $(B)/examples/demo $(B)/wombatkv-sim-planted
	$(Q)scripts/demo $(B)

.PHONY: test-build test-run
test-build: lib $(UNIT_BIN) $(B)/wombatkv-sim $(B)/wombatkv-sim-planted
# What sanitizers and coverage put into the objects is not ours to audit.
test-run: unit $(if $(SAN)$(COVERAGE),,audit) check-exports check-specs sim-smoke

# ---- examples ---------------------------------------------------------------------------------

# The way an engine is built: against the public header and the shared library.
$(B)/examples/demo: examples/engine/demo.c examples/engine/transformer.c \
                    examples/engine/transformer.h $(HEADERS) $(B)/libwombatkv.so
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=gnu11 -O3 -ffp-contract=off -Wall -Wextra $(if $(WERROR),-Werror) $(SANFLAGS) \
	    -Iinclude $(filter %.c,$^) -o $@ -L$(B) -lwombatkv -Wl,-rpath,'$$ORIGIN/..' -lm

include tests/daemon/daemon.mk
include tests/vectors/vectors.mk
include tests/conformance.mk
include tests/interop/interop.mk
include tests/s3/s3.mk
include sim/sim.mk
include sim/nightly.mk
include fuzz/fuzz.mk

# ---- install ----------------------------------------------------------------------------------

.PHONY: install
install: lib $(B)/wombatkv-daemon ## into $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include \
	    $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/doc/wombatkv
	install -m 755 $(B)/wombatkv-daemon $(DESTDIR)$(PREFIX)/bin/
	install -m 644 examples/wombatkv-daemon.service examples/wombatkv-daemon.conf \
	    specs/0018-daemon.md $(DESTDIR)$(PREFIX)/share/doc/wombatkv/
	install -m 755 $(B)/libwombatkv.so.$(SOVERSION) $(DESTDIR)$(PREFIX)/lib/
	ln -sf libwombatkv.so.$(SOVERSION) $(DESTDIR)$(PREFIX)/lib/libwombatkv.so
	install -m 644 $(B)/libwombatkv.a $(DESTDIR)$(PREFIX)/lib/
	install -m 644 include/wombatkv.h $(DESTDIR)$(PREFIX)/include/
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@PRIVATE_LIBS@|$(PC_PRIVATE_LIBS)|' -e 's|@PRIVATE_REQUIRES@|$(PC_PRIVATE_REQUIRES)|' \
	    scripts/wombatkv.pc.in > $(DESTDIR)$(PREFIX)/lib/pkgconfig/wombatkv.pc

include tests/aarch64.mk
include tests/coverage.mk
include specs/proofs/proofs.mk

.PHONY: clean
clean: ## removes build directories
	rm -rf build build-*

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s'|'

-include $(LIB_OBJ:.o=.d) $(DAEMON_OBJ:.o=.d) $(UNIT_BIN:%=%.d) $(BENCH_BIN:%=%.d)
