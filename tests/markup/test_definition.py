"""Definitions of markups: read, written, and refused in one line."""

import json

import pytest

from fhr_jax.errors import InputError
from fhr_jax.markup import BUILT_IN, definition, from_definition, read, unknown

FIVE = """
name = "five"
points = 5
flip_pairs = [[0, 1], [3, 4]]
normalize = [0, 1]
edges = [[0, 2, 1], [3, 4]]
"""


def test_a_file_is_read(tmp_path):
    path = tmp_path / "points.toml"
    path.write_text(FIVE)
    five = read(path)
    assert five == (5, (1, 0, 2, 4, 3), (0, 1), ((0, 2, 1), (3, 4)), "five")
    assert five.label == "five (5 points)"


def test_a_definition_is_a_table():
    with pytest.raises(InputError, match="header: expected a table"):
        from_definition([], where="header")


def test_what_may_be_left_out(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('points = 3\nnormalize = "box"\n')
    assert read(path) == (3, (), (), (), "mine")
    path.write_text("points = 5\nnormalize = [[0, 1], [3, 4]]\nflip_pairs = []\n")
    assert read(path) == (5, (0, 1, 2, 3, 4), ((0, 1), (3, 4)), (), "mine")


@pytest.mark.parametrize("known", [*BUILT_IN, unknown(5)], ids=lambda known: known.name)
def test_a_definition_survives_json(known):
    table = json.loads(json.dumps(definition(known), allow_nan=False))
    assert from_definition(table, where="x") == known
    assert hash(from_definition(table, where="x")) == hash(known)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("points = 5", "points = 4"), "flip_pairs: 4 is not an index from 0 to 3"),
        (("points = 5", "points = 0"), "points is 0, expected a whole number from 1 to 4096"),
        (("points = 5", "points = true"), "points is True, expected"),
        (("points = 5", ""), "points is missing"),
        (("[3, 4]]\nnormalize", "[3, 4], [1, 2]]\nnormalize"), "flip_pairs: landmark 1 is there twice"),
        (("[3, 4]]\nnormalize", "[3, 3]]\nnormalize"), "flip_pairs: landmark 3 is there twice"),
        (("[3, 4]]\nnormalize", "[3, 4, 2]]\nnormalize"), r"flip_pairs: \[3, 4, 2\] has 3 indices, expected two"),
        (("[3, 4]]\nnormalize", "[3, -1]]\nnormalize"), "flip_pairs: -1 is not an index"),
        (("[3, 4]]\nnormalize", "3]\nnormalize"), "flip_pairs: found 3, expected lists of indices"),
        (("flip_pairs = [[0, 1], [3, 4]]", "flip_pairs = 1"), "flip_pairs: found 1, expected pairs"),
        (("normalize = [0, 1]", ""), "normalize is missing, expected two indices"),
        (("normalize = [0, 1]", "normalize = [0, 9]"), "normalize: 9 is not an index from 0 to 4"),
        (("normalize = [0, 1]", "normalize = [0, 0]"), r"normalize is \[0, 0\], expected two indices"),
        (("normalize = [0, 1]", "normalize = [0, 1, 2]"), r"normalize is \[0, 1, 2\], expected two indices"),
        (("normalize = [0, 1]", "normalize = [[], [1]]"), "normalize is .* expected two indices"),
        (("normalize = [0, 1]", 'normalize = "eyes"'), "normalize: found 'eyes', expected two indices"),
        (("edges = [[0, 2, 1], [3, 4]]", "edges = [[0, 5]]"), "edges: 5 is not an index"),
        (("edges = [[0, 2, 1], [3, 4]]", "edges = [[0]]"), r"edges: \[0\] is no line"),
        (("edges", "lines"), "'lines' is unknown, expected name, points, flip_pairs, normalize, edges"),
        (('name = "five"', "name = 5"), "name is 5, expected text in one line"),
        (('name = "five"', 'name = "a\\nb"'), "name is .* expected text in one line"),
        (("points = 5", "points = "), "is no TOML"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, change, message):
    path = tmp_path / "bad.toml"
    assert change[0] in FIVE
    path.write_text(FIVE.replace(*change, 1))
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
