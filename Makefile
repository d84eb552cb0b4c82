# Everything a person runs here. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
# Tests run side by side, those of a file together; one more than two cores, as many of them wait. JOBS=0: one by one.
JOBS ?= 3
PYTEST := $(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder
# Bytecode is kept, whatever the environment says: tests start programs some hundred times.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo test types check format bench worlds golden dashboards lock

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

setup: $(STAMP) ## install everything into .venv (once; again when the lock file changes)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; found " + sys.version.split()[0] + "; use make PYTHON=python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python deploy/setup/install.py requirements.lock .
	@touch $(STAMP)

demo: setup ## the whole thing on this machine: Kafka, traffic with a campaign in it, workers, the alert (< 5 minutes)
	$(BIN)/streamer demo

test: setup ## all tests
	$(PYTEST)

types: setup
	$(BIN)/mypy

# Types take one core for a while, and tests wait for most of their time.
check: setup ## what CI runs: format, lint, import contracts, types beside tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory --jobs=2 types test

format: setup ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## speed and memory, with the numbers side by side
	$(BIN)/python -m tests.benchmarks

worlds: setup ## how good it is on simulated worlds, beside what it must show and what others do (hours)
	$(BIN)/python -m tests.benchmarks.worlds --jobs 2
	$(BIN)/python -m tests.benchmarks.baselines --jobs 2

golden: setup ## write the expected results anew, to be read in the diff
	$(BIN)/python -m pytest --golden tests/golden

dashboards: setup ## write Grafana's dashboards anew from streamer/dashboards/
	$(BIN)/python -m streamer.dashboards deploy/grafana/dashboards

lock: setup ## resolve the dependencies anew
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --generate-hashes --no-emit-index-url --no-header --upgrade -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra container --universal --generate-hashes --no-emit-index-url --no-header --constraint requirements.lock -o deploy/docker/requirements.lock
