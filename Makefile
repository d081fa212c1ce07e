# `make run` starts the demo, `make test` runs every test. Both build .venv from a package index when it is missing.
PYTHON ?= python3
BIN := .venv/bin
# Many tests wait for servers of their own, so one more than there are processors is not too many.
WORKERS := $(shell expr $$(nproc) + 1)

# Tests start hundreds of processes of ours, and each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test lint types soak bench bench-quick bench-large clean

run: .venv/run
	$(BIN)/mailgate demo

test: .venv/dev
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup

lint: .venv/dev
	$(BIN)/ruff check mailgate tests benchmarks
	$(BIN)/ruff format --check mailgate tests benchmarks

types: .venv/dev
	$(BIN)/mypy

soak: .venv/dev
	$(BIN)/pytest -m soak -n 0 --timeout 3600
	$(BIN)/pytest -n $(WORKERS) --timeout 3600 --hypothesis-profile thorough tests/unit

bench: .venv/dev
	$(BIN)/python -m benchmarks

bench-quick: .venv/dev
	$(BIN)/python -m benchmarks --quick

bench-large: .venv/dev
	$(BIN)/python -m benchmarks --only history --only history-postgresql --only gate

clean:
	rm -rf .venv

.venv/run: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/dev: .venv/run
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@
