"""Faces followed through videos without truth: what counts as lost, how steady, and that nothing is done twice."""

import numpy as np
import pytest

from fhr_jax import npz
from fhr_jax.benchmark.steadiness import zero_phase
from fhr_jax.data.io import video
from fhr_jax.detector.detections import Detections
from fhr_jax.errors import InputError
from tests import trees
from tests.experiments.test_experiments import load

pytest.importorskip("cv2")
pytest.importorskip("av")


@pytest.fixture(scope="module")
def module():
    return load("follow_videos")


def _box(points):
    low, high = points.min(axis=0), points.max(axis=0)
    return np.array([*low, *(high - low)])


def test_overlap_is_the_share_of_both_boxes(module):
    points = np.array([[0.0, 0.0], [4.0, 2.0]])
    assert module.overlap(points, _box(points)) == pytest.approx(1)
    assert module.overlap(points, np.array([2.0, 0.0, 4.0, 2.0])) == pytest.approx(4 / 12)
    assert module.overlap(points, np.array([4.0, 0.0, 4.0, 2.0])) == 0
    assert module.overlap(np.full((2, 2), np.nan), _box(points)) == 0


def test_lost_frames_and_steadiness_are_counted(module):
    rng = np.random.default_rng(0)
    face = rng.uniform(0, 100, (68, 2))
    raw = face + np.arange(60)[:, None, None] * 0.5 + rng.normal(scale=0.5, size=(60, 68, 2))
    steady = zero_phase(raw)
    steady[50:] = np.nan
    boxes = np.stack([_box(points) for points in raw[::5]])
    boxes[1] += 60  # elsewhere
    boxes[2] = np.nan  # the cascade saw nothing
    row = module.measure({"raw": raw, "landmarks": steady, "boxes": boxes}, 5)
    assert (row["frames"], row["compared"], row["cascade_sees_a_face"]) == (60, 12, 11)
    assert row["without_a_face"] == pytest.approx(10 / 60)
    assert row["lost"] == pytest.approx(3 / 11)  # one elsewhere, two after frame 50
    eyes = np.linalg.norm(raw[1:-1, 36] - raw[1:-1, 45], axis=-1)
    second_differences = np.linalg.norm(raw[2:] - 2 * raw[1:-1] + raw[:-2], axis=-1).mean(axis=-1)
    assert row["second_difference_raw"] == pytest.approx((100 * second_differences / eyes).mean(), rel=1e-5)
    assert row["second_difference_stabilized"] < 0.5 * row["second_difference_raw"]
    assert row["delay"] == 0
    nothing = {"raw": np.full((9, 68, 2), np.nan), "landmarks": np.full((9, 68, 2), np.nan), "boxes": boxes[2:3]}
    assert module.measure(nothing, 9)["lost"] is None


def test_a_clip_is_followed_once_and_drawn(module, tmp_path, monkeypatch):
    from fractions import Fraction

    frames = [trees.face(0)[0]] * 4
    path = tmp_path / "clip.mp4"
    with video.writer(path, size=frames[0].shape[:2], rate=Fraction(25)) as write:
        for number, frame in enumerate(frames):
            write(frame, number / 25)
    truth = trees.face(0)[1]
    found = Detections(_box(truth)[None], np.ones(1))
    monkeypatch.setattr(module, "cascade", lambda: lambda image: found)
    monkeypatch.setattr(module.pipeline.face_detector, "fhr", lambda file: lambda image: found)
    options = module.Options((path,), tmp_path / "out", every=2)
    row = module.main(options)["videos"]["clip"]
    assert (row["frames"], row["compared"], row["lost"]) == (4, 2, 0)
    kept = npz.read(tmp_path / "out" / "tracks" / "clip.npz")
    assert np.linalg.norm(kept["landmarks"] - truth, axis=-1).mean() < 0.1 * np.ptp(truth[:, 0])
    assert (tmp_path / "out" / "clip.png").stat().st_size > 1000
    monkeypatch.setattr(module, "follow", None)  # what is kept is not done again
    assert module.main(options)["videos"]["clip"] == row
    with pytest.raises(InputError, match="--every is 0"):
        module.main(module.Options((path,), tmp_path / "out", every=0))
    with pytest.raises(InputError, match="the same name"):
        module.main(module.Options((path, path), tmp_path / "out"))
