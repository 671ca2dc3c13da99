# Every target does its own set-up in .venv from the pinned lock.
PYTHON ?= python3.11
BIN := .venv/bin
CONFIG ?= config.yaml

.PHONY: demo run test check bench torture evaluate pictures lock setup

setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Tidegate needs Python 3.11: apt-get install python3.11 python3.11-venv"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv module is missing: apt-get install python3.11-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup
	$(BIN)/tidegate demo $(DEMO_ARGS)

run: setup
	$(BIN)/tidegate run --config $(CONFIG)

test: setup
	$(BIN)/pytest $(TEST_ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/tidegate check-config config.example.yaml

bench: setup
	$(BIN)/python -m bench $(BENCH_ARGS)

torture: setup
	$(BIN)/python bench/torture.py $(TORTURE_ARGS)

evaluate: setup
	$(BIN)/tidegate evaluate --output docs/evaluation.md $(EVALUATE_ARGS)

pictures: setup
	$(BIN)/python -m tests.browser.pictures

lock:
	$(BIN)/pip-compile --quiet --extra lab --extra evaluate --extra dev --extra bench --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --no-header -o requirements.lock pyproject.toml
