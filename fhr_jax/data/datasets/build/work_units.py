"""The work of a build in parts that can be done one by one: some photographs, or one video.

A part is read to encoded records, with what could not be read said as it comes, so that one bad file does not stop
the rest.
"""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io import images, pts, video
from fhr_jax.data.io.file_tree import ImagePair
from fhr_jax.data.skipped import Skipped, skipped_for
from fhr_jax.errors import InputError
from fhr_jax.geometry import box_of

LANDMARKS = 68
QUALITY = 95
"""Of the JPEG in which frames of video files are kept, colour at full resolution."""


class Photographs(NamedTuple):
    """Photographs that make one shard."""

    split: str
    dataset: str
    pairs: tuple[ImagePair, ...]


class Annotation(NamedTuple):
    """A frame of a video, from 1: its landmarks, and its image where the video is a folder of them."""

    number: int
    landmarks: Path
    image: Path | None


class Video(NamedTuple):
    """A video, in a file or as images, which makes one shard. `passed` are frames that the user leaves out."""

    split: str
    dataset: str
    file: str
    path: Path | None
    frames: tuple[Annotation, ...]
    passed: tuple[int, ...] = ()


Unit = Photographs | Video
Example = dict[str, Any]


class EncodedFrame(NamedTuple):
    """A frame as it is stored: its number, encoded image with the suffix of its kind, size and landmarks."""

    number: int
    image: bytes
    suffix: str
    size: tuple[int, int]
    points: Float[np.ndarray, "m 2"]


def files(unit: Unit) -> list[Path]:
    """Every file that a part is read from."""
    if isinstance(unit, Photographs):
        return [path for pair in unit.pairs for path in (pair.image, pair.landmarks)]
    images = [frame.image for frame in unit.frames if frame.image is not None]
    return [*([unit.path] if unit.path else []), *images, *(frame.landmarks for frame in unit.frames)]


def photographs(unit: Photographs) -> Iterator[Example | Skipped]:
    """The photographs of a part as encoded records."""
    for pair in unit.pairs:
        try:
            points = _points(pair.landmarks)
            content, _, size = encoded(pair.image)
            pts.check_inside(pair.landmarks, points, size)
        except InputError as error:
            yield skipped_for(pair.file, error, pair.image, pair.landmarks)
            continue
        yield _example(unit.dataset, pair.file, 0, points, image=content)


def clips(unit: Video, length: int) -> Iterator[Example | Skipped]:
    """Clips of `length` frames that follow one another; what is left of a run without a gap is left out."""
    run: list[EncodedFrame] = []
    short: list[int] = []
    for shot in encoded_frames(unit):
        if isinstance(shot, Skipped):
            yield shot
            continue
        if run and shot.number != run[-1].number + 1:
            short += [each.number for each in run]
            run = []
        run.append(shot)
        if len(run) == length:
            yield _video_example(unit, run, image=[shot.image for shot in run])
            run = []
    short += [each.number for each in run]
    if short:
        yield Skipped(unit.file, f"frames {ranges(short)} fill no clip of {length}")


def whole(unit: Video, folder: Path) -> Iterator[Example | Skipped]:
    """The whole video as one record, its frames written into `folder`, one in memory at a time."""
    kept: list[EncodedFrame] = []
    names = []
    for shot in encoded_frames(unit):
        if isinstance(shot, Skipped):
            yield shot
            continue
        name = f"{shot.number:06d}{shot.suffix}"
        (folder / name).write_bytes(shot.image)
        kept.append(shot._replace(image=b""))
        names.append(name)
    if kept:
        yield _video_example(unit, kept, frames=names)


def encoded_frames(unit: Video) -> Iterator[EncodedFrame | Skipped]:
    """The frames of a video that have landmarks, in order; frames of another size than the first are left out."""
    size = None
    for shot in _from_images(unit) if unit.path is None else _from_file(unit, unit.path):
        if isinstance(shot, EncodedFrame):
            size = size or shot.size
            if shot.size != size:
                yield Skipped(unit.file, f"frame {shot.number}: {_by(shot.size)} pixels, others {_by(size)}")
                continue
        yield shot


def encoded(path: Path) -> tuple[bytes, str, tuple[int, int]]:
    """An image file as JPEG or PNG of 8-bit RGB that lies as it is looked at, its suffix and (height, width).

    Files that are so already are kept as they are, byte for byte.

    Raises:
        InputError: the file is no image, is cut off, or too large.
    """
    pixels = images.read_image(path)
    content = path.read_bytes()
    suffix = _plain(content)
    if suffix is None:
        content, suffix = _encode(pixels, "PNG"), ".png"
    return content, suffix, (pixels.shape[0], pixels.shape[1])


def _from_images(unit: Video) -> Iterator[EncodedFrame | Skipped]:
    for frame in unit.frames:
        assert frame.image is not None
        try:
            points = _points(frame.landmarks)
            content, suffix, size = encoded(frame.image)
            pts.check_inside(frame.landmarks, points, size)
        except InputError as error:
            yield skipped_for(_beside(unit, frame.image), error, frame.image, frame.landmarks)
            continue
        yield EncodedFrame(frame.number, content, suffix, size, points)


def _from_file(unit: Video, path: Path) -> Iterator[EncodedFrame | Skipped]:
    annotated = {frame.number: frame for frame in unit.frames}
    number = 0
    without = []
    try:
        for number, frame in enumerate(video.frames(path), start=1):
            if number not in annotated:
                without += [number] if number not in unit.passed else []
                continue
            if frame.damaged:
                yield Skipped(unit.file, f"frame {number} is damaged")
                continue
            size = (frame.image.shape[0], frame.image.shape[1])
            try:
                points = _points(annotated[number].landmarks)
                pts.check_inside(annotated[number].landmarks, points, size)
            except InputError as error:
                landmarks = annotated[number].landmarks
                yield skipped_for(_beside(unit, landmarks), error, landmarks)
                continue
            yield EncodedFrame(number, _encode(frame.image, "JPEG"), ".jpg", size, points)
    except InputError as error:
        yield skipped_for(unit.file, error, path)
    if without:
        yield Skipped(unit.file, f"no .pts for frames {ranges(without)}")
    beyond = [n for n in annotated if n > number]
    if beyond and number:
        yield Skipped(unit.file, f"ends after {number} frames, but there are annotations for {ranges(beyond)}")


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers in short: 1-3, 7."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in parts)


def _points(path: Path) -> Float[np.ndarray, "m 2"]:
    return pts.read_face(path, landmarks=LANDMARKS)


def _beside(unit: Video, path: Path) -> str:
    """The name of one of a video's files in the dataset."""
    top = unit.file.split("/", 1)[0]
    return f"{top}/{path.parent.name}/{path.name}" if unit.path else f"{path.parent.name}/{path.name}"


def _example(dataset: str, file: str, frame: Any, points: np.ndarray, **image: Any) -> Example:
    points = points.astype(np.float32)
    return {"points": points, "box": box_of(points), "dataset": dataset, "file": file, "frame": frame, **image}


def _video_example(unit: Video, shots: list[EncodedFrame], **image: Any) -> Example:
    numbers = np.array([shot.number for shot in shots], np.int32)
    return _example(unit.dataset, unit.file, numbers, np.stack([shot.points for shot in shots]), **image)


def _plain(content: bytes) -> str | None:
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        turned = image.getexif().get(0x0112, 1) != 1
        if image.mode != "RGB" or turned or image.has_transparency_data:
            return None
        if image.format == "JPEG":
            return ".jpg"
        # The byte that tells how many bits a colour has: Pillow hides that there are 16.
        return ".png" if image.format == "PNG" and content[24] == 8 else None


def _encode(image: np.ndarray, kind: str) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind, **({"quality": QUALITY, "subsampling": 0} if kind == "JPEG" else {}))
    return stream.getvalue()


def _by(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]}"
