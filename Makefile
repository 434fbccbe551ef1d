# The commands for people and CI. The first one sets up .venv and needs only python3, make and a package registry.

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

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## set up .venv; the other targets do so if needed

demo: $(INSTALLED) ## generate a catalogue, build its index and search it
	$(BIN)/python -m indexer.demo

test: $(INSTALLED) ## run all but the slow tests, on all cores
	$(PYTEST) -m "not slow and not gpu and not bench"

test-fast: $(INSTALLED) ## run the tests of the inner loop
	$(PYTEST) -m "not long and not real and not slow and not gpu and not bench"

test-slow: $(INSTALLED) ## run the slow tests
	$(BIN)/python -m pytest -m "slow and not gpu and not bench"

test-gpu: $(INSTALLED) ## run the tests that need a GPU
	$(BIN)/python -m pytest -m "gpu and not bench"

check: $(INSTALLED) ## check lint, format, types, layers and protos
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

format: $(INSTALLED) ## fix lint and format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(INSTALLED) ## run the benchmarks into benchmarks/results; takes over an hour on an idle machine
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

proto: $(INSTALLED) ## generate the stubs of engine/v1 from proto/
	$(BIN)/python tools/protos.py generate

lock: $(UV) ## pin the dependencies of pyproject.toml for all platforms
	$(UV) pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--no-header --no-annotate --no-emit-index-url --output-file requirements.lock

clean: ## remove build output and caches, but not .venv
	rm -rf build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache

# uv, not pip, since it takes torch and torchvision from one index, so that their versions match.
$(UV):
	$(PYTHON) -m venv $(VENV)/bootstrap
	$(VENV)/bootstrap/bin/python -m pip install --quiet uv

$(INSTALLED): requirements.lock pyproject.toml | $(UV)
	test -x $(BIN)/python || $(UV) venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(VENV)
	$(UV) pip install --python $(BIN)/python --requirement requirements.lock
	$(UV) pip install --python $(BIN)/python --no-deps --editable .
	touch $@
