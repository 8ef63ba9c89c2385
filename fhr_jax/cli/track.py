"""`fhr-jax track`: the landmarks of one face through a video."""

import contextlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from tqdm import tqdm

from fhr_jax import npz, overlay, pipeline, weights
from fhr_jax.data.io import openface, video
from fhr_jax.errors import InputError
from fhr_jax.files import staged_folder


@dataclass(frozen=True)
class TrackOptions:
    """Follow the landmarks of one face through a video.

    The face is found by itself, the largest one first; where it is lost, it is looked for again. The folder of --out
    gets overlay.mp4 (every frame, landmarks drawn), landmarks.csv (the columns of OpenFace) and landmarks.npz
    (`landmarks` (T, 68, 2) steadied and `raw` as the net found them, in pixels that count from 0; `confidence`;
    `covariance` (T, 68, 2, 2) of the errors of `raw`, in square pixels, or of a net that is not calibrated the spread
    of its peaks; `time` in seconds). Frames without a face are NaN. A video without any face is an error, and nothing
    is written.

    Example:  fhr-jax track video.mp4 --out runs/video
    """

    video: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="VIDEO")]
    """Any file that FFmpeg reads."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder for the results; made if need be."""
    box: Annotated[str | None, tyro.conf.arg(metavar="X,Y,W,H")] = None
    """Where the face is in the first frame, from brows to chin, in pixels; default: look for it."""
    net: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A net that `fhr-jax train` wrote, or an exported folder; default: the one that ships with the package."""
    stabilize: bool = True
    """Steady the landmarks over time."""


def run(options: TrackOptions) -> None:
    """Read a frame, find the face, draw and write it, and so on to the last."""
    info = video.info(options.video)
    box = None if options.box is None else parse_box(options.box, info.size)
    net = weights.load(options.net)
    with staged_folder(options.out) as folder:
        with contextlib.ExitStack() as stack:
            write = stack.enter_context(video.writer(folder / "overlay.mp4", size=info.size, rate=info.rate))
            stream = stack.enter_context((folder / "landmarks.csv").open("w", newline=""))
            log = stack.enter_context(_Log(folder / "log", net.config.landmarks))
            rows = openface.RowWriter(stream, landmarks=net.config.landmarks)
            frames, images = itertools.tee(video.frames(options.video))
            faces = pipeline.align_video(net, (frame.image for frame in images), box=box, stabilize=options.stabilize)
            both = zip(frames, faces, strict=True)
            for number, (frame, face) in enumerate(tqdm(both, total=info.frames, unit="frame", desc="track"), 1):
                write(overlay.draw(frame.image, face.points), frame.time)
                rows.write(number, frame.time, float(face.confidence.mean()), face.points)
                log.add(frame.time, face)
        if not log.found:
            raise InputError(f"{options.video}: no face found in any of {log.frames} frames; --box tells where it is")
        log.save(folder / "landmarks.npz")
    print(f"{options.out}: {log.frames} frames, a face in {log.found} of them")


def parse_box(text: str, size: tuple[int, int]) -> pipeline.Box:
    """`x,y,w,h` in pixels as numbers.

    Raises:
        InputError: it is something else, or lies outside an image of `size` (height, width).
    """
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--box {text!r}: expected four numbers x,y,w,h in pixels") from None
    if not (np.isfinite([x, y, width, height]).all() and width > 1 and height > 1):
        raise InputError(f"--box {text!r}: expected a width and a height above 1 pixel")
    if not (0 <= x + width / 2 < size[1] and 0 <= y + height / 2 < size[0]):
        raise InputError(f"--box {text!r}: its middle lies outside the frames of {size[1]} x {size[0]} pixels")
    return x, y, width, height


class _Log:
    """Faces frame after frame, kept on disk, so that memory does not grow with the video."""

    def __init__(self, path: Path, landmarks: int):
        points = (landmarks, 2)
        shapes = {
            "landmarks": points,
            "raw": points,
            "confidence": (landmarks,),
            "covariance": (*points, 2),
            "time": (),
        }
        self._dtype = np.dtype([(name, "<f4" if shape else "<f8", shape) for name, shape in shapes.items()])
        self._path = path
        self._stream = path.open("wb")
        self.frames = self.found = 0

    def __enter__(self) -> "_Log":
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def add(self, time: float, face: pipeline.Face) -> None:
        record = np.array((face.points, face.raw, face.confidence, face.covariance, time), self._dtype)
        self._stream.write(record.tobytes())
        self.frames += 1
        self.found += bool(np.isfinite(face.points).all())

    def save(self, path: Path) -> None:
        """Once closed: write what was added as an .npz, an array a field; the log itself goes away."""
        records: np.ndarray = np.memmap(self._path, self._dtype, mode="r")
        npz.write(path, {name: records[name] for name in self._dtype.names or ()})
        del records
        self._path.unlink()
