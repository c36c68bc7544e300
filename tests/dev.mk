# Targets for people, included at the end of the Makefile. Each hands over to a
# script; none needs PostgreSQL to be there before `make deps` has installed it.

# `make check PARTS="lint unit"` runs only these of: build lint unit fuzz
# regress isolation pgtap tap browser
PARTS ?=

.PHONY: $(DEV_GOALS)

help:
	@echo 'make             build                  make install    install (PG_CONFIG=...)'
	@echo 'make demo        see it work            make demo-stop  end the demo'
	@echo 'make check       all tests              make check PARTS="lint unit"'
	@echo 'make check-long  what takes longer: six sources with all faults on, 100,000 tasks through 200 crashes'
	@echo 'make soak        hours of it            make coverage   which lines the tests reach'
	@echo 'make check-trixie   the same on Debian 13, in a chroot of its own (root)'
	@echo 'make bench       measure                make deps       install what is missing'
	@echo 'make bench-full  what needs minutes, 10 GB of disk and 11,200 open files   make bench-curves  cost curves, drawn'
	@echo 'make lint        style and static checks; also check-rooms, format-check, clang-tidy'
	@echo 'make check-unit  unit tests only        make valgrind   tests under valgrind'
	@echo 'make format      clang-format in place'

deps:
	@tests/deps check

check:
	@PG_CONFIG='$(PG_CONFIG)' PARTS='$(PARTS)' tests/run

# The tests that take longer when they are told to.
check-long:
	@PG_CONFIG='$(PG_CONFIG)' PARTS=tap TAP='tests/tap/150_capstone.pl tests/tap/160_ledger.pl tests/tap/167_growth.pl tests/tap/169_memory.pl' \
		ERRAND_LONG=1 tests/run

# Hours: crashes by chance, from seed after seed, until the time is over.
SOAK_MINUTES ?= 120
soak:
	@PG_CONFIG='$(PG_CONFIG)' SOAK_MINUTES='$(SOAK_MINUTES)' tests/soak

coverage:
	@PG_CONFIG='$(PG_CONFIG)' PARTS='$(or $(PARTS),regress isolation pgtap tap browser)' COVERAGE=1 tests/run

check-trixie:
	@tests/trixie $(TRIXIE)

check-unit: servers
	$(MAKE) -C tests/unit check
	$(MAKE) -C tests/unit_net check

check-rooms:
	@tests/rooms.sh

lint format format-check clang-tidy:
	@PG_CONFIG='$(PG_CONFIG)' tests/lint $@

valgrind:
	@PG_CONFIG='$(PG_CONFIG)' PARTS=valgrind tests/run

servers:
	@$(MAKE) -s -C tests/servers

demo:
	@PG_CONFIG='$(PG_CONFIG)' examples/demo/run

demo-stop:
	@examples/demo/stop

bench:
	@PG_CONFIG='$(PG_CONFIG)' bench/run

bench-full:
	@PG_CONFIG='$(PG_CONFIG)' BENCH_FULL=1 bench/run

bench-curves:
	@PG_CONFIG='$(PG_CONFIG)' bench/curves
