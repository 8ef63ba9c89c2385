"""Pieces of a track give what one pass over all of it gives."""

import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.cli.smoothing import long_tracks
from fhr_jax.cli.smoothing.long_tracks import How
from fhr_jax.stabilizer.smoothing.chunks import CHUNK, HORIZON

FRAMES = 3 * CHUNK + 77
"""Pieces of a chunk and of two end at other frames than this."""

PARAMS = stabilizer.default_params(21)


def a_track():
    """A face of 21 points with missing points and frames, a jump, another face, and noise; its confidence and dt."""
    rng = np.random.default_rng(0)
    shapes = 200 + 50 * rng.normal(size=(2, 21, 2))
    way = np.cumsum(rng.normal(size=(FRAMES, 1, 2)), axis=0)
    track = shapes[0] + way + 0.5 * rng.normal(size=(FRAMES, 21, 2))
    track[CHUNK - 3 :] += 400  # a cut before the end of a piece
    track[2 * CHUNK - 1 :] += shapes[1] - shapes[0]  # another person, in the frame before the end of a piece
    track[CHUNK + 100 : CHUNK + 180] = np.nan
    track[2 * CHUNK - 40 : 2 * CHUNK - 20, :9] = np.nan
    track[3 * CHUNK - 60 : 3 * CHUNK + 70] = np.nan  # a gap over a border
    track[rng.random((FRAMES, 21)) < 0.02] = np.nan
    track[rng.integers(0, FRAMES, 30), 4] += 80
    restart = np.zeros(FRAMES, bool)
    restart[3 * CHUNK + 70] = True
    return {
        "z": track.astype(np.float32),
        "confidence": rng.uniform(0.3, 1, (FRAMES, 21)).astype(np.float32),
        "dt": rng.uniform(0.5, 2, FRAMES).astype(np.float32),
        "reset": restart,
    }


OWN = a_track()


def in_pieces(params, frames, how, number=FRAMES):
    def read(start, stop):
        assert stop - start <= CHUNK * long_tracks.CHUNKS + 2 * long_tracks.MARGIN
        return {name: values[start:stop] for name, values in frames.items()}

    return np.concatenate(list(long_tracks.stabilize(params, read, number, how)))


@pytest.fixture(autouse=True)
def one_chunk(monkeypatch):
    monkeypatch.setattr(long_tracks, "CHUNKS", 1)


@pytest.mark.parametrize(
    ("how", "chunks"),
    [(How(), 1), (How(), 2), (How(lag=5), 1), (How(causal=True), 1)],
    ids=["all", "all, two chunks", "five ahead", "causal"],
)
def test_pieces_give_what_one_pass_gives(monkeypatch, how, chunks):
    monkeypatch.setattr(long_tracks, "CHUNKS", chunks)
    track, options = OWN["z"], {name: own for name, own in OWN.items() if name != "z"}
    if how.causal:
        expected = stabilizer.run(PARAMS, track, **options)
    else:
        expected = stabilizer.smooth(PARAMS, track, lag=how.lag, **options)
    found = in_pieces(PARAMS, OWN, how)
    assert found.shape == track.shape
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert np.isfinite(found[CHUNK + 100]).all()  # gaps are filled


def test_the_cut_to_another_face_is_found_at_a_border():
    track = {"z": OWN["z"]}
    expected = stabilizer.smooth(PARAMS, OWN["z"])
    np.testing.assert_allclose(in_pieces(PARAMS, track, How()), expected, atol=2e-3)
    at = 2 * CHUNK - 1
    off = np.linalg.norm(expected[at] - OWN["z"][at], axis=-1)
    assert np.nanmedian(off) < 2  # and not between the two faces


@pytest.mark.parametrize("number", [CHUNK + HORIZON + 1, 2 * CHUNK - HORIZON, 2 * CHUNK])
def test_tracks_that_end_at_or_near_a_border(number):
    found = in_pieces(PARAMS, {"z": OWN["z"][:number]}, How(), number)
    padded = np.concatenate([OWN["z"][:number], np.full((FRAMES - number, 21, 2), np.nan, np.float32)])
    np.testing.assert_allclose(found, stabilizer.smooth(PARAMS, padded)[:number], atol=2e-3)


def test_short_tracks_are_smoothed_at_once():
    number = CHUNK - 100
    found = in_pieces(PARAMS, {"z": OWN["z"][:number]}, How(), number)
    padded = np.concatenate([OWN["z"][:number], np.full((100, 21, 2), np.nan, np.float32)])
    np.testing.assert_array_equal(found, stabilizer.smooth(PARAMS, padded)[:number])


@pytest.mark.parametrize(
    ("how", "options"),
    [
        (How(causal=True, estimate="mode"), {"estimate": "mode"}),
        (How(causal=True, covariance="full"), {"covariance": "full"}),
    ],
)
def test_parameters_without_movement_types(how, options):
    params = stabilizer.init_params(1.0, jnp.eye(8))
    track = OWN["z"][:, :4]
    found = in_pieces(params, {"z": track}, how)
    np.testing.assert_allclose(found, stabilizer.run(params, track, **options), atol=2e-3)
