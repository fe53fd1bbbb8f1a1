# Two commands do everything: `make run` and `make test`. Each installs what it needs first, once.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
PORT ?= $(or $(OUTRIDER_PORT),8000)
ARGS ?=
# Most tests wait for something most of the time.
TEST_PROCESSES ?= 3
BIN := .venv/bin
PYTHON_INPUTS := constraints.txt requirements.in requirements-dev.in client/pyproject.toml hub/pyproject.toml
UI_INPUTS := docs/openapi.json $(shell find extensions -type f -not -path '*/node_modules/*' -not -path '*/lib/*' \
	-not -path '*/share/*' -not -path '*/__pycache__/*' -not -name '*.py' \
	-not -name 'schema.ts' -not -name '*.test.ts') hub/outrider_hub/pages/links.json \
	hub/outrider_hub/pages/static/tokens.css hub/outrider_hub/pages/static/header.css
TESTS := tests/unit tests/integration tests/browser tests/helm

.PHONY: help run test test-cluster cluster-programs cluster-up cluster-down lint format docs release bench bench-peers bench-cluster lowest clean setup system system-test

help: ## What there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

run: setup ## The whole platform on this machine (PORT=8000; ARGS=--no-sample)
	@OUTRIDER_PORT=$(PORT) exec $(BIN)/python -m outrider_hub $(ARGS)

test: setup system-test ## All tests (ARGS: more for pytest)
	npm test --silent
	$(BIN)/pytest -n $(TEST_PROCESSES) $(TESTS) $(ARGS)

cluster-up: .make/python ## A Kubernetes of our own on this machine, for the tests (as root)
	@$(BIN)/python -m tests.cluster up

cluster-down: .make/python ## Takes it away again
	@$(BIN)/python -m tests.cluster down

cluster-programs: .make/python ## Builds the test cluster's programs, once a machine (minutes)
	@$(BIN)/python -m tests.cluster build

test-cluster: setup ## The tests on a real Kubernetes: KUBECONFIG's, or one of our own
	$(BIN)/python -m tests.cluster test $(ARGS)

lint: .make/python .make/ui ## What CI checks besides the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@tools/version --check
	npm run --silent lint

format: .make/python .make/ui ## Puts the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	npm run --silent format

docs: .make/python ## The documentation as HTML, in docs/_build
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build
	@echo "docs/_build/index.html"

bench: setup system-test ## The measurements of benchmarks/ as a table
	$(BIN)/python -m benchmarks $(ARGS)

bench-peers: setup system-test ## Outrider beside jupyter-scheduler, MLflow and Aim (installs them in .make/peers)
	$(BIN)/python -m benchmarks peers $(ARGS)

bench-cluster: setup ## Jobs on a real Kubernetes beside the cluster's own (as root)
	$(BIN)/python -m benchmarks cluster cluster_scale $(ARGS)

lowest: ## The unit tests with the lowest versions of dependencies that are declared (ARGS: more for pytest)
	tools/lowest-dependencies $(ARGS)

release: setup ## Sdists, wheels, the chart and their checksums, in dist (ARGS=--draft to try)
	@tools/release $(ARGS)

clean: ## Removes what the other targets made (never the state of a running platform)
	rm -rf .venv node_modules dist extensions/*/node_modules extensions/*/lib extensions/jupyterlab/share hub/outrider_service/portal/static .make docs/_build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

setup: system .make/python .make/ui

system:
	@PYTHON=$(PYTHON) tools/setup system

system-test:
	@tools/setup system-test

.make/python: $(PYTHON_INPUTS) tools/setup
	@PYTHON=$(PYTHON) tools/setup python
	@mkdir -p .make && touch $@

.make/node: package.json package-lock.json $(wildcard extensions/*/package.json) .npmrc
	@tools/setup node
	@mkdir -p .make && touch $@

# The web pages, from their sources into the service's package, where it finds them.
.make/ui: .make/node $(UI_INPUTS)
	@tools/setup ui
	@touch $@
