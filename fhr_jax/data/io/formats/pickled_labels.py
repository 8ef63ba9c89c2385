"""Labels of columns that pandas pickles into attributes of HDF5 files: read as data, without unpickling anything.

A pickle is a program for a stack machine. Of its instructions only those are followed that make texts, whole numbers,
tuples and lists; every other one, such as those that import and call, is refused.
"""

import pickletools
from pathlib import Path
from typing import Any, cast

from fhr_jax.errors import InputError

MAX_BYTES = 16 * 2**20
_VALUES = {
    "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING",
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1",
}  # fmt: skip
_PUT, _GET = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MARK = object()


def read(path: Path, name: str, pickled: bytes) -> list[tuple[str, ...]]:
    """The labels of columns: tuples of texts, one text for each level.

    Args:
        path: of the file, for error messages.
        name: of the attribute, for error messages.
        pickled: its value.

    Raises:
        InputError: it is no list of such labels.
    """
    wrong = InputError(f"{path}: {name}: expected a list of labels, each a tuple of texts")
    if len(pickled) > MAX_BYTES:
        raise wrong
    try:
        value = _follow(pickled)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise wrong from error
    if not isinstance(value, list) or not all(isinstance(label, tuple) for label in value):
        raise wrong
    if not all(isinstance(part, str) for label in value for part in label) or len({len(label) for label in value}) > 1:
        raise wrong
    return value


def _follow(pickled: bytes) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}

    def to_mark() -> list[Any]:
        start = len(stack) - 1 - stack[::-1].index(_MARK)
        items = stack[start + 1 :]
        del stack[start:]
        return items

    for operation, found, _ in pickletools.genops(pickled):
        name, argument = operation.name, cast("Any", found)
        if name in _VALUES:
            stack.append(argument)
        elif name in _PUT:
            memo[int(argument)] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in _GET:
            stack.append(memo[int(argument)])
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "LIST":
            stack.append(to_mark())
        elif name == "TUPLE":
            stack.append(tuple(to_mark()))
        elif name in _TUPLES:
            items = tuple(stack[-_TUPLES[name] :])
            del stack[-_TUPLES[name] :]
            stack.append(items)
        elif name == "APPEND":
            item = stack.pop()
            _list(stack[-1]).append(item)
        elif name == "APPENDS":
            items = to_mark()
            _list(stack[-1]).extend(items)
        elif name == "STOP":
            return stack[-1]
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(name)
    raise ValueError("no end")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value
