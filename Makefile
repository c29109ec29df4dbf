# M3MTA. One non-recursive makefile; `make help` lists the targets.
include config.mk
include dev.mk

PKGS := libmongoc-1.0 libtls libsystemd icu-uc zlib libcrypto libcrypt
isystem = $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(1)))
CPPFLAGS += -Icommon -D_GNU_SOURCE -DM3_VERSION='"$(VERSION)"' \
	-DM3_SYSCONFDIR='"$(SYSCONFDIR)"' -DM3_LIBEXECDIR='"$(LIBEXECDIR)"' \
	$(call isystem,$(PKGS))
CFLAGS ?=
ALL_CFLAGS := -std=gnu11 $(OPT) $(WARN) $(HARDEN) -MMD -MP $(CFLAGS)
ALL_LDFLAGS := $(LDHARDEN) $(LDSAN) $(LDFLAGS)
LIBS := $(shell pkg-config --libs $(PKGS)) -lldns

ifeq ($(V),)
Q := @
say = @echo '$(1)'
else
say = @:
endif

PROGS := smtp imap mda m3mta
bin_name = $(BUILD)/bin/$(if $(filter m3mta,$(1)),m3mta,m3mta-$(1))
objs = $(patsubst %.c,$(BUILD)/%.o,$(1))

COMMON_SRC := $(wildcard common/*/*.c)
COMMON_OBJ := $(call objs,$(COMMON_SRC))
LIB := $(BUILD)/libm3.a
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(patsubst %.c,$(BUILD)/%,$(UNIT_SRC))

.PHONY: all
all: $(foreach p,$(PROGS),$(if $(wildcard cmd/$(p)/*.c),$(call bin_name,$(p))))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,  CC      $<)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(LIB): $(COMMON_OBJ)
	@rm -f $@
	$(call say,  AR      $@)
	$(Q)$(AR) rcs $@ $^

define prog_rule
$(call bin_name,$(1)): $(call objs,$(wildcard cmd/$(1)/*.c)) $(LIB)
	@mkdir -p $$(@D)
	$$(call say,  LD      $$@)
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(foreach p,$(PROGS),$(eval $(call prog_rule,$(p))))

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(LIB)
	$(call say,  LD      $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(shell pkg-config --libs check)

.PHONY: unit
unit: $(UNIT_BIN)

.PHONY: clean
clean:
	rm -rf $(BUILD) compile_commands.json

.SECONDARY:
-include $(shell test -d $(BUILD) && find $(BUILD) -name '*.d')
