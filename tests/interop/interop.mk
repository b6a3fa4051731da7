# Our implementation against the Rust one, live. Included by the Makefile. Needs cargo and the crate
# registry (or its cache); without them a target says so and succeeds.

INTEROP_CACHE := $(or $(WMBT_KV_CACHE),$(HOME)/.cache/wombatkv)
CODEC_JUDGE := $(INTEROP_CACHE)/interop-codec/release/wombatkv-codec-judge
INTEROP_CODEC_SRC := $(patsubst %,tests/interop/%.c,codec judge values) tests/vectors/message.c sim/rng.c

$(B)/tests/interop/codec: $(INTEROP_CODEC_SRC) tests/interop/judge.h tests/interop/values.h \
                          tests/vectors/message.h sim/rng.h $(B)/obj/libinternal.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) -D_GNU_SOURCE -Itests $(CFLAGS) $(INTEROP_CODEC_SRC) -o $@ $(LDFLAGS) \
	    $(B)/obj/libinternal.a $(LIBS)

.PHONY: interop-codec
interop-codec: $(B)/tests/interop/codec ## archives against the real rkyv: values and damaged archives, both ways
	$(Q)tests/interop/build-judge tests/interop/codec $(INTEROP_CACHE)/interop-codec; status=$$?; \
	    if [ $$status = 77 ]; then exit 0; fi; [ $$status = 0 ] || exit $$status; \
	    $< $(CODEC_JUDGE)

# ---- the remote protocol: their daemon and clients, ours, one bucket ------------------------------

INTEROP_PEER := $(INTEROP_CACHE)/rust-peer
INTEROP_CLIENT := $(B)/tests/interop/client

# As an engine is built.
$(INTEROP_CLIENT): tests/interop/client.c $(HEADERS) $(B)/libwombatkv.so
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -Iinclude $(CFLAGS) $< -o $@ $(LDFLAGS) $(ABI_LINK)

.PHONY: interop interop-build
interop-build: $(INTEROP_CLIENT) $(ABI_BIN) $(B)/wombatkv-daemon

# The first time, cargo builds 447 crates.
interop: interop-build ## our clients and daemon with the reference's, over one bucket
	$(Q)tests/interop/build-judge tests/interop/peer $(INTEROP_PEER) && \
	    tests/interop/build-judge tests/interop/peer $(INTEROP_PEER) -p wombatkv-daemon \
	        --bin wombatkv-daemon && \
	    tests/interop/run $(B) $(INTEROP_PEER)/release; status=$$?; \
	    if [ $$status = 77 ]; then exit 0; fi; exit $$status
