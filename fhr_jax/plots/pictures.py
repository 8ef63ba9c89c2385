"""Pictures with landmarks on them."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from fhr_jax.markup import FACE68, Markup
from fhr_jax.plots.canvas import INK, TRUTH, Numbers, Path, figure, save, series_styles, style_axes

# Light colours with a dark rim: legible on any skin, hair or background.
_ON_PICTURES = ("#4FD1FF", "#FFB000", "#FF6FAE", "#FFFFFF")
_RIM = [Stroke(linewidth=2.0, foreground="#000000", alpha=0.6), Normal()]


def faces(
    images: Sequence[Numbers],
    landmarks: Mapping[str, Numbers] | Numbers,
    path: Path,
    *,
    markup: Markup = FACE68,
    titles: Sequence[str] | None = None,
    columns: int = 4,
) -> None:
    """A contact sheet of faces with their landmarks.

    Args:
        images: pictures (H, W, 3), each of its own size, uint8 or float in [0, 1].
        landmarks: name to landmarks (N, M, 2) in pixels of each picture, or one such array; NaN are left out.
        path: of the PNG.
        markup: names the lines between landmarks.
        titles: one above each picture.
        columns: pictures in a row.
    """
    named = landmarks if isinstance(landmarks, Mapping) else {"": landmarks}
    columns = max(1, min(columns, len(images)))
    rows = max(1, -(-len(images) // columns))
    canvas = figure(2.5 * columns, (2.5 + 0.25 * (titles is not None)) * rows + 0.3)
    grid = canvas.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    handles = {}
    for i, (image, axes) in enumerate(zip(images, grid.flat, strict=False)):
        picture = np.asarray(image)
        axes.imshow(picture if picture.dtype == np.uint8 else np.clip(picture, 0, 1), interpolation="antialiased")
        for rank, (name, points) in enumerate(named.items()):
            colour = _ON_PICTURES[rank % len(_ON_PICTURES)]
            # The first lies below the others: its larger dots stay visible around theirs.
            size = 3.2 if rank == 0 and len(named) > 1 else 1.8
            handles[name] = _draw(axes, np.asarray(points, np.float64)[i], markup, colour, size)
        axes.set_xlim(-0.5, picture.shape[1] - 0.5)
        axes.set_ylim(picture.shape[0] - 0.5, -0.5)
        if titles is not None:
            axes.set_title(titles[i], fontsize="small", color=INK)
    if any(handles):
        key = canvas.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=4)
        key.get_frame().set(facecolor="#555555", edgecolor="none")
        for text in key.get_texts():
            text.set_color("white")
    save(canvas, path)


def _draw(axes: Axes, points: np.ndarray, markup: Markup, colour: str, size: float) -> Line2D:
    """Lines and dots of one face; returns what stands for it in a legend."""
    for edge in markup.edges:
        x, y = points[list(edge)].T
        axes.plot(x, y, color=colour, linewidth=0.7, alpha=0.8)
    return axes.plot(*points.T, linestyle="none", marker="o", markersize=size, color=colour, path_effects=_RIM)[0]


def decoding(
    heatmap: Numbers, points: Mapping[str, Numbers], path: Path, *, truth: Numbers | None = None, reach: int = 2
) -> None:
    """One heatmap, and its peak enlarged with the points that several decoders find in it.

    Args:
        heatmap: (H, W).
        points: name to the decoded point (2,), (x, y) in pixels of the map.
        path: of the PNG.
        truth: the true point (2,).
        reach: pixels on each side of the peak in the enlarged part.
    """
    values = np.asarray(heatmap, np.float64)
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    canvas = figure(8.4, 4.4)
    whole, part = canvas.subplots(1, 2)
    for axes in (whole, part):
        picture = axes.imshow(values, cmap="cividis", interpolation="nearest")
        axes.tick_params(colors="#444444")
        axes.set_xlabel("x, px of the heatmap", color=INK)
    whole.set_ylabel("y, px of the heatmap", color=INK)
    canvas.colorbar(picture, ax=whole, label="value", shrink=0.75)
    box = (column - reach - 0.5, row - reach - 0.5)
    whole.add_patch(Rectangle(box, 2 * reach + 1, 2 * reach + 1, fill=False, edgecolor="white", linewidth=1.2))
    part.set_xlim(box[0], box[0] + 2 * reach + 1)
    part.set_ylim(box[1] + 2 * reach + 1, box[1])
    part.set_xticks(np.arange(column - reach, column + reach + 1))
    part.set_yticks(np.arange(row - reach, row + reach + 1))
    part.set_xticks(np.arange(column - reach, column + reach + 2) - 0.5, minor=True)
    part.set_yticks(np.arange(row - reach, row + reach + 2) - 0.5, minor=True)
    part.grid(True, which="minor", color="white", linewidth=0.4, alpha=0.5)
    part.tick_params(which="minor", length=0)
    if truth is not None:
        x, y = np.asarray(truth, np.float64)
        part.plot(x, y, "+", color="#000000", markersize=26, markeredgewidth=1.2, label="truth", zorder=4)
    for (name, point), look in zip(points.items(), series_styles(points).values(), strict=True):
        x, y = np.asarray(point, np.float64)
        part.plot(
            x,
            y,
            marker=look.marker,
            markersize=8,
            color=look.colour,
            markeredgecolor="white",
            linestyle="none",
            label=f"{name} ({x:.2f}, {y:.2f})",
        )
    handles, labels = part.get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    save(canvas, path)


def averaged_maps(
    maps: Mapping[str, Mapping[str, Numbers]], path: Path, *, reach: float, sigma: float, label: str = "value"
) -> None:
    """Averaged heatmaps in a grid (Fig. 4), and beside every row their profiles along x with that of the target.

    Args:
        maps: name of a row to name of a column to map (K, K), all of one size and with the centre in the middle; cells
            that are NaN stay white.
        path: of the PNG.
        reach: distance from the middle to the centres of the outermost cells, in heatmap pixels.
        sigma: of the Gaussian that the maps were to be, in heatmap pixels; a circle of this radius is drawn.
        label: what the values are.
    """
    columns = list(dict.fromkeys(name for row in maps.values() for name in row))
    canvas = figure(2.3 * len(columns) + 4.2, 2.5 * len(maps) + 0.5)
    grid = canvas.subplots(len(maps), len(columns) + 1, squeeze=False, width_ratios=[1.0] * len(columns) + [1.5])
    values = {row: {name: np.asarray(m, np.float64) for name, m in cells.items()} for row, cells in maps.items()}
    highest = max(np.nanmax(m) for cells in values.values() for m in cells.values())
    around, look = np.linspace(0, 2 * np.pi, 100), series_styles(columns)
    for number, (line, (row, cells)) in enumerate(zip(grid, values.items(), strict=True)):
        for name, axes in zip(columns, line[:-1], strict=True):
            half = reach * (1 + 1 / (len(cells[name]) - 1)) if name in cells else reach
            extent = (-half, half, half, -half)  # cells reach half their width beyond their centres
            if name in cells:
                picture = axes.imshow(cells[name], cmap="cividis", vmin=0, vmax=highest, extent=extent)
                axes.plot(sigma * np.cos(around), sigma * np.sin(around), color="white", linewidth=0.8)
            axes.set_title("" if number else name, fontsize="medium", color=INK)
            axes.tick_params(colors="#444444", labelsize="small")
        line[0].set_ylabel(row, color=INK)
        profiles = line[-1]
        for name, cell in cells.items():
            x = np.linspace(-reach, reach, len(cell))
            profiles.plot(x, cell[len(cell) // 2], color=look[name].colour, linestyle=look[name].dashes, label=name)
        x = np.linspace(-reach, reach, 200)
        profiles.plot(x, np.exp(-(x**2) / (2 * sigma**2)), color=TRUTH, linewidth=0.8, label="target")
        style_axes(profiles, x="x, px of the heatmap", y=label)
    canvas.colorbar(picture, ax=list(grid[:, :-1].flat), label=label, shrink=0.7)
    handles, labels = grid[0, -1].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)), frameon=False)
    save(canvas, path)
