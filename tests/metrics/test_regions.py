"""Errors by region, slopes and offsets against loops over faces, and where there is little to measure."""

import warnings

import numpy as np
import pytest

from fhr_jax.data.faces import anatomy
from fhr_jax.markup import COFW, FACE68, Markup, unknown
from fhr_jax.metrics import nrmse, regions
from tests.oracles import regions as oracle

LIMIT = 8.0
FACE = np.asarray(anatomy.MEAN)[:68, :2]


def faces(number=12, seed=0):
    """Rolled faces of all sizes whose mouths and eyes open by as much as they like, and predictions of them."""
    rng = np.random.default_rng(seed)
    shapes = np.tile(FACE, (number, 1, 1)) + rng.normal(scale=0.01, size=(number, 68, 2))
    shapes[:, 55:60, 1] += rng.uniform(0, 0.3, (number, 1))
    shapes[:, 65:68, 1] += rng.uniform(0, 0.3, (number, 1))
    shapes[:, [40, 41, 46, 47], 1] += rng.uniform(0, 0.1, (number, 1))
    predicted = shapes + rng.normal(scale=0.02, size=shapes.shape) + rng.normal(scale=0.02, size=(1, 68, 2))
    predicted[5:6] += 0.3
    angle = rng.uniform(-0.7, 0.7, number)
    turn = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], axis=-1).reshape(-1, 2, 2)
    size, centre = rng.uniform(30, 300, (number, 1, 1)), rng.uniform(100, 4000, (number, 1, 2))
    return [size * (part @ turn) + centre for part in (predicted, shapes)]


@pytest.fixture(scope="module", params=["all known", "some missing"])
def both(request):
    predicted, truth = faces()
    if request.param == "some missing":
        predicted[2, 57], predicted[3, 48:60], truth[4, 20] = np.nan, np.nan, np.nan
    return predicted, truth


def test_regions_agree_with_loops(both):
    found = {row.name: row for row in regions.region_errors(*both)}
    assert list(found) == ["jaw", "brows", "nose", "eyes", "mouth", "all"]
    for name in oracle.REGIONS:
        assert found[name].nrmse == pytest.approx(oracle.region_error(*both, name), rel=1e-5)
        assert found[name].faces == 12


def test_all_landmarks_give_the_usual_error():
    predicted, truth = faces()
    expected = np.asarray(nrmse(predicted - truth[:, :1], truth - truth[:, :1])).mean()
    assert regions.region_errors(predicted, truth)[-1].nrmse == pytest.approx(expected, rel=1e-4)


def test_responses_agree_with_loops(both):
    found = regions.measure_responses(*both, limit=LIMIT)
    assert [row.name for row in found] == list(regions.MEASURES)
    for row in found:
        count, true, predicted, slope, correlation = oracle.response(*both, row.name, LIMIT)
        assert row.faces == count
        assert [row.truth, row.predicted] == pytest.approx([true, predicted], rel=1e-5)
        assert [row.slope, row.correlation] == pytest.approx([slope, correlation], rel=1e-4, abs=1e-5, nan_ok=True)
        assert np.isnan(row.slope) == (row.name == "outer eye corners")  # the unit


def test_offsets_agree_with_loops(both):
    found = regions.median_offsets(*both, limit=LIMIT)
    assert found.faces == len(oracle.good(*both, LIMIT)) < 12
    for landmark in range(68):
        expected = oracle.median_offset(*both, landmark, LIMIT)
        np.testing.assert_allclose(found.median[landmark], expected, atol=1e-4)
        mirrored = found.median[FACE68.flip[landmark]] * [-1, 1]
        np.testing.assert_allclose(found.symmetric[landmark], (found.median[landmark] + mirrored) / 2)
    np.testing.assert_allclose(found.shape[[36, 45]], [[-50, 0], [50, 0]], atol=0.01)
    assert found.shape[8, 1] > found.shape[57, 1] > found.shape[30, 1] > 0 > found.shape[19, 1]


def test_a_known_offset_and_a_known_slope_are_found():
    _, truth = faces(40)
    predicted = truth.copy()
    frames = regions.face_frames(truth)
    apart, right = frames.unit[:, None], frames.horizontal
    down = np.stack([-right[:, 1], right[:, 0]], axis=-1)
    predicted[:, 8] += apart * (0.03 * right + 0.02 * down)
    lips = truth[:, 57] - truth[:, 51]
    predicted[:, 57] -= 0.4 * lips
    offsets = regions.median_offsets(predicted, truth).median
    np.testing.assert_allclose(offsets[8], [3, 2], atol=1e-3)
    np.testing.assert_allclose(np.delete(offsets, [8, 57], axis=0), 0, atol=1e-6)
    row = regions.measure_responses(predicted, truth)[0]
    assert [row.slope, row.correlation, row.predicted / row.truth] == pytest.approx([0.6, 1, 0.6], rel=1e-6)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_few_faces(number):
    predicted, truth = (part[2 : 2 + number] for part in faces())
    assert all(np.isfinite(row.nrmse) for row in regions.region_errors(predicted, truth))
    assert np.isfinite(regions.median_offsets(predicted, truth).median).all()
    for row in regions.measure_responses(predicted, truth)[:5]:
        assert row.faces == number
        assert np.isfinite([row.truth, row.predicted]).all()
        assert np.isfinite([row.slope, row.correlation]).all() == (number >= regions.MIN_FACES)


def test_one_face_repeated_has_no_slope():
    predicted, truth = faces()
    row = regions.measure_responses(predicted[2:9], np.repeat(truth[2:3], 7, axis=0), limit=np.inf)[0]
    assert row.faces == 7
    assert np.isnan([row.slope, row.correlation]).all()
    row = regions.measure_responses(np.repeat(truth[2:3], 7, axis=0), np.repeat(truth[2:3], 7, axis=0))[0]
    assert np.isnan([row.slope, row.correlation]).all()


def test_where_all_faces_fail_or_are_missing_nothing_is_defined():
    predicted, truth = faces()
    for wrong in (predicted + 1000, np.full_like(predicted, np.nan)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            offsets, responses = regions.median_offsets(wrong, truth), regions.measure_responses(wrong, truth)
            errors = regions.region_errors(wrong, truth)
        assert offsets.faces == 0
        assert np.isnan(offsets.median).all()
        assert np.isfinite(offsets.shape).all()
        assert all(row.faces == 0 and np.isnan(row[2:]).all() for row in responses)
        assert all(np.isnan(row.nrmse) == np.isnan(wrong).all() for row in errors)


def test_other_markups():
    predicted, truth = (part[:, :29] for part in faces())
    assert [row.name for row in regions.region_errors(predicted, truth, markup=COFW)][-1] == "all"
    assert len(regions.region_errors(predicted, truth, markup=COFW)) == 6
    assert regions.measure_responses(predicted, truth, markup=COFW) == ()
    five = unknown(29)
    assert [row.name for row in regions.region_errors(predicted, truth, markup=five)] == ["all"]
    offsets = regions.median_offsets(predicted, truth, markup=five)
    assert np.isnan(offsets.symmetric).all()
    difference = (predicted - truth) / np.sqrt(np.ptp(truth, axis=1).prod(axis=-1))[:, None, None]
    kept = np.linalg.norm(difference, axis=-1).mean(axis=1) <= 0.08
    np.testing.assert_allclose(offsets.median, 100 * np.median(difference[kept], axis=0), atol=1e-4)


def test_the_own_frame_is_upright_whatever_the_order_of_the_corners():
    _, truth = faces()
    usual = regions.face_frames(truth)
    swapped = regions.face_frames(truth, markup=FACE68._replace(eye_corners=(45, 36)))
    np.testing.assert_allclose(usual.horizontal, swapped.horizontal, atol=1e-6)
    groups = regions.face_frames(
        truth, markup=FACE68._replace(eye_corners=(tuple(range(36, 42)), tuple(range(42, 48))))
    )
    assert (groups.unit < usual.unit).all()
    # Two points above each other say how large the face is, but not how it is rolled.
    upright = Markup(68, FACE68.flip, eye_corners=(27, 8))
    np.testing.assert_array_equal(regions.face_frames(truth, markup=upright).horizontal, np.tile([1, 0], (12, 1)))
