"""A fit of one's own: `fhr-jax fit` on some tracks of a detector, scored on tracks of other clips of that detector.

The command gets files without a truth, as a user has them: clips of one length, cut from real tracks. Of 300-VW
(published predictions) 12 videos are for the scores and the others give the clips. Of `detector_tracks`, and of the
tracks of our net that `experiments/detectors.py` keeps, the clip with the number of the seed is for the scores and the
others give the clips, which are shorter than --frames where there would be too few.

What is scored has the motion of one of these videos, zero-phase smoothed, and noise that is not its own: of another one
of 300-VW, and of the other half of the clip where there is only one. The loss is that of the causal stabilizer.

Paper:    none.
Command:  FHR_JAX_DATA=folder python experiments/own_fit.py --out runs/own_fit
Cost:     one to two minutes for each fit on one x86 core.
Figures:  docs/earlier_results.md, "A fit of one's own".
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from fhr_jax import npz, stabilizer
from fhr_jax.benchmark import detectors, protocol
from fhr_jax.benchmark.options import as_config
from fhr_jax.benchmark.protocol import TrackPair, TrackSource
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.benchmark.tables import write_table
from fhr_jax.cli import fit as command
from fhr_jax.cli.options import optional
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.stabilizer import Videos

PREDICTIONS, OURS = "300vw", "fhr_jax"
TEST = 12
"""Videos of 300-VW for the scores."""


@dataclass(frozen=True)
class Options:
    """Fit to a detector's tracks, and score on others of the same detector."""

    out: Path
    """Folder for the tracks, the fits, summary.json, own_fit.csv and own_fit.md."""
    detector: tuple[str, ...] = (PREDICTIONS, "dlib")
    """300vw, fhr_jax, or a detector with tracks in the folder `detector_tracks`."""
    tracks: tuple[int, ...] = (4, 10, 30)
    """Number of tracks to fit."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Each draws the videos for the scores, and the clips."""
    frames: int = 300
    """Length of a clip."""
    steps: Annotated[int | None, optional("INT")] = None
    """See `fhr-jax fit`."""
    seconds: Annotated[float | None, optional("FLOAT")] = None
    """See `fhr-jax fit`."""
    net_tracks: Path = Path("runs/detectors/tracks")
    """Folder in which `experiments/detectors.py` keeps the tracks of the net."""


def main(options: Options) -> list[dict]:
    """Fit, score, print, write."""
    data = Path(os.environ.get("FHR_JAX_DATA") or os.devnull)
    if not (data / "detector_tracks").is_dir():
        print("skipped: FHR_JAX_DATA names no folder with detector_tracks")
        return []
    folder = output_folder(options.out)
    rows = []
    for detector in options.detector:
        sources = read(detector, data, options.net_tracks)
        for number in options.tracks:
            for seed in options.seeds:
                row = {"detector": detector, "tracks": number, "seed": seed}
                rows.append(row | one_fit(options, folder, detector, sources, number, seed))
                print(rows[-1], flush=True)
    text = table(rows)
    print(text)
    write_table(folder, "own_fit", text=text, rows=[tuple(rows[0]), *(tuple(row.values()) for row in rows)])
    write_summary(folder, {"options": as_config(options), "fits": rows})
    return rows


def read(detector: str, data: Path, net_tracks: Path) -> list[TrackSource]:
    """All tracks of a detector, in pixels of the crop."""
    if detector == PREDICTIONS:
        return protocol.read(PREDICTIONS)
    return detectors.read_detector(net_tracks if detector == OURS else data / "detector_tracks", detector)


def one_fit(
    options: Options, folder: Path, detector: str, sources: list[TrackSource], number: int, seed: int
) -> dict[str, float | int]:
    """The losses on unseen tracks with the default parameters and with those of a fit to `number` tracks."""
    fitted, test = split(detector, sources, number, seed, frames=options.frames)
    place = output_folder(folder / f"{detector}_{number}_{seed}")
    for i, track in enumerate(fitted):
        npz.write(output_folder(place / "tracks") / f"{i:02}.npz", {"landmarks": track.astype(np.float32)})
    command.run(
        command.FitOptions((place / "tracks",), out=place / "fit", steps=options.steps, seconds=options.seconds)
    )
    before, after = (
        detectors.loss_of(lambda observed, params=params: stabilizer.run(params, observed), test)
        for params in (stabilizer.default_params(), stabilizer.load(place / "fit" / "params.npz"))
    )
    return {"default": before, "fitted": after, "ratio": after / before}


def split(
    detector: str, sources: Sequence[TrackSource], number: int, seed: int, *, frames: int
) -> tuple[list[np.ndarray], Videos]:
    """Tracks (T, M, 2) to fit, as the detector found them, and videos of other clips.

    Raises:
        InputError: the clips are too short for so many tracks.
    """
    rng = np.random.default_rng([seed, 64])
    order = rng.permutation(len(sources)) if detector == PREDICTIONS else np.roll(np.arange(len(sources)), -seed)
    test = [sources[i] for i in order[: TEST if detector == PREDICTIONS else 1]]
    rest = [source for source in sources if all(source is not other for other in test)]
    while sum(len(source.observed) // frames for source in rest) < number:
        frames -= 10
        if frames < 50:
            raise InputError(f"{detector}: {number} tracks, expected fewer, of 50 frames at least")
    pools = [list(rng.permutation(len(source.observed) // frames)) for source in rest]
    clips: list[np.ndarray] = []
    while len(clips) < number:
        for source, pool in zip(rest, pools, strict=True):
            if pool and len(clips) < number:
                start = int(pool.pop()) * frames
                clips.append(source.observed[start : start + frames])
    return clips, protocol.batch(unseen(test, rng))


def unseen(sources: Sequence[TrackSource], rng: np.random.Generator) -> list[TrackPair]:
    """Each motion with noise of another video; a single video in halves, each with the noise of the other."""
    if len(sources) == 1:
        (source,) = sources
        half, noise = len(source.truth) // 2, source.observed - source.truth
        parts = (slice(0, half), slice(half, 2 * half))
        pairs = []
        for part, other in (parts, parts[::-1]):
            truth, mask = source.truth[part], source.mask[part] & source.mask[other]
            observed = (truth + noise[other]).astype(np.float32)
            pairs.append(TrackPair(observed, truth.astype(np.float32), mask, source.name, source.name))
        return pairs
    return protocol.make_pairs(rng, sources, frames=300)


def table(rows: Sequence[dict]) -> str:
    """Mean, lowest and highest ratio over the seeds, as a Markdown table."""
    lines = ["| detector | tracks | default | fitted | ratio (lowest, highest) |", "|---|---|---|---|---|"]
    for name, number in dict.fromkeys((row["detector"], row["tracks"]) for row in rows):
        some = [row for row in rows if (row["detector"], row["tracks"]) == (name, number)]
        ratios = np.array([row["ratio"] for row in some])
        default, fitted = (np.mean([row[key] for row in some]) for key in ("default", "fitted"))
        mean, low, high = np.exp(np.log(ratios).mean()), ratios.min(), ratios.max()
        losses = f"{default:.1f} | {fitted:.1f}"
        lines.append(f"| {name} | {number} | {losses} | {mean:.3f} ({low:.3f}, {high:.3f}) |")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
