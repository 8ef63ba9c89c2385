"""Evaluation of files of predictions, of nets on records, and of nets on crops in memory."""

import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import evaluate, npz, pipeline, weights
from fhr_jax.data.examples import Examples
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.errors import InputError
from tests.nets import random_net


def faces(count=6, landmarks=68, seed=0):
    return np.random.default_rng(seed).uniform(100, 300, (count, landmarks, 2))


def write(path, **changes):
    truth = faces()
    noise = np.random.default_rng(1).normal(size=truth.shape) * np.arange(1, 7).reshape(6, 1, 1)
    arrays = {"ground_truth": truth, "predictions": truth + noise, "names": np.array(list("abcdef"))}
    arrays = {name: array for name, array in (arrays | changes).items() if array is not None}
    npz.write(path, arrays)
    return arrays


def write_to(path, **changes):
    write(path, **changes)
    return path


def nrmse(predictions, truth):
    """Percent, one image at a time, from the definition."""
    result = []
    for x, p in zip(predictions, truth, strict=True):
        apart = np.hypot(*(p[36] - p[45]))
        result.append(100 * np.mean([np.hypot(*(a - b)) for a, b in zip(x, p, strict=True)]) / apart)
    return np.array(result)


def test_errors_and_summary_agree_with_their_definitions(tmp_path):
    arrays = write(tmp_path / "a.npz")
    results = evaluate.read_predictions(tmp_path / "a.npz")
    assert results.names == tuple("abcdef")
    errors = evaluate.errors(results)
    expected = nrmse(arrays["predictions"], arrays["ground_truth"])
    np.testing.assert_allclose(errors, expected, rtol=1e-5)
    summary = evaluate.summary(errors)
    assert set(summary) == {"images", "without_prediction", "nrmse", "nrmse_median", "auc", "failure_rate"}
    assert summary["images"] == 6
    assert summary["nrmse"] == pytest.approx(expected.mean(), rel=1e-5)
    assert summary["nrmse_median"] == pytest.approx(np.median(expected), rel=1e-5)
    assert summary["failure_rate"] == pytest.approx(100 * np.mean(expected > 8))
    limits = np.linspace(0, 8, 200_001)
    area = np.mean([np.mean(expected <= limit) for limit in limits[::100]])
    assert summary["auc"] == pytest.approx(100 * area, abs=0.1)


def test_errors_do_not_lose_precision_in_large_images(tmp_path):
    arrays = write(tmp_path / "a.npz")
    shifted = {name: arrays[name] + 30_000 for name in ("ground_truth", "predictions")}
    write(tmp_path / "b.npz", **shifted)
    near, far = (evaluate.errors(evaluate.read_predictions(tmp_path / f"{name}.npz")) for name in "ab")
    np.testing.assert_allclose(near, far, rtol=1e-5)


def test_predictions_in_the_crops_of_the_authors_are_converted(tmp_path):
    """Makes crops as their script does: the box of the truth times 1.3, scaled to 256 pixels."""
    truth, wanted = faces(), faces(seed=5)
    crops = []
    for p, x in zip(truth, wanted, strict=True):
        low, high = p.min(axis=0), p.max(axis=0)
        side = 1.3 * max(high - low)
        crops.append((x - ((low + high) / 2 - side / 2)) * 256 / (int(side) + 1))
    write(tmp_path / "a.npz", ground_truth=truth, predictions=np.array(crops), coordinates=np.array("fhr_crop256"))
    np.testing.assert_allclose(evaluate.read_predictions(tmp_path / "a.npz").predictions, wanted, atol=1e-9)


def test_published_results(real_data):
    results = evaluate.read_predictions(real_data / "300w_test" / "fhr_predictions.npz")
    summary = evaluate.summary(evaluate.errors(results))
    assert summary["images"] == 300
    assert summary["nrmse"] == pytest.approx(3.879, abs=0.005)
    assert summary["auc"] == pytest.approx(53.0, abs=0.05)
    assert summary["failure_rate"] == pytest.approx(1.67, abs=0.005)


def test_zeros_are_missing_points_unless_they_are_kept(tmp_path):
    lost = faces()
    lost[1, :3], lost[4] = 0, 0
    write(tmp_path / "a.npz", predictions=lost)
    results = evaluate.read_predictions(tmp_path / "a.npz")
    assert results.notes == ("71 points at (0, 0) read as missing; --keep-zeros keeps them",)
    assert np.isnan(results.predictions).any(axis=(1, 2)).tolist() == [False, True, False, False, True, False]
    write(tmp_path / "b.npz", ground_truth=lost)
    with pytest.raises(InputError, match=r"ground_truth: 71 points at \(0, 0\) read as missing; --keep-zeros keeps"):
        evaluate.read_predictions(tmp_path / "b.npz")
    kept = evaluate.read_predictions(tmp_path / "a.npz", options=ReadOptions(keep_zeros=True))
    np.testing.assert_array_equal(kept.predictions, lost)


def test_the_names_of_the_other_commands_are_read_too(tmp_path):
    arrays = write(tmp_path / "a.npz")
    npz.write(tmp_path / "b.npz", {"truth": arrays["ground_truth"], "landmarks": arrays["predictions"]})
    both = [evaluate.read_predictions(tmp_path / f"{name}.npz") for name in "ab"]
    np.testing.assert_array_equal(both[0].predictions, both[1].predictions)
    np.testing.assert_array_equal(both[0].truth, both[1].truth)


def test_a_third_column_of_scores_is_left_out(tmp_path):
    arrays = write(tmp_path / "a.npz")
    scored = np.concatenate([arrays["predictions"], np.full((6, 68, 1), 0.9)], axis=-1)
    write(tmp_path / "b.npz", predictions=scored)
    results = evaluate.read_predictions(tmp_path / "b.npz")
    np.testing.assert_array_equal(results.predictions, arrays["predictions"])


def with_nan(points):
    points = points.copy()
    points[2, 5, 0] = np.nan
    return points


BAD = {
    "no array predictions": {"predictions": None},
    "no array ground_truth": {"ground_truth": None},
    "(N, M, 2)": {"predictions": np.zeros((6, 136))},
    "but ground_truth": {"predictions": np.zeros((5, 68, 2))},
    "names is": {"names": np.array(["a"])},
    "expected image or fhr_crop256": {"coordinates": np.array("inches")},
    "no image has a prediction": {"predictions": np.full((6, 68, 2), np.nan)},
    "ground_truth of b: a coordinate of": {"ground_truth": faces() * np.array([1, 1e28, 1, 1, 1, 1])[:, None, None]},
    "ground_truth of c: a point is not finite": {"ground_truth": with_nan(faces())},
    "lie on one line": {"predictions": np.zeros((6, 5, 2)), "ground_truth": np.zeros((6, 5, 2))},
    "eye corners coincide": {"ground_truth": np.zeros((6, 68, 2))},
    "ground_truth: shape (2, 6, 68) looks like (d, N, M)": {"ground_truth": faces().transpose(2, 0, 1)},
    "predictions: shape (68, 6, 2) looks like (M, N, d)": {"predictions": faces().transpose(1, 0, 2)},
    "expected numbers": {"predictions": np.full((6, 68, 2), "a")},
}


def test_faces_without_a_prediction_are_failures_and_left_out_of_the_mean(tmp_path):
    arrays = write(tmp_path / "a.npz")
    spoilt = arrays["predictions"].copy()
    spoilt[1, 7], spoilt[2, :, 0], spoilt[4, 3, 1] = 1e30, np.nan, -np.inf
    write(tmp_path / "b.npz", predictions=spoilt)
    errors = evaluate.errors(evaluate.read_predictions(tmp_path / "b.npz"))
    expected = nrmse(arrays["predictions"], arrays["ground_truth"])
    np.testing.assert_array_equal(np.isnan(errors), [False, True, True, False, True, False])
    kept = expected[[0, 3, 5]]
    np.testing.assert_allclose(errors[[0, 3, 5]], kept, rtol=1e-5)
    summary = evaluate.summary(errors)
    assert (summary["images"], summary["without_prediction"]) == (6, 3)
    assert summary["nrmse"] == pytest.approx(kept.mean(), rel=1e-5)
    assert summary["nrmse_median"] == pytest.approx(np.median(kept), rel=1e-5)
    assert summary["failure_rate"] == pytest.approx(100 * (3 + (kept > 8).sum()) / 6)
    assert summary["auc"] == pytest.approx(100 * np.clip(1 - kept / 8, 0, 1).sum() / 6, rel=1e-5)
    evaluate.write_table(tmp_path / "t.csv", list("abcdef"), errors)
    assert (tmp_path / "t.csv").read_text().splitlines()[2] == "b,,1"


def test_a_huge_but_finite_error_does_not_overflow(tmp_path):
    far = write(tmp_path / "a.npz")["predictions"].copy()
    far[0] = 9e6
    results = evaluate.read_predictions(write_to(tmp_path / "b.npz", predictions=far))
    expected = nrmse(far[:1], results.truth[:1])
    np.testing.assert_allclose(evaluate.errors(results)[:1], expected, rtol=1e-5)
    assert np.isfinite(evaluate.summary(evaluate.errors(results))["nrmse"])


@pytest.mark.parametrize("message", BAD)
def test_bad_files(tmp_path, message):
    write(tmp_path / "bad.npz", **BAD[message])
    with pytest.raises(InputError) as caught:
        evaluate.read_predictions(tmp_path / "bad.npz")
    assert message in str(caught.value)
    assert "bad.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_validation_is_the_mean_error_of_the_predictions():
    net = random_net()
    images = jnp.asarray(np.random.default_rng(0).uniform(size=(18, 32, 32, 3)), jnp.float32)
    truth = jnp.asarray(faces(18) / 10, jnp.float32)
    for conventional, decoder in ((False, "least_squares"), (True, "quarter_shift")):
        error = evaluate.validate(net, Examples(images, truth), conventional=conventional)
        points = np.asarray(pipeline.predict(net, images, decoder=decoder).points)
        assert error == pytest.approx(nrmse(points, np.asarray(truth)).mean(), rel=1e-4)


class Faces:
    """Records of 18 faces: more than a batch."""

    def __len__(self):
        return 18

    def __getitem__(self, index):
        points = faces(18)[index].astype(np.float32)
        corner, size = points.min(axis=0), np.ptp(points, axis=0)
        record = {"image": np.zeros((300, 400, 3), np.uint8), "points": points, "box": np.concatenate([corner, size])}
        return record | {"dataset": "made up", "file": f"{index}.avi", "frame": np.int32(index // 17)}


def test_predictions_on_records_are_in_pixels_of_their_images(monkeypatch):
    found = np.random.default_rng(3).uniform(0, 31, (16, 68, 2)).astype(np.float32)
    prediction = pipeline.Prediction(jnp.asarray(found), jnp.ones((16, 68)), jnp.ones((16, 68, 2, 2)))
    monkeypatch.setattr(pipeline, "predict_all", lambda net, crops, **options: prediction)
    reports = []
    results = evaluate.predict_records(random_net(), Faces(), progress=reports.append)
    assert [(report.done, report.total) for report in reports] == [(16, 18), (18, 18)]
    assert len(results.names) == 18
    assert results.names[0] == "made up/0.avi"
    assert results.names[-1] == "made up/17.avi frame 1"
    np.testing.assert_allclose(results.truth, faces(18), atol=1e-3)
    for i in (0, 15, 16, 17):
        low, high = faces(18)[i].min(axis=0), faces(18)[i].max(axis=0)
        side = 1.3 * (high - low).max()
        expected = (found[i % 16] - 15.5) * side / 32 + (low + high) / 2
        np.testing.assert_allclose(results.predictions[i], expected, atol=1e-3)


def test_table(tmp_path):
    evaluate.write_table(tmp_path / "t.csv", ["a", "b, c"], np.array([3.25, 9.5]))
    assert (tmp_path / "t.csv").read_text() == 'image,nrmse,failure\na,3.2500,0\n"b, c",9.5000,1\n'


def test_the_default_net_works_on_photographs(real_data):
    errors = evaluate.errors(evaluate.predict_records(weights.load(), open_dataset(real_data / "images")))
    assert np.median(errors) < 7.5
    assert errors.max() < 20
