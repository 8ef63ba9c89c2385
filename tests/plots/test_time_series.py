"""Trajectories, histories of losses and training losses: the series that are drawn."""

import numpy as np
import pytest

from fhr_jax import plots


def test_trajectories_choose_the_landmark_and_axis_that_move_most():
    track = np.zeros((20, 68, 2))
    track[:, 31, 1] = np.arange(20)
    figure = plots.trajectories(track, {"late": np.roll(track, 1, axis=0)})
    above, below = figure.axes
    assert "landmark 31" in above.get_title(loc="left")
    assert above.get_ylabel() == "y, px"
    np.testing.assert_array_equal(above.get_lines()[0].get_ydata(), np.arange(20))
    np.testing.assert_array_equal(below.get_lines()[1].get_ydata()[1:], -1)


def test_a_start_at_zero_seconds_is_visible_on_the_logarithmic_axis():
    figure = plots.loss_history({"fit": (np.array([0.0, 0.5, 2.0]), np.array([9.0, 8.0, 7.0]))})
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert (axes.get_lines()[0].get_xdata() > 0).all()
    assert axes.get_lines()[0].get_label() == "fit: 7 after 2 s"


def test_a_landmark_an_axis_and_frames_may_be_chosen():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(20, 5, 2)).cumsum(axis=0)
    track = truth + rng.normal(size=truth.shape)
    track[7] = np.nan
    figure = plots.trajectories(truth, {"raw": track}, landmark=3, axis="x", frames=(5, 15))
    above, below = figure.axes
    truth_line, raw_line = above.get_lines()
    np.testing.assert_array_equal(truth_line.get_xydata(), np.stack([np.arange(5, 15), truth[5:15, 3, 0]], axis=1))
    np.testing.assert_array_equal(raw_line.get_ydata(), track[5:15, 3, 0])
    np.testing.assert_array_equal(below.get_lines()[1].get_ydata(), (track - truth)[5:15, 3, 0])
    assert above.get_ylabel() == "x, px"
    assert below.get_ylabel() == "error, px"


def test_the_most_moving_landmark_is_sought_in_the_frames_shown_and_missing_points_do_not_count():
    track = np.zeros((20, 4, 2))
    track[:, 1, 0] = np.linspace(0, 1, 20)
    track[:5, 2, 1] = np.linspace(0, 50, 5)
    track[12, 1] = track[:, 3] = np.nan
    for frames, landmark in ((None, 2), ((6, 20), 1)):
        title = plots.trajectories(None, {"raw": track}, frames=frames).axes[0].get_title(loc="left")
        assert f"landmark {landmark} " in title


def test_without_a_truth_the_motion_per_frame_is_below():
    track = np.random.default_rng(0).normal(size=(12, 3, 2))
    figure = plots.trajectories(None, {"raw": track, "other": 2 * track}, landmark=1, axis="y")
    below = figure.axes[1]
    assert below.get_ylabel() == "motion, px a frame"
    for line, factor in zip(below.get_lines(), (1, 2), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 12))
        np.testing.assert_allclose(line.get_ydata(), factor * (track[1:, 1, 1] - track[:-1, 1, 1]))


@pytest.mark.parametrize(
    ("losses", "scale"),
    [([10.0, 1.01], "linear"), ([10.0, 0.99], "log"), ([10.0, -1.0], "linear"), ([np.nan, 10, 0.1], "log")],
)
def test_the_loss_is_logarithmic_if_it_spans_more_than_a_factor_of_ten(losses, scale):
    times = np.arange(1, len(losses) + 1)
    assert plots.loss_history({"fit": (times, losses)}).axes[0].get_yscale() == scale
    assert plots.training_loss({"net": (times, losses)}, window=1).axes[0].get_yscale() == scale


def test_the_unit_of_the_times_is_on_the_axis_and_in_the_legend():
    axes = plots.loss_history({"fit": ([1, 20], [5, 4.5])}, unit="evaluations").axes[0]
    assert axes.get_xlabel() == "evaluations (logarithmic)"
    assert axes.get_lines()[0].get_label() == "fit: 4.5 after 20 evaluations"


@pytest.mark.parametrize("window", [1, 4, 5, 25])
def test_the_strong_line_of_a_training_loss_is_its_running_median(window):
    losses = np.random.default_rng(0).gamma(2, 1, 30)
    faint, strong = plots.training_loss({"net": (np.arange(30), losses)}, window=window).axes[0].get_lines()
    np.testing.assert_array_equal(faint.get_ydata(), losses)
    reach = window // 2
    near = [sorted(v for j, v in enumerate(losses) if abs(i - j) <= reach) for i in range(30)]
    expected = [(part[(len(part) - 1) // 2] + part[len(part) // 2]) / 2 for part in near]
    np.testing.assert_allclose(strong.get_ydata(), expected)
    assert faint.get_label().startswith("_")  # not in the legend
    assert strong.get_label() == "net"
