"""What a set of landmarks is: its number, symmetry, normalization and lines, and the check of a written definition.

A definition is a table of plain values, the same in a TOML file and in the header of a net:

    name = "five"
    points = 5
    flip_pairs = [[0, 1], [3, 4]]
    normalize = [0, 1]
    edges = [[0, 2, 1], [3, 4]]

Indices count from 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fhr_jax.errors import InputError

MAX_POINTS = 4096
BOX = "box"
"""The value of `normalize` for errors in units of the face box."""
_KEYS = ("name", "points", "flip_pairs", "normalize", "edges")

Group = int | tuple[int, ...]
"""One landmark, or several that stand for their mean."""


class Markup(NamedTuple):
    """A set of landmarks: their number, symmetry, unit of errors, and how to draw them.

    Attributes:
        size: number of landmarks M.
        flip: landmark i of the mirrored face is landmark ``flip[i]`` of the face; empty if that is not known, and then
            faces are never mirrored.
        eye_corners: the two landmarks whose distance normalizes errors, mostly the outer eye corners, or two groups
            whose means are taken; `normalize` in a definition. Empty: the size of the face box normalizes them.
        edges: polylines that draw the face, as sequences of indices.
        name: in messages and in files of nets.
    """

    size: int
    flip: tuple[int, ...]
    eye_corners: tuple[Group, ...]
    edges: tuple[tuple[int, ...], ...] = ()
    name: str = ""

    @property
    def label(self) -> str:
        """Name and number of landmarks, for messages."""
        return f"{self.name or 'unnamed'} ({self.size} points)"


def unknown(size: int) -> Markup:
    """A number of landmarks of which nothing else is known: no mirroring, no lines, errors in units of the box."""
    return Markup(size, flip=(), eye_corners=(), name="unknown")


def flip_of(size: int, pairs: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """The permutation that exchanges the two landmarks of each pair, and keeps the others."""
    permutation = list(range(size))
    for left, right in pairs:
        permutation[left], permutation[right] = right, left
    return tuple(permutation)


def definition(markup: Markup) -> dict[str, Any]:
    """The table of a markup, in values that JSON and TOML can hold; `from_definition` reads it."""
    table: dict[str, Any] = {"name": markup.name, "points": markup.size}
    if markup.flip:
        table["flip_pairs"] = [[i, j] for i, j in enumerate(markup.flip) if i < j]
    table["normalize"] = [g if isinstance(g, int) else list(g) for g in markup.eye_corners] or BOX
    return table | {"edges": [list(edge) for edge in markup.edges]}


def from_definition(table: object, *, where: str, name: str = "") -> Markup:
    """Check a table and make a markup of it.

    Args:
        table: `points` and `normalize` must be there. Without `flip_pairs` the symmetry is unknown; an empty list says
            that no two landmarks are exchanged. `name` and `edges` may be left out.
        where: begins the message of an error, such as the path of the file.
        name: the name if the table has none.

    Raises:
        InputError: a key is unknown or missing, an index is not that of a landmark, or a landmark is in two pairs.
    """
    if not isinstance(table, Mapping):
        raise InputError(f"{where}: expected a table with points and normalize")
    if extra := sorted(str(key) for key in set(table) - set(_KEYS)):
        raise InputError(f"{where}: {extra[0]!r} is unknown, expected {', '.join(_KEYS)}")
    if "points" not in table:
        raise InputError(f"{where}: points is missing, expected the number of landmarks")
    size, name = table["points"], table.get("name", name)
    if type(size) is not int or not 1 <= size <= MAX_POINTS:
        raise InputError(f"{where}: points is {size!r}, expected a whole number from 1 to {MAX_POINTS}")
    if not isinstance(name, str) or not name.isprintable():
        raise InputError(f"{where}: name is {name!r}, expected text in one line")
    pairs = table.get("flip_pairs")
    return Markup(
        size,
        () if pairs is None else _flip(pairs, size, where),
        _normalize(table.get("normalize"), size, where),
        _edges(table.get("edges", ()), size, where),
        name,
    )


def _flip(pairs: object, size: int, where: str) -> tuple[int, ...]:
    where, used, checked = f"{where}: flip_pairs", set[int](), []
    for pair in _items(pairs, where, "pairs of indices"):
        indices = _indices(pair, size, where)
        if len(indices) != 2:
            raise InputError(f"{where}: {list(indices)} has {len(indices)} indices, expected two")
        for index in indices:
            if index in used:
                raise InputError(f"{where}: landmark {index} is there twice")
            used.add(index)
        checked.append((indices[0], indices[1]))
    return flip_of(size, checked)


def _normalize(value: object, size: int, where: str) -> tuple[Group, ...]:
    if value == BOX:
        return ()
    where, expected = f"{where}: normalize", f'two indices, two lists of indices, or "{BOX}"'
    if value is None:
        raise InputError(f"{where} is missing, expected {expected}")
    items = _items(value, where, expected)
    groups = [_indices([item] if type(item) is int else item, size, where) for item in items]
    if len(groups) != 2 or not all(groups) or set(groups[0]) == set(groups[1]):
        raise InputError(f"{where} is {value!r}, expected {expected}, which differ")
    first, second = (group[0] if len(group) == 1 else group for group in groups)
    return first, second


def _edges(value: object, size: int, where: str) -> tuple[tuple[int, ...], ...]:
    where = f"{where}: edges"
    edges = tuple(_indices(edge, size, where) for edge in _items(value, where, "lists of indices"))
    for edge in edges:
        if len(edge) < 2:
            raise InputError(f"{where}: {list(edge)} is no line, expected at least two indices")
    return edges


def _indices(value: object, size: int, where: str) -> tuple[int, ...]:
    indices = _items(value, where, "lists of indices")
    for index in indices:
        if type(index) is not int or not 0 <= index < size:
            raise InputError(f"{where}: {index!r} is not an index from 0 to {size - 1}")
    return tuple(indices)


def _items(value: object, where: str, expected: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise InputError(f"{where}: found {value!r}, expected {expected}")
    return value
