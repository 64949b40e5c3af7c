"""The program around the commands: help, exit statuses, info and serve."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from _command_line import run

from sk_inceptionxml import __version__
from sk_inceptionxml.cli import serve
from sk_inceptionxml.cli.info import changed_parameters
from sk_inceptionxml.persistence.versions import FORMAT_VERSION

ROOT = Path(__file__).parent.parent.parent
COMMANDS = ["fit", "evaluate", "predict", "info", "serve"]


def test_help_needs_nothing_slow():
    code = (
        "import sys, sk_inceptionxml.cli as cli\n"
        "assert not {'typer', 'rich'} & set(sys.modules)\n"
        "status = cli.main(['fit', '--help'])\n"
        "slow = {'torch', 'sklearn', 'numpy', 'pandas'} & set(sys.modules)\n"
        "sys.exit(status or ' '.join(slow) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--checkpoint-dir" in done.stdout


def test_the_package_does_not_import_the_command_line():
    code = "import sys, sk_inceptionxml; print('sk_inceptionxml.cli' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_the_module_is_the_program():
    done = subprocess.run(
        [sys.executable, "-m", "sk_inceptionxml", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, f"sk-inceptionxml {__version__}\n")


def test_without_a_command_there_is_help():
    ended = run()
    assert ended.status == 0
    assert all(f" {name} " in ended.out for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    ended = run(command, "--help")
    assert (ended.status, ended.err) == (0, "")
    assert "--traceback" in ended.out


def test_unforeseen_failures_have_status_1(place, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("sk_inceptionxml.cli.predict.load", fail)
    ended = run("predict", place / "model")
    assert ended.status == 1
    assert len(ended.err.splitlines()) == 1
    assert "unexpected RuntimeError: two lines" in ended.err and "--traceback" in ended.err
    with pytest.raises(RuntimeError):
        run("predict", place / "model", "--traceback")


def test_traceback_shows_the_cause(tmp_path):
    with pytest.raises(Exception, match="no such directory"):
        run("info", tmp_path / "none", "--traceback")


@pytest.mark.parametrize("name", ["typer", "rich"])
def test_the_extra_is_named_where_it_is_missing(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "sk_inceptionxml.cli.app", None)
    for module in [m for m in sys.modules if m == name or m.startswith(name + ".")]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "sk_inceptionxml.cli.app")
    monkeypatch.delattr("sk_inceptionxml.cli.app", raising=False)
    if name == "rich":  # typer brings it
        monkeypatch.setitem(sys.modules, "typer", None)
    ended = run("info", "model")
    assert ended.status == 2
    assert ended.err.count("\n") == 1 and "pip install 'sk-inceptionxml[cli]'" in ended.err


def test_info_as_json(place):
    ended = run("info", place / "model", "-o", "json")
    found = json.loads(ended.out)
    assert (found["rows"], found["labels"], found["head"], found["input"]) == (70, 8, "ova", "text")
    assert (found["package_version"], found["format_version"]) == (__version__, FORMAT_VERSION)
    assert found["parameters"] == {
        "embedding_dim": 16,
        "n_filters": 4,
        "kernel_sizes": [4, 8],
        "max_epochs": 2,
        "batch_size": 32,
        "random_state": 0,
    }
    size = sum(path.stat().st_size for path in (place / "model").iterdir())
    assert found["bytes"] == sum(found["bytes_by_part"].values()) == size
    assert [epoch["epoch"] for epoch in found["training"]["history"]] == [1, 2]


def test_info_as_tables(place):
    out = run("info", place / "model").out
    for text in ("70 rows, texts", "embedding_dim", "lexical memory", "train_loss", "label names"):
        assert text in out


def test_changed_parameters_of_a_head():
    from sk_inceptionxml import InceptionXMLClassifier
    from sk_inceptionxml.heads import SyncXML

    clf = InceptionXMLClassifier(head=SyncXML(beam_size=2), lr=0.5)
    assert changed_parameters(clf) == {"head": "sync", "head__beam_size": 2, "lr": 0.5}


def test_serve_hands_on_what_it_got(place, tmp_path, monkeypatch):
    calls = []

    class Server:
        def run(self, models, **options):
            calls.append((models, options))

    def find(name):
        assert name == "sk_inceptionxml.serve"
        return Server()

    monkeypatch.setattr(serve.importlib, "import_module", find)
    monkeypatch.setenv(serve.TOKEN, "secret")
    assert run("serve", place / "model", f"b={place / 'model'}", "--port", 99).status == 0
    models = {"model": place / "model", "b": place / "model"}
    options = {"host": "127.0.0.1", "port": 99, "token": "secret", "workers": 1}
    assert calls.pop() == (models, options)
    (tmp_path / "token").write_text("other\n")
    run("serve", place / "model", "--token-file", tmp_path / "token", "--workers", 2)
    assert calls[0][1] == options | {"port": 8000, "token": "other", "workers": 2}


def test_serve_names_its_extra(place, monkeypatch):
    for name in [m for m in sys.modules if m.startswith("sk_inceptionxml.serve")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    ended = run("serve", place / "model")
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert ended.err.count("pip install 'sk-inceptionxml[serve]'") == 1
