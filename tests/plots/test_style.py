"""Styles of series, given axes, display in notebooks, and saving."""

import pytest
from matplotlib.figure import Figure

from fhr_jax import plots
from fhr_jax.errors import InputError
from fhr_jax.plots import style


def test_twenty_series_have_different_styles():
    assert len(set(style.series_styles(str(i) for i in range(20)).values())) == 20


def test_saving_names_a_missing_folder_and_writes_nothing(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        plots.save(tmp_path / "nowhere" / "figure.png", Figure())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [1, 3])
def test_a_wrong_number_of_axes_is_refused(number):
    given = Figure().subplots(1, number, squeeze=False)
    with pytest.raises(InputError, match=rf"axes: expected 2 \(1 x 2\), found {number}"):
        style.axes_grid(given, 1, 2, width=1.0, height=1.0)


def test_given_axes_may_be_arranged_otherwise():
    own = Figure()
    given = own.subplots(2, 3)
    figure, grid = style.axes_grid(given.ravel(), 3, 2, width=1.0, height=1.0)
    assert figure is own
    assert grid.shape == (3, 2)
    assert list(grid.flat) == list(given.flat)


def test_axes_without_a_figure_are_refused():
    axes = Figure().add_subplot()
    axes.remove()
    with pytest.raises(InputError, match="removed from theirs"):
        style.single_axes(axes, 1.0, 1.0)


@pytest.mark.parametrize(("length", "columns"), [(4, 3), (30, 2), (300, 1)])
def test_a_legend_is_no_wider_than_its_figure(length, columns):
    figure, axes = style.single_axes(None, 6.4, 4.6)
    for i in range(6):
        axes.plot([0, 1], label=f"{i}".ljust(length, "x"))
    style.legend(axes, outside=True)
    (placed,) = figure.legends
    assert placed._ncols == columns


def test_panels_of_the_same_series_share_a_legend():
    figure, grid = style.axes_grid(None, 1, 2, width=6.0, height=3.0)
    for axes in grid.flat:
        axes.plot([0, 1], label="series")
        axes.legend()
    style.shared_legend(grid)
    assert all(axes.get_legend() is None for axes in grid.flat)
    assert len(figure.legends) == 1


def test_without_labels_there_is_no_legend():
    figure, axes = style.single_axes(None, 2.0, 2.0)
    axes.plot([0, 1])
    style.legend(axes, outside=True)
    style.legend(axes, outside=False)
    assert not figure.legends
    assert axes.get_legend() is None


def test_a_notebook_displays_the_figure_of_a_cell():
    assert style.new_figure(1.0, 1.0)._repr_png_().startswith(b"\x89PNG")
