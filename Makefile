# What a clone can do. `make` alone lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What bytecode and bundles need to be found without building a wheel: an editable install into the environment.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test check bench cards lock lowest clean tools

help: ## Say what there is
	@echo "make demo    watch the sidecar judge a stream of posts (first run: about a minute of downloads)"
	@echo "make test    install what the tests need, start real servers, run all tests"
	@echo "make check   formatter, linter, strict types, import contracts, docs against settings"
	@echo "make bench   measure the detector against PyTorch"
	@echo "make cards   write the tables of the model cards from the committed figures"
	@echo "make lock    write the lock files anew; UPGRADE=1 takes newer versions"
	@echo "make lowest  run the unit tests on the oldest versions that pyproject.toml allows"
	@echo "make clean   remove what the other targets made here"

tools:
	@command -v git >/dev/null || { echo "git is missing: apt-get install git"; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, $(PYTHON) is older: name another one with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }

# The environment remembers which lock it was made from; another lock is installed over it.
$(VENV)/run: requirements/run.txt pyproject.toml | tools
	@test -x $(BIN)/python || { echo "Making a virtual environment in $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing what sidecar and demo need (about 0.8 GB, once)"
	@$(INSTALL) --require-hashes -r requirements/run.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/test: requirements/test.txt pyproject.toml $(VENV)/run | tools
	@echo "Installing what tests, export and training need (PyTorch with its libraries: about 5 GB, once)"
	@$(INSTALL) --require-hashes -r requirements/test.txt
	@touch $@

demo: $(VENV)/run ## Watch it work
	@$(BIN)/moderation demo $(DEMO)

test: $(VENV)/test ## All tests against real servers
	@$(BIN)/python -m tests.services install
	@$(BIN)/python -m pytest $(TESTS)

check: $(VENV)/test ## Everything that needs no server
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/moderation settings --markdown | diff -u docs/settings.md - || \
		{ echo "docs/settings.md is behind the settings: moderation settings --markdown > docs/settings.md"; exit 1; }
	@echo "make check: everything in order"

bench: $(VENV)/test ## The detector against PyTorch
	@$(BIN)/python -m tests.bench.detector $(BENCH)

cards: $(VENV)/test ## The tables of docs/cards
	@$(BIN)/python -m tests.cards

UV = $(VENV)-lock/bin/uv --system-certs
LOCK = $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet \
	$(if $(UPGRADE),--upgrade) pyproject.toml

lock: | tools ## Lock files from pyproject.toml
	@test -x $(VENV)-lock/bin/uv || { $(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet 'uv>=0.13'; }
	@$(LOCK) --extra export --extra test -o requirements/test.txt
	@cp requirements/test.txt requirements/run.txt
	@$(LOCK) $(if $(UPGRADE),--constraint requirements/test.txt) -o requirements/run.txt
	@echo "Locked; run make check test before you commit requirements/"

# Old libraries beside the newest ones below them warn of each other: here that is no error.
lowest: | tools ## The lower bounds, tested
	@test -x $(VENV)-lock/bin/uv || { $(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet 'uv>=0.13'; }
	@$(UV) venv --quiet --clear --python $(PYTHON) $(VENV)-lowest
	@$(UV) pip install --quiet --python $(VENV)-lowest --resolution lowest-direct --editable '.[export,test]'
	@$(VENV)-lowest/bin/python -m pytest -q -W default tests/unit $(TESTS)

clean: ## Remove environments, caches and the demo's output
	rm -rf $(VENV) $(VENV)-lock $(VENV)-lowest demo-out build *.egg-info .cache .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
