"""The layering of the package: who may import whom, and what an import costs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import sk_inceptionxml

PACKAGE = "sk_inceptionxml"
ROOT = Path(sk_inceptionxml.__file__).parent
MAX_LINES = 560  # a third of the longest, classifier.py, is its public docstring

# A room is a module or a subpackage. It imports only from rooms on a lower floor.
FLOORS = [
    ["exceptions", "rollback", "sparse_input", "threads"],
    [
        "allocator",
        "calibration",
        "clustering",
        "datasets",
        "embeddings",
        "fusion",
        "history",
        "labels",
        "lexical",
        "metrics",
        "neighbours",
        "presets",
        "vectorize",
    ],
    ["blocks", "convolution"],
    [
        "after_fork",
        "folding",
        "model_selection",
        "optimizers",
        "parallel",
        "parameters",
        "row_order",
    ],
    ["encoder"],
    ["heads"],
    ["sync"],
    ["network"],
    ["batches"],
    ["callbacks", "inference", "net"],
    ["prediction", "snapshots"],
    ["held_out", "training"],
    ["incremental", "persistence"],
    ["checkpoints"],
    ["classifier"],
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
TORCH_FREE = {*FLOORS[0], *FLOORS[1], "model_selection", "parameters", "row_order"}
TORCH_PACKAGES = {"torch", "skorch", "safetensors.torch"}


def modules() -> dict[str, Path]:
    """Dotted name of every module of the package and its file."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = [PACKAGE, *path.relative_to(ROOT).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def room_of(module: str) -> str:
    """Room of a dotted name; empty for the package itself."""
    return (module.split(".") + [""])[1]


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def statements(node: ast.AST, at_import: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports that run, those inside of functions only if not ``at_import``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child
        elif is_for_types(child):
            continue
        elif not (at_import and isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))):
            yield from statements(child, at_import)


def imports(module: str, source: str, *, at_import: bool = False) -> set[str]:
    """Dotted names that the source of a module imports, as exact as they can be known."""
    is_package = MODULES.get(module, Path()).name == "__init__.py"
    found = set()
    for node in statements(ast.parse(source), at_import):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            continue
        base = node.module or ""
        if node.level:
            parts = module.split(".")
            above = parts[: len(parts) - node.level + is_package]
            base = ".".join([*above, base] if base else above)
        for alias in node.names:
            name = f"{base}.{alias.name}"
            found.add(name if name in MODULES else base)
    return found


def imports_of(module: str, *, at_import: bool = False) -> set[str]:
    return imports(module, MODULES[module].read_text(encoding="utf-8"), at_import=at_import)


def internal(names: set[str]) -> set[str]:
    return {name for name in names if name == PACKAGE or name.startswith(PACKAGE + ".")}


def test_every_room_has_a_floor():
    rooms = {room_of(module) for module in MODULES} - {""}
    assert rooms == set(FLOOR), "give a new room its place in FLOORS, take out a removed one"
    assert len(FLOOR) == sum(map(len, FLOORS)), "a room is on two floors"


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("fusion", "import torch.nn", {"torch.nn"}),
        ("fusion", "from sk_inceptionxml import sync", {"sk_inceptionxml.sync"}),
        ("fusion", "from sk_inceptionxml.sync import SyncHead", {"sk_inceptionxml.sync"}),
        ("fusion", "from . import sync", {"sk_inceptionxml.sync"}),
        ("labels._space", "from ._names import x", {"sk_inceptionxml.labels._names"}),
        ("labels._space", "from ..sync import SyncHead", {"sk_inceptionxml.sync"}),
        ("labels", "from ._space import x", {"sk_inceptionxml.labels._space"}),
        ("labels", "from .. import sync", {"sk_inceptionxml.sync"}),
        ("fusion", "def f():\n    import torch", {"torch"}),
        ("fusion", "try:\n    import torch\nexcept ImportError:\n    pass", {"torch"}),
        ("fusion", "if TYPE_CHECKING:\n    import torch", set()),
    ],
)
def test_imports_are_read_right(module, source, expected):
    assert imports(f"{PACKAGE}.{module}", source) == expected


@pytest.mark.parametrize("module", sorted(set(MODULES) - {PACKAGE}))
def test_a_room_imports_only_from_lower_floors(module):
    own = room_of(module)
    for name in internal(imports_of(module)):
        room = room_of(name)
        if room in ("", own):  # the package itself holds the version
            continue
        assert room in FLOOR and own in FLOOR, f"{own} or {room} has no place in FLOORS"
        assert FLOOR[room] < FLOOR[own], f"{module} imports {name}"


@pytest.mark.parametrize("module", sorted(m for m in MODULES if room_of(m) in TORCH_FREE))
def test_leaves_never_import_torch(module):
    for name in imports_of(module):
        heavy = [p for p in TORCH_PACKAGES if name == p or name.startswith(p + ".")]
        assert not heavy, f"{module} imports {name}"


def test_the_package_itself_imports_nothing_at_import():
    assert not internal(imports_of(PACKAGE, at_import=True))


def test_no_module_imports_itself_through_others():
    # a package waits for its modules, so only what names a module, not its package, can be a cycle
    graph = {module: internal(imports_of(module, at_import=True)) for module in MODULES}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"modules import each other: {' <- '.join(error.args[1])}")
    assert set(order) == set(MODULES)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_file_is_long(module):
    n_lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert n_lines <= MAX_LINES, f"{module} has {n_lines} lines; split it"


def run(code: str) -> str:
    """Standard output of a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_rooms_without_torch_do_not_load_it():
    # one interpreter for all: the first room that loads it is named
    code = (
        f"import sys, importlib, {PACKAGE}\n"
        f"for room in ['', *{sorted(TORCH_FREE)}]:\n"
        f"    importlib.import_module('{PACKAGE}.' + room if room else '{PACKAGE}')\n"
        "    if 'torch' in sys.modules:\n"
        "        print(room or 'the package')\n"
        "        break\n"
    )
    assert run(code) == ""


def test_the_estimator_loads_on_first_use():
    code = (
        "import sys, sk_inceptionxml as s; before = 'torch' in sys.modules; "
        "s.InceptionXMLClassifier; print(before, 'torch' in sys.modules)"
    )
    assert run(code) == "False True"


def test_unknown_names_of_the_package_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = sk_inceptionxml.Nothing
    assert set(sk_inceptionxml.__all__) <= set(dir(sk_inceptionxml))
