"""After `import fhr_jax` every public module is an attribute of its package."""

import subprocess
import sys

import pytest

import fhr_jax
from fhr_jax import lazy

WALK = """
import pkgutil
import fhr_jax

def walk(package):
    for found in pkgutil.iter_modules(package.__path__):
        if not found.name.startswith("_"):
            module = getattr(package, found.name)
            if found.ispkg:
                walk(module)

for name in fhr_jax._MODULES:
    if name != "torch_weights":  # needs PyTorch
        module = getattr(fhr_jax, name)
        if hasattr(module, "__path__"):
            walk(module)
assert fhr_jax.data.open_dataset.open_dataset
assert fhr_jax.data.faces.sample
print("all there")
"""


def test_every_module_is_there_after_importing_the_package():
    result = subprocess.run([sys.executable, "-c", WALK], capture_output=True, text=True, timeout=120)
    assert result.stdout == "all there\n", result.stderr


def test_unknown_names_are_refused_and_modules_are_listed():
    assert not hasattr(fhr_jax.data, "facez")
    assert {"faces", "open_dataset"} <= set(dir(fhr_jax.data))


def test_names_of_a_package_are_listed_beside_its_modules():
    assert {"bootstrap", "nrmse", "eyelid_lip_opening"} <= set(dir(fhr_jax.metrics))


def test_submodules_are_imported_on_first_use(tmp_path, monkeypatch):
    (tmp_path / "package_of_the_test").mkdir()
    for name in ("__init__", "first", "_private"):
        (tmp_path / "package_of_the_test" / f"{name}.py").write_text("VALUE = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    package = __import__("package_of_the_test")
    getattribute, directory = lazy.submodules("package_of_the_test")
    assert {"first", "VALUE"} <= set(directory())
    assert "_private" not in directory()
    assert "package_of_the_test.first" not in sys.modules
    assert getattribute("first").VALUE == 3
    assert package.first is sys.modules["package_of_the_test.first"]
    for name in ("_private", "missing"):
        with pytest.raises(AttributeError, match=f"'package_of_the_test' has no attribute '{name}'"):
            getattribute(name)


SLOW = "{'tensorflow_datasets', 'tensorflow', 'grain', 'orbax', 'scipy', 'cv2', 'matplotlib', 'h5py', 'av', 'PIL'}"
SMOOTH = f"""
import sys
import numpy as np
from fhr_jax import cli, stabilizer
assert "optax" not in sys.modules  # that is for fits
assert not {SLOW} & set(sys.modules), {SLOW} & set(sys.modules)
stabilizer.run(stabilizer.default_params(5), np.arange(20.0, dtype=np.float32).reshape(2, 5, 2))
np.save("points.npy", np.random.default_rng(0).normal(100, 30, (4, 5, 2)))
assert cli.main(["smooth", "points.npy", "steady.npy"]) == 0
assert not {SLOW} & set(sys.modules), {SLOW} & set(sys.modules)
assert stabilizer.fit_gradient is stabilizer.fit.fit_gradient
assert "optax" in sys.modules
import fhr_jax.pipeline, fhr_jax.cli.train, fhr_jax.cli.fit
assert not {SLOW} & set(sys.modules), {SLOW} & set(sys.modules)
print("only what is needed")
"""


def test_smoothing_imports_nothing_slow_that_it_does_not_use(tmp_path):
    result = subprocess.run([sys.executable, "-c", SMOOTH], capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert result.stdout.endswith("only what is needed\n"), result.stderr


def test_names_of_fits_are_listed_and_unknown_ones_refused():
    assert {"fit_gradient", "run", "Fit"} <= set(dir(fhr_jax.stabilizer))
    assert fhr_jax.stabilizer.Fit is fhr_jax.stabilizer.fit.Fit
    with pytest.raises(AttributeError, match=r"'fhr_jax.stabilizer' has no attribute 'fits'"):
        _ = fhr_jax.stabilizer.fits
