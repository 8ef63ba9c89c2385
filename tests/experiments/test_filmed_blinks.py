"""The experiment on filmed blinks keeps the tracks of detectors, resumes, and scores filters beside the raw track."""

import csv
from functools import partial

import jax
import numpy as np
import pytest

from fhr_jax import geometry
from fhr_jax.benchmark import filmed_clips
from fhr_jax.benchmark.filmed_clips import FilmedClip
from fhr_jax.data import faces
from fhr_jax.errors import InputError
from tests.experiments.test_experiments import load, run

CLIPS, FRAMES, SIZE = 2, 150, 64
TINY = {"clips": CLIPS, "frames": FRAMES, "size": SIZE}


@pytest.fixture
def module(monkeypatch):
    """Without filters of many frames, which take long to compile; the smoother halves all motion."""
    module = load("filmed_blinks")

    def halve(params, track, *, lag=0):
        middle = np.nanmean(track, axis=1, keepdims=True)
        return middle + (np.asarray(track) - middle) / 2

    monkeypatch.setattr(module.stabilizer, "smooth", halve)
    monkeypatch.setattr(module.stabilizer, "run", lambda params, track: track)
    monkeypatch.setattr(module.filmed_clips, "film", film)
    monkeypatch.setattr(module, "OTHERS", dict.fromkeys(module.OTHERS, lambda: None))
    monkeypatch.setattr(module, "net_track", net_track)
    return module


_points = jax.jit(jax.vmap(faces.landmarks))


def film(key, frames, *, size):
    """Grey frames."""
    points = np.asarray(_points(filmed_clips.person(key, frames)))
    images = np.full((frames, size, size, 3), 128, np.uint8)
    return FilmedClip(images, geometry.from_fractions(points, size))


def net_track(net, clip):
    """Half of the movements, with noise."""
    middle = clip.truth.mean(axis=0)
    return middle + (clip.truth - middle) / 2 + 0.02 * np.random.default_rng(0).normal(size=clip.truth.shape)


def blind(images):
    return np.full((len(images), 68, 2), np.nan)


def test_filmed_blinks(tmp_path, module, monkeypatch, capsys):
    monkeypatch.setitem(module.OTHERS, "mediapipe_static", lambda: blind)
    summary, pictures = run("filmed_blinks", tmp_path, module, lags=(5,), **TINY)
    assert pictures == ["filmed_blinks.png"]
    printed = capsys.readouterr().out
    assert "dlib: skipped" in printed
    assert "mediapipe_tracking: skipped" in printed
    assert "mediapipe_static: 0 of 2 clips" in printed
    assert summary["clips"] == {"fhr_jax": 2, "mediapipe_static": 0}
    assert list(summary["rows"]) == ["fhr_jax"]
    rows = summary["rows"]["fhr_jax"]
    assert list(rows) == ["raw", "One Euro", "stabilizer", "look-ahead 5"]
    for part in ("lids", "lips"):
        np.testing.assert_allclose(rows["raw"][part]["slope"], 0.5, atol=0.05)
        np.testing.assert_allclose(rows["look-ahead 5"][part]["slope"], 0.25, atol=0.03)
        np.testing.assert_allclose(rows["look-ahead 5"][part]["kept"], 0.5, atol=1e-3)
        assert rows["stabilizer"][part] == rows["raw"][part]
        assert rows["One Euro"][part]["later"] >= 0
    np.testing.assert_allclose(rows["look-ahead 5"]["jitter"], 0.5, rtol=1e-3)
    assert rows["One Euro"]["jitter"] < 1
    with (tmp_path / "filmed_blinks.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 4
    assert "| fhr_jax | look-ahead 5 | 50 ± 0 (+0.0) |" in (tmp_path / "filmed_blinks.md").read_text()
    assert len(list((tmp_path / "sheets").iterdir())) == CLIPS


def test_tracks_are_kept_and_may_come_from_another_environment(tmp_path, module, monkeypatch):
    monkeypatch.setattr(module, "compare", partial(_nothing, module))
    monkeypatch.setattr(module.plots, "save", lambda *_: None)
    monkeypatch.setitem(module.OTHERS, "dlib", lambda: lambda images: np.ones((len(images), 68, 2)))
    options = partial(module.Options, out=tmp_path, lags=(), **TINY)
    module.main(options(only=("dlib",)))
    monkeypatch.setitem(module.OTHERS, "dlib", lambda: None)
    (tmp_path / "tracks" / "dlib.16-00-150x64.npz").rename(tmp_path / "kept.npz")
    assert set(module.main(options())) == {"fhr_jax"}  # dlib lacks a clip
    (tmp_path / "kept.npz").rename(tmp_path / "tracks" / "dlib.16-00-150x64.npz")

    def refuse(*_, **__):
        raise AssertionError("all tracks are there")

    monkeypatch.setattr(module.filmed_clips, "film", refuse)
    assert set(module.main(options())) == {"fhr_jax", "dlib"}
    with pytest.raises(AssertionError, match="all tracks"):
        module.main(options(seed=17))


def _nothing(module, outputs, clips):
    none = module.KeptOpening(1.0, 1.0, 0.0, 0.0, 0.0)
    return {key: module.Row(none, none, 1.0) for key in outputs}, {"truth": np.zeros(30)}


def test_clips_are_scaled_by_the_true_face_and_left_out_without_one(tmp_path, module, monkeypatch):
    def sees_the_first(images):
        sees_the_first.calls += 1
        track = np.ones((len(images), 68, 2))
        track[: 7 if sees_the_first.calls == 1 else 8] = np.nan
        return track

    sees_the_first.calls = 0
    monkeypatch.setitem(module.OTHERS, "dlib", lambda: sees_the_first)
    options = module.Options(out=tmp_path, only=("dlib",), **TINY)
    assert module.find_all(options, tmp_path) == ["dlib"]
    clips = module.read(options, tmp_path, "dlib")
    assert clips.used.tolist() == [True, False]  # 7 of 150 are below 5 %
    sides = geometry.box_of(clips.truth)[..., 2:].max(axis=-1)
    np.testing.assert_allclose(np.median(sides, axis=1), 256 / 1.3, rtol=1e-4)
    scale = 256 / 1.3 / (SIZE / filmed_clips.FRAME_SCALE)
    np.testing.assert_allclose(clips.found[0, 7:], scale, rtol=0.1)
    assert np.isnan(clips.found[0, :7]).all()
    np.testing.assert_array_equal(clips.found[1], clips.truth[1])


def test_net_track_starts_where_the_face_is_on_average(monkeypatch):
    module = load("filmed_blinks")
    clip = film(jax.random.key(0), FRAMES, size=SIZE)

    def align(net, images, *, detector):
        (box,) = detector(images[0])
        np.testing.assert_allclose(max(box[2:]), SIZE / filmed_clips.FRAME_SCALE, rtol=0.1)
        assert images is clip.images
        return (module.pipeline.Face(points + 1, points, None, None) for points in clip.truth)

    monkeypatch.setattr(module.pipeline, "align_video", align)
    np.testing.assert_array_equal(module.net_track(None, clip), clip.truth)


def test_wrong_names_and_no_detector_are_refused(tmp_path, module):
    with pytest.raises(InputError, match="'openface', expected some of fhr_jax, dlib"):
        module.main(module.Options(out=tmp_path, only=("openface",)))
    with pytest.raises(InputError, match="no detector of dlib"):
        module.main(module.Options(out=tmp_path, only=("dlib",), **TINY))
    module.OTHERS["dlib"] = lambda: blind
    with pytest.raises(InputError, match="dlib found too few faces"):
        module.main(module.Options(out=tmp_path, only=("dlib",), **TINY))
