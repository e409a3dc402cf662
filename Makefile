# Every target does its own set-up, into .venv in this folder. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVERS := .venv-servers
STORE ?= ./.varifactory
RECIPE ?= deployments/recipes/quickstart.yaml
HOST := 127.0.0.1
PORT := 4200
POOL := cpu
CARD :=
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: help install server worker deploy demo photos test test-full check bench bench-gpu models lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

install: $(VENV)/.ready ## Install everything into .venv, exact versions, hashes checked

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "varifactory needs Python 3.11 or later; set PYTHON=/path/to/python3"; exit 2; }
	@echo "installing into $(VENV) (a few minutes the first time: torch is large)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes --no-deps -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(SERVERS)/.ready: tests/servers/requirements.lock
	@test -x $(SERVERS)/bin/python || $(PYTHON) -m venv $(SERVERS)
	@$(SERVERS)/bin/python -m pip --disable-pip-version-check --quiet install \
		--require-hashes --no-deps -r tests/servers/requirements.lock
	@touch $@

demo: $(VENV)/.ready ## Run the quickstart study; ends with the gallery's and the report's path
	@$(BIN)/python -m flows.study $(RECIPE) --store $(STORE)

photos: $(VENV)/.ready ## Edit seven photographs at 512 pixels; ends with the gallery's path
	@$(BIN)/python -m bench.photographs photos
	@$(BIN)/python -m flows.generate deployments/recipes/photos.yaml --store $(STORE)

server: $(VENV)/.ready ## Start Prefect's server; DATABASE=postgresql+asyncpg://... instead of SQLite
	@$(BIN)/python -m flows.serve --host $(HOST) --port $(PORT)

worker: $(VENV)/.ready ## Start a worker; POOL=gpu CARD=0 for one that owns a card
	@$(BIN)/python -m flows.worker --pool $(POOL) --card "$(CARD)"

deploy: $(VENV)/.ready ## Set the server to what deployments/ says; may be run again and again
	@$(BIN)/python -m flows.deploy

test: $(VENV)/.ready $(SERVERS)/.ready ## Run all tests that need nothing but Python
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/python -m pytest -n 2 --dist loadfile

test-full: $(VENV)/.ready $(SERVERS)/.ready ## Install a browser and a database too, and run every test
	@bash tests/install-services.sh
	@VARIFACTORY_FULL=1 $(MAKE) --no-print-directory test

check: $(VENV)/.ready ## Lint, format and types alone
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy

bench: $(VENV)/.ready ## Print every figure as one JSON object a line
	@$(BIN)/python -m bench

bench-gpu: $(VENV)/.ready ## Print the figures of large models on a card; says so where there is none
	@$(BIN)/python -m bench.gpu

models: $(VENV)/.ready ## Train the built-in models again, seeded (about an hour on one core)
	@for name in small_sam small_clip small_diffusion; do \
		$(BIN)/python -m varifactory.models.builtin.train_$$name || exit 1; done

lock: $(VENV)/.ready ## Refresh the exact versions in all lock files
	@$(BIN)/python -m uv pip compile pyproject.toml --extra run --extra onnx --extra dask --group dev --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
		--upgrade --quiet --output-file requirements.lock
	@$(BIN)/python -m uv pip compile pyproject.toml --extra run --extra onnx --extra dask --group image --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
		--constraints requirements.lock --quiet --output-file docker/requirements.lock
	@$(BIN)/python -m uv pip compile tests/servers/requirements.txt --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
		--upgrade --quiet --output-file tests/servers/requirements.lock

clean: ## Remove the environments and caches, not the store
	@rm -rf $(VENV) $(SERVERS) .mypy_cache .ruff_cache .pytest_cache build dist
