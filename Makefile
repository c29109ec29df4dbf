# M3MTA. One non-recursive makefile; `make help` lists the targets.
include config.mk
include dev.mk

PKGS := libmongoc-1.0 libtls libsystemd icu-uc zlib libssl libcrypto libcrypt
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
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(shell pkg-config --libs check) -lm

.PHONY: unit
unit: $(UNIT_BIN)

# Fuzz targets: with libFuzzer in `make fuzz`, else with a main that plays
# the files of tests/fuzz/corpus and tests/fuzz/crashes.
FUZZ_BIN := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
TEST_SAN := address,undefined
FUZZ_SAN := $(TEST_SAN)
ifneq (,$(findstring fuzzer,$(SAN)))
FUZZ_LD := -fsanitize=fuzzer,$(FUZZ_SAN)
else
FUZZ_MAIN := $(BUILD)/tests/fuzz/driver.o
endif
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(LIB)
	$(call say,  LD      $@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(FUZZ_LD) -o $@ $^ $(LIBS)

unit: $(FUZZ_BIN)

.PHONY: fuzz-bins
fuzz-bins: $(FUZZ_BIN)

.PHONY: fuzz
fuzz: ## fuzz targets with libFuzzer, in build-fuzz
	@tools/setup fuzz
	@$(MAKE) --no-print-directory WERROR=1 CC=clang-14 BUILD=build-fuzz \
		SAN=fuzzer-no-link,$(FUZZ_SAN) fuzz-bins

.PHONY: fuzz-smoke
fuzz-smoke: fuzz ## each fuzz target for FUZZ_SECONDS (60), two at a time
	@tests/fuzz/smoke build-fuzz $(FUZZ_ONLY)

# C tests that need a database: tests/live/*_check.c.
LIVE_BIN := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/live/*_check.c))
$(BUILD)/tests/live/%: $(BUILD)/tests/live/%.o $(LIB)
	$(call say,  LD      $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(shell pkg-config --libs check)

$(BUILD)/bench/load: bench/load.c
	@mkdir -p $(@D)
	$(call say,  CC      $@)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -o $@ $<

.PHONY: check
check: ## unit tests, no database
	@tools/setup build
	@$(MAKE) --no-print-directory WERROR=1 all unit
	@/usr/bin/python3 tests/run --build $(BUILD) unit

# The programs once more with fault points, and with sanitizers: what the
# tests of crashes and of bad input run.
.PHONY: test-builds
test-builds:
	@$(MAKE) --no-print-directory FAULT=1 BUILD=$(BUILD)-fault all
	@$(MAKE) --no-print-directory SAN=$(TEST_SAN) BUILD=$(BUILD)-san all

.PHONY: check-live
check-live: ## tests with a real mongod and real clients
	@tools/setup test
	@$(MAKE) --no-print-directory WERROR=1 all $(LIVE_BIN)
	@$(MAKE) --no-print-directory test-builds
	@/usr/bin/python3 tests/run --build $(BUILD) live

.PHONY: test
test: ## installs what the tests need and runs all of them
	@tools/setup test
	@$(MAKE) --no-print-directory WERROR=1 all unit $(LIVE_BIN)
	@$(MAKE) --no-print-directory test-builds
	@/usr/bin/python3 tests/run --build $(BUILD) unit live

.PHONY: live-bins
live-bins: $(LIVE_BIN)

.PHONY: coverage
coverage: ## lines and branches that the tests run; minutes
	@tools/setup coverage
	@tools/coverage $(BUILD)-cov

.PHONY: conformance
conformance: ## the rows of the SMTP cases, the lines of bad input, one by one
	@tools/setup test
	@$(MAKE) --no-print-directory all test-builds
	@tests/conformance --build $(BUILD)

.PHONY: test-late
test-late: ## answers of the database that come after 30 and 90 seconds
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@for s in 30 90; do M3MTA_LATE_SECONDS=$$s /usr/bin/python3 tests/run \
		--build $(BUILD) --only test_late live || exit 1; done

.PHONY: model
model: ## ten minutes of random IMAP sessions against their models
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@M3MTA_MODEL_SECONDS=600 /usr/bin/python3 tests/run --build $(BUILD) \
		--only test_imap_model live

.PHONY: compare-imap
compare-imap: ## FETCH, SEARCH, SORT, THREAD of the MIME corpus beside Dovecot
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@/usr/bin/python3 tests/run --build $(BUILD) \
		--only test_compare_imap live

SECONDS := 300
.PHONY: chaos
chaos: ## mail under kills, freezes, failovers; SECONDS= (300), SEED=
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@tests/chaos/run --build $(BUILD) --seconds $(SECONDS) \
		$(if $(SEED),--seed $(SEED))

.PHONY: run
run: ## a whole mail system on this machine, until Ctrl-C
	@tools/setup run
	@$(MAKE) --no-print-directory all
	@M3MTA_BIN=$(abspath $(BUILD))/bin tools/run run

UNITS := $(wildcard systemd/*)
.PHONY: install
install: all ## into DESTDIR, with PREFIX (/usr)
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBEXECDIR) \
		$(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 \
		$(DESTDIR)$(MANDIR)/man7 $(DESTDIR)$(MANDIR)/man8 \
		$(DESTDIR)$(UNITDIR) $(DESTDIR)$(DOCDIR)/examples/filters \
		$(DESTDIR)$(DOCDIR)/examples/hooks \
		$(DESTDIR)$(SYSCONFDIR)/m3mta $(DESTDIR)$(DOCDIR)/examples \
		$(DESTDIR)$(PREFIX)/lib/sysusers.d \
		$(DESTDIR)$(PREFIX)/lib/tmpfiles.d
	install -m 755 $(BUILD)/bin/* $(DESTDIR)$(BINDIR)
	install -m 755 tools/run tools/setup $(DESTDIR)$(LIBEXECDIR)
	install -m 644 man/*.1 $(DESTDIR)$(MANDIR)/man1
	install -m 644 man/*.5 $(DESTDIR)$(MANDIR)/man5
	install -m 644 man/*.7 $(DESTDIR)$(MANDIR)/man7
	install -m 644 man/*.8 $(DESTDIR)$(MANDIR)/man8
	install -m 755 etc/filters/* $(DESTDIR)$(DOCDIR)/examples/filters
	install -m 755 etc/hooks/* $(DESTDIR)$(DOCDIR)/examples/hooks
	for u in $(UNITS); do \
		sed 's|@BINDIR@|$(BINDIR)|' $$u \
		    > $(DESTDIR)$(UNITDIR)/$${u##*/} || exit 1; done
	install -m 644 etc/m3mta.sysusers \
		$(DESTDIR)$(PREFIX)/lib/sysusers.d/m3mta.conf
	install -m 644 etc/m3mta.tmpfiles \
		$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/m3mta.conf
	install -m 644 etc/xinetd.smtp etc/inetd.conf etc/tcpserver.run \
		etc/mda.run etc/m3mta.cron etc/report.template etc/m3mta.json README.md ARCHITECTURE.md \
		$(DESTDIR)$(DOCDIR)/examples
	install -m 644 docs/*.md $(DESTDIR)$(DOCDIR)
	test -e $(DESTDIR)$(SYSCONFDIR)/m3mta/m3mta.json || install -m 640 \
		etc/m3mta.json $(DESTDIR)$(SYSCONFDIR)/m3mta/m3mta.json

.PHONY: bench
bench: all $(BUILD)/bench/load ## measures; minutes
	@tools/setup test
	@bench/run $(BUILD)

.PHONY: bench-imap
bench-imap: all $(BUILD)/bench/load ## the work of IMAP, beside Dovecot; minutes
	@tools/setup test
	@bench/imap $(BUILD)

.PHONY: lint
lint: export LINT_FLAGS = $(CPPFLAGS)
lint: layers ## clang-tidy, cppcheck, shellcheck, mandoc, layers, sandbox
	@tools/setup lint
	@tools/lint

.PHONY: layers
layers: ## who includes whom
	@/usr/bin/python3 tools/layers

compile_commands.json: $(MAKEFILE_LIST)
	@/usr/bin/python3 tools/compdb '$(CC) $(CPPFLAGS) $(ALL_CFLAGS)' > $@

.PHONY: help
help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST))

.PHONY: clean
clean:
	rm -rf $(BUILD) $(BUILD)-fault $(BUILD)-san build-fuzz compile_commands.json

.SECONDARY:
-include $(shell test -d $(BUILD) && find $(BUILD) -name '*.d')
