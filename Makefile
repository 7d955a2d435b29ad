# Every target sets up what it needs; a second call starts at once.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One numerical thread a process: joblib runs processes in parallel, and results do not depend
# on how many threads a machine has.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help run test lint format bench check encoder notebooks wheel container serve clean
.DEFAULT_GOAL := help

help: ## show what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml
	@echo "Setting up $(VENV): about two minutes, once."
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@

run: $(READY) ## train the candidates, log them, judge the best, label ten messages (12 minutes)
	@$(BIN)/python -m training run

test: $(READY) ## run the tests (a few minutes)
	@$(BIN)/python -m pytest -n 2

lint: $(READY) ## formatting, style, types, import direction
	@scripts/lint

format: $(READY) ## put the formatting right
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: $(READY) ## speed, size and quality beside peers, into the README
	@$(BIN)/python -m training.bench

check: $(READY) ## validate the corpus and print what it holds
	@$(BIN)/python -m training check

encoder: $(READY) ## fine-tune the quality tier's encoder (an hour; installs torch)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[encoder]"
	@$(BIN)/python -m training encoder

notebooks: $(READY) ## run the notebooks and refresh what they show (a minute)
	@$(BIN)/python -m training.notebooks

wheel: $(READY) ## build sdist and wheel, look into them, install the wheel alone, predict with it
	@scripts/wheel

container: $(READY) ## do what the Dockerfile says without an engine, and use it
	@$(BIN)/python scripts/container

serve: $(READY) ## answer over HTTP on port 8000, with a page for people
	@$(BIN)/cxnlp serve

clean: ## remove the environment and every cache
	rm -rf $(VENV) .cache build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
