"""How often faces are lost and how steady their landmarks are, on videos without ground truth.

Each face is followed as `fhr-jax track` does. Every few frames the box of the landmarks is compared with the nearest
box of OpenCV's cascade, which uses that frame only. The face counts as lost if their IoU is below one half, or if the
cascade finds a face and there are no landmarks. The cascade makes mistakes too, so check the sheets. Steadiness is the
mean of |x(t+1) - 2 x(t) + x(t-1)| in percent of the inter-ocular distance, for raw and for stabilized landmarks. The
delay of the stabilizer is measured against zero-phase smoothing of the raw landmarks.

Paper:    measures videos with ground truth only (`tables456_videos.py`).
Command:  python experiments/follow_videos.py VIDEO ... --out runs/follow
Cost:     30 to 50 ms of an x86 core a frame.
Figures:  the default net, jax 0.10.2: fhr_jax/nets/README.md. Talking Face, 4800 frames: lost in none of 192, second
          difference 0.60 % as found and 0.48 % stabilized, no delay.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from jaxtyping import Float
from tqdm import tqdm

from fhr_jax import geometry, metrics, npz, pipeline, plots, weights
from fhr_jax.benchmark.steadiness import steadiness
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.cli.options import optional
from fhr_jax.data.io import video
from fhr_jax.detector.detections import checked
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.pipeline.face_detector import Detector, cascade
from fhr_jax.weights import Net

OVERLAP = 0.5
"""IoU of the two boxes below which the face counts as lost."""
PICTURES = 12
"""Number of frames on the sheet of a video."""


@dataclass(frozen=True)
class Options:
    """Follow the faces of videos, and measure without ground truth."""

    videos: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="VIDEO")]
    """Video files that FFmpeg reads, with one face each."""
    out: Path
    """Folder for summary.json, tracks/NAME.npz and NAME.png."""
    net: Annotated[Path | None, optional("FILE")] = None
    """A net that `fhr-jax train` wrote; default: the net in the package."""
    every: int = 25
    """The cascade is applied to one frame in this number."""


def follow(net: Net, path: Path, every: int) -> dict[str, np.ndarray]:
    """Raw and stabilized landmarks of each frame, and the nearest box of the cascade (or NaN) of one in `every`."""
    detect = cascade()
    found: list[np.ndarray] = []
    images = (frame.image for frame in video.frames(path))
    columns: dict[str, list[Any]] = {"landmarks": [], "raw": [], "confidence": []}

    def watched() -> Any:
        for number, image in enumerate(images):
            if number % every == 0:
                found.append(_boxes(detect, image))
            yield image

    faces = pipeline.align_video(net, watched())
    for face in tqdm(faces, total=video.info(path).frames, unit="frame", desc=path.name):
        for name, value in (("landmarks", face.points), ("raw", face.raw), ("confidence", face.confidence)):
            columns[name].append(value)
    tracks = {name: np.stack(values) for name, values in columns.items()}
    boxes = [
        _nearest(candidates, points) for candidates, points in zip(found, tracks["landmarks"][::every], strict=True)
    ]
    return tracks | {"boxes": np.stack(boxes)}


def _boxes(detector: Detector, image: np.ndarray) -> Float[np.ndarray, "n 4"]:
    return np.asarray(checked(detector(image), name="detector", size=image.shape[:2]).boxes, np.float64)


def _nearest(boxes: Float[np.ndarray, "n 4"], points: Float[np.ndarray, "m 2"]) -> Float[np.ndarray, "4"]:
    """The box that overlaps most with the landmarks, the first one without landmarks, NaN without a box."""
    if not len(boxes):
        return np.full(4, np.nan)
    return max(boxes, key=lambda box: overlap(points, box))


def overlap(points: Float[np.ndarray, "m 2"], box: Float[np.ndarray, "4"]) -> float:
    """IoU of the box of landmarks with another box (x, y, width, height); 0 without landmarks."""
    if not np.isfinite(points).all():
        return 0.0
    x, y, width, height = geometry.box_of(points)
    ours, theirs = np.array([x, y, x + width, y + height]), np.concatenate([box[:2], box[:2] + box[2:]])
    sides = np.minimum(ours[2:], theirs[2:]) - np.maximum(ours[:2], theirs[:2])
    common = float(np.prod(np.maximum(sides, 0)))
    return common / (width * height + float(np.prod(box[2:])) - common)


def measure(tracks: dict[str, np.ndarray], every: int) -> dict[str, Any]:
    """The numbers of one video."""
    boxes, compared = tracks["boxes"], tracks["landmarks"][::every]
    known = np.isfinite(boxes).all(axis=1)
    ious = np.array([overlap(points, box) for points, box in zip(compared[known], boxes[known], strict=True)])
    found = np.asarray(np.isfinite(tracks["landmarks"]).all(axis=(1, 2)))
    row: dict[str, Any] = {
        "frames": len(found),
        "without_a_face": float(1 - found.mean()),
        "compared": len(compared),
        "cascade_sees_a_face": int(known.sum()),
        "lost": float((ious < OVERLAP).mean()) if known.any() else None,
        "median_iou": float(np.median(ious)) if known.any() else None,
        "second_difference_raw": second_difference(tracks["raw"]),
        "second_difference_stabilized": second_difference(tracks["landmarks"]),
    }
    if len(found) >= 13 and (found[2:] & found[1:-1] & found[:-2]).any():
        scores = steadiness(_filled(tracks["landmarks"]), _filled(tracks["raw"]), valid=found)
        row |= {"second_difference_ratio": scores.second_difference, "delay": scores.delay}
    return row


def _filled(track: Float[np.ndarray, "t m 2"]) -> Float[np.ndarray, "t m 2"]:
    """The track with frames without a face replaced by the last one with a face; they do not count."""
    known = np.isfinite(track).all(axis=(1, 2))
    last = np.maximum.accumulate(np.where(known, np.arange(len(track)), known.argmax()))
    return track[last].astype(np.float64)


def second_difference(track: Float[np.ndarray, "t m 2"]) -> float | None:
    """Mean length of second differences, in percent of the inter-ocular distance; None without three frames."""
    lengths = metrics.second_difference(track).mean(axis=-1)
    shares = 100 * lengths / np.asarray(metrics.interocular(track[1:-1]))
    return float(np.nanmean(shares)) if np.isfinite(shares).any() else None


def sheet(path: Path, tracks: dict[str, np.ndarray], out: Path) -> None:
    """Draw evenly spaced frames with the stabilized landmarks, cut to the face if there is one."""
    shown = np.unique(np.linspace(0, len(tracks["landmarks"]) - 1, PICTURES).round().astype(int)).tolist()
    images, points, titles = [], [], []
    for number, frame in enumerate(video.frames(path)):
        if number in shown:
            image, landmarks = cut(frame.image, tracks["landmarks"][number])
            images.append(image)
            points.append(landmarks)
            titles.append(f"frame {number}")
    plots.save(out, plots.faces(images, np.stack(points), titles=titles))


def cut(image: np.ndarray, points: Float[np.ndarray, "m 2"]) -> tuple[np.ndarray, Float[np.ndarray, "m 2"]]:
    """The part of an image around a face and the landmarks in it; the whole image without a face."""
    if not np.isfinite(points).all():
        return image, points
    x, y, width, height = geometry.box_of(points)
    centre, half = np.array([x + width / 2, y + height / 2]), 0.8 * max(width, height)
    low = np.maximum(np.floor(centre - half), 0).astype(int)
    right, bottom = np.ceil(centre + half).astype(int).tolist()
    return image[low[1] : bottom, low[0] : right], points - low


def main(options: Options) -> dict[str, Any]:
    """Follow the videos without stored tracks, measure, print, write."""
    if not options.videos:
        raise InputError("no VIDEO given")
    if options.every < 1:
        raise InputError(f"--every is {options.every}, expected at least 1")
    names = [path.stem for path in options.videos]
    if len(set(names)) < len(names):
        raise InputError(
            "two videos have the same name, expected different names, because results are named after them"
        )
    net = weights.load(options.net)
    folder = output_folder(options.out)
    kept = output_folder(folder / "tracks")
    rows: dict[str, dict[str, Any]] = {}
    for path in options.videos:
        stored = kept / f"{path.stem}.npz"
        if not stored.exists():
            npz.write(stored, follow(net, path, options.every))
        tracks = npz.read(stored)
        rows[path.stem] = measure(tracks, options.every)
        sheet(path, tracks, folder / f"{path.stem}.png")
        print(f"{path.stem}: " + ", ".join(f"{name} {_short(value)}" for name, value in rows[path.stem].items()))
    summary = {"every": options.every, "videos": rows}
    write_summary(folder, summary)
    return summary


def _short(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
