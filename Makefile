# Everything on a fresh machine, from nothing but Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv

# exact versions, so that two clones a year apart are the same; `make lock` renews them. Older releases of pip take what
# an environment for building is made of from the first, newer ones from the second
LOCK := requirements/lock.txt
LOCKED := PIP_CONSTRAINT=$(LOCK) PIP_BUILD_CONSTRAINT=$(LOCK)
UV := $(VENV)/lock/bin/uv

.PHONY: help demo test-quick test test-long test-orders test-newest test-oldest lock check bench format clean
.DEFAULT_GOAL := help

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/demo/.made  ## the main example on real data; a second time re-runs nothing
	@$(VENV)/demo/bin/python examples/flights

test-quick: $(VENV)/test/.made  ## the tests that take no more than a moment: for each change, under a minute
	@PLAIT_ORDER=$${PLAIT_ORDER:-0} $(VENV)/test/bin/python -m pytest -q -n 2 -m "not long and not slow" --hypothesis-profile=steady tests

test: $(VENV)/test/.made  ## all tests, the same each time; pytest by itself takes another order and draws anew
	@PLAIT_ORDER=$${PLAIT_ORDER:-0} $(VENV)/test/bin/python -m pytest -q -n 2 -m "not long" --hypothesis-profile=steady

test-long: $(VENV)/test/.made  ## the tests that take minutes
	@PLAIT_EXAMPLES=1000 PLAIT_FAULTS=0.2 $(VENV)/test/bin/python -m pytest -q -n 2 -m "long or law" --timeout 3600

test-orders: $(VENV)/test/.made  ## all tests in twenty orders, drawn anew: none may fail in any
	@for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do \
		$(VENV)/test/bin/python -m pytest -q -n 2 -m "not long" || exit 1; done

test-newest: $(UV)  ## all tests, with the newest releases of what is needed
	@$(MAKE) --no-print-directory suite-of OF=newest RESOLUTION=highest

test-oldest: $(UV)  ## all tests, with the oldest releases that pyproject.toml allows
	@$(MAKE) --no-print-directory suite-of OF=oldest RESOLUTION=lowest-direct

.PHONY: suite-of
suite-of:
	@$(PYTHON) -m venv --clear $(VENV)/$(OF)
	@$(UV) pip install --quiet --python $(VENV)/$(OF)/bin/python --upgrade --resolution $(RESOLUTION) --editable '.[test]'
	@PLAIT_ORDER=$${PLAIT_ORDER:-0} $(VENV)/$(OF)/bin/python -m pytest -q -n 2 -m "not long" --hypothesis-profile=steady $(TESTS)

lock: $(UV)  ## the newest releases as the exact versions that `make demo` and `make test` install
	@mkdir -p $(dir $(LOCK))
	@echo 'hatchling' | UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 \
		--no-emit-index-url --no-emit-find-links --all-extras --no-annotate --output-file $(LOCK) pyproject.toml -

$(UV):
	@$(PYTHON) -m venv --clear $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'

check: $(VENV)/test/.made  ## ruff, mypy, and the layers of the imports
	@$(VENV)/test/bin/ruff check .
	@$(VENV)/test/bin/ruff format --check .
	@$(VENV)/test/bin/mypy
	@$(VENV)/test/bin/python -m pytest -q tests/test_architecture.py

bench: $(VENV)/test/.made  ## the figures of the README
	@$(VENV)/test/bin/python -m benchmarks

format: $(VENV)/test/.made  ## as ruff formats
	@$(VENV)/test/bin/ruff check --fix-only -q . && $(VENV)/test/bin/ruff format -q .

clean:  ## what was made here, but no results
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/demo/.made: EXTRAS = examples
$(VENV)/test/.made: EXTRAS = lint

$(VENV)/%/.made: pyproject.toml $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "plait needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say which: make PYTHON=python3.12 $*")'
	@echo "making the virtual environment $(VENV)/$* (once)"
	@$(PYTHON) -m venv --clear $(VENV)/$*
	@$(LOCKED) $(VENV)/$*/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@
