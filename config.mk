# Where `make install` puts things. DESTDIR is put before all of them.
VERSION    ?= 1.0.0
PREFIX     ?= /usr
SYSCONFDIR ?= /etc
BINDIR     ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/lib/m3mta
MANDIR     ?= $(PREFIX)/share/man
UNITDIR    ?= $(PREFIX)/lib/systemd/system
DOCDIR     ?= $(PREFIX)/share/doc/m3mta
DESTDIR    ?=
CC         ?= cc
BUILD      ?= build
