"""Accuracy: cumulative error curves, errors by face size, accuracy against stability, offsets of landmarks."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhr_jax import metrics
from fhr_jax.markup import FACE68, Markup
from fhr_jax.plots.style import INK, Numbers, legend, series_styles, single_axes, style_axes

_ENLARGED = (1, 2, 3, 5, 10, 20, 30, 50, 100)
_LONGEST = 15.0  # length of the longest arrow at most, in percent of the inter-ocular distance


def ced(errors: Mapping[str, Numbers], *, limit: float = 8.0, axes: Axes | None = None) -> Figure:
    """Cumulative error distributions up to `limit` (Fig. 5), with the area under each curve in the legend.

    Where most errors exceed the limit, the axis extends to show them and a line marks the limit.

    Args:
        errors: name to NRMSE of every image (N,) in percent; NaN (no prediction) counts as the largest error.
        limit: NRMSE in percent up to which the area is taken.
        axes: to draw into; by default those of a new figure.
    """
    own = axes is None
    figure, axes = single_axes(axes, 6.4, 4.6)
    curves = {name: np.sort(np.nan_to_num(np.asarray(e, np.float64), nan=np.inf)) for name, e in errors.items()}
    finite = [e[np.isfinite(e)] for e in curves.values()]
    largest = max([limit, *(np.quantile(e, 0.9) for e in finite if e.size and np.median(e) > 0.75 * limit)])
    for (name, ordered), style in zip(curves.items(), series_styles(curves).values(), strict=True):
        percent = 100 * np.arange(len(ordered) + 1) / max(len(ordered), 1)
        area = float(metrics.auc(np.asarray(errors[name], np.float32), limit=limit))
        shown = np.concatenate([[0.0], np.minimum(ordered, 2 * largest)])
        axes.plot(
            shown,
            percent,
            color=style.colour,
            linestyle=style.dashes,
            linewidth=1.8,
            drawstyle="steps-post",
            label=f"{name} (AUC {area:.1f} %)",
        )
    if largest > limit:
        axes.axvline(limit, color="#888888", linewidth=0.8)
        axes.text(limit, 100, f" {limit:g} %", fontsize="small", va="top", color="#444444")
    axes.set_xlim(0, largest)
    axes.set_ylim(0, 100)
    style_axes(axes, x="NRMSE, % of the inter-ocular distance", y="images with at most this error, %")
    legend(axes, outside=own, columns=2)
    return figure


def scale_table(errors: Mapping[str, Numbers], edges: Numbers, *, axes: Axes | None = None) -> Figure:
    """Mean point distance by face size (Table 2), as grouped bars with their values.

    Args:
        errors: name to mean distance in pixels for each group of faces (G,).
        edges: inter-ocular distances in pixels that bound the groups (G + 1,).
        axes: to draw into; by default those of a new figure.
    """
    own = axes is None
    bounds = np.asarray(edges, np.float64)
    groups = np.arange(len(bounds) - 1)
    figure, axes = single_axes(axes, max(6.4, 1.5 + 0.5 * len(groups) * len(errors)), 4.2)
    width = 0.8 / max(len(errors), 1)
    for i, (name, style) in enumerate(series_styles(errors).items()):
        values = np.asarray(errors[name], np.float64)
        position = groups + (i - (len(errors) - 1) / 2) * width
        bars = axes.bar(position, values, 0.92 * width, color=style.colour, label=name)
        axes.bar_label(bars, fmt="%.2f", fontsize="small", padding=2, color="#444444")
    axes.set_xticks(groups, [f"{a:.0f} to {b:.0f}" for a, b in pairwise(bounds)])
    axes.margins(y=0.1)
    style_axes(axes, x="inter-ocular distance of the group, px", y="mean distance of a point to the truth, px")
    axes.grid(False, axis="x")
    legend(axes, outside=own)
    return figure


def accuracy_stability(points: Mapping[str, tuple[Numbers, Numbers]], *, axes: Axes | None = None) -> Figure:
    """Accuracy against stability of several methods (Fig. 6); the lower left is best.

    Args:
        points: name to (NRMSE, stability), both in percent. Two numbers are drawn as a point, two arrays (n,), for
            example a parameter sweep, as a line.
        axes: to draw into; by default those of a new figure.
    """
    own = axes is None
    figure, axes = single_axes(axes, 7.2, 4.8)
    for (name, (nrmse, stability)), style in zip(points.items(), series_styles(points).values(), strict=True):
        x, y = np.atleast_1d(np.asarray(nrmse, np.float64)), np.atleast_1d(np.asarray(stability, np.float64))
        axes.plot(
            x,
            y,
            color=style.colour,
            marker=style.marker,
            markersize=8 if x.size == 1 else 5,
            linestyle=style.dashes if x.size > 1 else "none",
            label=name,
        )
    axes.margins(0.12)
    style_axes(axes, x="NRMSE, %", y="stability, % (lower is steadier)")
    legend(axes, outside=own, columns=1, right=True)
    return figure


def offsets(
    shape: Numbers,
    offsets: Numbers,
    *,
    markup: Markup = FACE68,
    enlarged: int | None = None,
    axes: Axes | None = None,
) -> Figure:
    """A mean face with an arrow for the constant error of each landmark, from the true to the predicted position.

    Args:
        shape: mean true landmarks (M, 2) in the face's own frame, percent of the inter-ocular distance, y down.
        offsets: predicted minus true (M, 2) in the same frame and unit; NaN are not drawn.
        markup: gives the lines of the face.
        enlarged: factor of the arrows, which is written into the figure; chosen by default.
        axes: to draw into; by default those of a new figure.
    """
    face, arrows = np.asarray(shape, np.float64), np.asarray(offsets, np.float64)
    known = np.isfinite(face).all(axis=1) & np.isfinite(arrows).all(axis=1)
    lengths = np.hypot(*arrows[known].T)
    longest = float(lengths.max(initial=0.0))
    if enlarged is None:
        enlarged = max((factor for factor in _ENLARGED if factor * longest <= _LONGEST), default=1) if longest else 1
    figure, axes = single_axes(axes, 7.2, 7.2)
    for edge in markup.edges:
        axes.plot(*face[list(edge)].T, color="#999999", linewidth=1.0, zorder=1)
    axes.plot(*face.T, linestyle="none", marker="o", markersize=2.5, color=INK, zorder=2)
    for (x, y), (dx, dy) in zip(face[known], enlarged * arrows[known], strict=True):
        arrow = {"arrowstyle": "-|>", "color": "#D55E00", "shrinkA": 0, "shrinkB": 0, "linewidth": 1.3}
        axes.annotate("", (x + dx, y + dy), (x, y), arrowprops=arrow | {"mutation_scale": 8}, zorder=3)
        axes.plot(x + dx, y + dy, linestyle="none")  # the limits of the axes must hold the tips too
    note = f"offsets enlarged {enlarged} times; the longest is {longest:.1f} %" if known.any() else "no offsets"
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.margins(0.06)
    unit = "% of the inter-ocular distance" if markup.eye_corners else "% of the size of the face box"
    style_axes(axes, x=f"x, {unit}", y=f"y, {unit}", title=f"mean true face and predicted minus true: {note}")
    return figure
