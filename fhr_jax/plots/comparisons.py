"""Comparisons: bars of methods, parameter sweeps, contours of functions."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhr_jax.plots.style import INK, TRUTH, AxesGrid, Numbers, axes_grid, legend, series_styles, single_axes, style_axes

_LIGHT, _DARK, _GREY = "#56B4E9", "#0072B2", "#BBBBBB"


def bars(
    values: Mapping[str, tuple[float, float]],
    *,
    label: str,
    highlight: Sequence[str] = (),
    muted: Sequence[str] = (),
    reference: tuple[float, str] | None = None,
    axes: Axes | None = None,
) -> Figure:
    """One horizontal bar per method, with its value and error bar.

    Args:
        values: name to (value, half the length of the error bar), drawn from the top.
        label: of the value axis, with the unit.
        highlight: names drawn darker.
        muted: names drawn in grey, for example methods that are shown for reference only.
        reference: a value to mark with a dashed line, and its label.
        axes: to draw into; by default those of a new figure.
    """
    own = axes is None
    names = list(values)
    lengths = np.array([values[name][0] for name in names])
    errors = np.array([values[name][1] for name in names])
    colours = [_DARK if n in highlight else _GREY if n in muted else _LIGHT for n in names]
    figure, axes = single_axes(axes, 8.0, 1.0 + 0.3 * len(names))
    rows = np.arange(len(names))
    axes.barh(rows, lengths, 0.75, color=colours, xerr=errors, error_kw={"ecolor": INK, "elinewidth": 1.0})
    for row, value, error in zip(rows, lengths, errors, strict=True):
        axes.annotate(f"{value:#.3g}", (value + error, row), (4, 0), textcoords="offset points", va="center", color=INK)
    axes.set_yticks(rows, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12 * float((lengths + errors).max()))
    if reference is not None:
        axes.axvline(reference[0], color="#D55E00", linewidth=1.2, linestyle="--", label=reference[1])
        legend(axes, outside=own)
    style_axes(axes, x=label, y="")
    axes.grid(False, axis="y")
    return figure


def sweeps(
    curves: Mapping[str, Sequence[tuple[Numbers, Numbers]]],
    *,
    labels: Sequence[tuple[str, str]],
    highlight: Sequence[str] = (),
    logarithmic: str = "",
    from_zero: bool = False,
    axes: AxesGrid | None = None,
) -> Figure:
    """Panels side by side with one line per method, for example a metric against a parameter.

    Args:
        curves: name to one (x (n,), y (n,)) per panel. A single value is drawn as a point; the name "truth" is black.
        labels: (x, y) of each panel, with units.
        highlight: names drawn thicker.
        logarithmic: which axes are logarithmic: "", "x", "y" or "xy".
        from_zero: start the y axes at 0.
        axes: one per panel, to draw into; by default those of a new figure.
    """
    own = axes is None
    figure, grid = axes_grid(axes, 1, len(labels), width=max(7.2, 1.0 + 4.6 * len(labels)), height=5.2)
    for i, (panel, (x_label, y_label)) in enumerate(zip(grid[0], labels, strict=True)):
        for (name, parts), style in zip(curves.items(), series_styles(curves).values(), strict=True):
            x, y = (np.atleast_1d(np.asarray(part, np.float64)) for part in parts[i])
            panel.plot(
                x,
                y,
                color=TRUTH if name == "truth" else style.colour,
                marker=style.marker,
                markersize=6 if name in highlight else 4.5,
                linestyle=style.dashes if x.size > 1 else "none",
                linewidth=2.4 if name in highlight else 1.2,
                label=name,
            )
        panel.margins(0.06)
        if "x" in logarithmic:
            panel.set_xscale("log")
        if "y" in logarithmic:
            panel.set_yscale("log")
        if from_zero:
            panel.set_ylim(bottom=0)
        style_axes(panel, x=x_label, y=y_label)
    legend(grid[0, 0], outside=own, columns=3 if len(labels) == 1 else 4)
    return figure


def contours(
    coordinates: Numbers,
    values: Mapping[str, Numbers],
    *,
    marks: Mapping[str, Mapping[str, tuple[float, float]]],
    axes: AxesGrid | None = None,
) -> Figure:
    """Contours of functions of a point in a square of the plane, one panel per function.

    Args:
        coordinates: (n,) along both axes, in pixels.
        values: title to values (n, n), rows along y.
        marks: title to the marked points (x, y) by name.
        axes: one per function, to draw into; by default those of a new figure.
    """
    line = np.asarray(coordinates, np.float64)
    figure, grid = axes_grid(axes, 1, len(values), width=3.4 * len(values), height=3.8)
    for panel, (title, surface) in zip(grid[0], values.items(), strict=True):
        height = np.asarray(surface, np.float64)
        # Evenly spaced in the square root, so that the contours of a parabola are evenly spaced in the plane.
        levels = np.linspace(0, np.sqrt(height.max()), 12)[1:] ** 2
        panel.contour(line, line, height, levels=levels, cmap="cividis", linewidths=1.2)
        for name, (x, y) in marks[title].items():
            panel.plot(x, y, "o", color=TRUTH, markersize=5)
            panel.annotate(name, (x, y), (0, 7), textcoords="offset points", ha="center", color=INK)
        panel.set_aspect("equal")
        style_axes(panel, x="x, px", y="y, px", title=title)
    return figure
