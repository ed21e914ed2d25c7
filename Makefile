# Two commands: `make up` runs the laboratory, `make test` shows that it works. Everything lands in .venv and FOCUS_HOME.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What each installation is made from; a change of either makes the next command install again.
INPUTS := pyproject.toml constraints.txt
# Tests that run side by side: three keep two cores busy, for real workers and browsers wait much.
TESTS_AT_ONCE ?= 3
# How long `make chaos` clicks at random.
CHAOS_MINUTES ?= 10
# Every process that runs tests collects them all: what Python has compiled once is kept, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help up stack install install-stack install-dev install-bench check test chaos bench clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

up: install ## start the laboratory: record, broker, workers, dashboard
	@exec $(BIN)/focus-lab up

stack: install-stack ## the same on a PostgreSQL and a Redis of its own, which end with it; both must be installed
	@exec $(BIN)/focus-lab stack

install: $(VENV)/.installed

install-stack: $(VENV)/.installed-stack

install-dev: $(VENV)/.installed-dev

install-bench: $(VENV)/.installed-bench

check: install-dev ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: install-dev ## every test, real processes and a real browser included
	$(BIN)/pytest -n $(TESTS_AT_ONCE) --dist loadfile --no-loadscope-reorder --durations 10 $(PYTEST_ARGS)

chaos: install-dev ## kill workers, trainers and servers at random over several runs, on both stacks, and click at random; minutes
	$(BIN)/python benchmarks/chaos.py $(CHAOS_ARGS)
	$(BIN)/python benchmarks/chaos_exact.py
	$(BIN)/python benchmarks/chaos_clicks.py --minutes $(CHAOS_MINUTES)

bench: install-bench ## the speed of training, P(k) and the data path on this machine's processor; an hour on two quiet cores
	GOMP_SPINCOUNT=10000 $(BIN)/python benchmarks/spectra.py
	GOMP_SPINCOUNT=10000 $(BIN)/python benchmarks/data_path.py
	GOMP_SPINCOUNT=10000 $(BIN)/python benchmarks/training_step.py
	GOMP_SPINCOUNT=10000 $(BIN)/python benchmarks/experiments.py

clean: ## remove the environment and caches; experiments in FOCUS_HOME stay
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	  "FOCUS needs Python 3.11 or newer; %s is %d.%d. Name another with: make up PYTHON=python3.12" \
	  % ((sys.executable,) + sys.version_info[:2]))'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(INPUTS) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[science]"
	@touch $@

$(VENV)/.installed-stack: $(INPUTS) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[science,postgresql]"
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: $(INPUTS) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[science,postgresql,s3,dev]"
	@touch $@ $(VENV)/.installed $(VENV)/.installed-stack

$(VENV)/.installed-bench: $(INPUTS) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[science,bench]"
	@touch $@ $(VENV)/.installed
