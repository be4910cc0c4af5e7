# Everything on a fresh machine, from nothing but Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv

.PHONY: help demo test test-long test-orders check bench format clean
.DEFAULT_GOAL := help

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/demo/.made  ## the main example on real data; a second time re-runs nothing
	@$(VENV)/demo/bin/python examples/flights

test: $(VENV)/test/.made  ## all tests, the same each time; pytest by itself takes another order and draws anew
	@PLAIT_ORDER=$${PLAIT_ORDER:-0} $(VENV)/test/bin/python -m pytest -q -n 2 -m "not long" --hypothesis-profile=steady

test-long: $(VENV)/test/.made  ## the tests that take minutes
	@PLAIT_EXAMPLES=1000 PLAIT_FAULTS=0.2 $(VENV)/test/bin/python -m pytest -q -n 2 -m "long or law" --timeout 3600

test-orders: $(VENV)/test/.made  ## all tests in twenty orders, drawn anew: none may fail in any
	@for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do \
		$(VENV)/test/bin/python -m pytest -q -n 2 -m "not long" || exit 1; done

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

$(VENV)/%/.made: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "plait needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say which: make PYTHON=python3.12 $*")'
	@echo "making the virtual environment $(VENV)/$* (once)"
	@$(PYTHON) -m venv --clear $(VENV)/$*
	@$(VENV)/$*/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@
