# The daemon as a program, and the tests that start it. Included by the Makefile.

DAEMON_MAIN_OBJ := $(DAEMON_MAIN:%.c=$(B)/obj/%.o)

$(DAEMON_MAIN_OBJ): CPPFLAGS += -D_GNU_SOURCE
$(B)/wombatkv-daemon: $(DAEMON_MAIN_OBJ) $(B)/obj/libinternal.a
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $(LDFLAGS) -Wl,-z,now -Wl,-z,relro $^ $(LIBS)

.PHONY: daemon
daemon: $(B)/wombatkv-daemon ## the daemon

# An engine and the daemon's surroundings, for the test of the command line.
$(B)/tests/daemon/load: tests/daemon/load.c $(HEADERS) $(B)/libwombatkv.so
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -D_GNU_SOURCE -Iinclude $(CFLAGS) $< -o $@ $(LDFLAGS) -L$(B) -lwombatkv \
	    -Wl,-rpath,'$$ORIGIN/../..'

.PHONY: check-daemon check-daemon-build
check-daemon-build: $(B)/wombatkv-daemon $(B)/tests/daemon/load
check-daemon: check-daemon-build ## the daemon as a program: flags, exit codes, signals, logs
	$(Q)tests/daemon/command-line $(B)

test-build: check-daemon-build
test-run: check-daemon

-include $(DAEMON_MAIN_OBJ:.o=.d)
