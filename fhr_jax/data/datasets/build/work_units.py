"""The units of work of a build, each read on its own: some photographs, or one video.

A unit is read to encoded records. What cannot be read is yielded as `Skipped` between them, so that one bad file does
not stop the rest.
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
JPEG_QUALITY = 95
"""Quality of the JPEG in which frames of video files are stored, with colour at full resolution."""


class Photographs(NamedTuple):
    """Photographs that make one shard.

    Attributes:
        split: the split that they belong to.
        dataset: name of the dataset.
        pairs: the photographs with their landmarks.
    """

    split: str
    dataset: str
    pairs: tuple[ImagePair, ...]


class Annotation(NamedTuple):
    """An annotated frame of a video.

    Attributes:
        number: of the frame, from 1.
        landmarks: path of its .pts file.
        image: path of its image; None where the video is a file.
    """

    number: int
    landmarks: Path
    image: Path | None


class Video(NamedTuple):
    """A video that makes one shard.

    Attributes:
        split: the split that it belongs to.
        dataset: name of the dataset.
        file: name of the video in the dataset.
        path: of the video file; None where the video is a folder of images.
        frames: the annotated frames.
        excluded: numbers of annotated frames that the user's list excludes.
    """

    split: str
    dataset: str
    file: str
    path: Path | None
    frames: tuple[Annotation, ...]
    excluded: tuple[int, ...] = ()


WorkUnit = Photographs | Video
Example = dict[str, Any]
"""A record, encoded as TFDS stores it."""


class EncodedFrame(NamedTuple):
    """A frame as it is stored.

    Attributes:
        number: of the frame, from 1.
        image: content of an image file.
        suffix: of that file, ".jpg" or ".png".
        size: (height, width) in pixels.
        points: landmarks (M, 2), pixels (x, y).
    """

    number: int
    image: bytes
    suffix: str
    size: tuple[int, int]
    points: Float[np.ndarray, "m 2"]


def files(unit: WorkUnit) -> list[Path]:
    """Paths of all files that a unit is read from."""
    if isinstance(unit, Photographs):
        return [path for pair in unit.pairs for path in (pair.image, pair.landmarks)]
    images = [frame.image for frame in unit.frames if frame.image is not None]
    return [*([unit.path] if unit.path else []), *images, *(frame.landmarks for frame in unit.frames)]


def photographs(unit: Photographs) -> Iterator[Example | Skipped]:
    """Read the photographs of a unit as encoded records."""
    for pair in unit.pairs:
        try:
            points = _points(pair.landmarks)
            content, _, size = encoded_image(pair.image)
            pts.check_inside(pair.landmarks, points, size)
        except InputError as error:
            yield skipped_for(pair.file, error, pair.image, pair.landmarks)
            continue
        yield _example(unit.dataset, pair.file, 0, points, image=content)


def clips(unit: Video, length: int) -> Iterator[Example | Skipped]:
    """Read a video as consecutive clips of `length` frames.

    No clip spans a gap. Frames at the end of a run that do not fill a clip are skipped.
    """
    run: list[EncodedFrame] = []
    unused: list[int] = []
    for frame in encoded_frames(unit):
        if isinstance(frame, Skipped):
            yield frame
            continue
        if run and frame.number != run[-1].number + 1:
            unused += [each.number for each in run]
            run = []
        run.append(frame)
        if len(run) == length:
            yield _video_example(unit, run, image=[frame.image for frame in run])
            run = []
    unused += [each.number for each in run]
    if unused:
        yield Skipped(unit.file, f"frames {ranges(unused)} fill no clip of {length}")


def whole_video(folder: Path, unit: Video) -> Iterator[Example | Skipped]:
    """Read a video as one record and write its frames into `folder`, with one frame in memory at a time."""
    stored: list[EncodedFrame] = []
    names = []
    for frame in encoded_frames(unit):
        if isinstance(frame, Skipped):
            yield frame
            continue
        name = f"{frame.number:06d}{frame.suffix}"
        (folder / name).write_bytes(frame.image)
        stored.append(frame._replace(image=b""))
        names.append(name)
    if stored:
        yield _video_example(unit, stored, frames=names)


def encoded_frames(unit: Video) -> Iterator[EncodedFrame | Skipped]:
    """The annotated frames of a video in order; frames that differ in size from the first are skipped."""
    size = None
    for frame in _from_images(unit) if unit.path is None else _from_file(unit, unit.path):
        if isinstance(frame, EncodedFrame):
            size = size or frame.size
            if frame.size != size:
                yield Skipped(unit.file, f"frame {frame.number}: {_by(frame.size)} pixels, others {_by(size)}")
                continue
        yield frame


def encoded_image(path: Path) -> tuple[bytes, str, tuple[int, int]]:
    """An image file as JPEG or PNG of upright 8-bit RGB.

    Files that have this form already are stored byte for byte; others become PNG.

    Returns:
        The content, its suffix, and the (height, width) of the image in pixels.

    Raises:
        InputError: the file is no image, is truncated, or too large.
    """
    pixels = images.read_image(path)
    content = path.read_bytes()
    suffix = _plain_suffix(content)
    if suffix is None:
        content, suffix = _encode(pixels, "PNG"), ".png"
    return content, suffix, (pixels.shape[0], pixels.shape[1])


def _from_images(unit: Video) -> Iterator[EncodedFrame | Skipped]:
    for frame in unit.frames:
        assert frame.image is not None
        try:
            points = _points(frame.landmarks)
            content, suffix, size = encoded_image(frame.image)
            pts.check_inside(frame.landmarks, points, size)
        except InputError as error:
            yield skipped_for(_name_in_dataset(unit, frame.image), error, frame.image, frame.landmarks)
            continue
        yield EncodedFrame(frame.number, content, suffix, size, points)


def _from_file(unit: Video, path: Path) -> Iterator[EncodedFrame | Skipped]:
    annotated = {frame.number: frame for frame in unit.frames}
    number = 0
    unannotated = []
    try:
        for number, frame in enumerate(video.frames(path), start=1):
            if number not in annotated:
                unannotated += [number] if number not in unit.excluded else []
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
                yield skipped_for(_name_in_dataset(unit, landmarks), error, landmarks)
                continue
            yield EncodedFrame(number, _encode(frame.image, "JPEG"), ".jpg", size, points)
    except InputError as error:
        yield skipped_for(unit.file, error, path)
    if unannotated:
        yield Skipped(unit.file, f"no .pts for frames {ranges(unannotated)}")
    beyond = [n for n in annotated if n > number]
    if beyond and number:
        yield Skipped(unit.file, f"ends after {number} frames, but there are annotations for {ranges(beyond)}")


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers in short form: "1-3, 7"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in runs)


def _points(path: Path) -> Float[np.ndarray, "m 2"]:
    return pts.read_face(path, landmarks=LANDMARKS)


def _name_in_dataset(unit: Video, path: Path) -> str:
    """The name in the dataset of a file that belongs to a video."""
    top = unit.file.split("/", 1)[0]
    return f"{top}/{path.parent.name}/{path.name}" if unit.path else f"{path.parent.name}/{path.name}"


def _example(dataset: str, file: str, frame: Any, points: np.ndarray, **image: Any) -> Example:
    points = points.astype(np.float32)
    return {"points": points, "box": box_of(points), "dataset": dataset, "file": file, "frame": frame, **image}


def _video_example(unit: Video, run: list[EncodedFrame], **image: Any) -> Example:
    numbers = np.array([frame.number for frame in run], np.int32)
    return _example(unit.dataset, unit.file, numbers, np.stack([frame.points for frame in run]), **image)


def _plain_suffix(content: bytes) -> str | None:
    """The suffix of an image file that is upright 8-bit RGB in JPEG or PNG; None for any other."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        turned = image.getexif().get(0x0112, 1) != 1
        if image.mode != "RGB" or turned or image.has_transparency_data:
            return None
        if image.format == "JPEG":
            return ".jpg"
        # Byte 24 of a PNG is its bit depth; Pillow reports 16-bit RGB as 8-bit.
        return ".png" if image.format == "PNG" and content[24] == 8 else None


def _encode(image: np.ndarray, kind: str) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    options = {"quality": JPEG_QUALITY, "subsampling": 0} if kind == "JPEG" else {}
    Image.fromarray(image).save(stream, kind, **options)
    return stream.getvalue()


def _by(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]}"
