# `make run` on a fresh machine needs Python 3.11 or newer and nothing else. docs/operations.md says what runs.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements.lock requirements-mqtt.lock requirements-postgres.lock requirements-uvicorn.lock requirements-test.lock
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
# Checks and tests never look at the state folder of an `up` that runs from this checkout.
ELSEWHERE := DATABASE_URL= REDIS_URL= ROLLGRID_HOME=$(CURDIR)/$(VENV)/state
# Tests start Python hundreds of times, and compiled code is kept between them also where the computer's Python keeps none.
unexport PYTHONDONTWRITEBYTECODE
# Looking at the settings makes no key, and the deployment check wants one.
ANY_KEY := ROLLGRID_SECRET_KEY=$(shell printf 'not-a-secret-%.0s' 1 2 3 4 5)
MINUTES := 20
VERSIONS := 1.0.0 1.1.0 1.2.0:sick 1.3.0:dead
# Kills and random histories, on two databases: a quarter each of what the outages at their full length (about 8 minutes) leave.
SOAK = $(shell awk 'BEGIN { left = ($(MINUTES) - 8) / 4; print (left > 0.5 ? left : 0.5) }')
SOAKED := tests/crash tests/orchestrator/test_model.py
JAVASCRIPT := tests/clients/javascript
# Azure's clients that are programs in Python, each in an environment of its own: they want different versions of the same packages.
CLIENTS := $(VENV)/clients
ALL_CLIENTS := $(CLIENTS)/sdk/made.stamp $(CLIENTS)/sdk_2018/made.stamp $(CLIENTS)/sdk_track1/made.stamp \
	$(CLIENTS)/azure_cli/made.stamp $(CLIENTS)/ansible/collection.stamp
# The tests that start a web server and are about it.
SERVED := tests/end_to_end --ignore=tests/end_to_end/test_uvicorn.py tests/supervisor tests/browser/test_proxies.py tests/browser/test_wall.py
NOT_FAST := browser or virtual_machines or containers or real_clients or slow
UV_LOCK := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate pyproject.toml

TYPES_OF := azure-mgmt-compute==30.6.0 azure-mgmt-compute==34.1.0 azure-mgmt-compute==37.2.0 azure-mgmt-compute==39.0.0 \
	azure-mgmt-network==10.2.0 azure-mgmt-network==33.1.0 azure-mgmt-resource==26.0.0 azure-mgmt-msi==7.1.0 \
	azure-mgmt-storage==21.2.1 azure-mgmt-storage==25.3.0 azure-mgmt-keyvault==10.3.1 azure-mgmt-keyvault==14.1.0 \
	azure-mgmt-servicefabric==2.1.0

.PHONY: help run azure-emulator run-vms run-incus install install-clients install-libvirt test test-clients test-fast test-postgres test-uvicorn test-machines test-incus-pools test-fleet check lint soak fuzz bench vm-image screenshots texts lock azure-types
.DEFAULT_GOAL := help

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

run: $(VENV)/runtime.stamp ## start Rollgrid with the demonstration fleet; UP="--http-port 8001" adds options
	@exec $(BIN)/python manage.py up --demo $(UP)

azure-emulator: $(VENV)/runtime.stamp ## the API with an empty fleet, for Azure's clients; its settings are in azure.env. EMULATOR="--state FOLDER" adds options
	@exec $(BIN)/python manage.py azure-emulator --env-file azure.env $(EMULATOR)

run-vms: $(VENV)/runtime.stamp ## the same with real virtual machines on this host (docs/providers.md says what they need)
	@$(BIN)/python -m upgrades.providers.hosts.guest_image --lacking 1.0.0 1.1.0 1.2.0:sick 1.3.0:dead
	@exec $(BIN)/python manage.py up --machines qemu $(UP)

run-incus: $(VENV)/runtime.stamp ## the same with real containers, of this host's Incus or one of its own; nothing of it is left after
	@exec $(BIN)/python -m upgrades.providers.incus.demo $(BIN)/python manage.py up --machines incus $(UP)

install: $(VENV)/test.stamp ## make .venv with all locked dependencies

install-clients: $(JAVASCRIPT)/node_modules/made.stamp $(CLIENTS)/sdk/made.stamp ## Azure's own libraries for JavaScript and Python, which the tests run; needs npm

install-libvirt: $(VENV)/libvirt.stamp ## the library that the provider libvirt needs, built for Debian 12's libvirt

test: lint install-clients install-libvirt ## all checks and all tests, on SQLite and on PostgreSQL
	$(ELSEWHERE) $(BIN)/python -m tests.run_all

test-clients: $(VENV)/test.stamp $(JAVASCRIPT)/node_modules/made.stamp $(ALL_CLIENTS) ## all of Azure's clients, unmodified, against a running Rollgrid: eight minutes
	$(ELSEWHERE) $(BIN)/python -m pytest tests/clients

test-machines: $(VENV)/test.stamp $(VENV)/libvirt.stamp ## all tests with real containers and real virtual machines, also those that take long
	$(ELSEWHERE) $(BIN)/python -m pytest tests/containers tests/virtual_machines --ignore=tests/containers/test_large_fleet.py

test-incus-pools: $(VENV)/test.stamp ## all tests with real containers on a storage pool of btrfs, in a file: ten minutes; needs btrfs-progs
	ROLLGRID_INCUS_POOL=btrfs $(ELSEWHERE) $(BIN)/python -m pytest tests/containers --ignore=tests/containers/test_large_fleet.py

test-fleet: $(VENV)/test.stamp ## 200 real containers are upgraded while workers and Incus are killed 30 times: half an hour
	$(ELSEWHERE) $(BIN)/python -m pytest -s tests/containers/test_large_fleet.py

test-postgres: $(VENV)/test.stamp ## all tests that use the database on PostgreSQL: half an hour; says what `make test` must repeat there
	$(ELSEWHERE) $(BIN)/python -m tests.run_all postgres

test-uvicorn: $(VENV)/test.stamp ## the tests that start a web server, on uvicorn in Daphne's place: a quarter of an hour
	ROLLGRID_SERVER=uvicorn $(ELSEWHERE) $(BIN)/python -m pytest $(SERVED)

test-fast: lint ## all checks, and the tests that are quick: no browser, no real machines, no real clients, no kills
	$(ELSEWHERE) $(BIN)/python -m pytest -m "not ($(NOT_FAST))"

# Without FILE: what differs from the last commit.
check: $(VENV)/test.stamp ## half a minute for a small change: style, types and the nearest tests; FILE="upgrades/core/zones.py"
	@mkdir -p $(VENV)/state
	$(BIN)/ruff check -q $(filter %.py,$(FILE))
	$(BIN)/ruff format --check -q $(filter %.py,$(FILE))
	$(ELSEWHERE) $(BIN)/mypy
	$(ELSEWHERE) $(BIN)/python -m tests.nearest $(FILE)

lint: $(VENV)/test.stamp node_modules/made.stamp ## style, import floors, types, the pages' scripts, settings, missing migrations
	@mkdir -p $(VENV)/state
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(ELSEWHERE) $(BIN)/mypy & types=$$!; npm run --silent lint; scripts=$$?; wait $$types && exit $$scripts  # each has a core
	$(ELSEWHERE) $(ANY_KEY) ROLLGRID_HTTPS_ONLY=1 $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(ELSEWHERE) $(BIN)/python manage.py makemigrations --check --dry-run

soak: $(VENV)/test.stamp ## kills, outages and random histories for about MINUTES=20 in all, on SQLite and on PostgreSQL
	ROLLGRID_SOAK=$(SOAK) $(ELSEWHERE) $(BIN)/python -m pytest -s $(SOAKED)
	ROLLGRID_SOAK=$(SOAK) $(ELSEWHERE) $(BIN)/python -m tests.private_postgres $(BIN)/python -m pytest -s $(SOAKED)

fuzz: $(VENV)/test.stamp ## 10,000 requests that nobody means to send, and 5,000 of the OpenAPI document, on SQLite and on PostgreSQL; ROLLGRID_SEED=1 sends others
	ROLLGRID_FUZZ=10000 $(ELSEWHERE) $(BIN)/python -m pytest tests/fuzz tests/end_to_end/test_fuzz_sockets.py
	ROLLGRID_FUZZ=10000 $(ELSEWHERE) $(BIN)/python -m tests.private_postgres $(BIN)/python -m pytest tests/fuzz tests/end_to_end/test_fuzz_sockets.py

bench: $(VENV)/test.stamp ## the side-by-side measurements, as a table
	$(BIN)/python -m bench

# Nothing of it is distributed: it is made of Debian packages where it is used. As an ordinary user.
vm-image: $(VENV)/runtime.stamp ## images of a tiny guest OS for the provider qemu; VERSIONS="1.0.0 1.1.0 1.2.0:sick 1.3.0:dead"
	$(BIN)/python -m upgrades.providers.hosts.guest_image $(VERSIONS)

screenshots: $(VENV)/test.stamp ## the pictures of README.md, of a real run in a real browser
	$(ELSEWHERE) $(BIN)/python -m tests.browser.screenshots docs/images

texts: $(VENV)/test.stamp ## renew the catalogues of the pages' texts; BEGIN=sv begins a language
	@mkdir -p $(VENV)/state
	@$(ELSEWHERE) $(BIN)/python -m tests.texts $(BEGIN)

# The packages are read, not installed: several versions of one, for each knows other versions of the API.
azure-types: $(VENV)/made.stamp ## renew upgrades/core/azure_types/types.json; add a newer package to TYPES_OF
	@set -e; wheels=$$(mktemp -d); trap 'rm -rf "$$wheels"' EXIT; \
	for package in $(TYPES_OF); do $(BIN)/python -m pip download --quiet --no-deps --dest "$$wheels" "$$package"; done; \
	$(BIN)/python -m upgrades.core.azure_types.make "$$wheels"/*.whl >"$$wheels/types.json"; \
	mv "$$wheels/types.json" upgrades/core/azure_types/types.json

# uv comes from a throw-away environment: it is no dependency of ours.
lock: $(VENV)/made.stamp ## renew the lock files; LOCK=--upgrade takes newer versions
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(BIN)/python -m venv "$$tools"; \
	"$$tools/bin/python" -m pip install --quiet --disable-pip-version-check uv; \
	"$$tools/bin/uv" $(UV_LOCK) $(LOCK) -o requirements.lock; \
	"$$tools/bin/uv" $(UV_LOCK) $(LOCK) --extra postgres -c requirements.lock -o requirements-postgres.lock; \
	"$$tools/bin/uv" $(UV_LOCK) $(LOCK) --extra mqtt -c requirements.lock -o requirements-mqtt.lock; \
	"$$tools/bin/uv" $(UV_LOCK) $(LOCK) --extra uvicorn -c requirements.lock -o requirements-uvicorn.lock; \
	"$$tools/bin/uv" $(UV_LOCK) $(LOCK) --extra test -c requirements-postgres.lock -o requirements-test.lock; \
	for client in azure_cli sdk sdk_2018 sdk_track1 ansible; do \
		"$$tools/bin/uv" $(UV_LOCK:pyproject.toml=tests/clients/$$client/requirements.in) $(LOCK) -o tests/clients/$$client/requirements.lock; \
	done; \
	if grep -nE 'index-url|find-links|file:|@ |/opt/|/home/' $(LOCKS) tests/clients/*/*.lock; then echo 'make: an address got into a lock file' >&2; exit 1; fi

# What the tests of clients run, and what checks the pages' scripts.
$(JAVASCRIPT)/node_modules/made.stamp: $(JAVASCRIPT)/package-lock.json
node_modules/made.stamp: package-lock.json
%/made.stamp:
	@if ! command -v npm >/dev/null; then \
		echo 'make: npm is not installed (Node 18 or newer; on Debian: apt install nodejs npm)' >&2; exit 1; fi
	cd $(dir $<). && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Without compiling: of most of these packages only little is ever loaded.
$(CLIENTS)/%/made.stamp: tests/clients/%/requirements.lock $(VENV)/made.stamp
	$(BIN)/python -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes -r $<
	@touch $@

# PyPI's `ansible` holds a hundred collections; of its forty thousand files we want those of one.
$(CLIENTS)/ansible/collection.stamp: tests/clients/ansible/collection.lock $(CLIENTS)/ansible/made.stamp
	@set -e; wheels=$$(mktemp -d); trap 'rm -rf "$$wheels"' EXIT; \
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$$wheels" -r $<; \
	$(BIN)/python -m tests.clients.collection "$$wheels"/ansible-*.whl $(@D)/collections
	@touch $@

# Stamps: each step happens again only when its lock file has changed.
$(VENV)/made.stamp:
	@set -e; for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo 'make: Rollgrid needs Python 3.11 or newer. Debian 12 has it: apt install python3 python3-venv' >&2; exit 1; fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "make: $$found cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; fi; \
	"$$found" -m venv $(VENV)
	@touch $@

$(VENV)/runtime.stamp: requirements.lock $(VENV)/made.stamp
	$(PIP) -r requirements.lock
	@touch $@

# The test lock holds all of the others.
$(VENV)/test.stamp: requirements-test.lock $(VENV)/made.stamp
	$(PIP) -r requirements-test.lock
	@touch $(VENV)/runtime.stamp $@

# It is built against the libvirt that is there. Where that is not possible the tests that want it say so, and in CI they fail.
$(VENV)/libvirt.stamp: requirements-libvirt.lock $(VENV)/test.stamp
	@if ! pkg-config --exists libvirt 2>/dev/null; then \
		echo 'make: without libvirt-dev and pkg-config there are no tests with libvirt'; \
	elif $(PIP) --no-deps --no-build-isolation -r requirements-libvirt.lock; then touch $@; \
	else echo 'make: libvirt-python was not built: there are no tests with libvirt' >&2; fi
