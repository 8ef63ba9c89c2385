"""What moves together, how motion starts and stops, and what the noise looks like: real tracks beside synthetic ones.

A track is scaled so that 1.3 times the box of its face is 256 pixels. Its zero-phase smoothing
(`benchmark.protocol.smooth_motion`) is its motion, the residual its noise; so slow noise counts as motion, for real and
synthetic tracks alike. The velocity of each frame is split into the part that an affine map of the face explains
(the head), the part that an affine map of each region explains of the rest (regions), and single points.

Paper:    none; the ranges of `fhr_jax.data.synthetic.randomized` rest on this.
Command:  FHR_JAX_DATA=folder python experiments/track_structure.py --out runs/track_structure
Cost:     two minutes on one core.
Figures:  2026-11-26, with the randomized tracks of feb0f65, `--clips 300`. Of 62 statistics the medians of dlib,
          MediaPipe (tracking and static) and 300-VW lie between 10 and 90 % of the randomized tracks, but for five:
          frames of a rest and of a move of single points (dlib), their fastest speeds (MediaPipe static), level of the
          noise over time (MediaPipe tracking: 0.75, 90 % at 0.74), kurtosis of the noise (300-VW: logarithm 0.77, 10 %
          at 0.78). Heads of detected clips have 38 to 42 % of their power from 1 to 2 Hz and 19 to 24 % from 2 to 4;
          300-VW 27 and 13, `tracks` 21 and 8, randomized tracks 28 and 15. Heads rest for 10 to 12 frames in detected
          clips, 5 in 300-VW, 4 in `tracks`, 6 in randomized tracks.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import tyro
from scipy.signal import welch

from fhr_jax.benchmark import protocol
from fhr_jax.benchmark.detectors import in_crop_pixels
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.data.synthetic import randomized, tracks
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.stabilizer.units import median_face_size

REGIONS = ((0, 6), (6, 11), (11, 17), (17, 22), (22, 27), (27, 36), (36, 42), (42, 48), (48, 68))
"""Left jaw, chin, right jaw, brows, nose, eyes, mouth."""

BANDS = ((0.0, 0.5), (0.5, 1), (1, 2), (2, 4), (4, 8))
"""Hertz, at `RATE` frames a second."""

RATE, SEGMENT = 30.0, 128

SYNTHETIC = ("tracks", "randomized")
"""Names of the sources that are not real."""


@dataclass(frozen=True)
class Options:
    """Compare the structure of tracks."""

    out: Path
    """Folder for summary.json."""
    clips: int = 300
    """Synthetic tracks of each kind."""
    frames: int = 600
    """Frames of each."""
    seed: int = 11
    """Seed of the synthetic tracks."""


class Separated(NamedTuple):
    """Motion (T, 68, 2) and noise (N, 68, 2) of a track in pixels of the 256 crop."""

    motion: np.ndarray
    noise: np.ndarray


def main(options: Options) -> None:
    """Print and write percentiles over the tracks of each source."""
    folder = output_folder(options.out)
    found = {name: [dict(statistics(track)) for track in source] for name, source in sources(options)}
    names = list(next(iter(found.values()))[0])
    summary = {
        name: {
            kind: [float(x) for x in np.percentile([track[name] for track in made], [10, 50, 90])]
            for kind, made in found.items()
        }
        for name in names
    }
    print(f"{'10, 50 and 90 % of the tracks':34}" + "".join(f"{kind:>23}" for kind in found))
    for name, row in summary.items():
        print(f"{name:34}" + "".join("  " + "".join(f"{x:7.2f}" for x in values) for values in row.values()))
    print("medians of real tracks outside 10 to 90 % of the randomized ones:")
    for name, row in summary.items():
        low, _, high = row["randomized"]
        outside = [kind for kind in row if kind not in SYNTHETIC and not low <= row[kind][1] <= high]
        if outside:
            print(f"  {name}: {', '.join(outside)}")
    write_summary(folder, summary)


def sources(options: Options) -> Iterator[tuple[str, list[Separated]]]:
    """Names and separated tracks: detectors, published predictions, both kinds of synthetic tracks."""
    folder = Path(os.environ.get("FHR_JAX_DATA") or os.devnull)
    for detector in ("dlib", "mediapipe_tracking", "mediapipe_static"):
        files = sorted((folder / "detector_tracks").glob(f"{detector}.*.npz"))
        if files:
            yield detector, [separated(np.load(path)["landmarks"]) for path in files]
    yield (
        "300-VW",
        [
            Separated(_longest(video.truth, video.mask), (video.observed - video.truth)[video.mask])
            for video in protocol.read("300vw")
        ],
    )
    keys = jax.random.split(jax.random.key(options.seed), (options.clips // 20, 20))
    draws = (
        lambda key: tracks.sample(key, options.frames, faults=False).observed,
        lambda key: randomized.sample(key, options.frames, fps=RATE, faults=False).observed,
    )
    for name, draw in zip(SYNTHETIC, draws, strict=True):
        made = jax.jit(jax.vmap(draw))
        yield name, [separated(track) for some in keys for track in np.asarray(made(some), np.float64)]


def separated(track: np.ndarray) -> Separated:
    """Scale a track (T, 68, 2) and take it apart."""
    track = in_crop_pixels(track)
    motion, good = protocol.smooth_motion(track, np.asarray(np.isfinite(track).all(axis=(1, 2))))
    return Separated(_longest(motion, good), (track - motion)[good])


def statistics(track: Separated) -> Iterator[tuple[str, float]]:
    """Names and values of one track, pixels of the crop and frames."""
    motion, noise = track
    velocity = np.diff(motion, axis=0)
    yield "step rms", _rms(velocity)
    yield "acceleration rms", _rms(np.diff(velocity, axis=0))
    parts = dict(zip(("head", "regions", "points"), split(velocity, motion[:-1]), strict=True))
    for name, part in parts.items():
        speed = np.sqrt((part**2).sum(axis=-1).mean(axis=-1)) + 1e-9
        yield f"{name}: rms speed", _rms(part)
        yield f"{name}: median speed / rms", np.median(speed) / np.sqrt((speed**2).mean())
        yield f"{name}: log10 kurtosis of speed", np.log10((speed**4).mean() / (speed**2).mean() ** 2)
        yield f"{name}: 99 % / rms of speed", np.percentile(speed, 99) / np.sqrt((speed**2).mean())
        yield f"{name}: 99.9 % of point speed", np.percentile(np.linalg.norm(part, axis=-1), 99.9)
        yield f"{name}: smoothness of speed", _lagged(part, 1)
        rests = speed < 0.5 * np.sqrt((speed**2).mean())
        yield f"{name}: share of rests", rests.mean()
        yield f"{name}: frames of a rest", _mean_run(rests)
        yield f"{name}: frames of a move", _mean_run(~rests)
        frequency, power = welch(
            part.reshape(len(part), -1), fs=RATE, nperseg=min(SEGMENT, len(part)), axis=0, detrend=False
        )
        power = power.sum(axis=1)
        for low, high in BANDS:
            inside = (frequency >= low) & (frequency < high)
            yield f"{name}: power {low:g}-{high:g} Hz, %", 100 * power[inside].sum() / power.sum()
    yield "noise rms", _rms(noise)
    yield "noise rms / step rms", _rms(noise) / _rms(velocity)
    for lag in (1, 2, 3):
        yield f"noise correlation, {lag} frames", _lagged(noise, lag)
    total = (noise**2).mean()
    yield "noise common shift, %", 100 * (noise.mean(axis=1) ** 2).mean() / total
    reference = np.broadcast_to(motion.mean(axis=0), noise.shape)
    head, regions, points = split(noise, reference)
    for name, part in {"head": head, "regions": regions, "points": points}.items():
        yield f"noise {name}, %", 100 * (part**2).mean() / total
        yield f"noise {name}, correlation 1 frame", _lagged(part, 1)
    yield "noise log10 kurtosis", np.log10((noise**4).mean() / total**2)
    levels = np.log((noise**2).mean(axis=(1, 2)) + 1e-9) / 2
    yield "noise log level, deviation", levels.std()
    yield "noise log level, corr. 1 frame", np.corrcoef(levels[1:], levels[:-1])[0, 1]
    by_point = np.log((noise**2).mean(axis=(0, 2)) + 1e-9) / 2
    yield "noise log level over points, dev.", by_point.std()
    yield "noise log level x / y", np.log((noise[..., 0] ** 2).mean() / (noise[..., 1] ** 2).mean()) / 2
    size = median_face_size(motion)
    yield "farthest step / face size", np.linalg.norm(velocity, axis=-1).max() / size


def split(vectors: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Affine part of vectors (T, 68, 2) at places (T, 68, 2), affine part of each region of the rest, and the rest."""

    def affine(v: np.ndarray, at: np.ndarray) -> np.ndarray:
        design = np.concatenate([at - at.mean(axis=1, keepdims=True), np.ones((*at.shape[:2], 1))], axis=2)
        return design @ (np.linalg.pinv(design, rcond=1e-3) @ v)

    head = affine(vectors, places)
    rest = vectors - head
    regions = np.concatenate([affine(rest[:, a:b], places[:, a:b]) for a, b in REGIONS], axis=1)
    return head, regions, rest - regions


def _longest(track: np.ndarray, good: np.ndarray) -> np.ndarray:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
    longest = int(np.argmax(edges[1::2] - edges[::2]))
    return track[edges[2 * longest] : edges[2 * longest + 1]]


def _rms(vectors: np.ndarray) -> float:
    """Root mean square length."""
    return float(np.sqrt((vectors**2).sum(axis=-1).mean()))


def _lagged(series: np.ndarray, lag: int) -> float:
    return float((series[lag:] * series[:-lag]).mean() / ((series**2).mean() + 1e-12))


def _mean_run(on: np.ndarray) -> float:
    """Mean number of frames in a row that are True."""
    return float(on.sum() / max(1, (on[1:] & ~on[:-1]).sum() + on[0]))


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
