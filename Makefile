SHELL := /bin/sh
PYTHON_BIN := .venv/bin/python
ARGS ?=
PYTEST_ARGS ?=
LOCK_ARGS ?=

.PHONY: run test lint check screenshots lock clean help

run: ## set up whatever is missing, then open the window (without a display: a guided tour into out/)
	@.setup/install
	@.setup/run $(ARGS)

test: ## set up, check the style and the types, run every test, on displays of their own
	@.setup/install --virtual
	@$(MAKE) --no-print-directory check
	@# Each process takes a display of its own; tests of a file share what it makes, so they mostly stay together.
	@# Bytecode is kept, whatever the environment says: each process, and each that a test starts, would compile it all.
	@PYTHONDONTWRITEBYTECODE= $(PYTHON_BIN) -m pytest $(or $(strip $(PYTEST_ARGS)),-n auto --dist worksteal)

lint: ## set up, then ruff and mypy only
	@.setup/install
	@$(MAKE) --no-print-directory check

check:
	$(PYTHON_BIN) -m ruff check .
	$(PYTHON_BIN) -m ruff format --check .
	$(PYTHON_BIN) -m mypy

screenshots: ## drive the window through its states and write a contact sheet to out/screenshots
	@.setup/install --virtual
	@.setup/with-display --virtual $(PYTHON_BIN) -m ui.tour.contact_sheet out/screenshots

lock: ## resolve the dependencies of pyproject.toml again (LOCK_ARGS=--upgrade for newer ones)
	@.setup/install
	$(PYTHON_BIN) -m pip install --quiet uv
	$(PYTHON_BIN) -m uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --quiet $(LOCK_ARGS) -o .setup/requirements.lock

clean: ## remove what was built and cached; the virtual environment stays
	rm -rf out build dist .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile
