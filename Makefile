# Everything starts here: `make demo` shows the pipeline at work, `make test` proves it. Both set up what they need.
BIN := .venv/bin
PYTHON ?= $(if $(wildcard $(BIN)/python),$(BIN)/python,python3)
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
BASE := $(shell $(PYTHON) -c 'import sys; print(sys._base_executable)' 2>/dev/null)
READY := .venv/.ready-$(VERSION)
export PYTHONDONTWRITEBYTECODE := # empty: processes are started by the hundred, and none compiles what another has

.PHONY: help setup demo up down test test-faults reliability coverage lint format bench contracts lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

setup: $(READY) ## .venv with locked packages; `make setup PYTHON=python3.13` for another Python

$(READY): requirements/dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Wireroom needs Python 3.11 or newer; $(PYTHON) is '$(VERSION)'. Name one: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.13"; exit 1; }
	@echo "Setting up .venv with Python $(VERSION); the first time takes a minute or two." >&2
	@rm -rf .venv
	@$(BASE) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@$(BIN)/python -m pip check --disable-pip-version-check >/dev/null
	@touch $@

demo: setup ## the whole pipeline on sample articles, with a real broker and database; nothing is left behind
	@$(BIN)/wireroom demo

up: setup ## start everything on this machine and leave it running; data in .wireroom
	@$(BIN)/wireroom up --detach

down: setup ## stop what `make up` started
	@$(BIN)/wireroom down

test: setup ## all tests that need no Docker; with Docker the servers run in containers; AT_ONCE=1 for one process
	@$(BIN)/python -m pytest -n $(or $(AT_ONCE),3) --dist loadfile --no-loadscope-reorder $(PYTEST)

test-faults: setup ## properties on ten times as many examples, then the whole fault matrix: well over half an hour; SKIPS=n where this machine allows less (no root: 7)
	@$(BIN)/python -m pytest -n $(or $(AT_ONCE),3) -m "hypothesis or nightly" --ignore tests/faults --hypothesis-profile=thorough $(PYTEST)
	@WIREROOM_EXPECTED_SKIPS=$(or $(SKIPS),0) $(BIN)/python -m pytest tests/faults -m "nightly or not nightly" $(PYTEST)

reliability: setup ## write the table of docs/reliability.md from the last `make test-faults`
	@$(BIN)/python -m tests.faults.rig.reliability_page

coverage: setup ## the same, and which lines no test runs
	@$(BIN)/python -m pytest -n $(or $(AT_ONCE),3) --dist loadfile --no-loadscope-reorder --cov --cov-report=term-missing:skip-covered $(PYTEST)

lint: setup ## style, types, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: setup ## write the code as `make lint` wants it
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

bench: setup ## articles a second through the whole path on this machine
	@$(BIN)/wireroom bench end-to-end

contracts: setup ## write docs/contracts.md and docs/asyncapi.json anew from shared/messages.py
	@$(BIN)/python -m wireroom.contracts docs

lock: ## renew requirements/*.lock within the bounds of pyproject.toml; needs uv
	@for extra in dev ingest extract store desk setup cli; do \
		uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
			--no-emit-index-url --no-emit-find-links $$([ $$extra = dev ] || echo "-c requirements/dev.lock") \
			$$(case $$extra in ingest|extract|store|desk) echo --extra tracing;; esac) --extra $$extra pyproject.toml -o requirements/$$extra.lock || exit 1; \
	done
	@echo hatchling | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links -c requirements/dev.lock - -o requirements/build.lock

clean: ## remove what these commands made, but not .wireroom: your articles are in it
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .coverage htmlcov
