# The daemon as a program, and the tests that start it. Included by the Makefile.

DAEMON_MAIN_OBJ := $(DAEMON_MAIN:%.c=$(B)/obj/%.o)

$(DAEMON_MAIN_OBJ): CPPFLAGS += -D_GNU_SOURCE
$(B)/wombatkv-daemon: $(DAEMON_MAIN_OBJ) $(B)/obj/libinternal.a
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $(LDFLAGS) -Wl,-z,now -Wl,-z,relro $^ $(LIBS)

.PHONY: daemon
daemon: $(B)/wombatkv-daemon ## the daemon

-include $(DAEMON_MAIN_OBJ:.o=.d)
