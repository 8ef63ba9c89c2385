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
