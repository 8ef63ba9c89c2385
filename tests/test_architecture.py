"""Imports point one way: a module imports only from layers below its own."""

import ast
import re
from pathlib import Path

import fhr_jax

LAYERS = (
    ("types", "markup", "errors", "files", "memory", "npz", "tensors", "sharding"),
    ("geometry", "heatmap", "hourglass", "batch_norm", "filters", "losses", "metrics", "inputs"),
    ("crop", "augment", "stabilizer", "exported", "weights"),
    ("data", "pipeline", "torch_weights"),
    ("checkpoint", "export", "log", "plots", "overlay"),
    ("train", "evaluate", "calibrate"),
    ("benchmark",),
    ("demo",),
    ("cli",),
)
ORDER = {name: level for level, names in enumerate(LAYERS) for name in names}
ROOT = Path(fhr_jax.__file__).parent


def _own_imports(path: Path) -> set[str]:
    """First component below fhr_jax of every import of the package in a file, at any depth of the code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{a.name}" if node.module == "fhr_jax" else str(node.module) for a in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("fhr_jax.")}
        assert not any(n.split(".")[0] in ("experiments", "tests") for n in names), f"{path} imports {names}"
    return found


def test_every_module_has_a_layer():
    modules = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in ROOT.rglob("*.py")}
    assert modules - {"__init__"} <= set(ORDER)


def test_imports_point_down():
    for path in ROOT.rglob("*.py"):
        own = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        for other in _own_imports(path) - {own}:
            assert ORDER[other] <= ORDER[own], f"{path.relative_to(ROOT)} imports {other}, which lies above it"


def test_markup_needs_the_standard_library_only():
    source = (ROOT / "markup.py").read_text()
    imported = {
        (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported <= {"typing"}


def test_only_plots_draws_with_matplotlib():
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] != "plots":
            assert not re.search(r"^\s*(import|from) matplotlib", path.read_text(), re.MULTILINE), path
