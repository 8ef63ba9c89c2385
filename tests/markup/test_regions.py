"""Regions against the symmetry of the markups, the lines of the faces, and the places of the mean face."""

import numpy as np
import pytest

from fhr_jax.markup import BUILT_IN, FACE68, FACE_MESH, WFLW, Markup, regions_of, unknown
from tests.markup.mean_faces import FACES

by_name = pytest.mark.parametrize("known", BUILT_IN, ids=lambda known: known.name)


@by_name
def test_each_landmark_is_in_one_region_and_its_mirror_image_too(known):
    found = regions_of(known)
    assert sorted(i for points in found.values() for i in points) == list(range(known.size))
    for points in found.values():
        assert {known.flip[i] for i in points} == set(points)


@by_name
def test_a_line_of_the_face_lies_in_one_region(known):
    of_point = {i: name for name, points in regions_of(known).items() for i in points}
    for edge in known.edges:
        assert len({of_point[i] for i in edge}) == 1, edge


@pytest.mark.parametrize("known", FACES, ids=lambda known: known.name)
def test_regions_lie_where_their_names_say(known):
    """Nearest landmark of the mean 68-point face, whose regions are known."""
    of_68 = {i: name for name, points in regions_of(FACE68).items() for i in points}
    for name, points in regions_of(known).items():
        for i in points:
            distances = np.linalg.norm(FACES[FACE68] - FACES[known][i], axis=1)
            near = {of_68[j] for j in np.flatnonzero(distances < distances.min() + 0.08)}
            assert name in near, (known.name, i)


def test_normalization_and_lines_do_not_matter_but_the_order_does():
    assert regions_of(WFLW._replace(eye_corners=(96, 97), edges=(), name="mine")) == regions_of(WFLW)
    assert regions_of(unknown(68)) == {}
    assert regions_of(Markup(5, flip=(1, 0, 2, 4, 3), eye_corners=(0, 1))) == {}


def test_the_68_points_and_the_mesh():
    found = regions_of(FACE68)
    assert {name: len(points) for name, points in found.items()} == {
        "jaw": 17,
        "brows": 10,
        "nose": 9,
        "eyes": 12,
        "mouth": 20,
    }
    assert {name: len(points) for name, points in regions_of(FACE_MESH).items()} == {
        "jaw": 36,
        "brows": 20,
        "nose": 24,
        "eyes": 32,
        "mouth": 40,
        "skin": 316,
    }
