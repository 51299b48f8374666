# The menu. `make demo` and `make test` set up everything they need.

# The first Python that runs (a name on PATH may be an empty shim) and is new enough.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
BIN := .venv/bin

.DEFAULT_GOAL := help

.PHONY: help env demo test test-fast check fix docs screenshots bench bench-soep bench-english bench-live bench-queue chaos constraints clean system-packages

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/' | expand -t 22

env: .venv/.ready ## only make the environment: .venv with the command .venv/bin/transcribe

.venv/.ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed. Install it, or set PYTHON=/path/to/python3"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { echo "This Python can't make an environment. Debian/Ubuntu: apt-get install python3-venv"; rm -rf .venv; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/.ready-dev: .venv/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: env ## a spoken consult becomes a note that you verify in the browser; CHECK=1: headless, prints the note
	$(BIN)/transcribe demo $(if $(CHECK),--check)

system-packages:
	@TEST_PARTIAL=$(TEST_PARTIAL) scripts/system-packages

# Sound does not wait: beside what records in a browser only what gives way. Of the others a file stays with one process.
test: .venv/.ready-dev system-packages ## all tests
	@mkdir -p build
	@echo "tests that record in a browser; beside them, at the lowest priority, the unit tests"
	@nice -n 19 $(BIN)/python -m pytest tests/unit >build/unit-tests 2>&1 & beside=$$!; \
	$(BIN)/python -m pytest -m microphone; heard=$$?; \
	wait $$beside; unit=$$?; cat build/unit-tests; \
	test $$heard -eq 0 -a $$unit -eq 0
	$(BIN)/python -m pytest -m 'not microphone' --ignore tests/unit -n 2 --dist loadfile --no-loadscope-reorder

test-fast: .venv/.ready-dev ## the tests that need seconds
	$(BIN)/python -m pytest -m 'not slow and not browser'

check: .venv/.ready-dev ## lint, types, generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/generate_docs.py --check
	$(BIN)/python -m transcribe.locale --check

fix: .venv/.ready-dev ## format, and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/.ready-dev ## write the generated pages of docs/ again
	$(BIN)/python scripts/generate_docs.py

screenshots: .venv/.ready-dev ## pictures of all pages for docs/, by the browser tests
	$(BIN)/python -m pytest -q tests/functional/test_browser_screenshots.py --screenshots

bench: .venv/.ready-dev ## measure: word error rate, speed, the draft
	$(BIN)/python scripts/bench.py

bench-soep: .venv/.ready-dev ## measure the draft and the check on the open benchmark
	rm -rf build/soep && $(BIN)/transcribe eval draft benchmarks/consults --out build/soep
	$(BIN)/python benchmarks/score.py score --consults benchmarks/consults --drafts build/soep
	$(BIN)/python benchmarks/plant.py
	$(BIN)/python benchmarks/plant.py --consults benchmarks/notes
	$(BIN)/python -m benchmarks.noise
	$(BIN)/python -m benchmarks.sets --held

bench-english: .venv/.ready-dev ## measure: English headers and drafts; DATA=folder with mts-dialog/ and aci-bench/
	@test -d "$(DATA)" || { echo "Set DATA to a folder with mts-dialog/ and aci-bench/ (benchmarks/english/README.md)"; exit 1; }
	$(BIN)/python -m benchmarks.english.bench --data $(DATA)

bench-live: .venv/.ready-dev ## measure: from the last word to the draft, and how many microphones one process takes
	$(BIN)/python scripts/bench_live.py $(ARGS)
	$(BIN)/python scripts/bench_ingest.py --streams 500 --seconds 20

bench-queue: .venv/.ready-dev ## measure: the queue by itself, three times 10,000 consults
	$(BIN)/python scripts/bench_queue.py

chaos: .venv/.ready-dev ## break a running service in every way and count what is lost; ARGS="--minutes 30 --seed 7"
	$(BIN)/python scripts/chaos.py --rounds 200 $(ARGS)

constraints: .venv/.ready-dev ## resolve all versions anew
	$(BIN)/python -m pip install --quiet uv
	env -u UV_FIND_LINKS -u PIP_FIND_LINKS $(BIN)/uv pip compile pyproject.toml --all-extras --universal \
	  --python-version 3.11 --no-header --no-annotate --upgrade -c scripts/pins.txt -o constraints.txt

clean: ## remove the environment and caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
