# Real S3 servers, built with the Go toolchain, or one that is given. Included by the Makefile.
#
#   make test-s3     everything: conformance, requests, faults, killed processes, operation, and a
#                    second implementation
#   make test        runs the short form of it, when a server is cached or given
#
# A server of yours: WMBT_KV_TEST_S3_ENDPOINT, _BUCKET, _ACCESS_KEY and _SECRET_KEY. What the tests
# put there stays, below prefixes that begin with "wombatkv-".

S3_TESTS := $(addprefix $(B)/tests/s3/,requests faults processes engine)
S3_RUNS := $(B)/tests/conformance/abi-s3-path $(B)/tests/conformance/abi-s3-virtual
S3_SHARED := tests/s3/rig.c tests/conformance/helpers.c
S3_HEADERS := tests/s3/rig.h tests/conformance/suite.h $(HEADERS)

# As engines are: against the shared library.
$(S3_TESTS): $(B)/tests/s3/%: tests/s3/%.c $(S3_SHARED) $(S3_HEADERS) $(B)/libwombatkv.so
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -D_GNU_SOURCE -Iinclude -Itests -Itests/conformance $(CFLAGS) $< $(S3_SHARED) -o $@ \
	    $(LDFLAGS) $(ABI_LINK) -lcmocka -lpthread

# The library's reader of HTTP heads is inside.
S3_PROXY := $(B)/tests/s3/fault_proxy
$(S3_PROXY): tests/s3/fault_proxy.c tests/s3/exchange.c tests/s3/proxy.h $(B)/obj/libinternal.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -D_GNU_SOURCE $(CPPFLAGS) $(CFLAGS) $(filter %.c,$^) -o $@ $(LDFLAGS) \
	    $(B)/obj/libinternal.a $(LIBS)

$(S3_RUNS): $(ABI_BIN)
	$(Q)ln -sf $(<F) $@

.PHONY: s3-build test-s3 conformance-s3
s3-build: $(S3_RUNS) $(S3_TESTS) $(S3_PROXY)

test-s3: s3-build ## the embedded backend on real S3 servers, with faults in between
	$(Q)tests/s3/run $(B) full

conformance-s3: $(S3_RUNS)
	$(Q)tests/s3/run $(B) short

.PHONY: bench-objects
bench-objects: $(B)/bench/objects $(S3_PROXY) ## GET and PUT on MinIO beside a bare libcurl loop
	$(Q)tests/s3/server run minio tests/s3/slow $(B) $(B)/bench/objects

test-build: $(S3_RUNS)
test-run: conformance-s3
