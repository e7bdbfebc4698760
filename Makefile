# Commands for people. `make help` lists them. What each needs is installed into .venv from
# requirements/*.txt, where every package stands with its hash; a second call is instant.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: run test setup check web browser bench lab chaos docs requirements ansible wheel clean help

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
NODE := tests/node tests/sdk_node clients/typescript
NODE_MODULES := $(NODE:%=%/node_modules/.installed)
# Tests that start no process, ask no neighbour and try out no thousand cases.
UNIT := tests --ignore=tests/acceptance --ignore=tests/http --ignore=tests/providers \
	--ignore=tests/store --ignore=tests/sdks --ignore-glob='*openapi*' --ignore-glob='*nonsense*' \
	--ignore=tests/test_mime.py \
	--ignore=tests/test_readme.py --ignore=tests/test_client_page.py --ignore=tests/cli/test_with_gateway.py \
	--ignore=tests/cli/test_program.py --ignore=tests/client/test_reaching.py \
	--ignore=tests/lab --ignore=tests/deploy/test_files.py

# Without Node.js its checks are skipped and say so; REQUIRE_ALL=1 lets none be skipped.
SKIP_FRONTEND := test $$status = 3 && test "$$REQUIRE_ALL" != 1 && \
	echo 'skipped: the frontend; it needs Node.js 22.12 and its packages from npm'

# The first Python >= 3.11 that can make a virtual environment.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo $$python && break; done)

run: $(VENV)/.runtime web ## start the gateway with imitated providers; LISTEN=host:port changes the address
	@$(if $(LISTEN),MAIL_SENDER_SERVER_LISTEN='$(LISTEN)') exec $(BIN)/mail-sender serve

test: setup ## set up, then run every test; REQUIRE_ALL=1 lets none be skipped
	@$(BIN)/python -m pytest $(ARGS)
	@$(if $(ARGS),true,$(MAKE) --no-print-directory browser)

browser: $(VENV)/.runtime ## test the frontend alone: its parts, then its pages in Chromium
	@scripts/frontend.sh test || { status=$$?; $(SKIP_FRONTEND); }

setup: $(VENV)/.dev $(NODE_MODULES) web ## make .venv with everything that tests and linters need

check: $(VENV)/.dev ## linters, types, import contracts, generated files, unit tests: under a minute
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/generate_docs.py --check
	@scripts/frontend.sh check || { status=$$?; $(SKIP_FRONTEND); }
	@$(BIN)/python -m pytest --quiet $(UNIT) $(ARGS)

bench: $(VENV)/.runtime ## measure throughput, overhead and cost on this machine
	@$(BIN)/python -m bench $(ARGS)

lab: $(VENV)/.dev ## both sites in network namespaces, to be broken on command; needs root
	@$(BIN)/python -m lab $(ARGS)

ansible: .venv-deploy/.installed ## make .venv-deploy with Ansible, for deploy/ansible

wheel: $(VENV)/.dev ## build dist/mail_sender-*.whl, which Ansible installs on nodes
	@rm -f dist/mail_sender-*.whl
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

chaos: setup ## fault tests in their long form
	@CHAOS=long $(BIN)/python -m pytest tests/acceptance tests/lab $(ARGS)

docs: setup ## build the generated pages and pictures, run the commands in the documentation
	@$(BIN)/python scripts/generate_docs.py
	@scripts/frontend.sh screenshots || { status=$$?; $(SKIP_FRONTEND); }
	@$(BIN)/python -m pytest --quiet tests/test_repository.py tests/test_readme.py tests/test_client_page.py

requirements: $(VENV)/.dev ## pin the newest versions that requirements/*.in allow
	@for name in build runtime node dev deploy; do \
		set -- --constraint requirements/build.txt --constraint requirements/runtime.txt; \
		test $$name = dev || set --; \
		$(BIN)/pip-compile --quiet --upgrade --strip-extras --allow-unsafe --generate-hashes \
			--no-emit-index-url --no-emit-find-links --no-emit-trusted-host "$$@" \
			--output-file requirements/$$name.txt requirements/$$name.in || exit 1; \
	done

clean: ## remove .venv and what tools left; var/ (state) stays
	rm -rf $(VENV) $(NODE:%=%/node_modules) frontend/node_modules frontend/test-results \
		src/mail_sender/web clients/typescript/dist clients/typescript/src/schema.ts build dist src/*.egg-info \
		.mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---------------------------------------------------------------- what the commands stand on

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo 'Needs Python 3.11 or newer with venv (on Debian: apt install' \
		'python3 python3-venv), or PYTHON=/path/to/python3.' >&2; exit 2; }
	@echo 'Setting up $(VENV); this takes a minute the first time.' >&2
	@$(PYTHON) -m venv $(VENV)

# The gateway also runs without its frontend: then `/` leads to the documentation of the API.
web: $(BIN)/python
	@scripts/frontend.sh build || echo 'The frontend was not built (see above); the gateway' \
		'runs without it.' >&2

$(VENV)/.runtime: requirements/runtime.txt requirements/build.txt pyproject.toml | $(BIN)/python
	@$(PIP) install --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo 'Installing what tests and linters need.' >&2
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

.venv-deploy/.installed: requirements/deploy.txt | $(BIN)/python
	@$(PYTHON) -m venv .venv-deploy
	@.venv-deploy/bin/python -m pip --quiet --quiet install --require-hashes -r $<
	@touch $@

# Without npm the tests that need it are skipped and say so.
$(NODE_MODULES): %/node_modules/.installed: %/package-lock.json
	@if command -v npm >/dev/null; then \
		npm ci --prefix $* --no-audit --no-fund --no-update-notifier --loglevel=error && touch $@ || \
		echo 'npm ci failed: tests that need Node.js packages will be skipped.' >&2; \
	fi
