PYTHON ?= python3
BIN := .venv/bin
# threads that wait must sleep: spinning ones cost three to four times on a busy small machine
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test lint doctest examples clean

demo: .venv/.installed  ## train on real short texts and print the results
	$(BIN)/python examples/quickstart.py

test: .venv/.installed-test  ## run the tests
	$(BIN)/python -m pytest

doctest: .venv/.installed-test
	$(BIN)/python -m pytest --doctest-modules sk_inceptionxml -q

examples: .venv/.installed-test  ## run the examples that draw figures, without a screen
	for example in examples/plot_*.py; do \
		echo $$example; MPLBACKEND=Agg $(BIN)/python -W error $$example || exit 1; \
	done

lint: .venv/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install -q -c constraints.txt -e .
	touch $@

.venv/.installed-test: .venv/.installed
	$(BIN)/pip install -q -c constraints.txt -e '.[test]'
	touch $@

.venv/.installed-lint: .venv/.installed-test
	$(BIN)/pip install -q -c constraints.txt -e '.[lint]'
	touch $@

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
