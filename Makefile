# Everything sets itself up: a fresh machine with Python 3.11 or later and make is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Processes that share the tests, file by file. More than two make the systems under test slow on two cores.
WORKERS ?= 2

.PHONY: run test bench soak docs phoebus lint clean

run: $(STAMP)  ## simulator, data server, IOC and a first exposure; keeps running until Ctrl-C
	$(BIN)/nifsdc up --first --data-dir data

test: $(STAMP)  ## every test
	$(BIN)/pytest -m "not soak" -n $(WORKERS) --dist loadfile

soak: $(STAMP)  ## the slow endurance tests
	$(BIN)/pytest -m soak --timeout 3600

bench: $(STAMP)  ## every benchmark; also writes benchmarks/results.json
	$(BIN)/python -m pip install -q -e '.[bench]'
	$(BIN)/python benchmarks/run.py

phoebus: $(STAMP)  ## the screens in other programs, which are fetched; says what it skips
	$(BIN)/python -m pip install -q -e '.[screens]'
	$(BIN)/python -m tests.phoebus.run

lint: $(STAMP)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nifsdc needs Python 3.11 or later; give one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	touch $@

docs: $(STAMP)  ## the documentation as a site, in build/docs
	$(BIN)/mkdocs build --strict --config-file docs/site/mkdocs.yml

clean:
	rm -rf $(VENV) data build
