"""What changes with time: landmarks over frames, losses over seconds and over updates."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from matplotlib.axes import Axes

from fhr_jax.plots.canvas import TRUTH, Numbers, Path, figure, legend, save, series_styles, style_axes


def trajectories(
    truth: Numbers | None,
    tracks: Mapping[str, Numbers],
    path: Path,
    *,
    landmark: int | None = None,
    axis: Literal["x", "y"] | None = None,
    frames: tuple[int, int] | None = None,
) -> None:
    """One coordinate of one landmark over the frames; below, its error, or its motion if no truth is known.

    Args:
        truth: (T, M, 2) in pixels, or None.
        tracks: name to track (T, M, 2) in pixels, raw first; NaN leaves a gap.
        path: of the PNG.
        landmark: index; by default the one that moves most.
        axis: by default the one along which it moves more.
        frames: first and last + 1 to show; all by default.
    """
    shown = {name: np.asarray(track, np.float64) for name, track in tracks.items()}
    reference = np.asarray(truth, np.float64) if truth is not None else next(iter(shown.values()))
    start, stop = frames if frames is not None else (0, len(reference))
    landmark, column = _liveliest(reference[start:stop], landmark, axis)
    time = np.arange(start, stop)

    def series(track: np.ndarray) -> np.ndarray:
        return track[start:stop, landmark, column]

    canvas = figure(8.0, 5.4)
    above, below = canvas.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    if truth is not None:
        above.plot(time, series(reference), color=TRUTH, linewidth=1.0, label="truth", zorder=3)
        below.axhline(0, color=TRUTH, linewidth=1.0)
    for (name, track), look in zip(shown.items(), series_styles(shown).values(), strict=True):
        style = {"color": look.colour, "linewidth": 1.5}
        values = series(track)
        above.plot(time, values, label=name, **style)
        if truth is not None:
            below.plot(time, values - series(reference), **style)
        else:
            below.plot(time[1:], np.diff(values), **style)
    direction = "xy"[column]
    style_axes(above, x="", y=f"{direction}, px", title=f"landmark {landmark} (counted from 0)")
    style_axes(below, x="frame", y="error, px" if truth is not None else "motion, px a frame")
    below.margins(x=0.01)
    legend(canvas, above, columns=4)
    save(canvas, path)


def _liveliest(track: np.ndarray, landmark: int | None, axis: str | None) -> tuple[int, int]:
    """Landmark and column with the largest spread, as far as they are not given."""
    known = np.isfinite(track)
    spread = np.where(known, track, -np.inf).max(axis=0) - np.where(known, track, np.inf).min(axis=0)
    if axis is not None:
        spread[:, 1 - "xy".index(axis)] = -np.inf
    if landmark is None:
        landmark = int(np.argmax(spread.max(axis=1)))
    return landmark, int(np.argmax(spread[landmark]))


def loss_history(histories: Mapping[str, tuple[Numbers, Numbers]], path: Path, *, unit: str = "s") -> None:
    """Loss against time of several fits, time on a logarithmic axis; the legend tells where each ended.

    Args:
        histories: name to (times (n,), losses (n,)); the first may be at 0.
        path: of the PNG.
        unit: "s" for seconds, or what else the times count.
    """
    many = len(histories) > 6
    canvas = figure(9.6 if many else 7.2, 6.2 if many else 4.6)
    axes = canvas.add_subplot()
    series = {n: (np.asarray(s, np.float64), np.asarray(v, np.float64)) for n, (s, v) in histories.items()}
    positive = [s[s > 0].min() for s, _ in series.values() if (s > 0).any()]
    first = min(positive, default=1e-3)  # where a start at 0 is drawn
    for (name, (times, losses)), look in zip(series.items(), series_styles(series).values(), strict=True):
        axes.plot(
            np.maximum(times, first / 1.5),
            losses,
            color=look.colour,
            linestyle=look.dashes,
            linewidth=1.8,
            drawstyle="steps-post",
            label=f"{name}: {losses[-1]:.4g} after {times[-1]:.3g} {unit}",
        )
        axes.plot(max(times[-1], first / 1.5), losses[-1], color=look.colour, marker=look.marker)
    axes.set_xscale("log")
    _logarithmic_if_wide(axes, [v for _, v in series.values()])
    style_axes(axes, x=f"{'time, s' if unit == 's' else unit} (logarithmic)", y="loss")
    legend(canvas, axes, columns=2)
    save(canvas, path)


def training(losses: Mapping[str, tuple[Numbers, Numbers]], path: Path, *, window: int = 25) -> None:
    """Loss of every update, faint, and its running median, strong.

    Args:
        losses: name to (step (n,), loss (n,)).
        path: of the PNG.
        window: updates of the running median.
    """
    canvas = figure(7.2, 4.4)
    axes = canvas.add_subplot()
    series = {n: (np.asarray(s, np.float64), np.asarray(v, np.float64)) for n, (s, v) in losses.items()}
    for (name, (step, loss)), look in zip(series.items(), series_styles(series).values(), strict=True):
        axes.plot(step, loss, color=look.colour, linewidth=0.6, alpha=0.3)
        axes.plot(step, _running_median(loss, window), color=look.colour, linestyle=look.dashes, label=name)
    _logarithmic_if_wide(axes, [v for _, v in series.values()])
    style_axes(axes, x="update", y="loss")
    legend(canvas, axes)
    save(canvas, path)


def _running_median(values: np.ndarray, window: int) -> np.ndarray:
    """Median of the `window` values around each, fewer at both ends."""
    half = window // 2
    return np.array([np.median(values[max(0, i - half) : i + half + 1]) for i in range(len(values))])


def _logarithmic_if_wide(axes: Axes, values: list[np.ndarray]) -> None:
    """A logarithmic axis for losses that fall by more than a factor of ten."""
    everything = np.concatenate(values) if values else np.zeros(0)
    everything = everything[np.isfinite(everything)]
    if everything.size and everything.min() > 0 and everything.max() > 10 * everything.min():
        axes.set_yscale("log")
