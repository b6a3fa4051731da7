# Fuzzing: one harness per decoder, over the sources that it needs. Included by the Makefile.
#
#   make fuzz-regress            the whole corpus as an ordinary test under ASan, part of `make test`
#   make fuzz-smoke              every target for SECONDS under afl-fuzz, and a table of figures
#   make fuzz TARGET= MINUTES=   one target for long; findings in build-afl/out/TARGET
#   make fuzz-plants             each bug of fuzz/plants.def is built in and found (nightly)
#   make fuzz-corpus             seeds, corpus and findings, minimised, become the corpus
#   make fuzz-libfuzzer          the same harnesses for libFuzzer: build-libfuzzer/TARGET
#
# build-afl/TARGET is built with ASan and UBSan; build-afl/cmplog/TARGET is its CmpLog twin.

FUZZ_SRC := $(wildcard src/base/*.c src/hash/*.c src/codec/*.c src/config/*.c) src/env/cpu.c \
            src/env/dir/path.c $(addprefix src/env/s3/,list_xml.c xml.c url.c)
FUZZ_MODEL_SRC := $(wildcard fuzz/model_*.c)
# "target:source" of each line of the table.
FUZZ_PAIRS := $(shell awk -F'[^a-z0-9_]+' '/^TARGET/ { print $$2 ":" $$3 }' fuzz/targets.def)
FUZZ_TARGETS := $(foreach pair,$(FUZZ_PAIRS),$(firstword $(subst :, ,$(pair))))
# fuzz_harness(place, suffix): each target's file there is made from its harness
fuzz_harness = $(foreach pair,$(FUZZ_PAIRS),$(eval $(1)/$(firstword $(subst :, ,$(pair)))$(2): \
    fuzz/$(lastword $(subst :, ,$(pair))).c))
FUZZ_LIBS := $(filter-out -lcurl -lssl -lcrypto -lpthread,$(LIBS))
FUZZ_CPPFLAGS = $(CPPFLAGS) -D_GNU_SOURCE -Ifuzz
FUZZ_BASE_FLAGS = -std=c11 -g -fno-omit-frame-pointer -Wall -Wextra -Wshadow $(if $(WERROR),-Werror)
FUZZ_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined

# ---- the corpus as a test -----------------------------------------------------------------------

# The objects of the library are those of the other tests under ASan.
FUZZ_REGRESS_OBJ := $(FUZZ_TARGETS:%=$(B)/fuzz/target/%.o) $(FUZZ_MODEL_SRC:%.c=$(B)/%.o) \
                    $(B)/fuzz/replay.o $(B)/fuzz/regress.o

# A build that has sanitizers or counts coverage runs it itself, any other asks for one with ASan
# (FUZZ-7).
.PHONY: fuzz-regress fuzz-regress-build
ifneq ($(SAN)$(COVERAGE),)
fuzz-regress-build: $(B)/fuzz/regress
fuzz-regress: fuzz-regress-build
	$(Q)$(B)/fuzz/regress fuzz/corpus
else
fuzz-regress fuzz-regress-build: ## the fuzzing corpus as an ordinary test, under ASan
	$(Q)$(MAKE) --no-print-directory SAN=asan $@
endif
test-build: fuzz-regress-build
test-run: fuzz-regress

$(B)/fuzz/regress: $(FUZZ_REGRESS_OBJ) $(FUZZ_SRC:%.c=$(B)/obj/%.o) $(BLAKE3_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $(LDFLAGS) $^ $(FUZZ_LIBS)

$(B)/fuzz/%.o: fuzz/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(FUZZ_CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# One harness, its entry renamed: all of them are linked into one program.
$(call fuzz_harness,$(B)/fuzz/target,.o)
$(FUZZ_TARGETS:%=$(B)/fuzz/target/%.o): $(B)/fuzz/target/%.o:
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(FUZZ_CPPFLAGS) -DFUZZ_TARGET_$* -DLLVMFuzzerTestOneInput=fuzz_run_$* $(CFLAGS) \
	    -MMD -MP -c $(filter fuzz/%.c,$^) -o $@

# ---- builds for fuzzers -------------------------------------------------------------------------

# fuzz_build(directory, compiler, flags, objects of the driver)
define fuzz_build
$(1)/obj/%.o: %.c
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)
	$$(Q)$(2) $$(FUZZ_CPPFLAGS) $$(FUZZ_BASE_FLAGS) $(3) $$(if $$(FUZZ_PLANT),-DWK_PLANT=$$(FUZZ_PLANT)) \
	    -MMD -MP -c $$< -o $$@
$(1)/obj/blake3/%.o: $$(BLAKE3_DIR)/%.c
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -O2 -fPIC -c $$< -o $$@
$(1)/obj/blake3/%.o: $$(BLAKE3_DIR)/%.S
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -fPIC -c $$< -o $$@
$(1)/obj/libfuzzed.a: $$(FUZZ_SRC:%.c=$(1)/obj/%.o) $$(FUZZ_MODEL_SRC:%.c=$(1)/obj/%.o) \
                      $$(BLAKE3_NAMES:%=$(1)/obj/blake3/%.o)
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@
	$$(Q)ar rcs $$@ $$^
$$(FUZZ_TARGETS:%=$(1)/%): $(1)/%: $(1)/obj/libfuzzed.a $(4) fuzz/harness.h fuzz/model.h
	$$(call say,LD,$$@)
	$$(Q)$(2) $$(FUZZ_CPPFLAGS) $$(FUZZ_BASE_FLAGS) -DFUZZ_TARGET_$$* $(3) $(5) -o $$@ $$(filter fuzz/%.c,$$^) $(4) \
	    $(1)/obj/libfuzzed.a $$(FUZZ_LIBS)
$$(call fuzz_harness,$(1),)
-include $$(wildcard $(1)/obj/*/*.d $(1)/obj/*/*/*.d $(1)/obj/*/*/*/*.d)
endef

AFL_CC := AFL_QUIET=1 afl-clang-fast
$(eval $(call fuzz_build,build-afl,AFL_USE_ASAN=1 AFL_USE_UBSAN=1 $(AFL_CC),-O2,build-afl/obj/fuzz/driver.o build-afl/obj/fuzz/replay.o))
$(eval $(call fuzz_build,build-afl/cmplog,AFL_LLVM_CMPLOG=1 $(AFL_CC),-O2,build-afl/cmplog/obj/fuzz/driver.o build-afl/cmplog/obj/fuzz/replay.o))
$(eval $(call fuzz_build,build-libfuzzer,clang,-O2 $(FUZZ_SANITIZE) -fsanitize=fuzzer-no-link,,-fsanitize=fuzzer))

.PHONY: fuzz-build fuzz-libfuzzer
fuzz-build: $(FUZZ_TARGETS:%=build-afl/%) $(FUZZ_TARGETS:%=build-afl/cmplog/%)
fuzz-libfuzzer: $(FUZZ_TARGETS:%=build-libfuzzer/%) ## the fuzzing harnesses for libFuzzer

-include $(FUZZ_REGRESS_OBJ:.o=.d)

# ---- running them -------------------------------------------------------------------------------

# SECONDS and MINUTES are the caller's; SECONDS is a variable of some shells, hence the other name
# (FUZZ-8).
.PHONY: fuzz fuzz-smoke fuzz-corpus fuzz-plants
fuzz-smoke: fuzz-build ## every fuzzing target for SECONDS (5)
	$(Q)SECONDS_EACH='$(or $(SECONDS),5)' scripts/fuzz smoke
fuzz: $(if $(TARGET),build-afl/$(TARGET) build-afl/cmplog/$(TARGET)) ## fuzzes TARGET for MINUTES (10)
	$(Q)MINUTES='$(or $(MINUTES),10)' scripts/fuzz run '$(TARGET)'
fuzz-corpus: $(FUZZ_TARGETS:%=build-afl/%) ## minimises seeds, corpus and findings into the corpus
	$(Q)scripts/fuzz corpus $(TARGET)
fuzz-plants: fuzz-build ## builds each planted bug in; its harness must find it
	$(Q)FUZZ_COMPILE='AFL_USE_ASAN=1 AFL_USE_UBSAN=1 $(AFL_CC) $(FUZZ_CPPFLAGS) $(FUZZ_BASE_FLAGS) -O2' \
	    FUZZ_OBJECTS='build-afl/obj/fuzz/driver.o build-afl/obj/fuzz/replay.o build-afl/obj/libfuzzed.a' \
	    FUZZ_LIBS='$(FUZZ_LIBS)' scripts/fuzz plants $(PLANTS)

nightly: fuzz-plants
