# Warnings, hardening and sanitizers: the reasons are in ARCHITECTURE.md.
#   make WERROR=1             warnings are errors (make check does this)
#   make SAN=address,undefined  the daily build of a developer
#   make FAULT=1              compile the fault points in (crash tests)
WARN := -Wall -Wextra -Wformat=2 -Wshadow -Wconversion -Wsign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Walloca \
	-Wnull-dereference -Wimplicit-fallthrough -Wredundant-decls \
	-Wswitch-enum
ifneq (,$(findstring clang,$(shell $(CC) --version 2>/dev/null | head -1)))
CC_IS_CLANG := 1
else
WARN += -Wduplicated-cond -Wduplicated-branches -Wlogical-op \
	-Wformat-signedness -Wcast-align=strict -Wstack-usage=32768
endif
ifneq ($(WERROR),)
WARN += -Werror
endif

HARDEN := -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection=full -fPIE -fno-common -fno-strict-overflow
ifeq ($(CC_IS_CLANG),)
HARDEN += -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr
endif
LDHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed

ifneq ($(SAN),)
OPT := -O1 -g -fsanitize=$(SAN) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
LDSAN := -fsanitize=$(SAN)
else
OPT := -O2 -g -D_FORTIFY_SOURCE=3
endif
ifneq ($(FAULT),)
OPT += -DM3_FAULT=1
endif
