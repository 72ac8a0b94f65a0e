# SPDX-License-Identifier: BSD-2-Clause
#
# The reader that scripts/gen-layout runs; used as make -f Makefile -f scripts/gen-layout.mk TARGET.
# It must build while layout_table.h is older than the list of fields in golayout.h, which makes
# golayout.o fail; so it links an archive without that.

GEN_LAYOUT_OBJS := $(filter $(OUT)/user/base/% $(OUT)/user/code/% $(OUT)/user/go/%,$(LIB_OBJS))
GEN_LAYOUT_OBJS := $(filter-out %/golayout.o,$(GEN_LAYOUT_OBJS))

$(OUT)/scripts/gen-layout.a: $(GEN_LAYOUT_OBJS)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^

$(OUT)/scripts/gen-layout: $(OUT)/scripts/gen-layout.o $(OUT)/scripts/gen-layout.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(pkg_libs)
