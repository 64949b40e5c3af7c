"""Fill the recipe for conda-forge with what the built sdist says: dist/recipe/recipe.yaml."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def conda_name(requirement: str) -> str:
    """A requirement of PyPI in the words of conda-forge."""
    name, _, floor = requirement.partition(">=")
    return f"{CONDA_NAMES.get(name, name)} >={floor}"


def main() -> None:
    """Write the folder that a pull request to conda-forge/staged-recipes needs."""
    (sdist,) = (ROOT / "dist").glob("*.tar.gz")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    run = "\n    - ".join(conda_name(requirement) for requirement in project["dependencies"])
    text = (ROOT / "recipe" / "recipe.yaml").read_text(encoding="utf-8")
    filled = {
        "VERSION": sdist.name.removesuffix(".tar.gz").rpartition("-")[2],
        "SHA256": hashlib.sha256(sdist.read_bytes()).hexdigest(),
        "SUMMARY": project["description"],
        "# run": f"- {run}",
    }
    for name, value in filled.items():
        text = text.replace(name, value)
    folder = ROOT / "dist" / "recipe"
    folder.mkdir(exist_ok=True)
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / ".ci" / "smoke.py", folder / "smoke.py")


if __name__ == "__main__":
    main()
