PYTHON ?= python3
BIN := .venv/bin
# threads that wait must sleep: spinning ones cost three to four times on a busy small machine
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test test-browser lint doctest clean

demo: .venv/.installed  ## train on real short texts and print the results
	$(BIN)/python examples/quickstart.py

test: .venv/.installed-test  ## run the tests
	$(BIN)/python -m pytest

doctest: .venv/.installed-test
	$(BIN)/python -m pytest --doctest-modules sk_inceptionxml -q

test-browser: .venv/.installed-browser  ## try the page in a real browser: needs chromium-driver
	$(BIN)/python -m pytest tests/browser

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

.venv/.installed-browser: .venv/.installed-test tests/browser/requirements.txt
	$(BIN)/pip install -q -c constraints.txt -r tests/browser/requirements.txt
	npm install --silent --no-save --prefix .venv axe-core@4.14.1
	touch $@

.venv/.installed-lint: .venv/.installed-test
	$(BIN)/pip install -q -c constraints.txt -e '.[lint]'
	touch $@

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
