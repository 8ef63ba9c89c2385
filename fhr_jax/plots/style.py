"""The common style of all figures, and `save`, the only function of the package that writes one."""

import io
import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ImportError as error:
    raise InputError('plots need matplotlib: pip install "fhr-jax[plots]"') from error

Numbers = jax.Array | np.ndarray | np.number | Sequence[Any] | float | int
"""Anything that `numpy.asarray` turns into an array of numbers."""
AxesGrid = Sequence[Axes] | np.ndarray
"""Several axes, for example what `Figure.subplots` returns."""

INK, FAINT = "#222222", "#dddddd"
TRUTH = "#000000"
DPI = 150
# Okabe and Ito, without black (kept for the truth) and yellow (too faint on white).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
_DASHES = ("-", "--", "-.", (0, (1, 1.2)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


class SeriesStyle(NamedTuple):
    """Colour, dashes and marker of one named series."""

    colour: str
    dashes: str | tuple[float, tuple[float, ...]]
    marker: str


class NotebookFigure(Figure):
    """A figure that a notebook displays as the value of a cell, without pyplot."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=80)
        return buffer.getvalue()


def series_styles(names: Iterable[str]) -> dict[str, SeriesStyle]:
    """A style for each name, in order; after seven names the colours repeat with other dashes and markers."""
    n = len(_COLOURS)
    return {
        name: SeriesStyle(
            _COLOURS[i % n], _DASHES[(i + 2 * (i // n)) % len(_DASHES)], _MARKERS[(i + i // n) % len(_MARKERS)]
        )
        for i, name in enumerate(names)
    }


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure, `width` x `height` inches, whose parts are laid out without overlap."""
    return NotebookFigure(figsize=(width, height), layout="constrained", facecolor="white")


def single_axes(axes: Axes | None, width: float, height: float) -> tuple[Figure, Axes]:
    """The given axes and their figure, or the axes of a new figure.

    Args:
        axes: to draw into; None makes a new figure.
        width: of a new figure, in inches.
        height: of a new figure, in inches.
    """
    if axes is None:
        figure = new_figure(width, height)
        return figure, figure.add_subplot()
    return _figure_of(axes), axes


def axes_grid(
    axes: AxesGrid | None, rows: int, columns: int, *, width: float, height: float, **options: Any
) -> tuple[Figure, np.ndarray]:
    """The given axes as an array (rows, columns) and their figure, or those of a new figure.

    Args:
        axes: to draw into, rows x columns of them in any arrangement; None makes a new figure.
        rows: of the grid.
        columns: of the grid.
        width: of a new figure, in inches.
        height: of a new figure, in inches.
        options: of `Figure.subplots` for a new figure.

    Raises:
        InputError: `axes` holds another number of axes.
    """
    if axes is None:
        figure = new_figure(width, height)
        return figure, figure.subplots(rows, columns, squeeze=False, **options)
    given = np.asarray(axes, dtype=object)
    if given.size != rows * columns:
        raise InputError(f"axes: expected {rows * columns} ({rows} x {columns}), found {given.size}")
    return _figure_of(given.flat[0]), given.reshape(rows, columns)


def _figure_of(axes: Axes) -> Figure:
    figure = axes.get_figure(root=True)
    if figure is None:
        raise InputError("axes: expected axes that belong to a figure, found axes that were removed from theirs")
    return figure


def style_axes(axes: Axes, *, x: str, y: str, title: str = "") -> None:
    """Label the axes (with units) and thin out everything that is not data.

    Args:
        axes: to style.
        x: label of the horizontal axis.
        y: label of the vertical axis.
        title: above the axes, on the left.
    """
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    if title:
        axes.set_title(title, color=INK, fontsize="medium", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#888888")
    axes.tick_params(colors="#444444")
    axes.grid(True, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def legend(axes: Axes, *, outside: bool, columns: int = 3, right: bool = False) -> None:
    """Add the legend of `axes`, if anything in them has a label.

    Args:
        axes: whose series it names.
        outside: put it outside of all axes of the figure, where it covers no data. Only for figures with a
            constrained layout; otherwise it lies inside of `axes`.
        columns: most columns outside; fewer where they would be wider than the figure.
        right: outside on the right; the default is below.
    """
    handles, labels = axes.get_legend_handles_labels()
    if not labels:
        return
    if outside:
        location, figure = "outside right upper" if right else "outside lower center", _figure_of(axes)
        for number in range(min(columns, len(labels)), 0, -1):
            placed = figure.legend(handles, labels, loc=location, ncols=number, frameon=False)
            if number == 1 or placed.get_window_extent().width <= figure.bbox.width:
                return
            placed.remove()
    else:
        axes.legend(handles, labels, framealpha=0.8, edgecolor="none", fontsize="small")


def shared_legend(grid: np.ndarray) -> None:
    """Replace the legends of all axes of a grid, which show the same series, by one below the figure.

    Args:
        grid: Axes, of any shape.
    """
    for axes in grid.flat:
        if axes.get_legend() is not None:
            axes.get_legend().remove()
    legend(grid.flat[0], outside=True)


def save(path: str | os.PathLike[str], figure: Figure, *, dpi: int = DPI) -> None:
    """Write the figure as a PNG file, whole or not at all.

    Args:
        path: of the file.
        figure: from any function of `plots`, or any other Matplotlib figure.
        dpi: dots an inch.

    Raises:
        InputError: the folder of `path` does not exist or cannot be written to.
    """
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=dpi, format="png", metadata={"Software": None})
