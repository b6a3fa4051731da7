# How much of the codec the tests and the fuzzing corpus run: `make coverage-codec` prints the branches taken of each file
# and the lines of those that were not, and fails below 98 %. Included by the Makefile.
#
# What is left, and why: a switch over all values of an enum has no other (body.c); zstd refuses no
# parameter of those we set (body_encode.c); the parser library refuses a Content-Length that is no
# number or stands beside a Transfer-Encoding before we do (http_head.c). Those checks stay, because
# how strict a library is depends on how it was built.

COVERAGE_SRC := $(sort $(wildcard src/codec/*.c))
COVERAGE_TESTS := $(sort $(shell grep -l '"codec/' $(UNIT_SRC)))

.PHONY: coverage-codec coverage-codec-run
coverage-codec: ## branch coverage of src/codec by its tests and the corpus
	$(Q)$(MAKE) --no-print-directory COVERAGE=1 coverage-codec-run
coverage-codec-run: $(COVERAGE_TESTS:tests/%.c=$(B)/tests/%) $(B)/wombatkv-vectors $(B)/fuzz/regress
	$(Q)rm -f $(COVERAGE_SRC:%.c=$(B)/obj/%.gcda)
	$(Q)scripts/run-tests $(filter-out %-vectors %/regress,$^)
	$(Q)$(B)/wombatkv-vectors $(VECTORS_DATA)
	$(Q)$(B)/fuzz/regress fuzz/corpus
	$(Q)scripts/coverage-branches $(B) 98 $(COVERAGE_SRC)
