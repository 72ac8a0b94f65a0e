# SPDX-License-Identifier: BSD-2-Clause
#
# The writer that scripts/gen-plans runs; used as make -f Makefile -f scripts/gen-plans.mk TARGET.

$(OUT)/scripts/gen-plans: $(OUT)/scripts/gen-plans.o $(OUT)/libgobpfleak.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(pkg_libs)
