"""Bad starts, collapsed frames, throws, fast faces and zooms: what the default stabilizer makes of them.

One program of one shape filters all tracks.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.data.faces import anatomy
from tests.tracks import walk

FRAMES, POINTS, SIZE = 90, 68, 54.0
"""A face about 150 px wide."""

STARTS = (1, 2, 3, 10, 30)
"""Numbers of bad frames."""

SPEEDS, ONSETS = (0.1, 0.3, 0.5, 1.0, 2.0), (1, 2, 5, 15)
"""Face sizes a frame, and frames in which the face gets that fast."""


@cache
def shape():
    points = np.asarray(anatomy.MEAN, np.float64)[:68, :2]
    points = points - points.mean(axis=0)
    return points / np.sqrt((points**2).sum(axis=-1).mean())


def noise(seed, level=1.0):
    return level * np.random.default_rng(seed).normal(size=(FRAMES, POINTS, 2))


@cache
def clean():
    path = np.random.default_rng(0).normal(size=(FRAMES, 1, 2)).cumsum(axis=0) * 0.5 + [400, 300]
    return SIZE * shape() + path + noise(1, 0.5)


def resized(frames, factor):
    centre = frames.mean(axis=1, keepdims=True)
    return centre + factor * (frames - centre)


def bad(kind, z):
    """What a detector, a decoder or a file may hold instead of these frames."""
    z = z.copy()
    match kind:
        case "zeros":
            z[:] = 0
        case "minus one":
            z[:] = -1
        case "one point":
            z[:, 1:] = np.nan
        case "two points":
            z[:, 2:] = np.nan
        case "one place":
            z[:] = z[:, :1]
        case "tiny":
            z = resized(z, 0.01)
        case "huge":
            z = resized(z, 100)
        case "scattered":
            z[:] = np.random.default_rng(2).uniform(0, 800, z.shape)
        case "scattered nearby" | "scattered closely":
            sides = (4.0 if kind == "scattered nearby" else 1.6) * SIZE
            z = z.mean(axis=1, keepdims=True) + np.random.default_rng(3).uniform(-sides, sides, z.shape)
        case "shuffled":
            z = z[:, np.random.default_rng(4).permutation(POINTS)]
        case "half zero":
            z[:, :34] = 0
        case "one by one":
            for t, frame in enumerate(z):
                frame[t + 1 :] = np.nan
    return z


KINDS = (
    *("zeros", "minus one", "one point", "two points", "one place", "tiny", "huge", "scattered", "half zero"),
    *("scattered nearby", "scattered closely", "shuffled", "one by one"),
)
COLLAPSED = ("zeros", "minus one", "one place", "tiny", "half zero")


def moving(speed, onset, size=SIZE):
    velocity = speed * size * np.clip((np.arange(FRAMES) - 29) / onset, 0, 1) * (np.arange(FRAMES) < 60)
    return size * shape() + 200 + np.cumsum(velocity)[:, None, None] * np.array([1.0, 0.0])


SHAKES = ((3, 0.4), (5, 0.2), (5, 0.8), (6, 0.4))
"""Frequency in Hz and amplitude in face sizes."""


def shaking(frequency, amplitude):
    swing = amplitude * SIZE * np.sin(2 * np.pi * frequency * np.arange(FRAMES) / 30)
    return SIZE * shape() + 200 + swing[:, None, None] * np.array([1.0, 0.0])


def zoomed():
    factor = 3 ** np.clip((np.arange(FRAMES) - 20) / 60, 0, 1)
    return SIZE * factor[:, None, None] * shape() + 300


def thrown(points=7, frames=5):
    """The same place, 300 px away, in several frames in a row."""
    z = clean().copy()
    z[40 : 40 + frames, :points] = z[40 : 40 + frames, :points] + np.array([-300.0, 40.0])
    return z


def few():
    """10 of the points, with noise."""
    shown = np.arange(POINTS) % 7 == 0
    return np.where(shown[None, :, None], clean() + noise(5), np.nan)


@pytest.fixture(scope="module")
def tracks():
    found = {("clean", n): np.concatenate([clean()[n:], np.full((n, POINTS, 2), np.nan)]) for n in (0, *STARTS)}
    for kind in KINDS:
        for n in STARTS:
            found[kind, n] = np.concatenate([bad(kind, clean()[:n]), clean()[n:]])
    for kind in COLLAPSED:
        for n in (1, 2):
            found[kind, "middle", n] = np.concatenate(
                [clean()[:40], bad(kind, clean()[40 : 40 + n]), clean()[40 + n :]]
            )
    for speed in SPEEDS:
        for onset in ONSETS:
            found["moving", speed, onset] = moving(speed, onset) + noise(3)
    for shake in SHAKES:
        found["shaking", *shake] = shaking(*shake) + noise(6)
    found["zoom"] = zoomed() + noise(4)
    found["thrown"] = thrown()
    found["few"] = few()
    return found


@pytest.fixture(scope="module")
def outputs(tracks):
    found = stabilizer.run(stabilizer.default_params(), np.stack([*tracks.values()]).astype(np.float32))
    return dict(zip(tracks, np.asarray(found), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_ten_frames_after_a_bad_start_the_output_is_that_of_a_clean_one(outputs, kind):
    for n in STARTS:
        ours, theirs = outputs[kind, n][n + 10 :], outputs["clean", n][10 : FRAMES - n]
        assert np.abs(ours - theirs).max() < 2, n


def test_step_by_step_it_is_the_same(tracks, outputs):
    params = stabilizer.default_params()
    step, state = jax.jit(stabilizer.step), stabilizer.init_state(params)
    for frame, expected in zip(tracks["zeros", 3][:20].astype(np.float32), outputs["zeros", 3], strict=False):
        state, output = step(params, state, frame)
        np.testing.assert_allclose(output, expected, atol=2e-3)


@pytest.mark.parametrize("kind", COLLAPSED)
def test_a_collapsed_frame_in_the_middle_hardly_moves_the_face(outputs, kind):
    for n in (1, 2):
        assert np.abs(outputs[kind, "middle", n] - clean())[40:].max() < 6, n


def test_agreeing_throws_never_move_a_point_out_of_the_face(outputs):
    away = np.linalg.norm(outputs["thrown"] - clean().mean(axis=1, keepdims=True), axis=-1)
    assert away.max() < 2.5 * SIZE
    others = np.abs(outputs["thrown"] - outputs["clean", 0])[:, 7:]
    assert others.max() < 6


def test_a_fast_face_is_followed_from_the_first_frame_on(outputs):
    for speed in SPEEDS:
        for onset in ONSETS:
            error = (outputs["moving", speed, onset] - moving(speed, onset))[30:62]
            raw = np.sqrt((noise(3)[30:62] ** 2).mean())
            rms = np.sqrt((error**2).mean())
            assert rms < (1.0 if speed <= 0.5 else 1.1) * raw, (speed, onset, rms, raw)


def test_a_head_that_shakes_is_followed_with_and_without_look_ahead(tracks, outputs):
    z = np.stack([tracks["shaking", *shake] for shake in SHAKES]).astype(np.float32)
    smoothed = np.asarray(stabilizer.smooth(stabilizer.default_params(), z))
    for shake, ahead in zip(SHAKES, smoothed, strict=True):
        raw = np.sqrt((noise(6)[10:] ** 2).mean())
        for found in (outputs["shaking", *shake], ahead):
            rms = np.sqrt(((found - shaking(*shake))[10:] ** 2).mean())
            assert rms < raw, (shake, rms, raw)


def test_a_zoom_is_followed(outputs):
    error = outputs["zoom"] - zoomed()
    assert np.abs(error.mean(axis=1)).max() < 1
    assert np.sqrt((error[20:] ** 2).mean()) < 1.2 * np.sqrt((noise(4)[20:] ** 2).mean())


def test_points_that_appear_one_by_one():
    """Every third frame one more of twelve, as in a file whose size was one pixel for ever."""
    z = walk(60, 12, noise=0.5)
    for t in range(33):
        z[t, 1 + t // 3 :] = np.nan
    x = np.asarray(stabilizer.run(stabilizer.default_params(12), z))
    assert np.abs(x[43:] - z[43:]).max() < 6
    assert np.isfinite(x[33:]).all()


def test_half_precision_is_computed_in_float32():
    params, z = stabilizer.default_params(12), walk(60, 12)
    half = z.astype(np.float16)
    x = stabilizer.run(params, half)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, stabilizer.run(params, half.astype(np.float32)))
    assert np.abs(x - z).max() < 10
    brain = jnp.asarray(z, jnp.bfloat16)
    x = stabilizer.run(params, brain)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, stabilizer.run(params, brain.astype(jnp.float32)))
    assert np.isfinite(x).all()


def test_a_track_that_shows_few_of_its_points_is_smoothed(outputs):
    shown = np.isfinite(few()[0, :, 0])
    assert shown.sum() == 10
    error = (np.asarray(outputs["few"]) - clean())[10:, shown]
    raw = (few() - clean())[10:, shown]
    assert np.sqrt((error**2).mean()) < 0.9 * np.sqrt((raw**2).mean())
