# Everything runs from .venv, which the first target that needs it creates; `make docs` has its own
# in build/. Nothing is installed outside this folder.

PYTHON ?= python3
PYTEST_ARGS ?=
# Of `make sim-long`: which; of `make mutants`: how many processes.
SEEDS ?= 1..2000
JOBS ?= 2
UV_VERSION := 0.13.9

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP_INSTALL := -m pip -qq install --disable-pip-version-check
# What builds the documentation stands apart: 60 MB that the tests can do without.
DOCS_VENV := build/docs-venv
DOCS_STAMP := $(DOCS_VENV)/.installed
PACKAGES := raftctl node tui configs examples tests
INSTALLED := raftctl node tui configs

# A PYTHON that was asked for is taken or refused. Else the system's comes first, if it can make an
# environment: distributions build theirs with profiles of its use, which version managers leave out,
# and that is worth a fifth of the time of everything here.
SYSTEM_PYTHON := /usr/bin/python3
ifeq ($(origin PYTHON),file)
CANDIDATES := $(shell $(SYSTEM_PYTHON) -c 'import ensurepip' 2>/dev/null && echo $(SYSTEM_PYTHON)) \
    $(PYTHON) python3.13 python3.12 python3.11
else
CANDIDATES := $(PYTHON)
endif

# A virtual environment knows its own path: after the folder was moved or copied, make a new one.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
STALE := stale
endif

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup compiled demo test lint types unit e2e chaos sim-long mutants bench docs screenshots \
    format lock clean stale

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: compiled ## create .venv and install the pinned packages and raftctl
	@echo "setup: $(VENV) is ready"

# As pip does for what is not editable: else, where Python may write no bytecode itself
# (PYTHONDONTWRITEBYTECODE), every command and every node compiles all of it anew.
compiled: $(STAMP)
	@$(BIN)/python -m compileall -q -j 2 $(INSTALLED) || echo "compiled: not all of it, so it starts slower"

demo: compiled ## three nodes: write, kill the leader, read back (KEEP=1 leaves them running)
	@bash examples/demo.sh

test: lint types compiled ## everything: ruff, mypy --strict, then all of pytest
	@echo "test: pytest"
	@$(BIN)/python -m tests.side_by_side $(PYTEST_ARGS)

lint: $(STAMP) ## ruff check and ruff format --check
	@echo "test: ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP) ## mypy --strict
	@echo "test: mypy --strict"
	@$(BIN)/mypy

unit: compiled ## the tests that start no node processes
	@$(BIN)/python -m pytest -m "not e2e and not chaos" $(PYTEST_ARGS)

chaos: compiled ## scenarios on real node processes, and nodes that lie
	@$(BIN)/python -m pytest -m chaos $(PYTEST_ARGS)

e2e: compiled ## the tests with real node processes
	@$(BIN)/python -m pytest -m e2e $(PYTEST_ARGS)

sim-long: compiled ## 2,000 simulated seeds (SEEDS=1..2000): none fails, every situation is met
	@$(BIN)/raftctl sim run --seeds $(SEEDS) --meet-all

mutants: compiled ## plant known bugs one at a time: the simulator has to find each
	@$(BIN)/python -m tests.mutants.gate --jobs $(JOBS)

bench: compiled ## raftctl beside etcd and PySyncObj, failover, and growth: half an hour
	@$(BIN)/python -m tests.benchmark all

docs: $(DOCS_STAMP) ## the documentation, as build/site; a warning is an error
	@echo "docs: mkdocs build --strict"
	@rm -rf build/site
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/python -m mkdocs --quiet build --strict
	@echo "docs: open build/site/index.html"

screenshots: compiled ## draw the pictures in docs/assets anew (the report takes Chromium)
	@$(BIN)/python -m tests.tui.screenshots docs/assets
	@$(BIN)/python -m tests.chaos.screenshots docs/assets

format: $(STAMP) ## let ruff fix and format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(STAMP) ## pin the newest allowed versions in both lock files
	@echo "lock: resolving for Python 3.11 and newer, all platforms"
	@test -x build/uv/bin/uv || $(BIN)/python -m venv build/uv
	@build/uv/bin/python $(PIP_INSTALL) "uv==$(UV_VERSION)"
	@$(PIP_COMPILE) --extra dev --output-file requirements.lock pyproject.toml
	@$(BIN)/python -c '$(docs_extra)' | $(PIP_COMPILE) --output-file requirements-docs.lock -
	@for lock in requirements.lock requirements-docs.lock; do \
	    echo "lock: $$lock pins $$(grep -c '^[a-z].*==' $$lock) packages"; done

PIP_COMPILE := build/uv/bin/uv --no-config pip compile --universal --python-version 3.11 \
    --generate-hashes --upgrade --quiet --custom-compile-command "make lock"

# The extra alone: what raftctl itself needs is no part of building pages.
define docs_extra
import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
print(*project["optional-dependencies"]["docs"], sep="\n")
endef

clean: ## remove .venv, caches and build output
	rm -rf $(VENV) .demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(wildcard $(PACKAGES)) -name __pycache__ -type d -prune -exec rm -rf {} +

# Only a new or a stale environment is made from scratch; else pip brings it up to date.
$(STAMP): requirements.lock pyproject.toml $(STALE)
	@echo "setup: the first time takes up to a minute"
	@if [ -n "$(STALE)" ] || [ ! -x $(BIN)/python ]; then $(call create_venv,$(VENV)); fi
	@echo "setup: installing $$(grep -c '^[a-z].*==' requirements.lock) pinned packages"
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements.lock
	@echo "setup: installing raftctl"
	@$(BIN)/python $(PIP_INSTALL) --no-build-isolation --no-deps --editable .
	@echo "$(CURDIR)" > $(STAMP)

$(DOCS_STAMP): requirements-docs.lock
	@test -x $(DOCS_VENV)/bin/python || { $(call create_venv,$(DOCS_VENV)); }
	@echo "docs: installing $$(grep -c '^[a-z].*==' requirements-docs.lock) pinned packages"
	@$(DOCS_VENV)/bin/python $(PIP_INSTALL) --require-hashes -r requirements-docs.lock
	@touch $(DOCS_STAMP)

define create_venv
for python in $(CANDIDATES); do \
    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
        echo "setup: creating $(1) with $$("$$python" --version)"; \
        "$$python" -m venv --clear $(1) && exit 0; \
        rm -rf $(1); \
        echo "setup: no virtual environment; on Debian: apt install python3-venv" >&2; \
        exit 1; \
    fi; \
done; \
echo "setup: need Python 3.11 or newer, found none in: $(CANDIDATES)" >&2; \
echo "setup: name one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; \
exit 1
endef
