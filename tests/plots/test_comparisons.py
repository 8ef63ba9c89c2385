"""Bars, sweeps and contours: what is drawn where, and how it is marked."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from fhr_jax import plots
from fhr_jax.plots.style import TRUTH


def test_a_bar_is_as_long_as_its_value_and_the_first_is_on_top():
    figure = plots.bars({"good": (0.5, 0.1), "bad": (2.0, 0.0)}, label="loss", reference=(0.8, "target"))
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.5, 2.0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["good", "bad"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert [text.get_text() for text in axes.texts] == ["0.500", "2.00"]


def test_bars_are_marked_by_colour_and_the_reference_by_a_line():
    values = {"a": (1.0, 0.1), "b": (2.0, 0.5), "c": (0.5, 0.0)}
    figure = plots.bars(values, label="loss, px", highlight=["b"], muted=["c"], reference=(1.5, "target"))
    axes = figure.axes[0]
    colours = [to_hex(bar.get_facecolor()) for bar in axes.patches]
    assert len(set(colours)) == 3
    assert axes.get_xlabel() == "loss, px"
    assert axes.get_xlim() == pytest.approx((0, 1.12 * 2.5))  # room for the longest bar with its error and number
    ends = [np.ptp(line[:, 0]) for line in axes.collections[0].get_segments()]
    np.testing.assert_allclose(ends, [0.2, 1.0, 0.0])
    (line,) = axes.get_lines()
    assert set(line.get_xdata()) == {1.5}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["target"]
    plain = plots.bars(values, label="loss, px")
    assert not plain.legends
    assert len({to_hex(bar.get_facecolor()) for bar in plain.axes[0].patches}) == 1


CURVES = {"truth": [([1, 2, 4], [3, 2, 1]), ([1, 2, 4], [5, 5, 5])], "point": [(3.0, 2.0), (np.float32(2), 3)]}
LABELS = [("x, px", "y, px"), ("z, px", "w, px")]


def test_each_method_has_one_line_in_every_panel_and_a_single_value_is_a_point():
    figure = plots.sweeps(CURVES, labels=LABELS, highlight=["point"])
    for panel, axes in enumerate(figure.axes):
        assert (axes.get_xlabel(), axes.get_ylabel()) == LABELS[panel]
        for line, (name, parts) in zip(axes.get_lines(), CURVES.items(), strict=True):
            assert line.get_label() == name
            expected = np.column_stack([np.atleast_1d(part) for part in parts[panel]])
            np.testing.assert_array_equal(line.get_xydata(), expected)
        truth, point = axes.get_lines()
        assert truth.get_color() == TRUTH != point.get_color()
        assert point.get_linestyle() == "None" != truth.get_linestyle()
        assert point.get_linewidth() > truth.get_linewidth()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["truth", "point"]


@pytest.mark.parametrize("logarithmic", ["", "x", "y", "xy"])
def test_logarithmic_names_the_axes(logarithmic):
    for axes in plots.sweeps(CURVES, labels=LABELS, logarithmic=logarithmic).axes:
        assert axes.get_xscale() == ("log" if "x" in logarithmic else "linear")
        assert axes.get_yscale() == ("log" if "y" in logarithmic else "linear")


def test_y_axes_begin_at_zero_if_asked():
    assert all(axes.get_ylim()[0] == 0 for axes in plots.sweeps(CURVES, labels=LABELS, from_zero=True).axes)
    assert all(axes.get_ylim()[0] > 0 for axes in plots.sweeps(CURVES, labels=LABELS).axes)


def test_contours_of_a_parabola_are_circles_of_even_steps():
    line = np.linspace(-2, 2, 81)
    surface = line[None] ** 2 + line[:, None] ** 2
    surfaces = {"centre": surface, "steeper": 2 * surface}
    marks = {"centre": {"lowest": (0.0, 0.0)}, "steeper": {"a": (1.0, -1.0), "b": (0.5, 0.0)}}
    figure = plots.contours(line, surfaces, marks=marks)
    axes = figure.axes[0]
    (contours,) = axes.collections
    radii = np.sqrt(contours.levels)
    np.testing.assert_allclose(np.diff(radii), radii[0], rtol=1e-6)
    for radius, path in zip(radii, contours.get_paths(), strict=True):
        if radius < 2:  # closed within the square
            np.testing.assert_allclose(np.linalg.norm(path.vertices, axis=1), radius, atol=0.01)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["centre", "steeper"]
    assert axes.get_aspect() == 1
    assert [tuple(np.ravel(mark.get_xydata())) for mark in figure.axes[1].get_lines()] == [(1.0, -1.0), (0.5, 0.0)]
    assert [text.get_text() for text in figure.axes[1].texts] == ["a", "b"]


def test_rows_of_a_surface_run_along_y():
    line = np.linspace(-1, 1, 41)
    axes = plots.contours(line, {"along y": np.broadcast_to(line[:, None] ** 2, (41, 41))}, marks={"along y": {}}).axes[
        0
    ]
    for path in axes.collections[0].get_paths()[:-1]:
        assert np.ptp(np.abs(path.vertices[:, 1])) < 1e-6 < np.ptp(path.vertices[:, 0])
