# wombatkv-vectors: checks the codec against files of vectors. Included by the Makefile.

VECTORS_SRC := $(patsubst %,tests/vectors/%.c,vectors_main json message)
VECTORS_DATA := tests/vectors/rkyv-vectors.txt tests/vectors/wire-vectors.txt

$(B)/wombatkv-vectors: $(VECTORS_SRC) tests/vectors/json.h tests/vectors/message.h $(B)/obj/libinternal.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) -Itests $(CFLAGS) $(VECTORS_SRC) -o $@ $(LDFLAGS) $(B)/obj/libinternal.a $(LIBS)

.PHONY: vectors
vectors: $(B)/wombatkv-vectors ## the codec against the vectors of tests/vectors
	$(Q)tests/vectors/self-test $<
	$(Q)$< $(VECTORS_DATA)

all: $(B)/wombatkv-vectors
test-build: $(B)/wombatkv-vectors
test-run: vectors
