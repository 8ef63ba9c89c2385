"""How all figures look, and how they are written."""

import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

try:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
except ImportError as error:
    raise InputError('plots need matplotlib: pip install "fhr-jax[plots]"') from error

Path = str | os.PathLike[str]
Numbers = jax.Array | np.ndarray | np.number | Sequence[Any] | float | int
"""Anything that `numpy.asarray` makes an array of numbers."""

INK, FAINT = "#222222", "#dddddd"
TRUTH = "#000000"
# Okabe and Ito, without black (kept for the truth) and yellow (too faint on white).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
_DASHES = ("-", "--", "-.", (0, (1, 1.2)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


class SeriesStyle(NamedTuple):
    """Colour, dashes and marker of one named series."""

    colour: str
    dashes: str | tuple[float, tuple[float, ...]]
    marker: str


def series_styles(names: Iterable[str]) -> dict[str, SeriesStyle]:
    """A look for each name, in order; colours repeat after seven with other dashes and markers."""
    n = len(_COLOURS)
    return {
        name: SeriesStyle(
            _COLOURS[i % n], _DASHES[(i + 2 * (i // n)) % len(_DASHES)], _MARKERS[(i + i // n) % len(_MARKERS)]
        )
        for i, name in enumerate(names)
    }


def figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches; whatever is put on it is laid out without overlap."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def style_axes(axes: Axes, *, x: str, y: str, title: str = "") -> None:
    """Label the axes (with units) and thin out everything that is not data."""
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    if title:
        axes.set_title(title, color=INK, fontsize="medium", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#888888")
    axes.tick_params(colors="#444444")
    axes.grid(True, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def legend(figure: Figure, axes: Axes, *, columns: int = 3) -> None:
    """The legend of `axes` below all of them, where it covers no data."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, len(labels)), frameon=False)


def save(figure: Figure, path: Path, *, dpi: int = 150) -> None:
    """Write the figure as PNG.

    Raises:
        InputError: the folder of `path` does not exist or cannot be written to.
    """
    FigureCanvasAgg(figure)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=dpi, format="png", metadata={"Software": None})
