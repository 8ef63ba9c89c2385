"""Images: faces with landmarks, heatmaps with decoded points, mean heatmaps."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from fhr_jax.markup import FACE68, Markup
from fhr_jax.plots.style import INK, TRUTH, AxesGrid, Figure, Numbers, axes_grid, legend, series_styles, style_axes

# Light colours with a dark outline: legible on any skin, hair or background.
_ON_IMAGES = ("#4FD1FF", "#FFB000", "#FF6FAE", "#FFFFFF")
_OUTLINE = [Stroke(linewidth=2.0, foreground="#000000", alpha=0.6), Normal()]


def faces(
    images: Sequence[Numbers],
    landmarks: Mapping[str, Numbers] | Numbers,
    *,
    markup: Markup = FACE68,
    titles: Sequence[str] | None = None,
    columns: int = 4,
    axes: AxesGrid | None = None,
) -> Figure:
    """A contact sheet of faces with their landmarks.

    Args:
        images: one per face (H, W, 3), each of its own size, uint8 or float in [0, 1].
        landmarks: name to landmarks (N, M, 2), (x, y) in pixels of each image, or one such array; NaN are not drawn.
        markup: gives the lines between landmarks.
        titles: one above each image.
        columns: images per row of a new figure.
        axes: one per image, to draw into; by default those of a new figure.
    """
    named = landmarks if isinstance(landmarks, Mapping) else {"": landmarks}
    columns = max(1, min(columns, len(images))) if axes is None else len(images)
    rows = max(1, -(-len(images) // columns))
    height = (2.5 + 0.25 * (titles is not None)) * rows + 0.3
    figure, grid = axes_grid(axes, rows, columns, width=2.5 * columns, height=height)
    for panel in grid.flat:
        panel.set_axis_off()
    handles = {}
    for i, (values, panel) in enumerate(zip(images, grid.flat, strict=False)):
        image = np.asarray(values)
        panel.imshow(image if image.dtype == np.uint8 else np.clip(image, 0, 1), interpolation="antialiased")
        for order, (name, points) in enumerate(named.items()):
            colour = _ON_IMAGES[order % len(_ON_IMAGES)]
            # The first set lies below the others: its larger dots stay visible around theirs.
            size = 3.2 if order == 0 and len(named) > 1 else 1.8
            handles[name] = _draw_landmarks(panel, np.asarray(points, np.float64)[i], markup, colour, size)
        panel.set_xlim(-0.5, image.shape[1] - 0.5)
        panel.set_ylim(image.shape[0] - 0.5, -0.5)
        if titles is not None:
            panel.set_title(titles[i], fontsize="small", color=INK)
    if any(handles):
        dark = {"facecolor": "#555555", "edgecolor": "none", "labelcolor": "white"}
        entries = list(handles.values()), list(handles)
        if axes is None:
            figure.legend(*entries, loc="outside lower center", ncols=4, **dark)
        else:
            grid.flat[0].legend(*entries, fontsize="x-small", **dark)
    return figure


def _draw_landmarks(axes: Axes, points: np.ndarray, markup: Markup, colour: str, size: float) -> Line2D:
    """Draw lines and dots of one face (M, 2); returns the handle for the legend."""
    for edge in markup.edges:
        x, y = points[list(edge)].T
        axes.plot(x, y, color=colour, linewidth=0.7, alpha=0.8)
    return axes.plot(*points.T, linestyle="none", marker="o", markersize=size, color=colour, path_effects=_OUTLINE)[0]


def decoding(
    heatmap: Numbers,
    points: Mapping[str, Numbers],
    *,
    truth: Numbers | None = None,
    radius: int = 2,
    axes: AxesGrid | None = None,
) -> Figure:
    """One heatmap, and beside it the enlarged peak with the points that several decoders find in it.

    Args:
        heatmap: (H, W).
        points: decoder to the decoded point (2,), (x, y) in heatmap pixels.
        truth: the true point (2,), (x, y) in heatmap pixels.
        radius: pixels on each side of the peak in the enlarged part.
        axes: two, for the whole and the enlarged part, to draw into; by default those of a new figure.
    """
    own = axes is None
    values = np.asarray(heatmap, np.float64)
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    figure, grid = axes_grid(axes, 1, 2, width=8.4, height=4.4)
    whole, part = grid[0]
    for panel in (whole, part):
        image = panel.imshow(values, cmap="cividis", interpolation="nearest")
        panel.tick_params(colors="#444444")
        panel.set_xlabel("x, px of the heatmap", color=INK)
    whole.set_ylabel("y, px of the heatmap", color=INK)
    figure.colorbar(image, ax=whole, label="value", shrink=0.75)
    left, top, width = column - radius - 0.5, row - radius - 0.5, 2 * radius + 1
    whole.add_patch(Rectangle((left, top), width, width, fill=False, edgecolor="white", linewidth=1.2))
    part.set_xlim(left, left + width)
    part.set_ylim(top + width, top)
    part.set_xticks(np.arange(column - radius, column + radius + 1))
    part.set_yticks(np.arange(row - radius, row + radius + 1))
    part.set_xticks(np.arange(column - radius, column + radius + 2) - 0.5, minor=True)
    part.set_yticks(np.arange(row - radius, row + radius + 2) - 0.5, minor=True)
    part.grid(True, which="minor", color="white", linewidth=0.4, alpha=0.5)
    part.tick_params(which="minor", length=0)
    if truth is not None:
        x, y = np.asarray(truth, np.float64)
        part.plot(x, y, "+", color="#000000", markersize=26, markeredgewidth=1.2, label="truth", zorder=4)
    for (name, point), style in zip(points.items(), series_styles(points).values(), strict=True):
        x, y = np.asarray(point, np.float64)
        part.plot(
            x,
            y,
            marker=style.marker,
            markersize=8,
            color=style.colour,
            markeredgecolor="white",
            linestyle="none",
            label=f"{name} ({x:.2f}, {y:.2f})",
        )
    legend(part, outside=own)
    return figure


def mean_heatmaps(
    maps: Mapping[str, Mapping[str, Numbers]],
    *,
    radius: float,
    sigma: float,
    label: str = "value",
    axes: AxesGrid | None = None,
) -> Figure:
    """Mean heatmaps in a grid (Fig. 4), and at the end of each row their profiles along x with that of the target.

    Args:
        maps: row to column to mean heatmap (K, K). All have one size and the landmark in the middle; NaN stay white.
        radius: distance from the middle to the centres of the outermost cells, in heatmap pixels.
        sigma: of the Gaussian target, in heatmap pixels; a circle of this radius is drawn.
        label: of the values.
        axes: rows x (columns + 1), to draw into; by default those of a new figure.
    """
    own = axes is None
    columns = list(dict.fromkeys(name for row in maps.values() for name in row))
    ratios = [1.0] * len(columns) + [1.5]
    width, height = 2.3 * len(columns) + 4.2, 2.5 * len(maps) + 0.5
    figure, grid = axes_grid(axes, len(maps), len(columns) + 1, width=width, height=height, width_ratios=ratios)
    values = {row: {name: np.asarray(m, np.float64) for name, m in cells.items()} for row, cells in maps.items()}
    highest = max(np.nanmax(m) for cells in values.values() for m in cells.values())
    angles, styles = np.linspace(0, 2 * np.pi, 100), series_styles(columns)
    for number, (line, (row, cells)) in enumerate(zip(grid, values.items(), strict=True)):
        for name, panel in zip(columns, line[:-1], strict=True):
            if name in cells:
                half = radius * (1 + 1 / (len(cells[name]) - 1))  # cells extend half their width beyond their centres
                extent = (-half, half, half, -half)
                image = panel.imshow(cells[name], cmap="cividis", vmin=0, vmax=highest, extent=extent)
                panel.plot(sigma * np.cos(angles), sigma * np.sin(angles), color="white", linewidth=0.8)
            panel.set_title("" if number else name, fontsize="medium", color=INK)
            panel.tick_params(colors="#444444", labelsize="small")
        line[0].set_ylabel(row, color=INK)
        profiles = line[-1]
        for name, cell in cells.items():
            x = np.linspace(-radius, radius, len(cell))
            style = styles[name]
            profiles.plot(x, cell[len(cell) // 2], color=style.colour, linestyle=style.dashes, label=name)
        x = np.linspace(-radius, radius, 200)
        profiles.plot(x, np.exp(-(x**2) / (2 * sigma**2)), color=TRUTH, linewidth=0.8, label="target")
        style_axes(profiles, x="x, px of the heatmap", y=label)
    figure.colorbar(image, ax=list(grid[:, :-1].flat), label=label, shrink=0.7)
    legend(grid[0, -1], outside=own, columns=5)
    return figure
