"""Imports point one way: down the layers, never in a circle; and names are unique."""

import ast
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

import fhr_jax

LAYERS = (
    (
        "types",
        "choices",
        "markup",
        "errors",
        "progress",
        "files",
        "memory",
        "compilation_cache",
        "xla_flags",
        "npz",
        "tensors",
        "sharding",
        "lazy",
    ),
    ("geometry", "heatmap", "hourglass", "batch_norm", "dense", "filters", "losses", "metrics", "inputs", "axis_order"),
    ("crop", "augment", "stabilizer", "exported", "weights", "detector"),
    ("data", "pipeline", "torch_weights"),
    ("checkpoint", "export", "log", "plots", "overlay"),
    ("train", "evaluate", "calibrate", "reports"),
    ("benchmark",),
    ("demo",),
    ("cli",),
)
ORDER = {name: level for level, names in enumerate(LAYERS) for name in names}
ROOT = Path(fhr_jax.__file__).parent
MAY_USE_BENCHMARK = ("benchmark", "demo", "cli")
"""Library code never imports what only experiments share."""


def _name(path: Path) -> str:
    parts = ("fhr_jax", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def _imports(path: Path, *, tests: bool = False) -> set[str]:
    """Modules of the package that a file imports, at any depth of its code; only `tests` may import each other."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # A name in a package may be a module of it or something that its __init__ offers.
            names = [
                f"{node.module}.{a.name}" if f"{node.module}.{a.name}" in FILES else node.module for a in node.names
            ]
        else:
            continue
        others = any(str(name).split(".")[0] in ("experiments", "tests") for name in names)
        assert tests or not others, f"{path} imports {names}"
        found |= {str(name) for name in names if str(name).split(".")[0] == "fhr_jax"}
    return found


IMPORTS = {name: _imports(path) for name, path in FILES.items()}


def test_every_module_has_a_layer():
    assert {name.split(".")[1] for name in FILES if "." in name} <= set(ORDER)


def test_imports_point_down():
    for name, others in IMPORTS.items():
        for other in others:
            if "." in name and "." in other:
                own, imported = name.split(".")[1], other.split(".")[1]
                assert ORDER[imported] <= ORDER[own], f"{name} imports {other}, which lies above it"


def test_no_cycle_between_files():
    left = {name: {other for other in others if other != name} for name, others in IMPORTS.items()}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    assert not left, {name: sorted(others & left.keys()) for name, others in left.items()}


def test_data_does_not_know_the_stabilizer():
    for name, others in IMPORTS.items():
        if name.startswith("fhr_jax.data"):
            assert not any(other.startswith("fhr_jax.stabilizer") for other in others), name


def test_the_library_does_not_know_the_benchmarks():
    for name, others in IMPORTS.items():
        if "." in name and name.split(".")[1] not in MAY_USE_BENCHMARK:
            assert not any(other.startswith("fhr_jax.benchmark") for other in others), name


def test_class_names_are_unique():
    places = defaultdict(list)
    for name, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)
    assert not {name: where for name, where in places.items() if len(where) > 1}


def test_markup_needs_the_standard_library_only():
    for path in (ROOT / "markup").glob("*.py"):
        imported = {
            node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        for name in imported:
            ours = str(name).startswith("fhr_jax.markup") or name == "fhr_jax.errors"
            assert ours or str(name).split(".")[0] in sys.stdlib_module_names, f"{path} imports {name}"


def test_only_plots_draws_with_matplotlib():
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] != "plots":
            assert not re.search(r"^\s*(import|from) matplotlib", path.read_text(), re.MULTILINE), path


OWNERS = {
    "matplotlib": ("plots/",),
    "tensorflow_datasets": ("data/datasets/build/",),
    "grain": ("data/loader.py",),
    "orbax": ("checkpoint.py", "train/run.py"),
} | dict.fromkeys(("scipy", "cv2", "PIL", "av", "h5py", "tensorboardX", "torch"), ())
"""Packages that are slow to import or may be missing, and where they may be imported at the top of a module."""


def test_slow_packages_are_imported_where_they_are_used():
    found = set()
    for path in FILES.values():
        place = path.relative_to(ROOT).as_posix()
        for line in re.findall(r"^(?:import|from) (\w+)", path.read_text(), re.MULTILINE):
            if line in OWNERS:
                found.add(line)
                assert place.startswith(OWNERS[line]), f"{place}: import {line} inside of the function that uses it"
    assert found == {package for package, places in OWNERS.items() if places}


def test_files_are_small_and_folders_too():
    """Each folder below the package has at most 20 modules; the package itself holds what has no folder."""
    for name, path in FILES.items():
        assert len(path.read_text().splitlines()) <= 350, f"{name} is long: does it hold two ideas?"
    folders = Counter(path.parent for path in FILES.values() if path.name != "__init__.py")
    del folders[ROOT]
    assert max(folders.values()) <= 20, folders.most_common(1)


TESTS = Path(__file__).parent
WITHOUT_MODULE = {
    "whole packages": (
        "data/faces/test_faces.py",
        "demo/test_demo.py",
        "filters/test_filters.py",
        "metrics/test_metrics.py",
        "pipeline/test_pipeline.py",
        "plots/test_plots.py",
        "stabilizer/extensions/test_extensions.py",
        "train/test_train.py",
    ),
    "a property of several modules": (
        "data/datasets/build/test_resume.py",
        "data/datasets/test_bad_input.py",
        "data/datasets/test_train.py",
        "data/io/test_bad_images.py",
        "heatmap/test_logits.py",
        "stabilizer/fit/test_functions.py",
        "stabilizer/test_donation.py",
        "stabilizer/test_gradients.py",
        "stabilizer/test_missing.py",
        "stabilizer/test_precision.py",
        "stabilizer/test_real_tracks.py",
        "stabilizer/test_streaming.py",
        "test_mutations.py",
    ),
    "processes that start, end or are killed": (
        "cli/test_kills.py",
        "cli/test_main.py",
        "cli/test_module.py",
        "cli/test_processes.py",
        "data/test_loader_processes.py",
        "test_staged_folder.py",
        "train/test_kill.py",
        "train/test_old_run.py",
        "train/test_twenty_kills.py",
    ),
    "the project": (
        "test_api.py",
        "test_architecture.py",
        "test_docs.py",
        "test_howtos.py",
        "test_landing.py",
        "test_notebooks.py",
        "test_release.py",
        "test_site.py",
    ),
}
"""Test files that are named after no module, and what they test instead. Add none where a module's own file will do."""


def test_tests_mirror_the_tree():
    found = {str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py")}
    without = {
        name
        for name in found
        if not name.startswith("experiments/") and not (ROOT / Path(name).with_name(Path(name).name[5:])).exists()
    }
    assert without == {name for names in WITHOUT_MODULE.values() for name in names}


DEFINITIONS = "definitions only"
TESTED_IN = {
    "benchmark/known_motions/test_measure.py": ("benchmark.known_motions.cases", "benchmark.known_motions.markups"),
    "cli/test_fit.py": ("cli.fitting",),
    "cli/test_track.py": ("cli.tracking.messages", "cli.tracking.settings"),
    "cli/test_train.py": ("cli.training.cost",),
    "cli/test_main.py": ("cli.arguments", "cli.demo", "cli.options"),
    "cli/test_module.py": ("cli.__main__",),
    "data/datasets/build/test_run.py": ("data.datasets.build",),
    "data/datasets/test_bad_input.py": ("data.open_dataset",),
    "data/datasets/test_catalogue.py": ("data.datasets",),
    "data/faces/test_faces.py": ("data.faces",),
    "data/io/frame_sources/test_opening.py": ("data.io.frame_sources.source",),
    "data/io/test_video.py": ("data.io.pyav",),
    "data/io/formats/test_hdf5.py": ("data.io.formats.hdf5_child",),
    "data/io/formats/test_coco.py": ("data.io.formats.people",),
    "data/io/formats/test_matlab.py": ("data.io.formats.mat5",),
    "data/io/test_landmark_files.py": (
        "data.io.formats.base",
        "data.io.formats.numpy_files",
        "data.io.formats.pts_folder",
        "data.io.natural_order",
        "data.io.openface",
    ),
    "data/io/test_table_layouts.py": ("data.io.formats.csv_tables",),
    "data/sources/test_boxes.py": ("cli.source",),
    "data/sources/test_user_folder.py": ("data.skipped",),
    "data/synthetic/test_tracks.py": ("data.synthetic.detector_noise",),
    "data/test_crops.py": ("data.io.file_tree",),
    "data/test_records.py": ("data.sources",),
    "demo/test_demo.py": ("demo",),
    "experiments/test_experiments.py": ("benchmark.options",),
    "filters/test_filters.py": ("filters",),
    "heatmap/test_decoding.py": ("heatmap",),
    "metrics/test_metrics.py": ("metrics",),
    "pipeline/test_pipeline.py": ("pipeline",),
    "stabilizer/test_streaming.py": ("stabilizer.state",),
    "stabilizer/extensions/test_extensions.py": ("stabilizer.extensions",),
    "stabilizer/fit/test_functions.py": ("stabilizer.fit",),
    "stabilizer/test_filter.py": ("stabilizer.bijectors", "stabilizer.covariance", "stabilizer.mixture"),
    "stabilizer/test_params.py": ("stabilizer.params_io",),
    "test_export.py": ("exported",),
    "train/test_run.py": ("log",),
    "train/test_train.py": ("train",),
    DEFINITIONS: ("choices", "progress", "types"),
}
"""Modules that have no test file of their own, or their packages, by the file that tests them."""


def _place(name: str) -> tuple[str, str]:
    """The test file of a module, and the module or the package that it tests: by its name, or from `TESTED_IN`."""
    own = FILES[name].relative_to(ROOT).with_name(f"test_{FILES[name].name}")
    if (TESTS / own).exists():
        return str(own), name
    listed = {f"fhr_jax.{part}": file for file, parts in TESTED_IN.items() for part in parts}
    for n in range(name.count(".")):
        if (part := name.rsplit(".", n)[0]) in listed:
            return listed[part], part
    return "", name


def test_every_module_is_imported_by_the_file_that_tests_it():
    """By itself, through a package above it such as `cli`, or in a process; of a listed package any module will do."""
    modules = [name for name, path in FILES.items() if path.name != "__init__.py"]
    missing = []
    for name in modules:
        file, tested = _place(name)
        if not file:
            missing.append(f"{name}: add {FILES[name].relative_to(ROOT).with_name(f'test_{FILES[name].name}')}")
        elif file != DEFINITIONS:
            used = _imports(TESTS / file, tests=True) | set(
                re.findall(r"fhr_jax\.[\w.]*\w", (TESTS / file).read_text())
            )
            above = {tested.rsplit(".", n)[0] for n in range(tested.count("."))}
            if not above & used and not any(other.startswith(f"{tested}.") for other in used):
                missing.append(f"{name}: {file} does not import {tested}")
    assert not missing, "\n".join(["", *missing])
    needed = {_place(name)[1].removeprefix("fhr_jax.") for name in modules}
    assert {part for parts in TESTED_IN.values() for part in parts} <= needed, "TESTED_IN lists what has its own file"
