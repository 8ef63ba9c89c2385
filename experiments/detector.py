"""How well face detectors find photographed faces, and how fast; nothing is trained or chosen on these pictures.

Command:  FHR_JAX_DATA=data taskset -c 1 python experiments/detector.py --out runs/detectors
Data:     in the folder that FHR_JAX_DATA names: `images` (photographs with .pts files), `real_faces` (faces that are
          pasted into larger pictures), `videos` (clips), `detector_tracks` (where the faces in clips are)
Output:   OUT/summary.json, and a sheet of the pictures in which a face was missed for each detector

A face counts as found if a box has an IoU of 0.5 with the box of its landmarks, and as found first if that is the first
box. In a clip with a track of MediaPipe the truth is the box of its landmarks. In a frame without one, the first box is
right if the landmark net is confident in it and its landmarks have an IoU of 0.5 with it.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import tyro
from PIL import Image
from tqdm import tqdm

from fhr_jax import detector, geometry, npz, pipeline, weights
from fhr_jax.benchmark.pasted_faces import paste
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.cli.options import optional
from fhr_jax.data.io import video
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.detector.letterbox import letterbox
from fhr_jax.detector.matching import MIN_OVERLAP, match
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.pipeline.face_detector import open_detector

SCENE = (480, 640)
FACE_SIZES = (24.0, 400.0)
EDGES = (24.0, 40.0, 80.0, 160.0, 1000.0)
"""Edges of the groups of face sizes in pixels."""
EVERY = 10
"""One frame in so many of the clips is tested."""


@dataclass(frozen=True)
class Options:
    """Compare face detectors on photographs, pasted faces and clips."""

    out: Path
    """Folder for summary.json and the sheets."""
    data: Annotated[Path | None, optional("DIR")] = None
    """Folder with the data; default: that of FHR_JAX_DATA."""
    fhr: Annotated[Path | None, optional("FILE")] = None
    """A detector of `experiments/train_detector.py`; default: the one in the package."""
    yunet: Annotated[Path | None, optional("FILE")] = None
    """The ONNX file of YuNet; default: it is left out."""
    faces: int = 300
    """Number of faces that are pasted, evenly from all."""
    seed: int = 0
    """Of the pasted pictures."""
    rounds: int = 20
    """How often each detector is timed."""


class Case(NamedTuple):
    """A picture, and the box of its face; None where nobody knows."""

    image: np.ndarray
    box: np.ndarray | None


class Score(NamedTuple):
    """What a detector did with one picture.

    Attributes:
        found: whether a box lies on the face.
        first: whether that is the first box.
        boxes: number of boxes.
        size: longer side of the face's box in pixels, NaN if unknown.
    """

    found: bool
    first: bool
    boxes: int
    size: float


def photographs(folder: Path) -> Iterator[Case]:
    """The photographs of `images`."""
    for item in open_dataset(folder):
        yield Case(item["image"], np.asarray(item["box"], np.float64))


def pasted(folder: Path, options: Options) -> Iterator[Case]:
    """Faces of `real_faces`, each pasted into a picture of its own."""
    sources = [open_dataset(path) for path in sorted(folder.iterdir()) if path.is_dir()]
    places = [(source, k) for source in sources for k in range(len(source))]
    for number in np.linspace(0, len(places) - 1, min(options.faces, len(places))).round().astype(int):
        source, k = places[number]
        rng, item = np.random.default_rng([options.seed, int(number)]), source[k]
        yield Case(*paste(rng, item["image"], item["points"], size=SCENE, face_sizes=FACE_SIZES))


def frames(path: Path, tracks: Path) -> Iterator[Case]:
    """One frame in `EVERY` of a clip."""
    stored = tracks / f"mediapipe_tracking.{path.stem}.npz"
    landmarks = npz.read(stored)["landmarks"] if stored.exists() else np.zeros((0, 68, 2))
    for number, frame in enumerate(video.frames(path)):
        if number % EVERY == 0:
            known = number < len(landmarks) and np.isfinite(landmarks[number]).all()
            yield Case(frame.image, geometry.box_of(landmarks[number], dtype=np.float64) if known else None)


def score(net: weights.Net, case: Case, found: detector.Detections) -> Score:
    """Compare boxes with the truth, or the first box with the landmarks that are found in it."""
    boxes = np.asarray(found.boxes, np.float64).reshape(-1, 4)
    truth = case.box if case.box is not None else _confirmed(net, case.image, boxes)
    if truth is None:
        return Score(False, False, len(boxes), np.nan)
    size = float(max(truth[2:])) if case.box is not None else np.nan
    any_, first = (match(part, truth[None]).found[0] for part in (boxes, boxes[:1]))
    return Score(bool(any_), bool(first), len(boxes), size)


def _confirmed(net: weights.Net, image: np.ndarray, boxes: np.ndarray) -> np.ndarray | None:
    """The box of the landmarks in the first box, if the landmark net is confident there."""
    if not len(boxes):
        return None
    face = pipeline.align_image(net, image, box=boxes[0], passes=2)
    return geometry.box_of(face.points, dtype=np.float64) if face.confidence.mean() >= pipeline.MIN_CONFIDENCE else None


def summary(scores: list[Score]) -> dict[str, Any]:
    """Shares of the pictures in percent, and boxes a picture."""
    values: dict[str, Any] = {"pictures": len(scores)}
    for name in ("found", "first"):
        values[name] = round(100 * float(np.mean([getattr(one, name) for one in scores])), 2)
    values["boxes"] = round(float(np.mean([one.boxes for one in scores])), 2)
    sizes = np.array([one.size for one in scores])
    groups = np.digitize(sizes, EDGES[1:-1])
    if np.isfinite(sizes).all():
        for k in np.unique(groups):
            found = [one.found for one, group in zip(scores, groups, strict=True) if group == k]
            values[f"found from {EDGES[k]:g} px"] = f"{100 * np.mean(found):.1f} % of {len(found)}"
    return values


def milliseconds(detectors: dict[str, detector.Detector], images: list[np.ndarray], rounds: int) -> dict[str, float]:
    """Median processor time of one picture, the detectors by turns."""
    taken: dict[str, list[float]] = {name: [] for name in detectors}
    for k in range(rounds + 2):
        for name, detect in detectors.items():
            start = time.process_time()
            detect(images[k % len(images)])
            taken[name].append(1000 * (time.process_time() - start))
    return {name: round(float(np.median(values[2:])), 2) for name, values in taken.items()}


def sheet(cases: list[tuple[Case, np.ndarray]], path: Path, *, columns: int = 6, side: int = 240) -> None:
    """Pictures with the true box in white and those of the detector in green."""
    import cv2

    tiles = []
    for case, boxes in cases[: 4 * columns]:
        picture = case.image.copy()
        known = [] if case.box is None else [(case.box, (255, 255, 255))]
        for box, colour in [*known, *((box, (0, 255, 0)) for box in boxes)]:
            x, y, width, height = (round(float(value)) for value in box)
            cv2.rectangle(picture, (x, y), (x + width, y + height), colour, max(1, max(picture.shape) // 200))
        tiles.append(letterbox(picture, side=side).canvas)
        tiles[-1] = np.pad(tiles[-1], [(0, side + 32 - n) for n in tiles[-1].shape[:2]] + [(0, 0)])
    rows = [np.concatenate(tiles[k : k + columns], axis=1) for k in range(0, len(tiles), columns)]
    if rows:
        rows = [np.pad(row, [(0, 0), (0, rows[0].shape[1] - row.shape[1]), (0, 0)]) for row in rows]
        Image.fromarray(np.concatenate(rows)).save(path)


def main(options: Options) -> dict[str, Any]:
    """Test every detector on every set, print, write."""
    data = options.data or Path(os.environ.get("FHR_JAX_DATA", ""))
    if not (data / "images").is_dir():
        raise InputError(f"{data}: no folder images there; --data or FHR_JAX_DATA names the folder with the data")
    detectors = {"cascade": open_detector("cascade"), "fhr": open_detector("fhr", file=options.fhr)}
    if options.yunet is not None:
        detectors["yunet"] = open_detector("yunet", file=options.yunet)
    folder, net = output_folder(options.out), weights.load()
    sets = {"photographs": list(photographs(data / "images")), "pasted": list(pasted(data / "real_faces", options))}
    for path in sorted((data / "videos").glob("*.mp4")):
        sets[path.stem] = list(frames(path, data / "detector_tracks"))
    result: dict[str, Any] = {"scores": {}, "overlap": MIN_OVERLAP, "faces": options.faces, "seed": options.seed}
    for name, detect in detectors.items():
        for subject, cases in sets.items():
            found = [detector.checked(detect(case.image), name=name) for case in tqdm(cases, desc=f"{name} {subject}")]
            scores = [score(net, case, one) for case, one in zip(cases, found, strict=True)]
            result["scores"].setdefault(subject, {})[name] = summary(scores)
            print(f"{subject}, {name}: {result['scores'][subject][name]}", flush=True)
            both = zip(cases, found, scores, strict=True)
            sheet([(case, one.boxes) for case, one, s in both if not s.first], folder / f"{subject}.{name}.png")
    result["milliseconds"] = milliseconds(detectors, [case.image for case in sets["pasted"]], options.rounds)
    print(f"milliseconds at 640 x 480: {result['milliseconds']}")
    write_summary(folder, result)
    return result


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
