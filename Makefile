# `make help` says what there is. Nothing asks a question; each target says what it does.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help env run test test-tflite lint check install wheelhouse bench clean

VENV := .venv
PYTHON := $(VENV)/bin/python
EDGEEMO := $(VENV)/bin/edgeemo
TFLITE_VENV := .venv-tflite

CONFIG ?= config.yaml
# Further arguments for the program that a target calls: make test ARGS="-k tracker"
ARGS ?=
# What the wheelhouse is for: bookworm or trixie, then amd64, arm64 or armhf
TARGET ?= bookworm-arm64
# The one test command; CI and people call the same. A file stays together: its tests share what they start.
PYTEST_ARGS := -n auto --dist loadfile -m "not slow"

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: $(VENV)/.complete ## build the environment, in .venv, with tools and tests
	@echo "environment: $(VENV)"

run: $(VENV)/.complete ## run the daemon on CONFIG, and show its events; without camera or broker in it, a demo of both
	@echo "edgeemo run $(CONFIG) --demo $(ARGS)   (Ctrl-C ends it)"
	@exec $(EDGEEMO) run $(CONFIG) --demo $(ARGS)

test: $(VENV)/.complete ## run every test that takes no minutes, a real broker included
	@tools/need.sh mosquitto mosquitto
	@echo "pytest $(PYTEST_ARGS) $(ARGS)"
	@$(PYTHON) -m pytest $(PYTEST_ARGS) $(ARGS)

# Without tests/real: machines that install a runtime of their own, the same whoever calls them.
test-tflite: $(TFLITE_VENV)/.complete ## the same on tflite-runtime and numpy 1, without TensorFlow's tests
	@tools/need.sh mosquitto mosquitto
	@echo "pytest $(PYTEST_ARGS) --ignore tests/real $(ARGS)   (in $(TFLITE_VENV))"
	@$(TFLITE_VENV)/bin/python -m pytest $(PYTEST_ARGS) --ignore tests/real $(ARGS)

lint: $(VENV)/.complete ## ruff, mypy --strict and shellcheck
	@tools/need.sh shellcheck shellcheck
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy edgeemo tools tests
	shellcheck install.sh uninstall.sh .ci/run $(wildcard tools/*.sh)

check: lint test ## lint, then test

install: ## install on this machine, as root: sudo make install
	@./install.sh $(ARGS)

wheelhouse: $(VENV)/.complete ## fill wheelhouse/TARGET for ./install.sh --offline
	@$(PYTHON) tools/wheelhouse.py $(TARGET) $(ARGS)

bench: $(VENV)/.complete ## time the pipeline on the demo beside the plain Haar-on-every-frame loop
	@$(EDGEEMO) bench demo --baseline $(ARGS)

clean: ## remove environments, wheelhouse and caches
	rm -rf $(VENV) $(TFLITE_VENV) wheelhouse dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.complete: pyproject.toml
	@tools/make_env.sh $(VENV) tools,keras2,dev,demo

$(TFLITE_VENV)/.complete: pyproject.toml
	@tools/make_env.sh $(TFLITE_VENV) tflite-runtime,dev,demo
