"""A small corpus in the form of Annif, and its command line."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOPICS = "sailing gardening weaving astronomy beekeeping carpentry chess opera".split()
PLACES = "Norway Peru Japan Kenya Canada Greece India Malta".split()
FORMS = ["A history of {} in {}", "{} and {}: essays", "The {} of {}", "Notes on {} from {}"]
UNSEEN = "volcanology"
SMALL = {
    "embedding_dim": "32",
    "n_filters": "4",
    "kernel_sizes": "(4, 8)",
    "max_epochs": "4",
    "random_state": "0",
    "device": "cpu",
}


def uri(name):
    return f"http://example.org/subject/{name.lower()}"


def write_tsv(path, documents):
    lines = [f"{text}\t{' '.join(f'<{uri(name)}>' for name in names)}" for text, names in documents]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@dataclass
class Ended:
    status: int
    out: str
    err: str


@dataclass
class Place:
    """A directory with a corpus, a vocabulary and projects."""

    folder: Path

    def __call__(self, *arguments, program="sk_inceptionxml.annif", stdin=""):
        """Run Annif, by default with the backend of this package."""
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, "-m", program, *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def well(self, *arguments, **more):
        """Output of a command that has to end well."""
        ended = self(*arguments, **more)
        assert ended.status == 0, ended.out + ended.err
        return ended.out

    def suggest(self, project, text, **more):
        """URIs and scores."""
        lines = self.well("suggest", project, stdin=text, **more).splitlines()
        fields = [line.split("\t") for line in lines]
        return {first[1:-1]: float(rest[-1]) for first, *rest in fields}

    def metrics(self, project, *options, **more):
        lines = self.well("eval", project, "test.tsv", *options, **more).splitlines()
        pairs = [line.split(":") for line in lines if ":" in line]
        return {name: float(value) for name, value in pairs}

    def write_projects(self, **projects):
        """Sections with their own settings beside those of all."""
        shared = {"language": "en", "vocab": "subjects"}
        text = ""
        for name, own in projects.items():
            settings = shared | {"name": name} | own
            lines = "\n".join(f"{key}={value}" for key, value in settings.items())
            text += f"[{name}]\n{lines}\n\n"
        (self.folder / "projects.cfg").write_text(text, encoding="utf-8")
