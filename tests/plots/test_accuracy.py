"""Cumulative error curves: the values, the legend and the limits of the axis. Arrows of offsets."""

import numpy as np

from fhr_jax import plots
from fhr_jax.markup import FACE7


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


def test_arrows_begin_at_the_mean_face_and_are_enlarged_as_written():
    shape = np.array([[-50, 0], [-20, 1], [20, 1], [50, 0], [0, 40], [-30, 70], [30, 70]], float)
    arrows = np.zeros((7, 2))
    arrows[4], arrows[5] = [1.0, 2.0], np.nan
    axes = plots.offsets(shape, arrows, markup=FACE7).axes[0]
    assert "enlarged 5 times; the longest is 2.2 %" in axes.get_title(loc="left")
    drawn = {tuple(text.xyann): tuple(text.xy) for text in axes.texts}
    assert drawn[0, 40] == (5, 50)
    assert len(drawn) == 6
    assert axes.yaxis_inverted()
    assert "enlarged 20 times" in plots.offsets(shape, arrows, markup=FACE7, enlarged=20).axes[0].get_title(loc="left")


def test_without_an_offset_the_face_is_drawn_alone():
    shape = np.array([[-50, 0], [-20, 1], [20, 1], [50, 0], [0, 40], [-30, 70], [30, 70]], float)
    axes = plots.offsets(shape, np.full((7, 2), np.nan), markup=FACE7).axes[0]
    assert not axes.texts
    assert "no offsets" in axes.get_title(loc="left")
    assert "the longest is 0.0 %" in plots.offsets(shape, 0 * shape, markup=FACE7).axes[0].get_title(loc="left")
