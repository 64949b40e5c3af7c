"""The house: who may import whom, what an import costs, and how long a function may be."""

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
MAX_LINES = 60  # of a function beside its docstring
TORCH_PACKAGES = {"torch", "skorch", "safetensors.torch"}

# rooms, and modules of others, that never import torch
TORCH_FREE = [
    "cli",
    "clustering",
    "data",
    "datasets",
    "exceptions",
    "heads",
    "inspection",
    "labels",
    "metrics",
    "model_selection",
    "network.config",
    "presets",
    "ranking.calibration",
    "ranking.features",
    "ranking.fusion",
    "ranking.memory",
    "ranking.neighbours",
    "text",
    "training.config",
    "_utils.blas",
    "_utils.params",
    "_utils.sparse",
]
# a room never imports from the rooms named here, nor does what it imports
FORBIDDEN = {
    "_utils": ["text", "data", "labels", "network", "ranking", "training", "persistence", "serve"],
    "text": ["data", "labels", "network", "ranking", "training", "persistence", "serve"],
    "labels": ["text", "data", "network", "ranking", "training", "persistence", "serve"],
    "data": ["network", "ranking", "training", "persistence", "serve"],
    "network": ["ranking", "training", "persistence", "serve"],
    "ranking": ["training", "persistence", "serve"],
    "training": ["persistence", "serve"],
    "persistence": ["serve"],
    "inspection": ["text", "data", "network", "ranking", "training", "persistence", "serve"],
    "metrics": ["model_selection", "inspection"],
    "model_selection": ["inspection"],
}
# rooms that no other room imports, but for those named here
CALLERS: dict[str, list[str]] = {"annif": [], "cli": ["annif"], "distributed": []}


def modules() -> dict[str, Path]:
    """Dotted name of every module of the package and its file."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = [PACKAGE, *path.relative_to(ROOT).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def statements(node: ast.AST, at_import: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports, those inside of functions only if not ``at_import``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child
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


def is_in(name: str, room: str) -> bool:
    return name == f"{PACKAGE}.{room}" or name.startswith(f"{PACKAGE}.{room}.")


def test_the_rooms_of_the_rules_are_there():
    for room in [*TORCH_FREE, *FORBIDDEN, *CALLERS]:
        assert any(is_in(module, room) for module in MODULES), f"there is no {room}"


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("ranking.fusion", "import torch.nn", {"torch.nn"}),
        ("ranking.fusion", "from sk_inceptionxml import heads", {"sk_inceptionxml.heads"}),
        ("ranking.fusion", "from . import batched", {"sk_inceptionxml.ranking.batched"}),
        ("ranking", "from .fusion import x", {"sk_inceptionxml.ranking.fusion"}),
        ("labels._space", "from ..heads import Head", {"sk_inceptionxml.heads"}),
        ("labels", "from .. import heads", {"sk_inceptionxml.heads"}),
        ("heads", "def f():\n    import torch", {"torch"}),
        ("heads", "if TYPE_CHECKING:\n    import torch", {"torch"}),
    ],
)
def test_imports_are_read_right(module, source, expected):
    assert imports(f"{PACKAGE}.{module}", source) == expected


@pytest.mark.parametrize("room", FORBIDDEN)
def test_imports_point_one_way(room):
    for module in (m for m in MODULES if is_in(m, room)):
        for name in imports_of(module):
            wrong = [other for other in FORBIDDEN[room] if is_in(name, other)]
            assert not wrong, f"{module} imports {name}"


@pytest.mark.parametrize("module", sorted(set(MODULES) - {f"{PACKAGE}.__main__"}))
def test_nothing_imports_a_caller(module):
    for room, allowed in CALLERS.items():
        if not any(is_in(module, other) for other in [room, *allowed]):
            assert not [name for name in imports_of(module) if is_in(name, room)]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_nothing_imports_the_estimator(module):
    """Types included: a callee receives values, never the estimator."""
    if module != PACKAGE:  # which hands it out on first use
        assert f"{PACKAGE}.classifier" not in imports_of(module)


@pytest.mark.parametrize("module", sorted(set(MODULES) - {PACKAGE, f"{PACKAGE}.classifier"}))
def test_no_function_takes_an_estimator(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    names = [
        f"{node.name}({arg.arg})"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for arg in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if arg.arg in ("estimator", "clf", "classifier")
    ]
    # scikit-learn calls scorers with one, and its displays take one; fit_distributed fits one
    takers = ("model_selection", "inspection", "distributed.fit")
    if any(is_in(module, taker) for taker in takers):
        return
    assert not names


def test_no_module_imports_itself_through_others():
    own = set(MODULES) - {PACKAGE}  # which imports nothing until it is asked
    graph = {module: imports_of(module, at_import=True) & own for module in own}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"modules import each other: {' <- '.join(error.args[1])}")
    assert set(order) == own


@pytest.mark.parametrize("module", sorted(MODULES))
def test_leaves_never_import_torch(module):
    if any(is_in(module, room) for room in TORCH_FREE):
        for name in imports_of(module):
            heavy = [p for p in TORCH_PACKAGES if name == p or name.startswith(p + ".")]
            assert not heavy, f"{module} imports {name}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_function_is_long(module):
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            n_lines = node.end_lineno - body[0].lineno + 1 if body else 0
            assert n_lines <= MAX_LINES, f"{node.name} has {n_lines} lines; split it"


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
        f"for room in ['', *{TORCH_FREE}]:\n"
        f"    importlib.import_module('{PACKAGE}.' + room if room else '{PACKAGE}')\n"
        "    if 'torch' in sys.modules:\n"
        "        print(room or 'the package')\n"
        "        break\n"
    )
    assert run(code) == ""


def test_nothing_loads_matplotlib_until_it_draws():
    code = (
        f"import sys, {PACKAGE}.classifier, {PACKAGE}.inspection; "
        "print('matplotlib' in sys.modules)"
    )
    assert run(code) == "False"


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
