"""The permutation of each markup against the geometry of a face: one wrong pair must show."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from fhr_jax import markup
from fhr_jax.markup import BUILT_IN, FACE68
from tests.markup.mean_faces import FACES

TOLERANCE = 0.03
"""In inter-ocular distances; no two landmarks of the faces are nearer."""


def asymmetry(face, flip):
    """The largest distance of a landmark to the mirror image of its partner, in inter-ocular distances."""
    return np.linalg.norm(face[list(flip)] * [-1, 1] - face, axis=1).max()


by_name = pytest.mark.parametrize("known", FACES, ids=lambda known: known.name)


@by_name
def test_the_mirrored_face_is_the_face(known):
    assert FACES[known].shape == (known.size, 2)
    assert asymmetry(FACES[known], known.flip) < TOLERANCE / 2


@by_name
def test_one_wrong_pair_would_show(known):
    face, pairs = FACES[known], [(i, j) for i, j in enumerate(known.flip) if i <= j]
    for (a, b), (c, d) in combinations(pairs, 2):
        wrong = list(known.flip)
        if a == b and c == d:
            wrong[a], wrong[c] = c, a
        elif a == b or c == d:  # a pair and a landmark in the middle
            (one, _), (two, three) = sorted([(a, b), (c, d)], key=lambda pair: pair[0] != pair[1])
            wrong[one], wrong[two], wrong[three] = two, one, three
        else:
            wrong[a], wrong[d], wrong[c], wrong[b] = d, a, b, c
        assert asymmetry(face, wrong) > TOLERANCE / 2, (known.name, a, b, c, d)


@pytest.mark.parametrize("known", BUILT_IN, ids=lambda known: known.name)
def test_flip_edges_and_unit_fit_each_other(known):
    flip = np.array(known.flip)
    np.testing.assert_array_equal(flip[flip], range(known.size))
    lines = {frozenset(pair) for edge in known.edges for pair in pairwise(edge)}
    assert {frozenset(flip[list(line)].tolist()) for line in lines} == lines
    left, right = known.eye_corners
    assert flip[left] == right != left


def test_normalizing_landmarks_are_the_outer_eye_corners():
    for known, face in FACES.items():
        for ours, of_68 in zip(known.eye_corners, FACE68.eye_corners, strict=True):
            np.testing.assert_allclose(face[ours], FACES[FACE68][of_68], atol=0.01)


def test_sizes_and_names_are_unique():
    assert len({known.size for known in BUILT_IN}) == len({known.name for known in BUILT_IN}) == len(BUILT_IN)
    assert {known.size for known in BUILT_IN} == {68, 7, 98, 106, 29, 21, 19, 468, 478}
    assert markup.built_in(98) is markup.WFLW
    assert markup.built_in(5) is None
