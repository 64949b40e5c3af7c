"""The harvest of documentation from installed packages."""

import sys

import numpy as np
import pytest
from _dataset_files import write

from sk_inceptionxml.datasets import _harvest


def test_harvest_of_one_package(capfd):
    records = _harvest.harvest(["joblib", "no_such_package"])
    by_name = {record["name"]: record for record in records}
    assert by_name["joblib.hash"]["labels"] == ["coerce_mmap", "hash_name", "obj"]
    assert "verbose" in by_name["joblib.Memory"]["labels"]
    assert [r["name"] for r in records] == sorted(by_name)
    texts = [r["text"] for r in records]
    assert len(set(texts)) == len(texts) > 50
    assert all(3 <= len(text.split()) <= 40 for text in texts)
    assert all(r["labels"] and r["labels"] == sorted(set(r["labels"])) for r in records)
    assert "self" not in {x for r in records for x in r["labels"]}
    assert not any(".test." in r["name"] or "._" in r["name"] for r in records)
    assert capfd.readouterr() == ("", "")


def test_harvest_survives_hostile_packages(tmp_path, monkeypatch, capfd):
    package = tmp_path / "hostile_pkg"
    (package / "tests").mkdir(parents=True)
    write(
        package / "__init__.py",
        "import warnings\nprint('loud')\nwarnings.warn('loud')\n"
        "class Odd:\n"
        "    '''A class of odd things.'''\n"
        "    def __init__(self, size, *args, _hidden=1, **kwargs): pass\n"
        "    def put(self, item, where=None):\n"
        "        '''Put an :class:`~a.b.Item` here. Slow.'''\n"
        "    def nothing(self):\n        '''Do nothing at all.'''\n"
        "    def take(self, item, amount):\n        '''Put an Item here.'''\n"
        "    def brief(self, item):\n        '''Too brief.'''\n"
        "    def _private(self, item):\n        '''Not for the public.'''\n"
        "def __getattr__(name):\n    raise RuntimeError(name)\n",
    )
    write(package / "exits.py", "raise SystemExit(3)\n")
    write(package / "broken.py", "import no_such_module\n")
    write(package / "tests" / "__init__.py", "raise KeyboardInterrupt\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        records = _harvest.harvest(["hostile_pkg"])
    finally:
        for name in [n for n in sys.modules if n.startswith("hostile_pkg")]:
            del sys.modules[name]
    assert records == [
        {"name": "hostile_pkg.Odd", "text": "A class of odd things", "labels": ["size"]},
        {
            "name": "hostile_pkg.Odd.put",
            "text": "Put an Item here",
            "labels": ["amount", "item", "where"],
        },
    ]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("doc", "summary"),
    [
        (None, ""),
        ("Two words.", ""),
        ("word " * 41, ""),
        ("Sum the\n  elements, e.g. of rows. Then stop.", "Sum the elements, e.g. of rows"),
        ("f(x, y=1) -> int\n\nAdd the two.", "Add the two"),
        ("f(x)\nf(x, y)\nAdd the two.", "Add the two"),
        (".. note:: old\n\nAdd ``x`` to :func:`~a.b.add`.", "Add x to add"),
        ("Parameters\n----------\nx : int\n", ""),
    ],
)
def test_summary(doc, summary):
    assert _harvest.get_summary(doc) == summary


def test_parameters_from_docstrings():
    doc = "Do it.\n\nParameters\n----------\nx, y : int\n    Of z : no.\n*args\nout\n    O.\n\n"
    assert _harvest.parse_parameters_section(doc + "Returns\n-------\nr : int\n") == [
        "x",
        "y",
        "out",
    ]
    assert _harvest.parse_parameters_section(doc) == ["x", "y", "out"]
    assert _harvest.parse_parameters_section("Do it.") == []
    line = "f(a, /, b: Tuple[int, str]=(1, 2), *, out=None, **kw) -> Tensor\n\nDo it."
    assert _harvest.parse_first_line(line) == ["a", "b", "out"]
    assert _harvest.parse_first_line("Do f(x) now.") == []
    # The signature of a ufunc is generic, its docstring is not.
    assert "x1" in _harvest.get_parameters(np.add)
    assert "casting" not in _harvest.get_parameters(np.add)
    assert _harvest.get_parameters(np.concatenate)[0] == "arrays"
