"""The default parameters on real tracks without a truth: how much steadier, how late, and which points get lost.

The tracks are the published predictions on 300-VW, in the folder `300vw_fhr_predictions` of FHR_JAX_DATA. Steadiness
and distance are relative to the input, video by video, as `benchmark.steadiness` measures them. Lost points are those
far from a reference, among 100,000: the zero-phase smoothing of the track, or the median of nine frames for points that
are steady in the raw track. Frames that the publishers call broken are left out but where it says "all frames".

Paper:    none.
Command:  FHR_JAX_DATA=folder python experiments/real_tracks.py --out runs/real_tracks
Cost:     see experiments/README.md.
Figures:  docs/results.md, "Real tracks"; `tests/stabilizer/test_real_tracks.py` holds the causal ones to limits.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tyro
from jaxtyping import Bool, Float

from fhr_jax import npz, stabilizer
from fhr_jax.benchmark.options import as_config
from fhr_jax.benchmark.steadiness import steadiness, zero_phase
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder

CAUSAL, LOOK_AHEAD = "causal", "look-ahead"
CENTRE, HALF = 128, 128
"""Of the crop, in pixels."""
STEADY, LOST, FAR = 10.0, 40.0, 80.0
"""Pixels: a raw point this near to the median of nine frames is steady; a point farther than these is lost."""


class RealTrack(NamedTuple):
    """A track (T, M, 2) in pixels of the crop, and its valid frames (T,)."""

    name: str
    points: Float[np.ndarray, "t m 2"]
    valid: Bool[np.ndarray, " t"]


@dataclass(frozen=True)
class Options:
    """Measure the default parameters on real tracks."""

    out: Path
    """Folder for summary.json."""


def main(options: Options) -> dict[str, Any]:
    """Filter, measure, print, write."""
    tracks = read(Path(os.environ.get("FHR_JAX_DATA") or os.devnull) / "300vw_fhr_predictions")
    if not tracks:
        print("skipped: FHR_JAX_DATA names no folder with 300vw_fhr_predictions")
        return {}
    folder, params = output_folder(options.out), stabilizer.default_params()
    packed, reset, places = pack([track.points for track in tracks])
    outputs = {
        CAUSAL: np.asarray(stabilizer.run(params, packed, reset=reset)),
        LOOK_AHEAD: np.asarray(stabilizer.smooth(params, packed, reset=reset)),
    }
    scores = {name: measure(tracks, [output[place] for place in places]) for name, output in outputs.items()}
    for name, found in scores.items():
        print(name, found)
    summary = {"options": as_config(options), "videos": len(tracks), "scores": scores}
    write_summary(folder, summary)
    return summary


def read(folder: Path) -> list[RealTrack]:
    """All tracks of the folder, GROUP/ID.npz."""
    tracks = []
    for file in sorted(folder.glob("*/*.npz")):
        arrays = npz.read(file)
        valid = ~np.isin(np.arange(len(arrays["predictions"])), arrays["broken_frames"] - 1)
        tracks.append(RealTrack(f"{file.parent.name}/{file.stem}", arrays["predictions"], valid))
    return tracks


def pack(
    tracks: Sequence[np.ndarray],
) -> tuple[Float[np.ndarray, "n t m 2"], Bool[np.ndarray, "n t"], list[tuple[int, slice]]]:
    """Rows of one length, so that one program filters all tracks; where a track begins, and the place of each.

    Args:
        tracks: (T, M, 2) each.
    """
    longest, used, places = max(map(len, tracks)), [], {}
    for number in sorted(range(len(tracks)), key=lambda n: -len(tracks[n])):
        length = len(tracks[number])
        row = next((i for i, frames in enumerate(used) if frames + length <= longest), len(used))
        used += [0] * (row == len(used))
        places[number] = row, slice(used[row], used[row] + length)
        used[row] += length
    packed = np.full((len(used), longest, *tracks[0].shape[1:]), np.nan, np.float32)
    reset = np.zeros(packed.shape[:2], bool)
    for number, (row, part) in places.items():
        packed[row, part], reset[row, part.start] = tracks[number], True
    return packed, reset, [places[number] for number in range(len(tracks))]


def measure(tracks: Sequence[RealTrack], outputs: Sequence[np.ndarray]) -> dict[str, Any]:
    """Steadiness over the videos, the farthest point, and lost points among 100,000."""
    from scipy.ndimage import median_filter

    found = [steadiness(x, track.points, valid=track.valid) for track, x in zip(tracks, outputs, strict=True)]
    lost: dict[str, list[np.ndarray]] = {}
    for track, x in zip(tracks, outputs, strict=True):
        middle = median_filter(track.points, size=(9, 1, 1), mode="nearest")
        off_middle = np.linalg.norm(x - middle, axis=-1)
        steady = (np.linalg.norm(track.points - middle, axis=-1) < STEADY) & track.valid[:, None]
        off = np.linalg.norm(x - zero_phase(track.points), axis=-1)
        lost.setdefault("steady_over_40", []).append(off_middle[steady] > LOST)
        lost.setdefault("valid_over_40", []).append(off[track.valid].ravel() > LOST)
        lost.setdefault("all_over_40", []).append(off.ravel() > LOST)
        lost.setdefault("valid_over_80", []).append(off[track.valid].ravel() > FAR)
    outside = [np.abs(x - CENTRE)[track.valid].max() - HALF for track, x in zip(tracks, outputs, strict=True)]
    return {
        "second_difference": spread([one.second_difference for one in found]),
        "distance": spread([one.distance for one in found]),
        "delay": {"least": min(one.delay for one in found), "most": max(one.delay for one in found)},
        "outside_crop": float(max(outside)),
        "lost_of_100000": {name: float(1e5 * np.concatenate(parts).mean()) for name, parts in lost.items()},
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and worst over the videos."""
    return {"median": float(np.median(values)), "worst": float(np.max(values))}


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
