"""Accuracy: cumulative error curves, errors by face size, accuracy against stability."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhr_jax import metrics
from fhr_jax.plots.style import Numbers, legend, series_styles, single_axes, style_axes


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
