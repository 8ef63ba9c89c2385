"""The figures on real tracks are those of tracks whose steadiness and lost points are known."""

import numpy as np
import pytest

from fhr_jax import stabilizer
from tests.experiments.test_experiments import load, run

FRAMES = (60, 40, 30)


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Three tracks of five points that sway with noise; the last frame of each is broken."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "300vw_fhr_predictions" / "scenario1"
    folder.mkdir(parents=True)
    for name, frames in enumerate(FRAMES):
        sway = 60 * np.sin(np.arange(frames) / 9)[:, None, None]
        points = 128 + sway + rng.uniform(-30, 30, (1, 5, 2)) + rng.normal(size=(frames, 5, 2))
        np.savez(folder / f"{name}.npz", predictions=points.astype(np.float32), broken_frames=np.array([frames]))
    monkeypatch.setenv("FHR_JAX_DATA", str(tmp_path))
    return tmp_path


def test_tracks_share_rows_and_come_back(data):
    module = load("real_tracks")
    tracks = [track.points for track in module.read(data / "300vw_fhr_predictions")]
    packed, reset, places = module.pack(tracks)
    assert packed.shape == (3, 60, 5, 2)
    assert reset.sum() == 3
    for track, (row, part) in zip(tracks, places, strict=True):
        assert reset[row, part.start]
        np.testing.assert_array_equal(packed[row, part], track)
    two, _, places = module.pack([np.zeros((9, 1, 2)), np.ones((5, 1, 2)), np.ones((4, 1, 2))])
    assert two.shape == (2, 9, 1, 2)
    assert sorted(places[1:]) == [(1, slice(0, 5)), (1, slice(5, 9))]


def test_the_figures(data, tmp_path, monkeypatch):
    """Causal: the input, one frame late, with one steady point thrown far. Look-ahead: the input."""

    def late(params, packed, *, reset):
        output = np.concatenate([packed[:, :1], packed[:, :-1]], axis=1)
        output[reset] = packed[reset]
        output[0, 20, 0] += 200
        return output

    monkeypatch.setattr(stabilizer, "run", late)
    monkeypatch.setattr(stabilizer, "smooth", lambda params, packed, *, reset: packed)
    module = load("real_tracks")
    summary, _ = run("real_tracks", tmp_path / "out", module)
    assert summary["videos"] == 3
    same, causal = summary["scores"]["look-ahead"], summary["scores"]["causal"]
    assert same["second_difference"] == {"median": 1.0, "worst": 1.0}
    assert same["distance"] == {"median": 1.0, "worst": 1.0}
    assert same["delay"] == {"least": 0, "most": 0}
    assert set(same["lost_of_100000"].values()) == {0.0}
    assert causal["delay"] == {"least": 1, "most": 1}
    valid = 5 * (sum(FRAMES) - 3)
    assert causal["lost_of_100000"]["valid_over_80"] == pytest.approx(1e5 / valid)
    assert causal["lost_of_100000"]["all_over_40"] == pytest.approx(1e5 / (5 * sum(FRAMES)))
    tracks = module.read(data / "300vw_fhr_predictions")
    off = np.abs(np.concatenate([track.points[track.valid] for track in tracks]) - 128).max() - 128
    assert same["outside_crop"] == pytest.approx(off)


def test_without_data_it_is_skipped(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("FHR_JAX_DATA", raising=False)
    module = load("real_tracks")
    assert module.main(module.Options(tmp_path / "out")) == {}
    assert "skipped" in capsys.readouterr().out
