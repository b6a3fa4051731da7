# The simulator: the library's sources above the environment, compiled once more with WK_SIM, and
# the world of sim/ around them.
#
#   make sim            build/wombatkv-sim
#   make sim-smoke      a few seconds of seeds, part of `make test`
#   make sim-sweep      2,000 seeds with coverage, determinism on 100
#   make sim-variants   the same hashes from other compilers, options and processor paths

# With the texts of the system's errors: simulated ones read the same.
SIM_CORE_SRC := $(CORE_SRC) $(DAEMON_SRC) $(wildcard src/env/*.c src/env/dir/*.c src/env/callbacks/*.c) \
                src/env/posix/posix_errno.c
SIM_OWN_SRC := $(filter-out sim/main.c,$(wildcard sim/*.c))
SIM_CORE_OBJ := $(SIM_CORE_SRC:%.c=$(B)/sim/obj/%.o)
SIM_OWN_OBJ := $(SIM_OWN_SRC:%.c=$(B)/sim/obj/%.o)
SIM_MAIN_OBJ := $(B)/sim/obj/sim/main.o
SIM_COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
SIM_PLANT ?=
SIM_CPPFLAGS := $(CPPFLAGS) -DWK_SIM $(if $(SIM_PLANT),-DWK_PLANT=$(SIM_PLANT)) -I$(B)/sim
SIM_LIBS := -lzstd -lxxhash $(filter-out -lzstd -lxxhash -lpthread -lcurl -lexpat -lssl -lcrypto,$(LIBS))

.PHONY: sim
all: $(B)/wombatkv-sim
sim: $(B)/wombatkv-sim ## the simulator

SIM_SMOKE_SEEDS ?= 1..150
SIM_SWEEP_SEEDS ?= 1..2000

.PHONY: sim-smoke sim-sweep sim-variants
sim-smoke: $(B)/wombatkv-sim $(B)/wombatkv-sim-planted ## some seeds and all capsules
	$(Q)tests/sim/command-line $(B)/wombatkv-sim $(B)/wombatkv-sim-planted
	$(Q)scripts/sim-capsules $(B)/wombatkv-sim
	$(Q)$(B)/wombatkv-sim --seeds $(SIM_SMOKE_SEEDS)
sim-sweep: $(B)/wombatkv-sim ## 2,000 seeds, every fault class and mark reached; 100 seeds twice
	$(Q)$(B)/wombatkv-sim --seeds $(SIM_SWEEP_SEEDS) --list-faults --list-marks --require-coverage
	$(Q)$(B)/wombatkv-sim --check-determinism 1..100
sim-variants: ## gcc and clang, -O0 and -O2, sanitizers and every CRC path give the same hashes
	$(Q)scripts/sim-variants

$(B)/wombatkv-sim: $(SIM_MAIN_OBJ) $(B)/sim/libsim.a
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $(LDFLAGS) $(SIM_MAIN_OBJ) $(B)/sim/libsim.a $(SIM_LIBS)

# The same with one bug of sim/plants.def: shows what finding one looks like.
SIM_SHOWN_PLANT := 1
SIM_SHOWN_FILE := src/store/known
$(B)/sim/planted.o: $(SIM_SHOWN_FILE).c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(SIM_CPPFLAGS) -DWK_PLANT=$(SIM_SHOWN_PLANT) $(CFLAGS) -c $< -o $@
$(B)/wombatkv-sim-planted: $(B)/sim/planted.o $(SIM_MAIN_OBJ) $(B)/sim/libsim.a
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $(LDFLAGS) $(B)/sim/planted.o $(SIM_MAIN_OBJ) $(B)/sim/libsim.a $(SIM_LIBS)

$(B)/sim/libsim.a: $(SIM_OWN_OBJ) $(SIM_CORE_OBJ) $(BLAKE3_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

# The core as it is in the library, but for WK_SIM.
$(B)/sim/obj/src/%.o: src/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(SIM_CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/sim/obj/sim/report.o: SIM_CPPFLAGS += -DSIM_COMMIT='"$(SIM_COMMIT)"'
$(B)/sim/obj/sim/%.o: sim/%.c $(B)/sim/marks.inc
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(SIM_CPPFLAGS) -D_GNU_SOURCE $(CFLAGS) -MMD -MP -c $< -o $@

# Every WK_MARK of the sources that the simulator runs, sorted; the file changes only when they do.
$(B)/sim/marks.inc: $(SIM_CORE_SRC)
	@mkdir -p $(@D)
	@grep -oh 'WK_MARK("[^"]*")' $^ | sed 's/WK_MARK(\(.*\))/\1,/' | LC_ALL=C sort -u > $@.new; true
	@if cmp -s $@.new $@; then rm $@.new; touch $@; else mv $@.new $@; fi

# Tests of the simulator itself link the simulator, not the library.
$(B)/tests/unit/test_sim_%: tests/unit/test_sim_%.c $(B)/sim/libsim.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SIM_CPPFLAGS) -D_GNU_SOURCE -Itests -Isim $(CFLAGS) -MMD -MP -MF $@.d $< -o $@ \
	    $(LDFLAGS) $(B)/sim/libsim.a -lcmocka $(SIM_LIBS)

-include $(SIM_OWN_OBJ:.o=.d) $(SIM_CORE_OBJ:.o=.d) $(SIM_MAIN_OBJ:.o=.d)
