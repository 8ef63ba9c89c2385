"""The demo from end to end on the smallest plan, and its parts against what they claim."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import heatmap, metrics, train
from fhr_jax.demo import page, regression, stabilization, walk
from fhr_jax.hourglass import TINY

pytest.importorskip("cv2")
pytest.importorskip("matplotlib")


def test_the_conventional_network_is_shown_rounded_targets():
    points = jnp.array([[[7.5, 0.5], [20.0, 31.0], [3.3, 9.7]]])
    config = TINY._replace(landmarks=3)
    shown = train.targets(regression.rounded(points, config), config)
    expected = train.targets(points, config, rounded=True)
    np.testing.assert_allclose(shown, expected, atol=1e-5)
    assert np.abs(shown - train.targets(points, config)).max() > 0.05


@pytest.mark.slow
def test_held_out_pictures_of_every_size_have_their_landmarks_where_the_face_is(monkeypatch):
    monkeypatch.setattr(regression, "SIDE", 60)
    data = regression.held_out(jax.random.key(0), 5)
    assert [len(picture) for picture in data.pictures] == [60, 30, 20, 12, 60]
    sizes = np.ptp(data.points, axis=1).max(axis=1) / [60, 30, 20, 12, 60]
    assert (sizes > 0.38).all()
    assert (sizes < 0.77).all()


def test_reducing_a_picture_moves_landmarks_by_the_half_pixel_rule():
    dot = np.asarray(heatmap.encode(jnp.array([[31.3, 22.8]]), size=(60, 60), sigma=4.0))[..., 0]
    reduced = dot.reshape(20, 3, 20, 3).mean(axis=(1, 3))
    found = heatmap.decode(jnp.asarray(reduced)[..., None], sigma=4 / 3, decoder="parabola")
    np.testing.assert_allclose(found, (np.array([[31.3, 22.8]]) + 0.5) / 3 - 0.5, atol=0.02)


def test_tuning_finds_the_setting_of_lowest_loss():
    rng = np.random.default_rng(0)
    truth = jnp.asarray(np.cumsum(rng.normal(0, 0.05, (2, 40, 4, 2)), axis=1) + 100, jnp.float32)
    observed = truth + jnp.asarray(rng.normal(0, 1.0, truth.shape), jnp.float32)
    settings = stabilization.tune(observed, truth)
    assert set(settings) == set(stabilization.GRID)
    # A truth that hardly moves under strong noise wants the strongest smoothing that is offered.
    assert settings["moving average"] == {"n": 5}
    assert settings["first order"] == {"a": 0.3}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    plan = walk.DemoPlan(config=TINY, steps=2, held_out=10, clips=3, frames=16, fit_seconds=0.3)
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regression, "SIDE", 60)
        walk.run(folder, plan=plan, progress=lambda part, done, total, word: told.append((part, done, total)))
    return folder, told


def test_the_demo_leaves_a_summary_pictures_and_one_report(demo):
    folder, _ = demo
    figures = json.loads((folder / "summary.json").read_text())
    for row in figures["regression"].values():
        assert len(row["pixels_by_scale"]) == 5
        assert np.isfinite([row["nrmse"], row["auc"], row["failure_rate"]]).all()
    for fit in figures["stabilization"]["fits"].values():
        assert len(fit["seconds"]) == len(fit["evaluations"]) == len(fit["loss"])
        assert fit["loss"][-1] <= fit["loss"][0]
    assert {"fractional, raw", "stabilizer, as shipped", "One Euro"} <= set(figures["stabilization"]["rows"])
    report = (folder / "report.html").read_text()
    pictures = sorted(path.name for path in folder.glob("*.png"))
    assert len(pictures) == 7
    assert report.count("data:image/png;base64,") == len(pictures)
    assert "<script" not in report
    assert "http" not in report.replace("http://www.w3.org", "")


def test_the_demo_tells_how_far_it_is(demo):
    _, told = demo
    parts = list(dict.fromkeys(part for part, _, _ in told))
    assert parts == ["train two networks", "held-out faces", "track clips", "fit the stabilizer", "report"]
    for part in parts[:3]:
        assert [entry for entry in told if entry[0] == part][-1][1:] == [e for e in told if e[0] == part][-1][2:] * 2


def test_both_networks_start_alike_and_end_apart(demo):
    folder, _ = demo
    with np.load(folder / "conventional.npz") as one, np.load(folder / "fractional.npz") as two:
        assert set(one.files) == set(two.files)
        assert any(np.any(one[name] != two[name]) for name in one.files)


def test_the_words_say_who_won():
    def row(nrmse, pixels):
        return {"nrmse": nrmse, "pixels_by_scale": pixels}

    rows = {"conventional": row(5.0, [1, 2, 3, 4, 5.5]), "fractional": row(4.0, [0.9, 2, 3, 4, 5.0])}
    said = page._regression_words(rows, {"steps": 3, "held_out": 4})
    assert "lower NRMSE (4.00 against 5.00" in said
    assert "grows" in said
    rows = {"conventional": row(4.0, [1, 2, 3, 4, 5.0]), "fractional": row(5.0, [0.9, 2, 3, 4, 5.0])}
    said = page._regression_words(rows, {"steps": 3, "held_out": 4})
    assert "higher NRMSE" in said
    assert "does not grow" in said
    fit = {"loss": [9.0, 3.0], "seconds": [0.0, 2.0], "evaluations": [1, 20]}
    said = page.fit_words({"gradient": {**fit, "loss": [9.0, 4.0]}, "simplex": fit})
    assert said.startswith("Lowest loss on the training clips: simplex, from 9.0 to 3.0 in 2 s")


def test_metrics_of_a_perfect_track_are_zero():
    truth = jnp.asarray(np.random.default_rng(0).uniform(0, 256, (1, 12, 68, 2)), jnp.float32)
    row = stabilization._row(truth, truth)
    assert row.nrmse == row.stability == 0
    assert row.delay == pytest.approx(0, abs=1e-6)
    assert float(metrics.nrmse(truth, truth).max()) == 0
