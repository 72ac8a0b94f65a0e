# SPDX-License-Identifier: BSD-2-Clause
#
# make            build gobpfleak
# make demo       install what is missing, build, trace a leaking Go program, show the report
# make check      install what is missing, run every test
# make check-go   the tests that take a Go program, on every Go series
# make matrix     what leaking and healthy programs are called, again and again
# make bench      what tracing costs, beside an empty BPF program and other tracers
# make install    into $(DESTDIR)$(prefix); make uninstall takes it out again
#
# SAN=1 builds with the address and undefined-behaviour sanitizers, STATIC=1 one binary that needs no
# library, each in a folder of its own; V=1 shows the commands.
#
# Unit tests (tests/unit/test_X.c, each a program) link the whole library but user/main.c. A test that
# needs a neighbour of its module to be something else defines the neighbour's functions itself: the
# linker takes an object out of the library only for what is still undefined. So it must define all of
# them that anything it links uses, or the neighbour's object comes in as well and they clash.

.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

prefix ?= /usr/local
CC = gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config

LIBS = libbpf libelf libdw capstone zlib
ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))

OUT := build/$(if $(SAN),san,$(if $(STATIC),static,release))
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wno-unused-parameter -Werror=implicit-function-declaration -D_GNU_SOURCE -I. -I$(OUT) \
	$(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
override LDFLAGS += $(if $(SAN),-fsanitize=address$(comma)undefined) $(if $(STATIC),-static)
comma := ,
# Kernels give a BPF function with a frame of 64 bytes or more, in steps of 16, a stack that the next
# run on the same processor overwrites, so such a frame is an error.
BPF_CFLAGS = -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Wframe-larger-than=48 -D__bpf__ \
	-D__TARGET_ARCH_$(ARCH) -I. -Ivmlinux/$(ARCH)

# Asked only where something is compiled, so that `make demo` can first install the packages.
pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(LIBS))
pkg_libs = $(shell $(PKG_CONFIG) $(if $(STATIC),--static) --libs $(LIBS)) -lm

SRCS := $(wildcard user/*.c user/*/*.c)
LIB_OBJS := $(patsubst %.c,$(OUT)/%.o,$(filter-out user/main.c,$(SRCS)))
BPF_OBJS := $(patsubst %.c,$(OUT)/%.o,$(wildcard bpf/*.bpf.c))
UNIT_TESTS := $(patsubst %.c,$(OUT)/%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst %.c,$(OUT)/%,$(wildcard tests/fuzz/fuzz_*.c))

all: $(OUT)/gobpfleak

$(OUT)/gobpfleak: $(OUT)/user/main.o $(OUT)/libgobpfleak.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(pkg_libs)

$(OUT)/libgobpfleak.a: $(LIB_OBJS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(OUT)/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(pkg_cflags) -MMD -MP -c -o $@ $<

$(OUT)/%.bpf.o: %.bpf.c
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/gobpfleak.linked.o: $(BPF_OBJS)
	$(call say,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(OUT)/gobpfleak.skel.h: $(OUT)/gobpfleak.linked.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name gobpfleak > $@

$(OUT)/user/tracer/load.o: $(OUT)/gobpfleak.skel.h

# The commit, where this is a clone and not an unpacked archive; written anew only when it changes.
commit = $(shell test -e .git && git describe --always --dirty --abbrev=12 2>/dev/null)
$(OUT)/version.h: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo '#define GL_COMMIT "$(if $(commit), ($(commit)))"' >$@.new
	$(Q)cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(OUT)/user/main.o: $(OUT)/version.h

$(OUT)/tests/unit/test_%: $(OUT)/tests/unit/test_%.o $(OUT)/libgobpfleak.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(pkg_libs) $(shell $(PKG_CONFIG) --libs cmocka)

$(OUT)/tests/fuzz/fuzz_%: $(OUT)/tests/fuzz/fuzz_%.o $(OUT)/libgobpfleak.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(pkg_libs)

$(OUT)/empty: $(OUT)/tests/bench/empty/empty.o
$(OUT)/census: $(OUT)/tests/bench/census/census.o
$(OUT)/awake: $(OUT)/tests/bench/awake/awake.o
$(OUT)/verdict: $(OUT)/tests/bench/verdict/verdict.o
$(OUT)/empty $(OUT)/census $(OUT)/awake $(OUT)/verdict: $(OUT)/libgobpfleak.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $< $(pkg_libs)

tests: $(OUT)/gobpfleak $(OUT)/census $(UNIT_TESTS) $(FUZZERS)

# The Go programs: the demo, and the driver of the end-to-end tests, which builds the programs under test
# itself, with every Go that it is told to.
GO = PATH=$$PATH:/usr/local/go/bin GOFLAGS=-mod=mod CGO_ENABLED=0 go
build/leakdemo: $(wildcard tests/demo/*)
	$(call say,GO,$@)
	$(Q)cd tests/demo && $(GO) build -o ../../$@ .

build/e2e: $(wildcard tests/e2e/*)
	$(call say,GO,$@)
	$(Q)cd tests/e2e && $(GO) build -o ../../$@ .

# What must be installed first comes in a make of its own: pkg-config has its answers only then.
demo check check-go bench:
	$(Q)scripts/install-deps $(@:-go=)
	$(Q)$(MAKE) -j$$(nproc) --no-print-directory run-$@

run-demo: all build/leakdemo
	$(Q)scripts/demo $(OUT)/gobpfleak build/leakdemo

run-check run-check-go: all build/e2e build/leakdemo
	$(Q)$(MAKE) -j$$(nproc) --no-print-directory tests
	$(Q)$(MAKE) -j$$(nproc) --no-print-directory SAN=1 tests
	$(Q)tests/run $(if $(findstring -go,$@),all)

build/bench: $(wildcard tests/bench/*)
	$(call say,GO,$@)
	$(Q)cd tests/bench && $(GO) build -o ../../$@ .

# BENCH: more arguments, as "-run service -rounds 3".
run-bench: all $(OUT)/empty $(OUT)/census $(OUT)/awake build/bench
	$(Q)PATH=$$PATH:/usr/local/go/bin:/usr/sbin build/bench -tool $(OUT)/gobpfleak -empty $(OUT)/empty $(BENCH)

# MATRIX: what else the driver is to be told, such as '-matrix 10 -flood 3000000 -shapes lru'.
matrix: all build/e2e $(OUT)/verdict
	$(Q)build/e2e -tool $(OUT)/gobpfleak -work build/e2e-work -go 1.22.12 -matrix 3 $(MATRIX)

install: all
	install -d $(DESTDIR)$(prefix)/sbin $(DESTDIR)$(prefix)/share/man/man8 \
		$(DESTDIR)$(prefix)/share/bash-completion/completions
	install -m 755 $(OUT)/gobpfleak $(DESTDIR)$(prefix)/sbin/gobpfleak
	install -m 644 scripts/gobpfleak.8 $(DESTDIR)$(prefix)/share/man/man8/gobpfleak.8
	install -m 644 scripts/gobpfleak.bash-completion \
		$(DESTDIR)$(prefix)/share/bash-completion/completions/gobpfleak

uninstall:
	rm -f $(DESTDIR)$(prefix)/sbin/gobpfleak $(DESTDIR)$(prefix)/share/man/man8/gobpfleak.8 \
		$(DESTDIR)$(prefix)/share/bash-completion/completions/gobpfleak

clean:
	$(Q)rm -rf build

-include $(shell find $(OUT) -name '*.d' -type f 2>/dev/null)

FORCE:
.PHONY: FORCE all tests matrix demo check check-go bench install uninstall clean run-demo run-check run-check-go run-bench
.SECONDARY:
