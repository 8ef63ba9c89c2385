"""One interface for public functions and methods: key first, options by keyword, path first, one callback, shapes."""

import importlib
import inspect
import pkgutil
import re

import pytest

import fhr_jax

SHAPE = re.compile(
    r"(?<!\w)\((?:\.\.\.|\*?[A-Z]\w*|\d+)(?:, ?(?:\.\.\.|[A-Za-z0-9*+/ -]+))*,?\)"
    r"|(?<!\w)\(\)|scalar",
    re.ASCII,
)
"""A shape in prose: (..., M, 2), (T,), (), or the word scalar; but not a call such as name(T)."""

POSITIONAL = {
    "fhr_jax.detector.files.load": "path",
    "fhr_jax.weights.load": "path",
    "fhr_jax.stabilizer.pretrained.default_params": "landmarks, dims",
    "fhr_jax.sharding.device_mesh": "devices",
    "fhr_jax.cli.main": "argv",
    "fhr_jax.data.faces.random_draws.RandomDraws.uniform": "low, high, shape",
    "fhr_jax.data.faces.random_draws.RandomDraws.normal": "deviation, limit, shape",
    "fhr_jax.data.faces.random_draws.RandomDraws.choice": "shape",
}
"""Functions whose arguments with a default may be given by position: there is nothing else to give, or they are draws
that NumPy's `random.Generator` calls in this way."""

PATHS = ("path", "folder")  # not `out` of `datasets.build`: it takes first what it opens, the name of the dataset
CALLBACKS = ("callback", "report", "on_progress", "progress")


def _modules():
    names = [module.name for module in pkgutil.walk_packages(fhr_jax.__path__, "fhr_jax.")]
    return [importlib.import_module(name) for name in names if not name.endswith("__main__")]


def _functions():
    for module in _modules():
        for name, function in vars(module).items():
            own = getattr(function, "__module__", None) == module.__name__
            inner = inspect.unwrap(function) if callable(function) else None
            if own and not name.startswith("_") and inspect.isfunction(inner):
                yield f"{module.__name__}.{name}", inner


def _methods():
    """Methods that public classes define themselves, `__init__` and `__call__` too."""
    for module in _modules():
        for class_name, own in vars(module).items():
            if class_name.startswith("_") or not inspect.isclass(own) or own.__module__ != module.__name__:
                continue
            for name, member in vars(own).items():
                method = inspect.unwrap(member.__func__ if isinstance(member, classmethod | staticmethod) else member)
                written = inspect.isfunction(method) and method.__module__ == module.__name__
                if (
                    written
                    and "<string>" not in method.__code__.co_filename
                    and not re.match(r"_(?!_init|_call)", name)
                ):
                    yield f"{module.__name__}.{class_name}.{name}", member, method


METHODS = {name: (member, method) for name, member, method in _methods()}
FUNCTIONS = dict(_functions()) | {name: method for name, (_, method) in METHODS.items()}


def _parameters(name):
    """What a caller gives: without `self` or `cls`."""
    parameters = list(inspect.signature(FUNCTIONS[name]).parameters.values())
    return parameters[1:] if name in METHODS and not isinstance(METHODS[name][0], staticmethod) else parameters


def _doc(name):
    """The docstring of a function or a method; that of `__init__` is the docstring of its class."""
    if name.endswith(".__init__"):
        module, class_name, _ = name.rsplit(".", 2)
        return inspect.getdoc(getattr(importlib.import_module(module), class_name)) or ""
    return inspect.getdoc(FUNCTIONS[name]) or ""


def _require(broken):
    """All that break a rule at once, so that a reader sees how far there is to go."""
    broken = list(broken)
    assert not broken, "\n".join(["", *broken])


def test_key_comes_first():
    names = {name: [parameter.name for parameter in _parameters(name)] for name in FUNCTIONS}
    _require(name for name, own in names.items() if "key" in own and own[0] != "key")


def test_options_are_by_keyword():
    """Whatever has a default is given by name."""

    def by_position(name):
        own = [p.name for p in _parameters(name) if p.default is not p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        return ", ".join(own)

    _require(f"{name}: {by_position(name)}" for name in FUNCTIONS if by_position(name) != POSITIONAL.get(name, ""))


def test_a_path_comes_first():
    for_order = {n: [p.name for p in _parameters(n) if p.kind is not p.KEYWORD_ONLY] for n in FUNCTIONS}
    _require(n for n, own in for_order.items() if set(PATHS) & set(own) and own[0] not in PATHS)


def test_progress_has_one_shape():
    """Called `progress`, by keyword, and takes a `Progress`."""

    def odd(parameter):
        right = parameter.name == "progress" and parameter.kind is parameter.KEYWORD_ONLY
        return parameter.name in CALLBACKS and not (right and "Progress" in str(parameter.annotation))

    _require(f"{name}: {p.name}" for name in FUNCTIONS for p in _parameters(name) if odd(p))


def _takes_arrays(name):
    return any("jaxtyping" in str(parameter.annotation) for parameter in _parameters(name))


def test_docstrings_give_shapes():
    _require(name for name in FUNCTIONS if _takes_arrays(name) and not SHAPE.search(_doc(name)))


UNIT = re.compile(
    r"px|pixel|frame|percent|%|\bunits?\b|\bshares?\b|face size|degree|radian|second|varianc|weight|probabilit|logit"
    r"|\blog\b|logarithm|odds|confidence|\bRGB\b|\[0, 1\]|\(0, 1\)|True|number|count|orthonormal|basis|dimensionless"
    r"|loss|nats|no unit",
    re.IGNORECASE,
)
"""What the numbers of an array are, in prose: a unit, a range, or that they have none."""


def test_docstrings_give_units():
    _require(name for name in FUNCTIONS if _takes_arrays(name) and not UNIT.search(_doc(name)))


def test_long_signatures_are_explained():
    """From four parameters on, every one has a line in the docstring."""

    def unexplained(name):
        names = [parameter.name for parameter in _parameters(name)]
        doc = _doc(name)
        explained = set(re.findall(r"^\s*\*{0,2}(\w+):", doc, re.MULTILINE))
        return [own for own in names if own not in explained] if len(names) >= 4 else []

    _require(f"{name}: {', '.join(unexplained(name))}" for name in FUNCTIONS if unexplained(name))


def test_public_names_are_there():
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", fhr_jax.__version__)
    for name in fhr_jax.__all__:
        assert getattr(fhr_jax, name) is not None, name
    assert set(fhr_jax.__all__) <= set(dir(fhr_jax))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = fhr_jax.nothing
