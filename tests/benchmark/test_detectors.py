"""Tracks of detectors become videos with a truth; ratios and means are as computed by hand."""

import numpy as np
import pytest

from fhr_jax import npz
from fhr_jax.benchmark import baselines, detectors, protocol
from fhr_jax.errors import InputError

FACE = np.random.default_rng(3).normal(size=(1, 6, 2)) * 50
CLIPS = {"a": (70, 1.0), "b": (60, 2.0), "c": (50, 0.5)}
"""Frames, and scale of the picture."""


@pytest.fixture
def folder(tmp_path):
    for i, (clip, (frames, scale)) in enumerate(CLIPS.items()):
        time = np.arange(frames)[:, None, None]
        track = FACE + 6 * np.sin(time / 9 + i) + np.random.default_rng(i).normal(size=(frames, 6, 2))
        npz.write(tmp_path / f"one.{clip}.npz", {"landmarks": (scale * track + 300).astype(np.float32)})
    return tmp_path


def test_a_track_is_scaled_to_the_crop():
    square = np.array([[0, 0], [3, 0], [3, 4], [0, 4]], float)[None] + np.arange(7)[:, None, None]
    square[2] = np.nan
    scaled = detectors.in_crop_pixels(square)
    assert np.isnan(scaled[2]).all()
    height = scaled[3, 2, 1] - scaled[3, 1, 1]
    np.testing.assert_allclose(1.3 * height, 256, rtol=1e-5)
    for bad in (np.full((4, 3, 2), np.nan), np.ones((4, 3, 2))):
        with pytest.raises(InputError, match="no complete frame whose points are apart"):
            detectors.in_crop_pixels(bad)


def test_every_clip_gets_the_noise_of_every_other_clip(folder):
    sources = detectors.read_detector(folder, "one")
    pairs = detectors.transplant(sources)
    assert {(p.motion, p.noise) for p in pairs} == {(f"one.{a}", f"one.{b}") for a in "abc" for b in "abc" if a != b}
    by_name = {source.name: source for source in sources}
    for pair in pairs:
        motion, noise = by_name[pair.motion], by_name[pair.noise]
        np.testing.assert_allclose(pair.truth, motion.truth, rtol=1e-6)
        assert len(pair.truth) == CLIPS[pair.motion[-1]][0]
        repeated = np.resize(noise.residual, pair.truth.shape)
        np.testing.assert_allclose(pair.observed - pair.truth, repeated, atol=1e-4)
    # All faces have one size, whatever the size of the picture.
    sizes = [np.ptp(source.truth[10], axis=0).max() for source in sources]
    np.testing.assert_allclose(sizes, 256 / 1.3, rtol=0.03)
    assert {len(pair.truth) for pair in detectors.transplant(sources, frames=20)} == {20}


def test_bad_folders(folder):
    with pytest.raises(InputError, match="expected at least two clips"):
        detectors.read_detector(folder, "two")
    for clip in "ab":
        npz.write(folder / f"two.{clip}.npz", {"points": np.zeros((5, 6, 2))})
    with pytest.raises(InputError, match="no array landmarks"):
        detectors.read_detector(folder, "two")


def test_one_setting_and_one_for_each(folder):
    videos = protocol.batch(detectors.transplant(detectors.read_detector(folder, "one")))
    loud = videos._replace(observed=videos.truth + 4 * (videos.observed - videos.truth))
    first_order = baselines.FIRST_ORDER._replace(ranges={"a": (0.02, 1.0, 12)})
    filters = {"same": lambda observed: observed, "half": lambda observed: 0.5 * observed}
    found, shared = detectors.compare(
        filters, {"quiet": videos}, apart={"loud": loud}, baseline=first_order, evaluations=20
    )
    assert found["quiet"].filters["same"] == found["quiet"].raw > found["quiet"].tuned
    # With one detector the one setting is its own; the other one has a setting of its own, which smooths more.
    np.testing.assert_allclose(found["quiet"].one_setting, found["quiet"].tuned, rtol=1e-5)
    assert found["loud"].tuned < found["loud"].one_setting
    assert found["loud"].settings["a"] < shared["a"]
    one, tuned = detectors.geometric_means(found, "half")
    losses = found.values()
    np.testing.assert_allclose(one**2, np.prod([a.filters["half"] / a.one_setting for a in losses]), rtol=1e-6)
    np.testing.assert_allclose(tuned**2, np.prod([a.filters["half"] / a.tuned for a in losses]), rtol=1e-6)
