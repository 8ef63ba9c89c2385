"""Cumulative error curves: the values, the legend and the limits of the axis."""

import numpy as np

from fhr_jax import plots


def test_the_cumulative_curve_gives_the_percentage_of_images():
    errors = np.array([3.0, 1.0, np.nan, 5.0])
    figure = plots.ced({"net": errors})
    line = figure.axes[0].get_lines()[0]
    x, y = line.get_data()
    assert line.get_drawstyle() == "steps-post"
    for at, share in ((0.5, 0), (1.0, 25), (4.0, 50), (7.9, 75)):
        assert y[np.searchsorted(x, at, side="right") - 1] == share
    # (7 + 5 + 3 + 0) / 8 / 4
    assert "46.9 %" in line.get_label()


def test_the_axis_extends_where_most_errors_exceed_the_limit():
    assert plots.ced({"bad": np.linspace(6, 30, 50)}).axes[0].get_xlim()[1] > 25
    assert plots.ced({"good": np.linspace(1, 7, 50)}).axes[0].get_xlim()[1] == 8
