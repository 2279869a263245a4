# make run [FILE=scan.pdf]   read a page: Markdown here, JSON and an overlay picture in vlkit-out/
# make test                  install everything and run the tests
# make check                 lint and types
# make bench                 the figures of benchmarks/reading.py (needs VLKIT_DATA; long)
# make shelf                 the wheel vlkit-shelf with the trained models of models/
.PHONY: run test test-slow check bench lock wheel shelf clean

PYTHON ?= python3
FILE ?=
JOBS ?= 2
BIN := .venv/bin
# uv where there is one, else one installed by pip into the environment itself.
UV = $$(command -v uv || echo $(CURDIR)/$(BIN)/uv)

run: .venv/.core
	@$(BIN)/vlkit read $(if $(FILE),"$(FILE)") --to md,json --overlay --output vlkit-out || [ $$? = 3 ]
	@name="$(if $(FILE),$(FILE),sample.pdf)"; name="$${name##*/}"; cat "vlkit-out/$${name%.*}.md"

test: .venv/.all
	$(BIN)/python -m pytest -q -n $(JOBS) -m "not slow"

test-slow: .venv/.slow
	$(BIN)/python -m pytest -q -n $(JOBS) -m slow

check: .venv/.all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/.bench
	$(BIN)/python -m benchmarks.reading

wheel: .venv/.all
	$(UV) build --wheel --python $(BIN)/python

shelf: .venv/.all
	cd shelf && $(CURDIR)/$(BIN)/python -m hatchling build -t wheel -d $(CURDIR)/dist

lock:
	@$(UV) pip compile --universal --generate-hashes pyproject.toml --all-extras --group dev --group bench -q -o requirements.lock
	@! grep -n '://' requirements.lock

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "vlkit needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@if command -v uv >/dev/null; then uv venv -q --python $(PYTHON) .venv; \
	else $(PYTHON) -m venv .venv && $(BIN)/python -m pip install -q uv; fi

.venv/.core: pyproject.toml requirements.lock | .venv/bin/python
	@$(UV) pip install -q --python $(BIN)/python -c requirements.lock -e .
	@touch $@

.venv/.all: pyproject.toml requirements.lock | .venv/bin/python
	@$(UV) pip install -q --python $(BIN)/python -c requirements.lock -e ".[all]" --group dev
	@touch $@ .venv/.core

# deepspeed looks for torch while it is built, so not in an environment of its own.
.venv/.slow: .venv/.all
	@$(UV) pip install -q --python $(BIN)/python -c requirements.lock --no-build-isolation-package deepspeed -e ".[all,deepspeed]" --group dev
	@touch $@

.venv/.bench: .venv/.all
	@$(UV) pip install -q --python $(BIN)/python -c requirements.lock --group bench
	@$(UV) pip install -q --python $(BIN)/python -c requirements.lock --reinstall --no-deps opencv-contrib-python-headless
	@touch $@

clean:
	rm -rf .venv dist build vlkit-out .pytest_cache .mypy_cache .ruff_cache .hypothesis
