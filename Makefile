# Everything a person or CI does here; the first verb sets up .venv and needs only python3, make and a package registry.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/bootstrap/bin/uv
INSTALLED := $(VENV)/.installed
IMAGE := build/proto.binpb
# One worker a core, each with one thread; the tests of a file run in one worker, the long ones first.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test test-fast test-slow test-gpu check format bench docs proto lock clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## set up .venv; every other verb does it by itself

demo: $(INSTALLED) ## see it work: a generated catalogue, an index, a few searches
	$(BIN)/python -m indexer.demo

test: $(INSTALLED) ## the tests that take minutes at most
	$(PYTEST) -m "not slow and not gpu and not bench"

test-fast: $(INSTALLED) ## run the tests for the inner loop, in under a minute
	$(PYTEST) -m "not long and not real and not slow and not gpu and not bench"

test-slow: $(INSTALLED) ## the tests that take longer
	$(BIN)/python -m pytest -m "slow and not gpu and not bench"

test-gpu: $(INSTALLED) ## the tests that need a GPU
	$(BIN)/python -m pytest -m "gpu and not bench"

check: $(INSTALLED) ## lint, formats, types, layers and the contract
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	mkdir -p $(dir $(IMAGE))
	$(BIN)/python tools/protos.py image $(IMAGE)
	$(BIN)/buf lint $(IMAGE) --config buf.yaml
	$(BIN)/python tools/protos.py check
	$(BIN)/python tools/reference.py check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: $(INSTALLED) ## put the sources into the form that check wants
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(INSTALLED) ## measure everything into benchmarks/results; an hour and more, on a quiet machine
	mkdir -p benchmarks/results
	$(BIN)/python -m benchmarks latency --json benchmarks/results/latency.json
	$(BIN)/python -m benchmarks recall --json benchmarks/results/recall.json
	$(BIN)/python -m benchmarks fusion --json benchmarks/results/fusion.json
	$(BIN)/python -m benchmarks peers --tune --json benchmarks/results/peers.json
	$(BIN)/python -m benchmarks filters --peers --json benchmarks/results/filters.json
	$(BIN)/python -m benchmarks model --json benchmarks/results/model.json
	$(BIN)/python -m benchmarks scale --json benchmarks/results/scale.json

docs: $(INSTALLED) ## build the documentation site into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

proto: $(INSTALLED) ## write the stubs of engine/v1 from proto/
	$(BIN)/python tools/protos.py generate

lock: $(UV) ## pin what pyproject.toml asks for, on every platform
	$(UV) pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--no-header --no-annotate --no-emit-index-url --output-file requirements.lock

clean: ## forget what was built and cached; .venv stays
	rm -rf build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache

# uv and not pip: it takes torch and torchvision from one place, so that they fit each other.
$(UV):
	$(PYTHON) -m venv $(VENV)/bootstrap
	$(VENV)/bootstrap/bin/python -m pip install --quiet uv

$(INSTALLED): requirements.lock pyproject.toml | $(UV)
	test -x $(BIN)/python || $(UV) venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(VENV)
	$(UV) pip install --python $(BIN)/python --requirement requirements.lock
	$(UV) pip install --python $(BIN)/python --no-deps --editable .
	touch $@
