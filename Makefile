# One set of commands for people and CI. Needs make and Python >= 3.11; the rest is installed
# into .venv, from hashes. Works with GNU make 3.81 (macOS).

# .venv's Python runs everything by `-m`: scripts in .venv/bin break when the folder is moved.
PY := .venv/bin/python
SEED ?= 42
WORKERS ?= auto

export PYTHON
export INSTALLER
# Compiled modules are kept, whatever the shell says: without them every start takes twice as long.
unexport PYTHONDONTWRITEBYTECODE
# The package need not be installed.
export PYTHONPATH := $(CURDIR)/src

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test check format docs site notebooks sweep viz bench calibration up down lock clean \
	env env-test

help: ## This list
	@echo 'make TARGET [VARIABLE=value]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' Makefile
	@echo
	@echo 'ARGS       further arguments of run, test, notebooks, sweep, viz, bench, calibration, lock:'
	@echo '             make run ARGS="--env rustfs"         seed $(SEED), stored in RustFS and Postgres'
	@echo '             make run ARGS="--params seed=7,..."  replaces the default --params whole:'
	@echo '                                                  Kedro takes the last one only'
	@echo '             make test ARGS="-k calendar"'
	@echo '             make bench ARGS="--runs 5"'
	@echo 'SEED       seed of run when ARGS has no --params (default 42)'
	@echo 'WORKERS    processes of test (default auto: one per core; 0: none)'
	@echo 'PYTHON     interpreter that .venv is made with (default: first of python3, python3.14, ...)'
	@echo 'INSTALLER  pip: set up without uv'

run: env ## One run of all pipelines, set up first where needed
	$(PY) -m kedro run --params seed=$(SEED) $(ARGS)

test: env-test ## The whole test suite
	$(PY) -m pytest -n $(WORKERS) --dist loadgroup --durations=15 $(ARGS)

# Strict: a page that is in no menu or a link that leads nowhere is an error.
SITE = NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict
check: env-test ## Format, lint, types, generated documents
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy src tools $(wildcard benchmarks/*.py)
	$(PY) -m pqrs_kedro.contracts.dictionary --check
	$(PY) -m tools.distributions --check
	$(PY) -m pqrs_kedro.contracts.raw_schema --check
	$(PY) -m tools.cli_page --check
	$(PY) -m tools.parameters_page --check
	$(SITE) --quiet

format: env-test ## Format the code, fix what the linter can
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

docs: env ## Write what is generated of docs/: dictionary, schema, distributions, commands, parameters
	$(PY) -m pqrs_kedro.contracts.dictionary
	$(PY) -m pqrs_kedro.contracts.raw_schema
	$(PY) -m tools.distributions
	$(PY) -m tools.cli_page
	$(PY) -m tools.parameters_page

site: env-test ## The documents as a web site: build/site/index.html
	$(SITE)

viz: env ## The pipelines and their data in a browser
	$(PY) -m kedro viz run $(ARGS)

# The environment that ARGS names, and the file that tells its last run.
ENVIRONMENT = $(or $(shell echo '$(ARGS)' | sed -n 's/.*--env[ =]*\([a-z0-9_]*\).*/\1/p'),local)
notebooks: env ## Execute the analysis notebooks about the last run; the default run first if there is none
	@test -s data/latest_run.$(ENVIRONMENT) || $(PY) -m kedro run --params seed=$(SEED) \
		$(if $(filter-out local,$(ENVIRONMENT)),--env $(ENVIRONMENT))
	$(PY) -m kedro run --pipelines=notebooks $(ARGS)

bench: env ## Time the default run, the generator, curation (memory too) and publication
	$(PY) -m benchmarks.default_run $(ARGS)
	$(PY) -m benchmarks.generation $(ARGS)
	$(PY) -m benchmarks.curation $(ARGS)
	$(PY) -m benchmarks.warehouse_load $(ARGS)

calibration: env ## Breach rate requested and realised: 120 runs of 150,000 tickets, five minutes
	$(PY) -m benchmarks.calibration $(ARGS)

up: env ## Start RustFS and Postgres with PostGIS (Docker); make run ARGS="--env rustfs" uses them
	@test -f .env || { echo 'make up: there is no .env: cp .env.example .env, and fill it in' >&2; \
		exit 2; }
	docker compose up --detach --wait
	$(PY) -m kedro lake init --env rustfs
	$(PY) -m kedro warehouse migrate --env rustfs

down: ## Stop them; their data stays
	docker compose down

sweep: env ## Calibrate the breach rate: sweeps/breach_rate.yml, six minutes
	$(PY) -m kedro sweep $(if $(ARGS),$(ARGS),sweeps/breach_rate.yml)

# Keeps the versions of the present locks where the ranges allow; ARGS=--upgrade takes the newest.
# --no-config and no annotations of indexes: a lock names packages and hashes, not places.
COMPILE = UV_CUSTOM_COMPILE_COMMAND='make lock' $(PY) -m uv pip compile pyproject.toml --quiet \
	--no-config --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --group setup $(ARGS)
lock: env ## Write the locks anew from pyproject.toml
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --extra test --constraints requirements.lock --output-file requirements-dev.lock

clean: ## Remove .venv and caches; data stays
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests tools benchmarks -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

env:
	@tools/setup_env.sh run

env-test:
	@tools/setup_env.sh test
