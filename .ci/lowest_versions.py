"""Print the lowest versions that pyproject.toml allows, as constraints for pip.

python .ci/lowest_versions.py > lowest.txt
python .ci/lowest_versions.py torch > lowest.txt  # but torch as in constraints.txt
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,-]+\])?>=(?P<version>[\w.]+)$")


def lowest(requirements: list[str]) -> dict[str, str]:
    """Lowest version of each requirement; one without a floor is an error."""
    found = {}
    for requirement in requirements:
        match = REQUIREMENT.match(requirement)
        if not match:
            raise SystemExit(f"{PROJECT.name}: {requirement!r} has no lowest version.")
        found[match["name"]] = match["version"]
    return found


if __name__ == "__main__":
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    known = dict(
        line.split("==")
        for line in PROJECT.with_name("constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    )
    for name, version in lowest(project["dependencies"]).items():
        print(f"{name}=={known[name] if name in sys.argv[1:] else version}")
