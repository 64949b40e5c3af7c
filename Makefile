PYTHON ?= python3
BIN := .venv/bin
# threads that wait must sleep: spinning ones cost three to four times on a busy small machine
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test test-annif test-browser test-cluster test-gpu lint doctest docs dist test-dist clean

demo: .venv/.installed  ## train on real short texts and print the results
	$(BIN)/python examples/quickstart.py

test: .venv/.installed-test  ## run the tests
	$(BIN)/python -m pytest -n auto --dist worksteal

test-cluster: .venv-cluster/.installed  ## run the examples of clusters: Dask, Ray and Spark
	.venv-cluster/bin/python -m pytest tests/cluster

test-annif: .venv-annif/.installed  ## run the backend under the real Annif, at the versions that Annif pins
	.venv-annif/bin/python -m pytest tests/annif

test-gpu: .venv/.installed  ## run the whole script for a GPU, on the CPU and at small sizes
	$(BIN)/python benchmarks/gpu.py --device cpu --quick
	$(BIN)/python benchmarks/gpu.py --device cpu --quick --only compiled

doctest: .venv/.installed-test
	$(BIN)/python -m pytest --doctest-modules sk_inceptionxml -q

docs: .venv/.installed-docs  ## build the site into docs/_build/html and run its gallery; no network
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

dist: .venv/.installed-release  ## build sdist, wheel and conda recipe into dist/, and check them
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*.whl dist/*.tar.gz
	$(BIN)/python .ci/write_recipe.py

# KNOWN=torch leaves torch at the known version: old builds bring gigabytes
test-dist: dist  ## try the wheel in clean environments, on the lowest and on known versions
	$(BIN)/python .ci/lowest_versions.py $(KNOWN) > dist/lowest.txt
	.ci/try_wheel .venv-wheel/lowest dist/lowest.txt
	.ci/try_wheel .venv-wheel/known constraints.txt
	rm -rf .venv-wheel

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

.venv/.installed-docs: .venv/.installed
	$(BIN)/pip install -q -c constraints.txt -e '.[docs]'
	touch $@

.venv/.installed-release: .venv/.installed
	$(BIN)/pip install -q -c constraints.txt -e '.[release]'
	touch $@

.venv/.installed-lint: .venv/.installed-test
	$(BIN)/pip install -q -c constraints.txt -e '.[lint]'
	touch $@

# its own environment: the clusters bring many packages, and limits on the versions of others
.venv-cluster/.installed: pyproject.toml constraints.txt examples/cluster/requirements.txt
	test -x .venv-cluster/bin/python || $(PYTHON) -m venv .venv-cluster
	.venv-cluster/bin/pip install -q -c constraints.txt -r examples/cluster/requirements.txt -e '.[test]'
	touch $@

# its own environment, without the constraints: Annif pins older versions of NumPy, SciPy and others
.venv-annif/.installed: pyproject.toml constraints.txt examples/annif/requirements.txt
	test -x .venv-annif/bin/python || $(PYTHON) -m venv .venv-annif
	.venv-annif/bin/pip install -q -r examples/annif/requirements.txt -e '.[annif,cli,serve]' \
		$$(grep -E '^(torch|hypothesis|pytest|pytest-timeout)==' constraints.txt)
	touch $@

clean:
	rm -rf .venv .venv-annif .venv-cluster .venv-wheel .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf dist docs/_build docs/auto_examples docs/generated
