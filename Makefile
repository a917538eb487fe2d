# The whole workflow: make check, make test, make demo, make bench. Each sets up what it needs.
PYTHON ?= $(if $(shell command -v python3.11),python3.11,python3)
VENV   := .venv
BIN    := $(VENV)/bin
E2E    := tests/e2e/test_journey.py
SHARED := ../shared/docker
STAMP  := $(VENV)/installed
PROTOS := $(wildcard fedota_proto/v1/*.proto)
CODE   := fedota_proto fedota_client fedota_selector fedota_server ui tests benchmarks tools examples

export CUDA_VISIBLE_DEVICES :=
export TF_CPP_MIN_LOG_LEVEL := 3

.PHONY: help venv check format test unit contract integration examples e2e browser engine images \
  image-checks containers swarm sweep screenshots demo bench protos clean

# What fails is tried once more, by itself.
define tested
$(BIN)/python -m pytest $(1) || { echo "once more, what failed, by itself"; \
  $(BIN)/python -m pytest --last-failed --last-failed-no-failures none $(1); }
endef

help: ## Show the targets
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not there: install Python 3.11 or newer, or pass PYTHON=…" >&2; exit 1; }
	@echo 'Setting up $(VENV) with the pinned packages: once, a minute or more.'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade --constraint constraints.txt pip setuptools wheel
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-build-isolation --constraint constraints.txt --editable '.[dev]'
	@touch $@

venv: $(STAMP) ## Make the virtual environment with the pinned packages

check: $(STAMP) ## Format, lint, types, import rules, generated code
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(BIN)/python tools/generate_protos.py --check
	$(BIN)/python tools/check_tree.py

format: $(STAMP) ## Format the code and mend what can be mended
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

protos: $(STAMP) ## Generate code and stubs from the protos
	$(BIN)/python tools/generate_protos.py

test: $(STAMP) ## Unit, contract and integration tests, and the examples
	$(BIN)/python tools/run_tests.py

unit contract integration: $(STAMP)
	$(BIN)/python -m pytest tests/$@

examples: $(STAMP)
	$(BIN)/python -m pytest tests/examples

e2e: OR_SKIP := --or-skip
e2e: browser images image-checks containers swarm ## All that follows up to swarm

browser: $(STAMP) ## The browser's journey, in a real Chromium
	$(call tested,$(E2E))

images: $(STAMP) engine ## Build all images, and save the client's for `fedota problem image`
	$(BIN)/python tools/images.py $(OR_SKIP)

image-checks: $(STAMP) engine sweep
	$(call tested,tests/e2e/containers/test_images.py)

containers: $(STAMP) engine sweep ## A platform by compose, and the client's image; after images
	$(call tested,tests/e2e/containers --ignore tests/e2e/containers/test_images.py)

swarm: $(STAMP) engine sweep ## The contract on a Swarm, and a problem on three engines; after images
	@if [ -d /run/swarm-lab ]; then $(SHARED)/swarm-lab down; fi
	$(call tested,-m swarm tests/contract tests/e2e/swarm)

# Where this machine has a stand-in for a Docker engine and for the base image, see that they answer.
engine:
	@if [ -x $(SHARED)/engine ] && [ "$$(id -u)" = 0 ]; then \
	  $(SHARED)/engine && $(SHARED)/base-image; fi

# Containers, networks and volumes that earlier tests left, by their labels.
sweep: $(STAMP) engine
	@$(BIN)/python tools/sweep.py

screenshots: $(STAMP) ## The same, keeping the pictures that the README shows
	$(BIN)/python -m pytest $(E2E) --screenshots build/screenshots
	cd build/screenshots && cp $(notdir $(wildcard docs/screenshots/*.png)) ../../docs/screenshots

demo: $(STAMP) ## Four hospitals train one model on this machine; KEEP=1 keeps the page up
	$(BIN)/fedota demo $(if $(KEEP),--keep-serving)

bench: $(STAMP) ## Measure; writes build/bench/summary.json
	$(BIN)/python -m benchmarks

clean: ## Remove what was built
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
