# Everything happens in .venv; `make demo` and `make test` are all the set-up there is.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
E2E    := tests/web/e2e
SHARED ?= ../shared
MODEL  ?= earmark-base
AXE    := $(E2E)/node_modules/.axe

# The others need recordings, a library or Essentia, or find faults for hours: see the head of each.
BENCH = classify decode features import_time live search serve similar startup
.PHONY: demo quick oracle test lint bench docs exam clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.demo          ## install, classify the demo clip, say what to try next
	$(BIN)/earmark demo

test: $(VENV)/.dev $(AXE)    ## the whole test suite
	$(BIN)/pytest

quick: $(VENV)/.dev          ## the tests that answer at once, without networks and experiments
	$(BIN)/pytest -m "not slow and not torch and not experiments and not shared"

lint: $(VENV)/.dev           ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

oracle: $(VENV)/.oracle      ## whether librosa, as installed, still answers what the tests hold us to
	$(BIN)/python tests/golden/make_librosa.py --check

exam: $(VENV)/.dev           ## a model on music that nothing may learn from; MODEL=a bundle, SHARED=the recordings
	$(BIN)/python experiments/exam/measure.py $(SHARED) --model $(MODEL)

bench: $(VENV)/.oracle       ## speed and memory, as ratios against peers
	for name in $(BENCH); do $(BIN)/python benchmarks/$$name.py || exit 1; done

docs: $(VENV)/.dev           ## the pictures and the generated pages of docs/
	$(BIN)/python docs/make_pictures.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[plot]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.oracle: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[oracle]'
	@touch $@

# Checks accessibility; where npm is missing or cannot reach a registry, that test is skipped and says so.
$(AXE): $(E2E)/package.json
	@mkdir -p $(@D)
	-@npm install --prefix $(E2E) --no-package-lock --no-audit --no-fund --silent
	@touch $@
