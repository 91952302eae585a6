# The two commands of the README: `make run` and `make test`. Both may be repeated; the second time is quick.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test install lint types tests reference clean

run: install  ## install, then the main job: a model, measured under all protocols
	$(BIN)/fhpt-bench run --model drn --protocols all

test: lint types tests  ## what CI runs

install: $(VENV)/.installed
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] in ((3, 11), (3, 12)) else "fhpt-bench needs Python 3.11: make PYTHON=/path/to/python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

tests: $(VENV)/.installed-dev  ## unit tests and doctests; the pinned weights that they need are fetched once
	$(BIN)/fhpt-bench weights fetch alexnet vgg16 efficientnet-lite0
	# Two processes of one thread each: faster on two cores than one process of two.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -W error -n 2 --dist loadfile

reference: $(VENV)/.installed  ## measure every model that can run on studio, for leaderboards/reference
	$(BIN)/python -m tools.reference.records

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
