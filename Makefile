# airlock: every command sets up what it needs. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := .run
PORT ?= 8443
METRICS_PORT ?= 9090
INSTALLATIONS := tests/controller tests/charts tests/harness tests/installed
GATED := --only decision --only paths --only handshakes
PROVED := $(addprefix --only ,library reviews settling applied drained killed edits)

.DEFAULT_GOAL := help
.PHONY: help run test test-node test-all test-installations test-rest test-charts test-long test-callers check format cluster node release bench bench-check bench-baseline prove prove-check test-lowest clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "airlock needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version). Say make PYTHON=..."; exit 1; }
	@echo "setting up $(VENV) (once, about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25"
	@$(BIN)/python -m pip install -qq --editable ".[dev]"
	@touch $@

run: $(VENV)/.ready ## start airlock on examples/, show the story's pods, go on serving (ONCE=1: end after that)
	@$(BIN)/python -m examples.demo --port $(PORT) --metrics-port $(METRICS_PORT) --folder $(RUN) $(if $(ONCE),--once)

test: $(VENV)/.ready ## run all tests; the first run builds a real control plane (about ten minutes)
	@tests/harness/control_plane/build
	@$(BIN)/python -m pytest -m "not node and not long and not callers" $(ARGS)

test-node: $(VENV)/.ready ## test the chart on a real node, with restarts, drains and outages (Debian 12, root)
	@tests/harness/control_plane/build control-plane node
	@$(BIN)/python -m pytest -m "node and not long" $(ARGS)

test-all: $(VENV)/.ready ## both of these, as CI does, in two processes beside each other: most tests wait for a cluster
	@tests/harness/control_plane/build control-plane node
	@echo "two halves run beside each other, and each prints what it found when it ends (about twenty minutes)"
	@$(MAKE) --no-print-directory --jobs 2 --keep-going --output-sync=target test-installations test-rest

test-installations: $(VENV)/.ready # the half of test-all that installs and operates airlock, with the node
	@$(BIN)/python -m pytest -m "not long and not callers" $(INSTALLATIONS)

test-rest: $(VENV)/.ready # the other half
	@$(BIN)/python -m pytest -m "not long and not callers" $(INSTALLATIONS:%=--ignore=%)

test-charts: $(VENV)/.ready ## apply every printed fix to the Airflow charts in CHARTS=FOLDER, each unpacked in its own folder
	@CHARTS="$(CHARTS)" $(BIN)/python -m pytest tests/rules/test_fixes.py $(ARGS)

test-long: $(VENV)/.ready ## run the tests that are too slow for CI: rotations, outages, twenty rollouts
	@tests/harness/control_plane/build control-plane node
	@$(BIN)/python -m pytest -m long $(ARGS)

test-callers: $(VENV)/.ready ## run lint's cases with the real Airflow 2 and 3 from PyPI (venvs in ~/.cache/airlock, a few minutes once)
	@$(BIN)/python -m pytest -m callers tests/callers $(ARGS)

check: $(VENV)/.ready ## check lint, formatting, types, import layers and advisories about what the lock pins
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m release.advisories

format: $(VENV)/.ready ## format the code and apply lint fixes
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

cluster: $(VENV)/.ready ## start a real control plane, print its kubeconfig, leave it running until Ctrl-C
	@tests/harness/control_plane/build
	@$(BIN)/python -m tests.harness.control_plane

node: $(VENV)/.ready ## start a real one-node cluster, print its kubeconfig, leave it running until Ctrl-C (Debian 12, root)
	@tests/harness/control_plane/build control-plane node
	@$(BIN)/python -m tests.harness.node

release: $(VENV)/.ready ## build all that is published into dist/, from the commit (BASE=IMAGE or FILE.tar; needs buildah)
	@$(BIN)/python -m release --output dist $(if $(BASE),--base "$(BASE)")

bench: $(VENV)/.ready ## measure what airlock costs, as ratios within one run (about ten minutes; ARGS=--quick: two)
	@$(BIN)/python -m tests.bench $(ARGS)

bench-check: $(VENV)/.ready ## compare these ratios with tests/bench/baseline.json, and fail beyond noise
	@$(BIN)/python -m tests.bench --quick --check $(GATED) $(ARGS)

bench-baseline: $(VENV)/.ready ## measure these ratios RUNS=8 times, and replace the baseline (ARGS=--add: add to it)
	@$(BIN)/python -m tests.bench --quick --baseline $(or $(RUNS),8) $(GATED) $(ARGS)

prove: $(VENV)/.fuzz ## run experiments with faults, loads and hostile input on a real control plane (an hour; ARGS=--quick: some minutes)
	@tests/harness/control_plane/build control-plane node
	@$(BIN)/python -m tests.prove $(ARGS)

prove-check: $(VENV)/.ready ## run those of these experiments that depend on no machine, in their short form
	@tests/harness/control_plane/build
	@$(BIN)/python -m tests.prove --quick $(PROVED) $(ARGS)

$(VENV)/.fuzz: $(VENV)/.ready
	@$(BIN)/python -m pip install -qq --editable ".[dev,fuzz]"
	@touch $@

test-lowest: ## run the tests that need no cluster with the lowest versions that pyproject.toml allows
	@$(PYTHON) -m venv $(VENV)-lowest
	@$(VENV)-lowest/bin/python -m pip install --quiet "uv>=0.9"
	@$(VENV)-lowest/bin/uv pip install --quiet --resolution lowest-direct --python $(VENV)-lowest/bin/python --editable ".[dev]"
	@$(VENV)-lowest/bin/python -m pytest -m "not cluster and not node and not long and not callers" $(ARGS)

clean: ## remove what the other commands created here (not the control plane's cache)
	@rm -rf $(VENV) $(VENV)-lowest $(RUN) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
