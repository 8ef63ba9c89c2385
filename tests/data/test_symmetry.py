"""Faces that do not have the order of a markup are noticed."""

import numpy as np
import pytest

from fhr_jax.data import symmetry
from fhr_jax.data.records import record
from fhr_jax.markup import FACE68, LAPA, WFLW, unknown
from tests.markup.mean_faces import FACES


def records(face, number=40):
    rng = np.random.default_rng(0)
    moved = 40 * face + rng.normal(scale=1.5, size=(number, *face.shape)) + rng.uniform(0, 200, (number, 1, 2))
    moved[..., 0] *= rng.uniform(0.8, 1, (number, 1))
    image = np.zeros((2, 2, 3), np.uint8)
    return [record(image, points.astype(np.float32), dataset="x", file=f"{i}") for i, points in enumerate(moved)]


@pytest.mark.parametrize("known", FACES, ids=lambda known: known.name)
def test_faces_of_a_markup_agree_with_it(known):
    assert symmetry.contradiction(records(FACES[known]), known) is None


@pytest.mark.parametrize("known", [FACE68, WFLW, LAPA], ids=lambda known: known.name)
def test_another_order_is_noticed(known):
    reverse = FACES[known][::-1]
    message = symmetry.contradiction(records(reverse), known)
    assert message is not None
    assert f"which change places in the mirror in markup {known.label}, lie " in message
    a, b = 0, known.flip[0]
    swapped = known._replace(flip=(a, *known.flip[1:b], b, *known.flip[b + 1 :]))
    message = str(symmetry.contradiction(records(FACES[known]), swapped))
    assert f"landmarks {a} and {a}," in message or f"landmarks {b} and {b}," in message


def test_few_faces_and_unknown_markups_tell_nothing():
    assert symmetry.contradiction(records(FACES[WFLW][::-1], number=5), WFLW) is None
    assert symmetry.contradiction(records(FACES[WFLW]), unknown(98)) is None


def test_asymmetry_is_in_units_of_the_box():
    square = np.array([[0.0, 0.0], [10, 0], [0, 10], [10, 10]])
    pairs = unknown(4)._replace(flip=(1, 0, 3, 2))
    np.testing.assert_allclose(symmetry.asymmetry(square[None], markup=pairs), 0, atol=1e-6)
    none = pairs._replace(flip=(0, 1, 2, 3))
    np.testing.assert_allclose(symmetry.asymmetry(square[None], markup=none), 1, atol=1e-6)
