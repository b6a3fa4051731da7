# Do the tests and the simulator find bugs? Included by the Makefile.
#
#   make plants     each bug of sim/plants.def is built in and found within 64 seeds
#   make mutants    one line of the core changed at a time; 80 % must be noticed

MUTANT_SRC := $(wildcard src/store/*.c src/radix/*.c src/codec/*.c)
MUTANT_TEST_SRC := $(wildcard $(addprefix tests/unit/test_,store*.c arena.c cache.c radix*.c \
                     body.c object_key.c block_meta.c cabi*.c))
MUTANT_TEST_OBJ := $(MUTANT_TEST_SRC:%.c=$(B)/mutants/%.o)
MUTANTS_COUNT ?= 60
MUTANTS_SEED ?= 1
MUTANTS_SEEDS ?= 256

# Without sim/main.c there is no simulator yet.
SIM_MAIN := $(if $(wildcard sim/main.c),$(SIM_MAIN_OBJ))

$(B)/mutants/tests/unit/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) -D_GNU_SOURCE -Itests $(CFLAGS) -MMD -MP -c $< -o $@

.PHONY: mutants
mutants: $(MUTANT_TEST_OBJ) $(B)/obj/libinternal.a $(SIM_MAIN) $(B)/sim/libsim.a ## changes single lines; tests must notice
	$(Q)scripts/mutants --self-test
	$(Q)MUTANTS_BUILD='$(B)' MUTANTS_SEEDS='$(MUTANTS_SEEDS)' \
	    MUTANTS_COMPILE='$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)' \
	    MUTANTS_OBJECTS='$(LIB_OBJ) $(BLAKE3_OBJ)' MUTANTS_TESTS='$(MUTANT_TEST_OBJ)' \
	    MUTANTS_LIBS='-lcmocka $(LIBS)' \
	    MUTANTS_SIM_COMPILE='$(CC) $(SIM_CPPFLAGS) $(CFLAGS) $(LDFLAGS)' \
	    MUTANTS_SIM_OBJECTS='$(SIM_OWN_OBJ) $(SIM_CORE_OBJ) $(BLAKE3_OBJ)' \
	    MUTANTS_SIM_MAIN='$(SIM_MAIN)' MUTANTS_SIM_LIBS='$(SIM_LIBS)' \
	    scripts/mutants -n $(MUTANTS_COUNT) -s $(MUTANTS_SEED) $(MUTANT_SRC)

.PHONY: plants
plants: $(SIM_MAIN) $(B)/sim/libsim.a ## builds each planted bug in; the simulator must find it
	$(Q)PLANTS_BUILD='$(B)' PLANTS_COMPILE='$(CC) $(SIM_CPPFLAGS) $(CFLAGS) $(LDFLAGS)' \
	    PLANTS_OBJECTS='$(SIM_OWN_OBJ) $(SIM_CORE_OBJ) $(BLAKE3_OBJ)' \
	    PLANTS_MAIN='$(SIM_MAIN)' PLANTS_LIBS='$(SIM_LIBS)' scripts/plants $(PLANTS)

.PHONY: nightly
nightly: plants mutants ## what takes too long for every landing

-include $(MUTANT_TEST_OBJ:.o=.d)
