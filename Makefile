# gliomon's commands. `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && command -v $$p && break; done)
RUN_FILES := requirements.txt requirements-binaries.txt
DEV_FILES := $(RUN_FILES) requirements-dev.txt
hash_of = $(shell cat $(1) 2>/dev/null | sha256sum | cut -c1-16)
READY := .venv/.ready-run-$(call hash_of,$(RUN_FILES))
READY_DEV := .venv/.ready-dev-$(call hash_of,$(DEV_FILES))
BIN := .venv/bin
LAUNCHER := $(BIN)/python -m gliomon.embedded
PYTEST_ARGS ?=

.PHONY: help run stop test check format clean
.SILENT:

help: ## list the commands
	sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

run: $(READY) ## install what is missing and start gliomon; Ctrl-C stops it
	exec $(LAUNCHER) run

stop: ## stop a gliomon that runs in the background
	exec $(LAUNCHER) stop

test: $(READY_DEV) ## run all tests, browser journeys included; PYTEST_ARGS="..." chooses
	browser="$$(.ci/browser)"; GLIOMON_CHROMIUM="$$browser" \
	  $(LAUNCHER) exec --temporary -- $(abspath $(BIN))/python -m pytest $(PYTEST_ARGS)

check: $(READY_DEV) ## format, lint, types, import layers, migrations, deployment settings, docker files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	GLIOMON_HTTPS=1 $(LAUNCHER) exec --temporary -- .ci/check-settings
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker/compose.yml
	$(BIN)/hadolint docker/Dockerfile
	echo "all checks passed"

format: $(READY_DEV) ## format the code and sort its imports
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

clean: ## remove caches; data, secrets and the virtual environment stay
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-artifacts
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

$(READY): $(RUN_FILES)
	$(call install,$(RUN_FILES))

$(READY_DEV): $(DEV_FILES)
	$(call install,$(DEV_FILES))

define install
	if [ -z "$(PYTHON)" ]; then \
	  echo "gliomon needs Python 3.11 and found none: install python3.11 and python3.11-venv, or set PYTHON=/path/to/python3.11." >&2; exit 2; fi
	$(PYTHON) -I gliomon/embedded/install.py $@ $(1)
endef
