"""How far a filter is off in known motions: the rms error of what moves, and the worst mean offset of a region.

Each truth is observed with independent noise of 1 pixel. The rms error is over both coordinates of the moving points in
the active frames, over all seeds. The mean offset of a region in a frame is the mean error of its points over all
seeds, a vector; the worst is the longest, from the onset to the end. So a region that lags, or is drawn along by
another, has a large offset although its rms may be small. The noise alone leaves about 0.3 pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from fhr_jax import filters, markup, stabilizer
from fhr_jax.benchmark.known_motions.cases import CASES, MotionCase, SampledMotion, sample
from fhr_jax.benchmark.known_motions.markups import markup_weights
from fhr_jax.benchmark.known_motions.motions import mean_face
from fhr_jax.errors import InputError

EUROS = ((3.0, 0.1), (4.0, 0.05))
"""Cut-off at rest (Hz) and beta (Hz per pixel and second) of the One Euro filters to compare with."""

TrackFilter = Callable[[Float[Array, "n t m 2"]], Float[Array | np.ndarray, "n t m 2"]]
"""Tracks to filtered tracks, both (N, T, M, 2) in pixels; causal or not."""


class MotionError(NamedTuple):
    """Pixels.

    Attributes:
        rms: error of a coordinate of the moving points in the active frames.
        offset: longest mean error of a region in a frame.
    """

    rms: float
    offset: float


class MotionRow(NamedTuple):
    """A case: the filter beside the better of the One Euro filters, in pixels; each is the better in its own number.

    Attributes:
        name: of the case.
        kind: of motion.
        listed: see `MotionCase`.
        raw: rms error of the observation.
        rms: of the filter.
        euro_rms: of One Euro.
        ratio: of the two.
        offset: of the filter.
        euro_offset: of One Euro.
    """

    name: str
    kind: str
    listed: bool
    raw: float
    rms: float
    euro_rms: float
    ratio: float
    offset: float
    euro_offset: float


def stabilizer_filter(params: stabilizer.Params, *, rate: float = 30.0) -> TrackFilter:
    """The causal stabilizer for a camera of `rate` frames a second; it knows the time between frames."""

    def filter(tracks: Float[Array, "n t m 2"]) -> Float[Array, "n t m 2"]:
        dt = None if rate == 30 else jnp.full(tracks.shape[1], 30.0 / rate, tracks.dtype)
        return stabilizer.run(params, tracks, dt=dt)

    return filter


def one_euro_filter(cutoff: float, beta: float, *, rate: float = 30.0) -> TrackFilter:
    """A One Euro filter with a cut-off at rest (Hz) and a beta (Hz per pixel and second), for tracks (N, T, M, 2)."""
    filter = filters.one_euro(min_cutoff=cutoff, beta=beta, rate=rate)
    return jax.jit(jax.vmap(lambda track: filters.run(filter, track)))


def compare(
    filter: TrackFilter,
    *,
    cases: Sequence[MotionCase] = CASES,
    points: int = 68,
    size: float = 72.0,
    rate: float = 30.0,
    seeds: int = 8,
) -> list[MotionRow]:
    """Measure a filter and One Euro on the same observations.

    Args:
        filter: tracks (N, T, M, 2) to filtered ones.
        cases: motions.
        points: number of points M: 68, 98 or 468.
        size: of the face, pixels.
        rate: frames a second.
        seeds: of the noise.

    Raises:
        InputError: there is no case, no seed, or another number of points.
    """
    made = [_sampled(case, points, size, rate) for case in cases]
    found = measure(filter, made, seeds=seeds)
    euros = [measure(one_euro_filter(*setting, rate=rate), made, seeds=seeds) for setting in EUROS]
    raw = measure(lambda tracks: tracks, made, seeds=seeds)
    rows = []
    for i, case in enumerate(cases):
        rms, offset = (min(errors[i][k] for errors in euros) for k in (0, 1))
        ratio = found[i].rms / rms
        rows.append(
            MotionRow(case.name, case.kind, case.listed, raw[i].rms, found[i].rms, rms, ratio, found[i].offset, offset)
        )
    return rows


def measure(filter: TrackFilter, motions: Sequence[SampledMotion], *, seeds: int = 8) -> list[MotionError]:
    """Errors of a filter in each motion, all of which have the same number of frames and points.

    Args:
        filter: tracks (N, T, M, 2) to filtered ones.
        motions: as `cases.sample` makes them.
        seeds: of the noise.

    Raises:
        InputError: there is no motion or no seed.
    """
    if not motions or seeds < 1:
        raise InputError(f"motions: {len(motions)}, seeds: {seeds}, expected at least one of each")
    shape = motions[0].truth.shape
    noise = np.stack([np.random.default_rng(seed).normal(size=shape) for seed in range(seeds)])
    regions, found = _regions(shape[1]), []
    for motion in motions:
        observed = jnp.asarray(motion.truth[None] + noise, jnp.float32)
        found.append(_error(np.asarray(filter(observed), np.float64) - motion.truth[None], motion, regions))
    return found


def summarize(rows: Sequence[MotionRow]) -> dict[str, float | str | int]:
    """Geometric means of the ratios (of all cases, of the listed ones, of the others), the worst, and what is worse.

    A worst offset counts as larger than One Euro's if it is so by more than a tenth of a pixel.
    """

    def mean(chosen: Sequence[MotionRow]) -> float:
        return float(np.exp(np.mean([np.log(row.ratio) for row in chosen]))) if chosen else float("nan")

    worst = max(rows, key=lambda row: row.ratio)
    summary: dict[str, float | str | int] = {"all": mean(rows)}
    parts = {"listed": [r for r in rows if r.listed], "others": [r for r in rows if not r.listed]}
    summary |= {name: mean(part) for name, part in parts.items() if part}
    return summary | {
        "worst": worst.ratio,
        "worst_case": worst.name,
        "above_1.05": sum(row.ratio > 1.05 for row in rows),
        "larger_offset": sum(row.offset > row.euro_offset + 0.1 for row in rows),
        "cases": len(rows),
    }


def table(rows: Sequence[MotionRow]) -> str:
    """The rows and the summary as a Markdown table."""
    lines = [
        "| motion | raw | One Euro | stabilizer | ratio | offset, One Euro | offset, stabilizer |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = f"**{row.ratio:.2f}**" if row.ratio > 1.05 else f"{row.ratio:.2f}"
        cells = (f"{row.raw:.2f}", f"{row.euro_rms:.2f}", f"{row.rms:.2f}", ratio)
        lines.append(f"| {row.name} | {' | '.join(cells)} | {row.euro_offset:.1f} | {row.offset:.1f} |")
    summary = summarize(rows)
    parts = ", ".join(f"{summary[name]:.2f} {name}" for name in ("all", "listed", "others") if name in summary)
    lines += [
        "",
        f"Geometric mean of the ratios: {parts}; worst {summary['worst']:.2f} ({summary['worst_case']}); above 1.05 in "
        f"{summary['above_1.05']} of {summary['cases']}; a larger worst offset than One Euro's in "
        f"{summary['larger_offset']}.",
    ]
    return "\n".join(lines)


def _sampled(case: MotionCase, points: int, size: float, rate: float) -> SampledMotion:
    return sample(case, mean_face(size=size), rate=rate, weights=None if points == 68 else markup_weights(points))


REGIONS: Mapping[str, tuple[int, ...]] = {
    "jaw": markup.JAW,
    "right brow": markup.BROWS[0],
    "left brow": markup.BROWS[1],
    "nose": markup.NOSE_BRIDGE + markup.NOSE_BASE,
    "right eye": markup.EYES[0],
    "left eye": markup.EYES[1],
    "mouth": markup.OUTER_LIPS + markup.INNER_LIPS,
}
"""Landmarks of each region whose mean offset is measured, beside all that move."""


def _regions(points: int) -> list[Bool[np.ndarray, " m"]]:
    weights = markup_weights(points)
    return [weights[:, list(region)].sum(axis=1) > 0.5 for region in REGIONS.values()]


def _error(
    error: Float[np.ndarray, "seeds t m 2"], motion: SampledMotion, regions: Sequence[Bool[np.ndarray, " m"]]
) -> MotionError:
    rms = float(np.sqrt((error[:, motion.active][:, :, motion.moving] ** 2).mean()))
    mean = error[:, motion.onset :].mean(axis=0)
    offsets = [np.linalg.norm(mean[:, part].mean(axis=1), axis=-1).max() for part in (motion.moving, *regions)]
    return MotionError(rms, float(max(offsets)))
