# hub server: what people and CI run. `make` alone prints this list.

SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin

# Only from the command line of make: a compiler environment may export HOST, a host may export PORT.
given = $(if $(filter command,$(origin $(1))),$(2) '$($(1))')
serve_flags = $(call given,HOST,--host) $(call given,PORT,--port) $(call given,DATA,--data-dir)
arguments = $(if $(filter command,$(origin ARGS)),$(ARGS))
needs = git or client or s3 or postgres or browser or nginx or soak

.PHONY: help
help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.serve ## install what serving needs, into .venv

.PHONY: serve
serve: $(VENV)/.serve ## install, then serve on http://127.0.0.1:8000 from ./data (HOST= PORT= DATA=)
	@exec $(BIN)/hub-server serve $(serve_flags)

.PHONY: test
test: $(VENV)/.test ## install what tests need, then run every test (ARGS="tests/unit -k name", FAIL_UNDER=90)
	@$(if $(filter command,$(origin FAIL_UNDER)),FAIL_UNDER=$(FAIL_UNDER)) scripts/test.sh $(arguments)

.PHONY: quick
quick: $(VENV)/.test ## the tests that need nothing but Python, in under a minute
	@$(BIN)/python -m pytest -q -n 2 -m 'not ($(needs))' $(arguments)

.PHONY: soak
soak: $(VENV)/.test ## the long tests (SOAK_SCALE= makes them longer or shorter)
	@scripts/packages.sh --tests && scripts/node.sh
	@$(BIN)/python -m pytest -m soak --timeout 0 $(arguments)

.PHONY: bench
bench: $(VENV)/.test ## measure, each figure beside its reference (ARGS="git large", BENCH_SCALE=0.1, BENCH_ROUNDS=5)
	@scripts/packages.sh --bench
	@$(BIN)/python -m bench $(arguments)

.PHONY: check
check: $(VENV)/.dev ## what CI runs: format, lint, types, layers, then every test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

.PHONY: fmt
fmt: $(VENV)/.dev ## format, and mend what the linter can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.PHONY: lock
lock: $(VENV)/.dev ## pin the dependencies anew after a change of pyproject.toml or requirements/*.in (ARGS=--upgrade)
	@scripts/lock.sh $(arguments)

.PHONY: vendor
vendor: ## fetch static/vendor anew by npm and rewrite its checksums (ARGS="icon …" adds icons)
	@python3 scripts/vendor.py $(arguments)

.PHONY: db
db: $(VENV)/.dev ## write a migration of what the tables have and the newest migration has not (m="why")
	@$(BIN)/python scripts/migration.py '$(m)' && $(BIN)/ruff format --quiet migrations

# Each purpose installs all that the one before it does, and counts as it: `make serve` after `make test` installs nothing.
inputs = pyproject.toml scripts/setup.sh requirements/build.txt

$(VENV)/.serve: $(inputs) requirements/serve.txt
	@scripts/setup.sh serve && touch $@

older = requirements/old-client.txt requirements/middle-client.txt
$(VENV)/.test: $(inputs) requirements/test.txt $(older)
	@scripts/setup.sh test && touch $(VENV)/.serve $@

$(VENV)/.dev: $(VENV)/.test requirements/dev.txt
	@scripts/setup.sh dev && touch $(VENV)/.serve $(VENV)/.test $@
