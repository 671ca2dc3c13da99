# Every target does its own set-up in .venv from the pinned lock.
# Debian's own build if it is there: it is optimised by profile, and relays a message in 15 % less CPU
PYTHON ?= $(shell /usr/bin/python3.11 -c 'import ensurepip; print("/usr/bin/python3.11")' 2>/dev/null || echo python3.11)
BIN := .venv/bin
CONFIG ?= config.yaml
# most tests wait for sockets and clocks: four at a time, even on two cores
TEST_ARGS ?= -n 4 --dist worksteal

.PHONY: demo run test check bench pictures torture detection evaluate reference lock setup

setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Tidegate needs Python 3.11: apt-get install python3.11 python3.11-venv"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv module is missing: apt-get install python3.11-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q core storage engine monitor controller lab tidegate
	@touch $@

demo: setup
	$(BIN)/tidegate demo $(DEMO_ARGS)

run: setup
	$(BIN)/tidegate run --config $(CONFIG)

# a browser's tests hold an event loop of their own all the time: they run by themselves
test: setup
	$(BIN)/pytest $(TEST_ARGS) -m "not browser"
	$(BIN)/pytest -m browser

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/tidegate check-config config.example.yaml

bench: setup
	$(BIN)/python -m bench $(BENCH_ARGS)

pictures: setup
	$(BIN)/python bench/pictures.py
	$(BIN)/python -m tests.browser.pictures

torture: setup
	$(BIN)/python bench/torture.py $(TORTURE_ARGS)

detection: setup
	$(BIN)/python bench/detection.py > docs/detection.md

evaluate: setup
	$(BIN)/tidegate evaluate --output docs/evaluation.md $(EVALUATE_ARGS)

lock:
	$(BIN)/pip-compile --quiet --extra lab --extra evaluate --extra dev --extra bench --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --no-header -o requirements.lock pyproject.toml

reference: setup
	$(BIN)/python -m tidegate.reference
	$(BIN)/tidegate config example > config.example.yaml
