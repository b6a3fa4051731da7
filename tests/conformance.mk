# The suite of the C ABI: built as an engine is, against the public header and the shared library.
# Included by the Makefile.

ABI_SRC := $(wildcard tests/conformance/*.c)
ABI_BIN := $(B)/tests/conformance/abi
ABI_CXX := $(if $(findstring clang,$(CC)),clang++,g++)
ABI_BACKENDS := embedded-dir tcp http tcp-tls http-tls
ABI_RUNS := $(ABI_BACKENDS:%=$(B)/tests/conformance/abi-%)
ABI_LINK := -L$(B) -lwombatkv -Wl,-rpath,'$$ORIGIN/../..'

$(ABI_BIN): $(ABI_SRC) tests/conformance/suite.h $(HEADERS) $(B)/libwombatkv.so
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -D_GNU_SOURCE -Iinclude -Itests $(CFLAGS) $(ABI_SRC) -o $@ $(LDFLAGS) $(ABI_LINK) \
	    -lcmocka -lpthread

# One name for each backend that is tested.
$(ABI_RUNS): $(ABI_BIN) $(B)/wombatkv-daemon
	$(Q)ln -sf $(<F) $@

$(B)/tests/conformance/header: tests/conformance/header.cpp $(HEADERS) $(B)/libwombatkv.so
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)for half in -UWMBT_KV_EXPERIMENTAL -DWMBT_KV_EXPERIMENTAL; do \
	    $(CC) -std=c99 -Wall -Wextra -Wpedantic -Werror $$half -fsyntax-only -x c $(HEADERS) || exit 1; \
	done
	$(Q)$(ABI_CXX) -std=c++11 -Wall -Wextra -Wpedantic -Wshadow -Werror $(SANFLAGS) -Iinclude $< \
	    -o $@ $(ABI_LINK)

.PHONY: conformance conformance-build conformance-large
conformance-build: $(ABI_RUNS) $(B)/tests/conformance/header

conformance: conformance-build ## the C ABI suite on every backend
	$(Q)scripts/run-tests $(B)/tests/conformance/header $(ABI_RUNS)

conformance-large: conformance-build ## the same at the size limits: takes gigabytes and minutes
	$(ABI_BIN) embedded-dir --large

test-build: conformance-build
test-run: conformance

# ---- generated pages --------------------------------------------------------------------------

$(B)/scripts/print-docs: scripts/print-docs.c $(B)/obj/libinternal.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $< -o $@ $(LDFLAGS) $(B)/obj/libinternal.a $(LIBS)

.PHONY: docs
docs: $(B)/scripts/print-docs ## writes the pages that come from tables
	$(Q)$< settings > specs/0008-settings.md
	$(Q)$< sample > examples/wombatkv.env.sample
	$(Q)$< daemon-sample > examples/wombatkv-daemon.conf
	$(Q)$< metrics > specs/0021-metrics.md
