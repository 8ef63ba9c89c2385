"""Each motion does exactly what it is called with, at any frame rate."""

import jax
import numpy as np
import pytest

from fhr_jax.benchmark.known_motions import motions

SIZE, AMPLITUDE, ONSET = 75.0, 0.3, 0.5
FACE = motions.mean_face(size=SIZE)
CHIN, LID, CORNER = 8, 37, 48


def _size(points):
    away = points - points.mean(axis=-2, keepdims=True)
    return np.sqrt((away**2).sum(axis=-1).mean(axis=-1))


def _times(rate, seconds=2.0):
    return np.arange(round(seconds * rate)) / rate


def test_the_mean_face_has_the_size_and_place():
    np.testing.assert_allclose(_size(FACE), SIZE)
    np.testing.assert_allclose(FACE.mean(axis=0), [128, 128])
    assert FACE[CHIN, 1] > FACE[57, 1] > FACE[30, 1] > FACE[27, 1]  # y points down


@pytest.mark.parametrize("rate", [12.0, 30.0, 120.0])
def test_a_part_moves_evenly_and_stays(rate):
    time = _times(rate)
    moved = np.asarray(
        motions.move_part(
            FACE, time, weights=motions.LOWER_LIP_AND_CHIN, amplitude=AMPLITUDE, onset=ONSET, duration=0.25
        )
    )
    way = np.array([AMPLITUDE * SIZE * min(max((t - ONSET) / 0.25, 0.0), 1.0) for t in time])
    expected = np.repeat(FACE[None], len(time), axis=0)
    for point in (6, 7, 8, 9, 10, 55, 56, 57, 58, 59, 65, 66, 67):
        expected[:, point, 1] += way
    np.testing.assert_allclose(moved, expected, atol=1e-4)


def test_a_blink_is_half_a_sine_wave():
    time = _times(60.0)
    moved = np.asarray(
        motions.move_part_and_return(
            FACE, time, weights=motions.UPPER_LIDS, amplitude=AMPLITUDE, onset=ONSET, duration=0.2
        )
    )
    inside = (time > ONSET) & (time < ONSET + 0.2)
    down = np.where(inside, AMPLITUDE * SIZE * np.sin(np.pi * (time - ONSET) / 0.2), 0)
    np.testing.assert_allclose(moved[:, LID, 1] - FACE[LID, 1], down, atol=1e-4)
    assert set(np.flatnonzero(np.abs(moved - FACE[None]).max(axis=(0, 2)) > 1e-3)) == {37, 38, 43, 44}


def test_a_nod_swings_and_a_shake_does_so_sideways():
    time = _times(50.0)
    moved = np.asarray(motions.nod(FACE, time, amplitude=AMPLITUDE, frequency=3.0, onset=ONSET))
    swing = AMPLITUDE * SIZE * np.sin(6 * np.pi * np.maximum(time - ONSET, 0))
    np.testing.assert_allclose(moved - FACE[None], np.repeat(swing[:, None], 68, 1)[..., None] * [0, 1], atol=1e-3)
    shaken = np.asarray(motions.shake(FACE, time, amplitude=AMPLITUDE, frequency=3.0, onset=ONSET))
    np.testing.assert_allclose(shaken - FACE[None], (moved - FACE[None])[..., ::-1], atol=1e-3)


def test_a_roll_turns_and_a_zoom_grows():
    time = _times(30.0)
    turned = np.asarray(motions.roll(FACE, time, speed=90.0, angle=45.0, onset=ONSET)) - 128
    grown = np.asarray(motions.zoom(FACE, time, speed=-0.6, duration=0.5, onset=ONSET))
    passed = np.clip(time - ONSET, 0, 0.5)
    eyes = turned[:, 45] - turned[:, 36]
    at_rest = np.arctan2(*(FACE[45] - FACE[36])[::-1])
    np.testing.assert_allclose(np.arctan2(eyes[:, 1], eyes[:, 0]) - at_rest, np.deg2rad(90 * passed), atol=1e-5)
    np.testing.assert_allclose(_size(turned), SIZE, rtol=1e-5)
    np.testing.assert_allclose(_size(grown), SIZE * np.exp(-0.6 * passed), rtol=1e-5)
    np.testing.assert_allclose(grown.mean(axis=1), 128, atol=1e-3)


@pytest.mark.parametrize("ramp", [0.0, 0.25])
def test_a_face_sets_off(ramp):
    """The way is the sum of the speed in fine steps."""
    time = _times(30.0)
    moved = np.asarray(motions.set_off(FACE, time, speed=6.0, ramp=ramp, duration=1.0, onset=ONSET))
    fine = (np.arange(200_000) + 0.5) / 100_000
    speed = np.where((fine > ONSET) & (fine < ONSET + 1), 6 * SIZE, 0)
    speed = speed * (np.clip((fine - ONSET) / ramp, 0, 1) if ramp else 1)
    way = np.interp(time, np.append(0, fine + 5e-6), np.append(0, np.cumsum(speed) / 100_000))
    np.testing.assert_allclose(moved[:, 30, 0] - FACE[30, 0], way, atol=0.02)
    assert np.abs(moved[..., 1] - FACE[None, :, 1]).max() < 1e-3


def test_parts_of_the_face():
    def lengths(weights):
        return np.linalg.norm(weights, axis=-1)

    for weights in (motions.SMILE, motions.BROWS_UP, motions.GLANCE):
        np.testing.assert_allclose(lengths(weights).max(), 1)
    assert motions.SMILE[48, 0] < 0 < motions.SMILE[54, 0]  # outwards, (48 is on the left of the image)
    assert motions.SMILE[48, 1] < 0  # and up
    assert set(np.flatnonzero(lengths(motions.BROWS_UP) > 0.5)) == set(range(17, 27))
    half = np.flatnonzero(lengths(motions.LEFT * motions.UPPER_LIDS))
    np.testing.assert_array_equal(half, [37, 38])


def test_settings_may_be_traced():
    def chin(amplitude):
        weights = motions.LOWER_LIP_AND_CHIN
        return motions.move_part(FACE, _times(30.0), weights=weights, amplitude=amplitude, onset=0.1, duration=0.1)[
            -1, CHIN, 1
        ]

    np.testing.assert_allclose(jax.jit(jax.grad(chin))(0.2), SIZE, rtol=1e-5)
