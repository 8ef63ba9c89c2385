"""How accurate: cumulative errors, errors by size of the face, accuracy against steadiness."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from fhr_jax import metrics
from fhr_jax.plots.canvas import Numbers, Path, figure, legend, save, series_styles, style_axes


def ced(errors: Mapping[str, Numbers], path: Path, *, limit: float = 8.0) -> None:
    """Cumulative error curves up to `limit` (Fig. 5), with the area under each in the legend.

    Where most errors are above the limit, the axis goes on to show them and a line marks the limit.

    Args:
        errors: name to NRMSE of every image (N,) in percent; NaN, no prediction, counts as the worst.
        path: of the PNG.
        limit: of area and failures, in percent.
    """
    canvas = figure(6.4, 4.6)
    axes = canvas.add_subplot()
    curves = {name: np.sort(np.nan_to_num(np.asarray(e, np.float64), nan=np.inf)) for name, e in errors.items()}
    finite = [e[np.isfinite(e)] for e in curves.values()]
    reach = max([limit, *(np.quantile(e, 0.9) for e in finite if e.size and np.median(e) > 0.75 * limit)])
    for (name, ordered), look in zip(curves.items(), series_styles(curves).values(), strict=True):
        share = 100 * np.arange(len(ordered) + 1) / max(len(ordered), 1)
        area = float(metrics.auc(np.asarray(errors[name], np.float32), limit=limit))
        shown = np.concatenate([[0.0], np.minimum(ordered, 2 * reach)])
        axes.plot(
            shown,
            share,
            color=look.colour,
            linestyle=look.dashes,
            linewidth=1.8,
            drawstyle="steps-post",
            label=f"{name} (AUC {area:.1f} %)",
        )
    if reach > limit:
        axes.axvline(limit, color="#888888", linewidth=0.8)
        axes.text(limit, 100, f" {limit:g} %", fontsize="small", va="top", color="#444444")
    axes.set_xlim(0, reach)
    axes.set_ylim(0, 100)
    style_axes(axes, x="NRMSE, % of the inter-ocular distance", y="images with at most this error, %")
    legend(canvas, axes, columns=2)
    save(canvas, path)


def scale_table(errors: Mapping[str, Numbers], edges: Numbers, path: Path) -> None:
    """Mean point distance by size of the face (Table 2), as grouped bars with their values.

    Args:
        errors: name to mean distance in pixels, a group of faces (G,).
        edges: inter-ocular distances in pixels that bound the groups (G + 1,).
        path: of the PNG.
    """
    bounds = np.asarray(edges, np.float64)
    groups = np.arange(len(bounds) - 1)
    canvas = figure(max(6.4, 1.5 + 0.5 * len(groups) * len(errors)), 4.2)
    axes = canvas.add_subplot()
    width = 0.8 / max(len(errors), 1)
    for i, (name, look) in enumerate(series_styles(errors).items()):
        values = np.asarray(errors[name], np.float64)
        place = groups + (i - (len(errors) - 1) / 2) * width
        bars = axes.bar(place, values, 0.92 * width, color=look.colour, label=name)
        axes.bar_label(bars, fmt="%.2f", fontsize="small", padding=2, color="#444444")
    axes.set_xticks(groups, [f"{a:.0f} to {b:.0f}" for a, b in pairwise(bounds)])
    axes.margins(y=0.1)
    style_axes(axes, x="inter-ocular distance of the group, px", y="mean distance of a point to the truth, px")
    axes.grid(False, axis="x")
    legend(canvas, axes)
    save(canvas, path)


def accuracy_stability(points: Mapping[str, tuple[Numbers, Numbers]], path: Path) -> None:
    """Accuracy against steadiness of several methods (Fig. 6): the lower left is the best.

    Args:
        points: name to (NRMSE, stability), both in percent; two numbers are a point, two arrays (a sweep of a
            parameter) are a line.
        path: of the PNG.
    """
    canvas = figure(7.2, 4.8)
    axes = canvas.add_subplot()
    for (name, (nrmse, stability)), look in zip(points.items(), series_styles(points).values(), strict=True):
        x, y = np.atleast_1d(np.asarray(nrmse, np.float64)), np.atleast_1d(np.asarray(stability, np.float64))
        axes.plot(
            x,
            y,
            color=look.colour,
            marker=look.marker,
            markersize=8 if x.size == 1 else 5,
            linestyle=look.dashes if x.size > 1 else "none",
            label=name,
        )
    axes.margins(0.12)
    style_axes(axes, x="NRMSE, %", y="stability, % (lower is steadier)")
    handles, labels = axes.get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside right upper", frameon=False)
    save(canvas, path)
