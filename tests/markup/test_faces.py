"""The 68-point markup against the table of pairs that the datasets document, counted from 1."""

from itertools import pairwise

import pytest

from fhr_jax import markup

PAIRS_FROM_1 = """1-17 2-16 3-15 4-14 5-13 6-12 7-11 8-10 18-27 19-26 20-25 21-24 22-23 32-36 33-35
37-46 38-45 39-44 40-43 41-48 42-47 49-55 50-54 51-53 56-60 57-59 61-65 62-64 66-68"""


def test_flip_is_the_documented_table():
    expected = list(range(68))
    for pair in PAIRS_FROM_1.split():
        left, right = (int(i) - 1 for i in pair.split("-"))
        expected[left], expected[right] = right, left
    assert list(markup.FACE68.flip) == expected


def test_seven_points_are_the_documented_ones():
    assert [i + 1 for i in markup.SEVEN_OF_68] == [37, 40, 43, 46, 31, 49, 55]


@pytest.mark.parametrize("face", [markup.FACE68, markup.FACE7])
def test_flip_is_its_own_inverse_and_swaps_the_eye_corners(face):
    assert sorted(face.flip) == list(range(face.size))
    assert all(face.flip[face.flip[i]] == i for i in range(face.size))
    left, right = face.eye_corners
    assert face.flip[left] == right


def test_the_seven_points_flip_as_they_do_among_the_68():
    for i, of_68 in enumerate(markup.SEVEN_OF_68):
        assert markup.SEVEN_OF_68[markup.FACE7.flip[i]] == markup.FACE68.flip[of_68]
    assert tuple(markup.SEVEN_OF_68[i] for i in markup.FACE7.eye_corners) == markup.FACE68.eye_corners


@pytest.mark.parametrize("face", [markup.FACE68, markup.FACE7])
def test_edges_name_landmarks_and_are_symmetric(face):
    lines = {frozenset(pair) for edge in face.edges for pair in pairwise(edge)}
    assert all(0 <= i < face.size for line in lines for i in line)
    assert {frozenset(face.flip[i] for i in line) for line in lines} == lines


def test_all_68_landmarks_are_on_an_edge():
    assert {i for edge in markup.FACE68.edges for i in edge} == set(range(68))
