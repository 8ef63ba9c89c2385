"""The suite measures what filters are known to do, in every markup."""

import numpy as np
import pytest

from fhr_jax.benchmark.known_motions import cases, markups, measure, motions
from fhr_jax.errors import InputError

BY_NAME = {case.name: case for case in cases.CASES}
FACE = motions.mean_face()
CHIN = (6, 7, 8, 9, 10, 55, 56, 57, 58, 59, 65, 66, 67)


def test_a_case_moves_by_its_amplitude_in_its_frames():
    made = cases.sample(BY_NAME["jaw 0.25 in 3"], FACE)
    assert tuple(np.flatnonzero(made.moving)) == CHIN
    # One third of the way in each of the frames 30, 31 and 32, and three frames to follow.
    way = (made.truth[:, 8, 1] - FACE[8, 1]) / 72
    np.testing.assert_allclose(way[[0, 29, 30, 31, 32, 89]], [0, 0, 0.25 / 3, 0.5 / 3, 0.25, 0.25], atol=1e-5)
    np.testing.assert_array_equal(np.flatnonzero(made.active), range(30, 36))
    blink = cases.sample(BY_NAME["blink 0.2 in 7"], FACE)
    closed = (blink.truth[:, 37, 1] - FACE[37, 1]) / 72
    np.testing.assert_array_equal(np.flatnonzero(closed > 1e-5), range(30, 37))
    np.testing.assert_allclose(closed.max(), 0.2, rtol=1e-5)


def test_speeds_are_those_of_the_names():
    def steps(name):
        return np.linalg.norm(np.diff(cases.sample(BY_NAME[name], FACE).truth, axis=0), axis=-1)[:, 8] / 72

    np.testing.assert_allclose(steps("sets off 0.45 a frame")[29:54], 0.45, rtol=1e-4)
    np.testing.assert_allclose(steps("sets off 0.45 a frame")[[28, 54]], 0, atol=1e-5)
    np.testing.assert_allclose(steps("sets off 1 a frame over 4")[28:34], [0, 1 / 8, 3 / 8, 5 / 8, 7 / 8, 1], atol=1e-4)
    roll = cases.sample(BY_NAME["roll 9 a frame"], FACE).truth
    eyes = roll[:, 45] - roll[:, 36]
    turned = np.rad2deg(np.diff(np.arctan2(eyes[:, 1], eyes[:, 0])))
    np.testing.assert_allclose(turned[29:34], 9, atol=1e-3)
    np.testing.assert_allclose(turned[34:], 0, atol=1e-3)


def test_a_camera_of_another_rate_sees_the_same_motion():
    case = BY_NAME["nod 2 Hz 0.15"]
    slow, fast = (cases.sample(case, FACE, rate=rate) for rate in (30.0, 120.0))
    np.testing.assert_allclose(fast.truth[::4], slow.truth, atol=1e-3)
    assert (slow.onset, fast.onset) == (30, 117)  # 29 / 30 s is frame 116, still at rest


@pytest.mark.parametrize("points", [68, 98, 468])
def test_other_markups_move_alike(points):
    weights = markups.markup_weights(points)
    assert weights.shape == (points, 68)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert len(np.unique((weights @ FACE).round(4), axis=0)) == points
    made = cases.sample(BY_NAME["jaw 0.25 in 3"], FACE, weights=weights)
    way = made.truth[-1] - made.truth[0]
    np.testing.assert_allclose(way[:, 0], 0, atol=1e-5)
    assert way[made.moving, 1].min() >= 0.5 * 18 - 1e-3
    np.testing.assert_allclose(way[:, 1].max(), 18, rtol=1e-5)
    assert way[~made.moving, 1].max() <= 0.5 * 18 + 1e-3


def test_wflw_has_pupils_in_the_eyes_and_the_contour():
    points = markups.markup_weights(98) @ FACE
    np.testing.assert_allclose(points[:33:2], FACE[:17])
    np.testing.assert_allclose(points[97], FACE[42:48].mean(axis=0))
    np.testing.assert_allclose(points[76:96], FACE[48:])
    assert points[33:38, 1].mean() < points[38:42, 1].mean()
    assert points[38:42, 1].max() < FACE[36:42, 1].min()
    with pytest.raises(InputError, match="expected 68, 98 or 468"):
        markups.markup_weights(70)


def test_measures_of_known_filters():
    """The raw track has the noise; one that is a frame late is off by a step, in the region that moves."""
    made = [cases.sample(BY_NAME[name], FACE) for name in ("rest", "jaw 0.25 in 3")]
    raw = measure.measure(lambda tracks: tracks, made, seeds=4)
    np.testing.assert_allclose([error.rms for error in raw], 1, atol=0.05)
    assert max(error.offset for error in raw) < 1
    late = measure.measure(lambda tracks: np.concatenate([tracks[:, :1], tracks[:, :-1]], axis=1), made, seeds=4)
    np.testing.assert_allclose(late[0].rms, 1, atol=0.05)
    np.testing.assert_allclose(late[1].offset, 6, atol=1)
    # Three of six active frames are 6 px late in y, one of two coordinates.
    np.testing.assert_allclose(late[1].rms, np.sqrt(1 + 36 / 4), rtol=0.05)
    with pytest.raises(InputError, match="expected at least one of each"):
        measure.measure(lambda tracks: tracks, [], seeds=4)


def test_the_table_and_its_summary():
    rows = [
        measure.MotionRow("rest", "rest", True, 1.0, 0.5, 0.5, 1.0, 0.2, 0.2),
        measure.MotionRow("jaw", "jaw", True, 1.0, 4.0, 1.0, 4.0, 7.0, 2.0),
        measure.MotionRow("zoom", "zoom", False, 1.0, 0.5, 2.0, 0.25, 0.2, 3.0),
    ]
    summary = measure.summarize(rows)
    np.testing.assert_allclose([summary[name] for name in ("all", "listed", "others", "worst")], [1, 2, 0.25, 4])
    assert (summary["worst_case"], summary["above_1.05"], summary["larger_offset"]) == ("jaw", 1, 1)
    text = measure.table(rows)
    assert "| jaw | 1.00 | 1.00 | 4.00 | **4.00** | 2.0 | 7.0 |" in text
    assert "worst 4.00 (jaw)" in text


def test_one_euro_beside_itself():
    """The better of two counts, so either of them is at best as good."""
    rows = measure.compare(
        measure.one_euro_filter(3.0, 0.1), cases=[BY_NAME["rest"], BY_NAME["jaw 0.25 in 3"]], seeds=2
    )
    assert all(row.ratio >= 1 and row.offset >= row.euro_offset for row in rows)
    assert min(row.ratio for row in rows) == 1
