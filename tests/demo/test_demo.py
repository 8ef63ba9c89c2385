"""The demo from end to end with the smallest plan, and its parts one by one."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import heatmap, stabilizer, train, weights
from fhr_jax.demo import regression, report, stabilization
from fhr_jax.demo.run import DemoPlan, run_demo
from fhr_jax.hourglass import TINY
from tests.nets import SMALLEST, random_net

pytest.importorskip("cv2")
pytest.importorskip("matplotlib")


def test_the_conventional_network_sees_rounded_targets():
    points = jnp.array([[[7.5, 0.5], [20.0, 31.0], [3.3, 9.7]]])
    config = TINY._replace(landmarks=3)
    seen = train.targets(regression.round_to_heatmap(points, config), config)
    expected = train.targets(points, config, rounded=True)
    np.testing.assert_allclose(seen, expected, atol=1e-5)
    assert np.abs(seen - train.targets(points, config)).max() > 0.05


@pytest.mark.slow
def test_landmarks_lie_on_the_face_in_held_out_images_of_every_size(monkeypatch):
    monkeypatch.setattr(regression, "SIDE", 60)
    data = regression.held_out_faces(jax.random.key(0), 5)
    assert [len(image) for image in data.images] == [60, 30, 20, 12, 60]
    sizes = np.ptp(data.points, axis=1).max(axis=1) / [60, 30, 20, 12, 60]
    assert (sizes > 0.38).all()
    assert (sizes < 0.77).all()


def test_reducing_an_image_moves_landmarks_by_the_half_pixel_rule():
    dot = np.asarray(heatmap.encode(jnp.array([[31.3, 22.8]]), size=(60, 60), sigma=4.0))[..., 0]
    reduced = dot.reshape(20, 3, 20, 3).mean(axis=(1, 3))
    found = heatmap.decode(jnp.asarray(reduced)[..., None], sigma=4 / 3, decoder="parabola")
    np.testing.assert_allclose(found, (np.array([[31.3, 22.8]]) + 0.5) / 3 - 0.5, atol=0.02)


def test_tuning_finds_the_settings_of_lowest_loss():
    rng = np.random.default_rng(0)
    truth = jnp.asarray(np.cumsum(rng.normal(0, 0.05, (2, 40, 4, 2)), axis=1) + 100, jnp.float32)
    observed = truth + jnp.asarray(rng.normal(0, 1.0, truth.shape), jnp.float32)
    settings = stabilization.tune(stabilizer.as_videos(observed, truth))
    assert list(settings) == [baseline.name for baseline in stabilization.FILTERS]
    # A truth that hardly moves under strong noise needs the strongest smoothing of the range.
    assert settings["moving average"] == {"n": 5}
    assert settings["first order"]["a"] < 0.3


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    plan = DemoPlan(config=SMALLEST, steps=2, held_out=10, clips=3, frames=16, fit_seconds=0.05)
    reports, loaded = [], []

    def load(*path):
        loaded.append(path)
        return random_net(SMALLEST, loss="cross_entropy")

    with pytest.MonkeyPatch.context() as patch:
        # Images and the net that tracks are as large as the crops of the trained nets: all share their programs.
        patch.setattr(regression, "SIDE", SMALLEST.crop)
        patch.setattr(regression, "REDUCTIONS", (1, 2, 4, 8))
        patch.setattr(weights, "load", load)
        run_demo(folder, plan=plan, progress=reports.append)
    assert loaded == [()]  # the clips are tracked by the net in the package
    return folder, reports


def test_the_demo_writes_a_summary_pictures_and_one_report(demo):
    folder, _ = demo
    summary = json.loads((folder / "summary.json").read_text())
    for row in summary["regression"].values():
        assert len(row["pixels_by_scale"]) == 5
        assert np.isfinite([row["nrmse"], row["auc"], row["failure_rate"]]).all()
    for fit in summary["stabilization"]["fits"].values():
        assert len(fit["seconds"]) == len(fit["evaluations"]) == len(fit["loss"])
        assert fit["loss"][-1] <= fit["loss"][0]
    assert {"fractional, raw", "stabilizer, default parameters", "One Euro"} <= set(summary["stabilization"]["rows"])
    page = (folder / "report.html").read_text()
    pictures = sorted(path.name for path in folder.glob("*.png"))
    assert len(pictures) == 7
    assert page.count("data:image/png;base64,") == len(pictures)
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_the_demo_reports_its_progress(demo):
    _, reports = demo
    parts = list(dict.fromkeys(report.info["part"] for report in reports))
    assert parts == ["train two networks", "held-out faces", "track clips", "fit the stabilizer", "report"]
    last = {report.info["part"]: report for report in reports}
    for part in (*parts[:3], parts[-1]):
        assert last[part].done == last[part].total > 0
    assert last["train two networks"].info["loss"] > 0
    assert {"method", "loss"} <= set(last["fit the stabilizer"].info)


def test_the_two_networks_differ_in_their_parameters(demo):
    folder, _ = demo
    with np.load(folder / "conventional.npz") as one, np.load(folder / "fractional.npz") as two:
        assert set(one.files) == set(two.files)
        assert any(np.any(one[name] != two[name]) for name in one.files)


def test_the_text_says_which_method_was_better():
    def row(nrmse, pixels):
        return {"nrmse": nrmse, "pixels_by_scale": pixels}

    rows = {"conventional": row(5.0, [1, 2, 3, 4, 5.5]), "fractional": row(4.0, [0.9, 2, 3, 4, 5.0])}
    text = report.regression_text(rows, {"steps": 3, "held_out": 4})
    assert "lower NRMSE (4.00 against 5.00" in text
    assert "grows" in text
    rows = {"conventional": row(4.0, [1, 2, 3, 4, 5.0]), "fractional": row(5.0, [0.9, 2, 3, 4, 5.0])}
    text = report.regression_text(rows, {"steps": 3, "held_out": 4})
    assert "higher NRMSE" in text
    assert "does not grow" in text
    fit = {"loss": [9.0, 3.0], "seconds": [0.0, 2.0], "evaluations": [1, 20]}
    text = report.fit_text({"gradient": {**fit, "loss": [9.0, 4.0]}, "simplex": fit})
    assert text.startswith("Lowest loss on the training clips: simplex, from 9.0 to 3.0 in 2 s")


def test_scores_of_a_perfect_track_are_zero():
    truth = jnp.asarray(np.random.default_rng(0).uniform(0, 256, (1, 12, 68, 2)), jnp.float32)
    row = stabilization.score_tracks(truth, truth)
    assert row.nrmse == row.stability == 0
    assert row.delay == pytest.approx(0, abs=1e-6)
    shifted = stabilization.score_tracks(truth + 3.0, truth)
    assert shifted.nrmse > 1
    assert shifted.loss == pytest.approx(row.loss, rel=1e-4)
