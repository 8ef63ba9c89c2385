"""Time series: landmarks over frames, losses over seconds and over updates."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fhr_jax.plots.style import TRUTH, AxesGrid, Numbers, axes_grid, legend, series_styles, single_axes, style_axes


def trajectories(
    truth: Numbers | None,
    tracks: Mapping[str, Numbers],
    *,
    landmark: int | None = None,
    axis: Literal["x", "y"] | None = None,
    frames: tuple[int, int] | None = None,
    axes: AxesGrid | None = None,
) -> Figure:
    """One coordinate of one landmark over the frames; below it the error, or without truth the motion per frame.

    Args:
        truth: (T, M, 2) in pixels, or None.
        tracks: name to track (T, M, 2) in pixels, raw first; NaN leaves a gap.
        landmark: index, counted from 0; by default the one with the largest range of motion.
        axis: by default the one with the larger range of motion.
        frames: first and last + 1 to show; all by default.
        axes: two, above and below, to draw into; by default those of a new figure.
    """
    own = axes is None
    shown = {name: np.asarray(track, np.float64) for name, track in tracks.items()}
    reference = np.asarray(truth, np.float64) if truth is not None else next(iter(shown.values()))
    start, stop = frames if frames is not None else (0, len(reference))
    landmark, column = _largest_motion(reference[start:stop], landmark, axis)
    time = np.arange(start, stop)

    def series(track: np.ndarray) -> np.ndarray:
        return track[start:stop, landmark, column]

    figure, grid = axes_grid(axes, 2, 1, width=8.0, height=5.4, sharex=True, height_ratios=(3, 2))
    above, below = grid[:, 0]
    if truth is not None:
        above.plot(time, series(reference), color=TRUTH, linewidth=1.0, label="truth", zorder=3)
        below.axhline(0, color=TRUTH, linewidth=1.0)
    for (name, track), style in zip(shown.items(), series_styles(shown).values(), strict=True):
        line = {"color": style.colour, "linewidth": 1.5}
        values = series(track)
        above.plot(time, values, label=name, **line)
        if truth is not None:
            below.plot(time, values - series(reference), **line)
        else:
            below.plot(time[1:], np.diff(values), **line)
    direction = "xy"[column]
    style_axes(above, x="", y=f"{direction}, px", title=f"landmark {landmark} (counted from 0)")
    style_axes(below, x="frame", y="error, px" if truth is not None else "motion, px a frame")
    below.margins(x=0.01)
    if not own:  # the axes of a new figure are shared
        above.margins(x=0.01)
    legend(above, outside=own, columns=4)
    return figure


def _largest_motion(track: np.ndarray, landmark: int | None, axis: str | None) -> tuple[int, int]:
    """Landmark and column with the largest range, unless they are given."""
    known = np.isfinite(track)
    ranges = np.where(known, track, -np.inf).max(axis=0) - np.where(known, track, np.inf).min(axis=0)
    if axis is not None:
        ranges[:, 1 - "xy".index(axis)] = -np.inf
    if landmark is None:
        landmark = int(np.argmax(ranges.max(axis=1)))
    return landmark, int(np.argmax(ranges[landmark]))


def loss_history(
    histories: Mapping[str, tuple[Numbers, Numbers]], *, unit: str = "s", axes: Axes | None = None
) -> Figure:
    """Loss against time of several fits, with time on a logarithmic axis; the legend gives the final values.

    Args:
        histories: name to (times (n,), losses (n,)); the first time may be 0.
        unit: of the times: "s" for seconds, otherwise the label of the axis, for example "evaluations".
        axes: to draw into; by default those of a new figure.
    """
    own = axes is None
    many = len(histories) > 6
    figure, axes = single_axes(axes, 9.6 if many else 7.2, 6.2 if many else 4.6)
    series = {n: (np.asarray(s, np.float64), np.asarray(v, np.float64)) for n, (s, v) in histories.items()}
    positive = [s[s > 0].min() for s, _ in series.values() if (s > 0).any()]
    first = min(positive, default=1e-3) / 1.5  # where a logarithmic axis shows time 0
    for (name, (times, losses)), style in zip(series.items(), series_styles(series).values(), strict=True):
        axes.plot(
            np.maximum(times, first),
            losses,
            color=style.colour,
            linestyle=style.dashes,
            linewidth=1.8,
            drawstyle="steps-post",
            label=f"{name}: {losses[-1]:.4g} after {times[-1]:.3g} {unit}",
        )
        axes.plot(max(times[-1], first), losses[-1], color=style.colour, marker=style.marker)
    axes.set_xscale("log")
    _logarithmic_if_wide(axes, [v for _, v in series.values()])
    style_axes(axes, x=f"{'time, s' if unit == 's' else unit} (logarithmic)", y="loss")
    legend(axes, outside=own, columns=2)
    return figure


def training_loss(
    losses: Mapping[str, tuple[Numbers, Numbers]], *, window: int = 25, axes: Axes | None = None
) -> Figure:
    """Loss of every update as a faint line, and its running median as a strong one.

    Args:
        losses: name to (step (n,), loss (n,)).
        window: updates of the running median.
        axes: to draw into; by default those of a new figure.
    """
    own = axes is None
    figure, axes = single_axes(axes, 7.2, 4.4)
    series = {n: (np.asarray(s, np.float64), np.asarray(v, np.float64)) for n, (s, v) in losses.items()}
    for (name, (step, loss)), style in zip(series.items(), series_styles(series).values(), strict=True):
        axes.plot(step, loss, color=style.colour, linewidth=0.6, alpha=0.3)
        axes.plot(step, _running_median(loss, window), color=style.colour, linestyle=style.dashes, label=name)
    _logarithmic_if_wide(axes, [v for _, v in series.values()])
    style_axes(axes, x="update", y="loss")
    legend(axes, outside=own)
    return figure


def _running_median(values: np.ndarray, window: int) -> np.ndarray:
    """Median of the `window` values around each value, of fewer at both ends."""
    half = window // 2
    return np.array([np.median(values[max(0, i - half) : i + half + 1]) for i in range(len(values))])


def _logarithmic_if_wide(axes: Axes, values: list[np.ndarray]) -> None:
    """Make the y axis logarithmic if the losses span more than a factor of ten."""
    everything = np.concatenate(values) if values else np.zeros(0)
    everything = everything[np.isfinite(everything)]
    if everything.size and everything.min() > 0 and everything.max() > 10 * everything.min():
        axes.set_yscale("log")
