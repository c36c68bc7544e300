# pg_errand: PGXS build.  `make` and `make install` are what packagers call;
# `make demo`, `make check` and `make bench` are for people (see tests/dev.mk).
EXTENSION = pg_errand
EXTVERSION = 1.0.0
MODULE_big = pg_errand

OBJS = $(patsubst %.c,%.o,$(sort $(wildcard \
	extension/*.c extension/core/*.c \
	bgworker/*.c bgworker/base/*.c bgworker/queue/*.c \
	bgworker/net/*.c bgworker/kinds/*.c bgworker/exec/*.c bgworker/sources/*.c \
	bgworker/relay/*.c) bgworker/relay/page_data.c))

# The install script is these files in reading order; never OR REPLACE.
SQL_PARTS = 00_header 10_tables 12_relations 20_submit 22_depend 24_specs 30_claim 32_settle 34_reap 36_free 36_http_extras \
	38_groups 40_chores 42_rollups 44_schedules 46_secrets 47_proxies \
	48_sources 49_streams 49_feeds 49_source_work 49_source_define 49_source_test \
	50_steering 60_views 61_secrets 62_relations 62_spec_views 65_statistics 66_history 66_source_views 66_source_metrics 67_filters 70_functions 72_groups 73_sources 74_cached 75_waiting 76_tokens \
	77_api 77_api_pages 77_api_task 78_api_looking 78_api_sources 78_api_views 78_api_workflows 78_api_history 79_api_steering \
	80_rights 85_comments 86_relations 87_relay_comments 87_sources 88_streams 90_grants
SQL_FILES = $(SQL_PARTS:%=sql/%.sql)
DATA_built = $(EXTENSION)--$(EXTVERSION).sql
DATA = $(wildcard sql/upgrade/*--*--*.sql)

PG_CONFIG ?= pg_config
PKG_CONFIG ?= pkg-config
LIBS_USED = libcurl libcares libuv libwebsockets libpq
PG_CPPFLAGS = -I$(srcdir)/extension -I$(srcdir)/bgworker $(shell $(PKG_CONFIG) --cflags $(LIBS_USED) libjwt) # not linked: extension/token_sign.c
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Wno-sign-compare
SHLIB_LINK = $(shell $(PKG_CONFIG) --libs $(LIBS_USED))

REGRESS = $(sort $(patsubst tests/sql/%.sql,%,$(wildcard tests/sql/*.sql)))
REGRESS_OPTS = --inputdir=tests
ISOLATION = $(sort $(patsubst tests/specs/%.spec,%,$(wildcard tests/specs/*.spec)))
ISOLATION_OPTS = --inputdir=tests --outputdir=.
# What `make valgrind` runs, of tests/sql.
VALGRIND_TESTS ?= http waiting steering
EXTRA_CLEAN = $(DATA_built) bgworker/relay/page_data.c output_iso tmp_check log results

ifdef FAULTS
PG_CPPFLAGS += -DERRAND_FAULTS
# bgworker/base/fault_memory.c
SHLIB_LINK += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup
endif
ifdef COVERAGE
PG_CPPFLAGS += -DERRAND_COVERAGE
PG_CFLAGS += --coverage -O1
SHLIB_LINK += --coverage
endif

# These goals need nothing of PGXS, which may not be installed yet and has a
# `check` of its own.
DEV_GOALS = help deps check check-long soak coverage check-trixie check-unit check-rooms \
	lint format format-check clang-tidy valgrind demo demo-stop bench bench-full bench-curves servers

ifneq ($(filter $(DEV_GOALS),$(MAKECMDGOALS)),)
include tests/dev.mk
else
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(DATA_built): $(SQL_FILES) Makefile
	cat $(SQL_FILES) > $@

# The dashboard as a C array: from dashboard/dist if it was made of these
# sources, else by npm; without either, a page that says so.
bgworker/relay/page_data.c: dashboard/page dashboard/note.html dashboard/build.mjs \
		$(wildcard dashboard/package*.json dashboard/src/* dashboard/src/*/*)
	@dashboard/page $@

# Headers are few: a change in any of them rebuilds everything.
$(OBJS): $(wildcard extension/*.h extension/core/*.h bgworker/*.h bgworker/*/*.h)
endif

# For scripts: the value of a variable of this file.
print-%:
	@echo '$($*)'
