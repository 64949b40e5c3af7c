"""Registering the backend, without Annif's commands."""

import subprocess
import sys

import pytest

import sk_inceptionxml.annif as launcher


def test_to_import_is_to_register():
    code = (
        "import sk_inceptionxml.annif, annif.backend, sys; "
        "before = 'torch' in sys.modules; "
        "print(before, annif.backend.get_backend('inceptionxml').__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "InceptionXMLBackend"]


def test_processes_that_are_spawned_know_the_backend(annif):
    code = (
        "import annif.parallel; annif.parallel.MP_START_METHOD = 'spawn'\n"
        "from sk_inceptionxml.annif import main\n"
        "if __name__ == '__main__':\n"
        "    import sys; sys.exit(main())\n"
    )
    (annif.folder / "spawning.py").write_text(code)
    found = annif.metrics("plain", "--jobs", 2, program="spawning")
    assert found["Documents evaluated"] == 56 and found["F1@5"] > 0.3


@pytest.mark.filterwarnings("ignore")  # of Annif and its web framework
def test_the_web_application_knows_the_backend(annif, monkeypatch):
    monkeypatch.chdir(annif.folder)
    monkeypatch.setenv("ANNIF_CONFIG", "annif.default_config.Config")
    client = launcher.create_app().test_client()
    answer = client.post("/v1/projects/plain/suggest", data={"text": "The chess of Malta"})
    assert answer.status_code == 200
    assert {hit["label"] for hit in answer.json()["results"][:2]} == {"chess", "Malta"}


def test_an_annif_without_a_table_is_an_error(monkeypatch, capsys):
    import annif.backend

    monkeypatch.delattr(annif.backend, "_backend_fns")
    with pytest.raises(ImportError, match="http backend"):
        launcher.register()
    assert launcher.main() == 2
    assert capsys.readouterr().err.startswith("error: this version of Annif")


def test_without_annif_main_says_what_is_missing(monkeypatch, capsys):
    import importlib

    real = importlib.import_module

    def without(name, *rest):
        if name.startswith("annif"):
            raise ModuleNotFoundError(name, name="annif")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    assert launcher.main() == 2
    assert "pip install 'sk-inceptionxml[annif]'" in capsys.readouterr().err
