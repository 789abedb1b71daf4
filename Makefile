# Two commands do all the set-up on a machine that has Python, make and the package registry:
#   make demo    score embedded real images against four sample sets, and write a report
#   make test    run the test suite
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed

.PHONY: demo test lint clean

unexport PYTHONDONTWRITEBYTECODE  # compiled files are kept: the next run starts sooner

demo: $(READY)
	$(BIN)/genmetrics demo --out demo-report

test: $(READY)
	$(BIN)/pytest --numprocesses auto --dist loadfile

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev,cpu]"
	touch $@

clean:
	rm -rf $(VENV) demo-report
