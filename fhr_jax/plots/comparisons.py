"""Side by side: bars of methods, sweeps of a parameter, contours of functions."""

from collections.abc import Mapping, Sequence

import numpy as np

from fhr_jax.plots.canvas import INK, TRUTH, Numbers, Path, figure, legend, save, series_styles, style_axes

_LIGHT, _DARK, _GREY = "#56B4E9", "#0072B2", "#BBBBBB"


def bars(
    values: Mapping[str, tuple[float, float]],
    path: Path,
    *,
    label: str,
    strong: Sequence[str] = (),
    pale: Sequence[str] = (),
    line: tuple[float, str] | None = None,
) -> None:
    """One horizontal bar a method, with its value and its spread.

    Args:
        values: name to (value, spread), drawn from the top.
        path: of the PNG.
        label: of the axis, with the unit.
        strong: names to be drawn darker.
        pale: names to be drawn in grey, such as references that are out of competition.
        line: a value to mark, and what it means.
    """
    names = list(values)
    height = np.array([values[name][0] for name in names])
    spread = np.array([values[name][1] for name in names])
    colours = [_DARK if n in strong else _GREY if n in pale else _LIGHT for n in names]
    canvas = figure(8.0, 1.0 + 0.3 * len(names))
    axes = canvas.add_subplot()
    place = np.arange(len(names))
    axes.barh(place, height, 0.75, color=colours, xerr=spread, error_kw={"ecolor": INK, "elinewidth": 1.0})
    for y, value, off in zip(place, height, spread, strict=True):
        axes.annotate(f"{value:#.3g}", (value + off, y), (4, 0), textcoords="offset points", va="center", color=INK)
    axes.set_yticks(place, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12 * float((height + spread).max()))
    if line is not None:
        axes.axvline(line[0], color="#D55E00", linewidth=1.2, linestyle="--", label=line[1])
        legend(canvas, axes)
    style_axes(axes, x=label, y="")
    axes.grid(False, axis="y")
    save(canvas, path)


def sweeps(
    curves: Mapping[str, Sequence[tuple[Numbers, Numbers]]],
    path: Path,
    *,
    labels: Sequence[tuple[str, str]],
    strong: Sequence[str] = (),
    logarithmic: str = "",
    zero: bool = False,
) -> None:
    """Panels beside each other, in each of them one line a method.

    Args:
        curves: name to one (x (n,), y (n,)) for each panel; one point is drawn as a point, "truth" in black.
        path: of the PNG.
        labels: (x, y) of each panel, with units.
        strong: names to be drawn thicker.
        logarithmic: axes that are, "x", "y" or "xy".
        zero: start the y axes at 0.
    """
    canvas = figure(max(7.2, 1.0 + 4.6 * len(labels)), 5.2)
    panels = canvas.subplots(1, len(labels), squeeze=False)[0]
    for i, (axes, (x_label, y_label)) in enumerate(zip(panels, labels, strict=True)):
        for (name, parts), look in zip(curves.items(), series_styles(curves).values(), strict=True):
            x, y = (np.atleast_1d(np.asarray(part, np.float64)) for part in parts[i])
            axes.plot(
                x,
                y,
                color=TRUTH if name == "truth" else look.colour,
                marker=look.marker,
                markersize=6 if name in strong else 4.5,
                linestyle=look.dashes if x.size > 1 else "none",
                linewidth=2.4 if name in strong else 1.2,
                label=name,
            )
        axes.margins(0.06)
        if "x" in logarithmic:
            axes.set_xscale("log")
        if "y" in logarithmic:
            axes.set_yscale("log")
        if zero:
            axes.set_ylim(bottom=0)
        style_axes(axes, x=x_label, y=y_label)
    legend(canvas, panels[0], columns=3 if len(labels) == 1 else 4)
    save(canvas, path)


def contours(
    side: Numbers, values: Mapping[str, Numbers], path: Path, *, marks: Mapping[str, Mapping[str, tuple[float, float]]]
) -> None:
    """Contours of functions of a point in a square of the plane, a panel each.

    Args:
        side: (n,) coordinates along both axes, pixels.
        values: title to values (n, n), rows along y.
        path: of the PNG.
        marks: title to the points that are marked, by name.
    """
    line = np.asarray(side, np.float64)
    canvas = figure(3.4 * len(values), 3.8)
    panels = canvas.subplots(1, len(values), squeeze=False)[0]
    for axes, (title, surface) in zip(panels, values.items(), strict=True):
        height = np.asarray(surface, np.float64)
        # Evenly spaced in the root: the contours of a parabola are then evenly spaced.
        levels = np.linspace(0, np.sqrt(height.max()), 12)[1:] ** 2
        axes.contour(line, line, height, levels=levels, cmap="cividis", linewidths=1.2)
        for name, (x, y) in marks[title].items():
            axes.plot(x, y, "o", color=TRUTH, markersize=5)
            axes.annotate(name, (x, y), (0, 7), textcoords="offset points", ha="center", color=INK)
        axes.set_aspect("equal")
        style_axes(axes, x="x, px", y="y, px", title=title)
    save(canvas, path)
