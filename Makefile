# ferroute's commands. `make help` lists them.

SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

CARGO ?= cargo
SCRIPTS := tests/scripts
# Programs that make network namespaces run through this: as they are for root, in a user namespace for others.
PRIVILEGED := $(SCRIPTS)/privileged
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
# What `make test` is told beyond the defaults, for example NEXTEST_ARGS='-E test(arp)'.
NEXTEST_ARGS ?=
# What `make perf` measures, and what it is told besides, for example PERF_ARGS=--json.
CASES ?= all
PERF_ARGS ?=

.PHONY: help run lab labs build test test-rust test-labs test-doc lint fmt loom test-matrix test-fresh perf bridge-scale full-table deps-build deps-run deps-test deps-perf deps-labs clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

deps-build:
	@$(SCRIPTS)/deps build
deps-run:
	@$(SCRIPTS)/deps run
deps-test:
	@$(SCRIPTS)/deps test
deps-perf:
	@$(SCRIPTS)/deps perf
deps-labs: deps-test
	@$(SCRIPTS)/deps labs
	@$(SCRIPTS)/daemons

build: deps-build ## compile everything (debug)
	$(CARGO) build --workspace --all-targets

run: deps-run ## the demo: two hosts, the router between them, live tables until Ctrl-C (DEMO_SECONDS=15 ends it)
	$(CARGO) build --workspace --bins
	@$(PRIVILEGED) $(TARGET_DIR)/debug/ferroute-demo

ifdef LAB
lab: deps-labs ## the demo's network with a shell in the first host, or a lab of docs/labs.md (LAB=S7)
	$(CARGO) build --workspace --bins
	@FERROUTE_LAB_KEEP=1 FERROUTE_PROGRAMS="$(abspath $(TARGET_DIR))/debug" \
	  $(CARGO) test --quiet -p ferroute-tests --test labs -- --nocapture --test-threads 1 "::$$(echo $(LAB) | tr A-Z a-z)_"
else
lab: deps-run
	$(CARGO) build --workspace --bins
	@$(PRIVILEGED) $(TARGET_DIR)/debug/ferroute-demo --shell
endif

labs: deps-labs ## all labs with FRR, BIRD and GoBGP, as root (about eight minutes)
	@. $(SCRIPTS)/runner && $(CARGO) nextest run -p ferroute-tests --test labs --profile labs $(NEXTEST_ARGS)

test: deps-test ## every check: format, lints, tests, documentation tests, loom
	@start=$$(date +%s) && $(MAKE) --no-print-directory lint test-rust test-labs test-doc loom && \
	  echo "make test: everything passed in $$(( $$(date +%s) - start )) s"

# Each test has its own process: DPDK's environment starts once per process and cannot come back.
# Routing daemons give up root's rights for users of their own, which a user namespace with one user does not have.
ifeq ($(shell id -u),0)
test-rust: deps-labs
	@$(CARGO) nextest run --workspace --no-tests=pass $(NEXTEST_ARGS)

test-labs: deps-labs
	@$(CARGO) nextest run -p ferroute-tests --test labs --profile labs-quick
else
test-rust: deps-test
	@. $(SCRIPTS)/runner && $(CARGO) nextest run --workspace --no-tests=pass --profile no-daemons $(NEXTEST_ARGS)

test-labs:
	@echo "ferroute: what needs routing daemons was left out: they need root (sudo make test)"
endif

test-doc: deps-test
	@. $(SCRIPTS)/runner && $(CARGO) test --workspace --doc --quiet

lint: deps-test ## format check and clippy, warnings refused
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

fmt: deps-test ## format the code
	$(CARGO) fmt --all

# Model checking has its own target directory: its flag rebuilds everything.
loom: deps-test ## model-check the snapshot cell, the FDB and the wake-up of workers
	RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=$(TARGET_DIR)/loom LOOM_MAX_PREEMPTIONS=3 \
	  $(CARGO) test --release -p ferroute-dataplane --lib -- loom

test-matrix: ## the tests on Debian 12 and 13, in roots made with mmdebstrap (MATRIX="13" for one)
	@$(SCRIPTS)/matrix $(MATRIX)

test-fresh: ## `make run` on a fresh Debian 12 and 13 with nothing but a toolchain (MATRIX="13" for one)
	@$(SCRIPTS)/fresh $(MATRIX)

perf: deps-perf ## measure against testpmd (CASES=quick takes two minutes; all, forward, ipv4-10k,fib …)
	$(CARGO) build --release -p ferroute-control -p ferroute-perf --bins
	@$(PRIVILEGED) $(TARGET_DIR)/release/ferroute-perf --cases $(CASES) --out $(TARGET_DIR)/perf $(PERF_ARGS)

bridge-scale: deps-test ## measure the bridge with a million routes (release build, five minutes)
	$(CARGO) build --release --locked -p ferroute-control --bins
	@FERROUTE_PROGRAMS="$(abspath $(TARGET_DIR))/release" \
	  $(CARGO) test --quiet -p ferroute-tests --test bridge -- --ignored --nocapture --test-threads 1 scale::

full-table: deps-test ## a million routes and more through the API, against a naive match (two minutes)
	$(CARGO) build --workspace --bins
	@FERROUTE_PROGRAMS="$(abspath $(TARGET_DIR))/debug" \
	  $(CARGO) test --quiet -p ferroute-tests --test full_table -- --ignored --nocapture

clean: ## remove what was built
	$(CARGO) clean
