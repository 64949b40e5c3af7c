"""Draw the rooms of the package and their imports into docs/architecture.md.

python docs/draw_architecture.py          # writes the drawing
python docs/draw_architecture.py --check  # exit status 1 if it is out of date
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

PACKAGE = "sk_inceptionxml"
ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
START, END = "<!-- drawing: made by docs/draw_architecture.py -->", "<!-- end of drawing -->"
LEFT_OUT = {"_utils", "exceptions", "presets", "datasets", "__main__"}  # all over, or by nothing
HANDED_OUT = {"InceptionXMLClassifier": "classifier"}  # by the package, on first use


def room_of(parts: tuple[str, ...]) -> str:
    """Folder or module right below the package."""
    return parts[0].removesuffix(".py")


def imported_rooms(path: Path, parts: tuple[str, ...], rooms: set[str]) -> set[str]:
    """Rooms that a module imports from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        names = (node.module or "").split(".")
        if node.level:
            above = list(parts[:-1])[: len(parts) - node.level]
            names = [PACKAGE, *above, *filter(None, names)]
        if names[0] == PACKAGE:
            aliases = [HANDED_OUT.get(alias.name, alias.name) for alias in node.names]
            wanted = names[1:2] or aliases
            found |= {name for name in wanted if name in rooms}
    return found


def arrows() -> dict[str, set[str]]:
    """Rooms that each room imports from, those left out that follow from others."""
    files = {p: p.relative_to(ROOT / PACKAGE).parts for p in (ROOT / PACKAGE).rglob("*.py")}
    rooms = {room_of(parts) for parts in files.values()} - {"__init__"} - LEFT_OUT
    direct: dict[str, set[str]] = {room: set() for room in rooms}
    for path, parts in files.items():
        own = room_of(parts)
        if own in rooms:
            direct[own] |= imported_rooms(path, parts, rooms) - {own}
    reach: dict[str, set[str]] = {}

    def reached(room: str) -> set[str]:
        if room not in reach:
            reach[room] = set().union(*({r} | reached(r) for r in direct[room]), set())
        return reach[room]

    return {
        room: {r for r in direct[room] if not any(r in reached(o) for o in direct[room] - {r})}
        for room in rooms
    }


def drawing() -> str:
    """The drawing as Mermaid, in a fenced block."""
    lines = ["```mermaid", "flowchart TD"]
    for room, others in sorted(arrows().items()):
        lines += [f"    {room} --> {other}" for other in sorted(others)] or [f"    {room}"]
    return "\n".join([*lines, "```"])


def page() -> str:
    """The page with the drawing of today."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(START)
    return f"{before}{START}\n{drawing()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    new = page()
    if "--check" in sys.argv:
        sys.exit(int(new != PAGE.read_text(encoding="utf-8")))
    PAGE.write_text(new, encoding="utf-8")
