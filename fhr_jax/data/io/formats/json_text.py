"""JSON read with limits and written as it came: the same indentation, the same words for numbers that are none.

`NaN`, `Infinity` and `-Infinity`, which JSON does not have but programs write, are missing numbers; a key that occurs
twice in an object is refused, because nobody can tell which one counts.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fhr_jax.data.io import encoding
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

MAX_BYTES = 2**29
"""Largest file that is read; in memory its numbers take about ten times as much."""

DECIMALS = (3, 17)
"""Fewest and most digits after the point of a landmark that is written; between them, as many as the file has."""


class Document(NamedTuple):
    """A JSON file.

    Attributes:
        value: its content; what a format changes is changed in a copy.
        indent: spaces of one level, or a tab; None where all stands in one line.
        separators: between items, and behind keys.
        ascii_only: whether other letters are written as escapes.
        lines: whether each line is a value of its own (JSON Lines), and `value` the list of them.
    """

    value: Any
    indent: int | str | None = None
    separators: tuple[str, str] = (", ", ": ")
    ascii_only: bool = True
    lines: bool = False


def read(path: Path) -> Document:
    """Read a JSON file.

    Raises:
        InputError: it cannot be read, is too large or nested too deep, is no JSON, or has a key twice in an object.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for k, name in enumerate(names) if name in names[:k])
            raise InputError(f"{path}: the key {twice[:40]!r} occurs twice in one object, expected once")
        return found

    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path}: larger than {MAX_BYTES} bytes, the limit for JSON")
        text = content.decode("utf-8-sig")
        value, lines = _loads(text, unique)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(encoding.not_utf8(path, content)) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{path}: {where}: not JSON, or cut off ({error.msg})") from error
    except RecursionError as error:
        raise InputError(f"{path}: nested too deep for a file of landmarks") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise InputError(f"{path}: not JSON of landmarks ({str(error).splitlines()[0]})") from error
    indented = None if lines else re.match(r"[\[{][ \t]*\r?\n( +|\t)", text)
    tight = not re.search(r'": |, "|[0-9\]}], ', text[:10_000])
    separators = (",", ":") if tight else (", ", ": ")
    if indented:
        separators = (",", ": ")
    indent = None if not indented else "\t" if indented[1] == "\t" else len(indented[1])
    return Document(value, indent, separators, text.isascii(), lines)


def _loads(text: str, pairs: Callable[[list[tuple[str, Any]]], dict[str, Any]]) -> tuple[Any, bool]:
    """The value of a text of JSON, or the list of the values of its lines; and which of these."""
    try:
        return json.loads(text, object_pairs_hook=pairs), False
    except json.JSONDecodeError as error:
        if error.msg != "Extra data" or text[: error.pos].strip().count("\n"):
            raise
    values = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            values.append(json.loads(line, object_pairs_hook=pairs))
        except json.JSONDecodeError as error:
            wrong = json.JSONDecodeError(error.msg, line, error.pos)
            wrong.lineno = number
            raise wrong from error
    return values, True


def write(path: Path, document: Document, value: Any) -> None:
    """Write another value in the way of the document, atomically."""
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        for one in value if document.lines else [value]:
            json.dump(
                one,
                stream,
                indent=document.indent,
                separators=document.separators,
                ensure_ascii=document.ascii_only,
            )
            stream.write("\n" if document.lines else "")


def number(value: Any) -> float:
    """A number of JSON as a float; NaN for null, infinities, and what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return np.nan
    try:
        found = float(value)
    except OverflowError:
        return np.nan
    return found if np.isfinite(found) else np.nan


def decimals(values: np.ndarray) -> int:
    """The most digits that numbers (N,) have after the point in their shortest form, within `DECIMALS`."""
    low, high = DECIMALS
    values = values[np.isfinite(values)].ravel()
    chosen = values[:: max(1, len(values) // 1000)]
    texts = [repr(float(value)) for value in chosen]
    if any("e" in text for text in texts):
        return high
    return min(
        max(low, max((len(text.partition(".")[2]) for text in texts if not text.endswith(".0")), default=0)), high
    )


def rounded(value: float, digits: int) -> float:
    """A number of a landmark as it is written."""
    return round(float(value), digits)


def at(value: Any, place: tuple[Any, ...]) -> Any:
    """What lies at a place: keys and indices, from the outside in."""
    for key in place:
        value = value[key]
    return value


def replaced(value: Any, changes: dict[tuple[Any, ...], Any]) -> Any:
    """The value with others at some places; what is not changed is shared and not copied."""
    if () in changes:
        return changes[()]
    inner: dict[Any, dict[tuple[Any, ...], Any]] = {}
    for (key, *rest), new in changes.items():
        inner.setdefault(key, {})[tuple(rest)] = new
    copy = dict(value) if isinstance(value, dict) else list(value)
    for key, own in inner.items():
        copy[key] = replaced(copy[key], own)
    return copy
