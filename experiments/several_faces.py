"""How well several faces are followed in clips of synthetic people who walk past each other.

Command:  python experiments/several_faces.py --out runs/several_faces
Output:   OUT/summary.json (switches, misses and false outputs of each clip and of all), and a sheet of frames of each
          clip with what was found
Cost:     about 80 seconds a clip on one core, most of it rendering

Exchanged numbers, misses and false outputs are counted as in `benchmark.face_tracks`. The constants of the tracker were
chosen with the clips of seeds 1 to 8 and 101 to 112; the default seeds are others.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro
from PIL import Image
from tqdm import tqdm

from fhr_jax import overlay, pipeline, weights
from fhr_jax.benchmark import crossing_faces, face_tracks
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.files import output_folder
from fhr_jax.markup import FACE68

SHEET = 6
"""Number of frames on a sheet."""


@dataclass(frozen=True)
class Options:
    """Follow several faces in synthetic clips."""

    out: Path
    """Folder for summary.json and the sheets."""
    seeds: tuple[int, ...] = tuple(range(201, 209))
    """One clip each, of 2 to 5 people in turn."""
    frames: int = 300
    """Frames of a clip."""
    lag: int = 5
    """Frames of look-ahead."""
    mirror: bool = False
    """Average the net's outputs for a face and its mirror image: slower, more accurate landmarks."""


def run(options: Options) -> dict[str, Any]:
    """Film the clips one by one, follow the faces, and count."""
    folder, net, clips = output_folder(options.out), weights.load(), {}
    total = np.zeros(len(face_tracks.FaceTrackScore._fields), int)
    for seed in tqdm(options.seeds, unit="clip"):
        people = 2 + seed % 4
        clip = crossing_faces.film(jax.random.key(seed), people, options.frames, hold=2)
        start = time.perf_counter()
        followed = list(pipeline.align_faces(net, clip.images, lag=options.lag, mirror=options.mirror))
        seconds = time.perf_counter() - start
        outputs = [[(own.face_id, own.face.points) for own in faces] for faces in followed]
        score = face_tracks.score(clip.truth, clip.visible, clip.present, outputs)
        total += np.array(score)
        clips[f"seed {seed}, {people} people"] = summary(score) | {"ms_per_frame": 1e3 * seconds / options.frames}
        _sheet(clip.images, followed).save(folder / f"clip_{seed}.jpg")
        result = {"clips": clips, "all": summary(face_tracks.FaceTrackScore(*total.tolist()))}
        write_summary(folder, result)
    for name, row in (clips | {"all": result["all"]}).items():
        print(f"{name}: " + ", ".join(f"{key} {value:.3g}" for key, value in row.items()))
    return result


def summary(score: face_tracks.FaceTrackScore) -> dict[str, Any]:
    """Counts, and percentages of them."""
    missed, false = 100 * score.missed / max(score.visible, 1), 100 * score.wrong / max(score.outputs, 1)
    return score._asdict() | {"missed_percent": missed, "wrong_percent": false}


def _sheet(images: np.ndarray, followed: list[list[pipeline.FaceInFrame]]) -> Image.Image:
    drawn = []
    for t in np.linspace(0, len(images) - 1, SHEET).round().astype(int):
        image = images[t]
        for number, face in followed[t]:
            image = overlay.label(overlay.draw(image, face.points, markup=FACE68), str(number), face.points)
        drawn.append(image)
    rows = [np.concatenate(drawn[k : k + 3], axis=1) for k in range(0, SHEET, 3)]
    return Image.fromarray(np.concatenate(rows))


if __name__ == "__main__":
    run(tyro.cli(Options))
