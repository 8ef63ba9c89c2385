"""Openings of eyelids and lips against values by hand, and the gain and delay of outputs made with known ones."""

import numpy as np
import pytest

from fhr_jax.benchmark import motion_patterns
from fhr_jax.data.faces import anatomy
from fhr_jax.errors import InputError
from fhr_jax.markup import FACE7, FACE68, FACE_MESH, FACE_MESH_IRISES, LAPA, WFLW
from fhr_jax.metrics import eyelid_lip_opening


@pytest.fixture
def face():
    return 100 + 90 * np.asarray(anatomy.MEAN)[None, :68, :2]


def test_a_lowered_eyelid_reduces_the_opening_by_as_much(face):
    lower = face.copy()
    lower[:, [37, 38, 43, 44], 1] += 2.0
    np.testing.assert_allclose(
        eyelid_lip_opening.eyelid_opening(face) - eyelid_lip_opening.eyelid_opening(lower), 2.0, atol=0.02
    )
    np.testing.assert_allclose(eyelid_lip_opening.lip_opening(face), eyelid_lip_opening.lip_opening(lower))


@pytest.mark.parametrize("degrees", [0, 30, 180])
def test_openings_do_not_depend_on_rotation_and_scale_with_the_face(face, degrees):
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for measured in (eyelid_lip_opening.eyelid_opening, eyelid_lip_opening.lip_opening):
        np.testing.assert_allclose(measured(3 * face @ turn.T + 7), 3 * measured(face), rtol=1e-9)


def test_finds_the_blinks_of_the_motion_pattern():
    made = motion_patterns.motion_pattern()
    first = made.parts["turned head and blinks"].start
    assert eyelid_lip_opening.find_blinks(eyelid_lip_opening.eyelid_opening(np.asarray(made.truth))) == [
        first + at for at in (25, 40, 55)
    ]


def test_gain_and_delay_of_a_smaller_and_delayed_output():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(3, 200)).cumsum(axis=1)
    late = np.stack([np.interp(np.arange(200) - 1.5, np.arange(200), row) for row in truth])
    found = eyelid_lip_opening.movement_response(0.7 * late + 5, truth)
    np.testing.assert_allclose(found.gain, 0.7, atol=0.01)
    np.testing.assert_allclose(found.delay, 1.5, atol=1e-9)
    # Noise that is independent of the truth does not change the gain.
    noisy = eyelid_lip_opening.movement_response(truth + rng.normal(size=truth.shape), truth)
    np.testing.assert_allclose(noisy.gain, 1.0, atol=0.05)
    assert abs(noisy.delay) <= 0.2


def test_only_frames_of_the_mask_count():
    truth = np.random.default_rng(0).normal(size=(1, 200))
    output, mask = truth.copy(), np.zeros((1, 200), bool)
    output[:, 100:] *= 0.5
    mask[:, :80] = True
    np.testing.assert_allclose(eyelid_lip_opening.movement_response(output, truth, mask=mask).gain, 1.0, atol=0.02)
    assert np.isnan(eyelid_lip_opening.movement_response(output, truth, mask=np.zeros((1, 200), bool)).gain)


@pytest.mark.parametrize("measure", [eyelid_lip_opening.eyelid_opening, eyelid_lip_opening.lip_opening])
def test_other_markups_are_refused(measure):
    with pytest.raises(InputError, match="track: 98 landmarks, but openings are measured in 68"):
        measure(np.zeros((3, 98, 2)))
    with pytest.raises(InputError, match=r"openings are not known for the markup seven \(7 points\)"):
        measure(np.zeros((3, 7, 2)), markup=FACE7)


@pytest.mark.parametrize("markup", [FACE68, WFLW, LAPA, FACE_MESH, FACE_MESH_IRISES], ids=lambda own: own.name)
def test_openings_of_other_markups_are_the_same_in_the_mirror(markup):
    eyes, lips = eyelid_lip_opening._OPENINGS[markup.size, markup.flip]
    points = np.zeros((1, markup.size, 2))
    for middle, (first, last, above, below) in ((-30, eyes[0]), (30, eyes[1]), (0, lips)):
        points[0, first], points[0, last] = (middle - 10, 5), (middle + 10, 5)
        points[0, list(above)], points[0, list(below)] = (middle, 2), (middle, 9)
    points[0, list(eyes[1][3]), 1] += 4  # the left eye opens by 4 more
    for track in (points, points[:, list(markup.flip)] * [-1, 1]):
        np.testing.assert_allclose(eyelid_lip_opening.eyelid_opening(track, markup=markup), [9.0])
        np.testing.assert_allclose(eyelid_lip_opening.lip_opening(track, markup=markup), [7.0])
