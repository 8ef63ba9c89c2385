"""What the verdict of `fhr-jax report` says of real tracks, of the same tracks before smoothing, and of damaged ones.

The tracks are 33 videos of 300-VW in `300vw_fhr_predictions`, and those of dlib and MediaPipe in `detector_tracks`, in
the folder that FHR_JAX_DATA names. Each is smoothed as `fhr-jax smooth` does. The limits of the verdict were chosen on
scenario 1 of 300-VW, with its broken frames in sight; the other groups check them. The damages are simulated:

    lost      the face is missing in 30 % of the frames, in runs of 15
    elsewhere in 10 % of the frames, in runs of 3, all landmarks are those of a place three face sizes away
    points    6 % of the landmarks lie 40 % of the face size away
    noise     white noise of 5 % of the face size, not smoothed

Paper:    has no verdicts.
Command:  FHR_JAX_DATA=folder python experiments/report_verdicts.py --out runs/verdicts
Cost:     three minutes of an x86 core.
Figures:  docs/report.md.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Float

from fhr_jax import npz, stabilizer
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.markup import FACE68
from fhr_jax.reports import verdict
from fhr_jax.reports.track_data import TrackOfFace, face_sizes, measure

RATE = 30.0
"""Frames a second of all tracks."""

DAMAGES = ("lost", "elsewhere", "points", "noise")


@dataclass(frozen=True)
class Options:
    """Judge tracks as they are, before smoothing, and damaged."""

    out: Path
    """Folder for summary.json."""
    frames: int = 3000
    """Frames of each track, at most."""
    strength: float = 1.0
    """Factor of the shares of damaged frames and points, and of the noise."""


def main(options: Options) -> None:
    """Count verdicts by group of tracks, and print them."""
    folder = Path(os.environ.get("FHR_JAX_DATA") or os.devnull)
    said: dict[str, dict[str, list[str]]] = {}
    details = {}
    for group, name, track in read(folder, options.frames):
        smoothed = smooth(track)
        for kind, own in {"smoothed": (smoothed, track), "raw": (track, None)}.items():
            found = judge(*own)
            said.setdefault(group, {}).setdefault(kind, []).append(found.level)
            details[f"{group} {name} {kind}"] = [found.level, found.line]
        for kind in DAMAGES:
            bad = damaged(track, kind, options.strength)
            found = judge(bad, None) if kind == "noise" else judge(smooth(bad), bad)
            said[group].setdefault(kind, []).append(found.level)
            details[f"{group} {name} {kind}"] = [found.level, found.line]
    if not said:
        raise InputError("FHR_JAX_DATA: not set, or without 300vw_fhr_predictions and detector_tracks")
    out = output_folder(options.out)
    counts = {group: {kind: dict(Counter(levels)) for kind, levels in own.items()} for group, own in said.items()}
    write_summary(out, {"counts": counts, "tracks": details})
    for group, own in said.items():
        print(f"\n{group}: {len(own['smoothed'])} tracks")
        for kind, levels in own.items():
            print(f"  {kind:<10}" + ", ".join(f"{levels.count(level)} {level}" for level in verdict.LEVELS))


def read(folder: Path, frames: int) -> Iterator[tuple[str, str, Float[np.ndarray, "t 68 2"]]]:
    """Group, name and landmarks of each track of 68 points."""
    of_300vw = folder.glob("300vw_fhr_predictions/*/*.npz")
    files = [(f"300-VW {path.parent.name}", path, "predictions") for path in of_300vw]
    files += [(path.name.split(".")[0], path, "landmarks") for path in folder.glob("detector_tracks/*.npz")]
    for group, path, key in sorted(files):
        track = npz.read(path)[key][:frames, :, :2].astype(np.float64)
        if track.shape[1] == FACE68.size:
            yield group, path.stem, track


def judge(track: np.ndarray, raw: np.ndarray | None) -> verdict.Verdict:
    """The verdict on one track."""
    face = TrackOfFace(np.arange(len(track)) / RATE, track, raw)
    return verdict.judge([face], [measure(face, markup=FACE68)])


def smooth(track: Float[np.ndarray, "t 68 2"]) -> Float[np.ndarray, "t 68 2"]:
    """The track with the whole look-ahead; its length padded to a power of two, so that few lengths are compiled."""
    padded = np.full((1 << (len(track) - 1).bit_length(), *track.shape[1:]), np.nan, np.float32)
    padded[: len(track)] = track
    return np.asarray(stabilizer.smooth(stabilizer.default_params(), jnp.asarray(padded))[: len(track)], np.float64)


def damaged(track: Float[np.ndarray, "t 68 2"], kind: str, strength: float) -> Float[np.ndarray, "t 68 2"]:
    """A track (T, 68, 2) in pixels with one of `DAMAGES`, as strong as in the list above if the strength is 1."""
    rng, track = np.random.default_rng(0), track.copy()
    size = face_sizes(track)[:, None, None]
    if kind == "lost":
        track[runs(rng, len(track), 0.3 * strength, 15)] = np.nan
    elif kind == "elsewhere":
        away = runs(rng, len(track), 0.1 * strength, 3)
        track[away] += 3 * size[away]
    elif kind == "points":
        direction = rng.normal(size=track.shape)
        direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
        track += np.where(rng.random(track.shape[:2])[..., None] < 0.06 * strength, 0.4 * size * direction, 0)
    else:
        track += 0.05 * strength * size * rng.normal(size=track.shape)
    return track


def runs(rng: np.random.Generator, frames: int, share: float, length: int) -> np.ndarray:
    """Which frames (T,) belong to random runs of a length, about this share of all."""
    starts = rng.random(-(-frames // length)) < share
    return np.repeat(starts, length)[:frames]


if __name__ == "__main__":
    main(tyro.cli(Options))
