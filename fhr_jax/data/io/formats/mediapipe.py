"""Landmarks of MediaPipe as JSON: one entry a frame, with the landmarks as objects {x, y, z, visibility, presence}.

A landmark may also be a list x, y, z, visibility, of which the last ones may be left out.
A frame is a list of landmarks, a list of faces, or an object as the landmarkers return it, with `faceLandmarks`,
`face_landmarks`, `multi_face_landmarks`, `poseLandmarks`, `landmarks` and so on. A frame without a face is empty or
null. The frames are a list, lines of their own (JSON Lines), or the list `frames` of an object with `width`, `height`
and `fps`; or an object whose keys are their numbers.

x and y are shares of the width and the height of the image, z of the width. Where the file has the size of the image
the points are in pixels here; they are shares again when they are written.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io.formats import json_text, people
from fhr_jax.data.io.formats.base import OpenedFile, Recording, with_markers
from fhr_jax.data.io.formats.people import Sighting
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError

PARTS = {
    "face": ("faceLandmarks", "face_landmarks", "multiFaceLandmarks", "multi_face_landmarks"),
    "pose": ("poseLandmarks", "pose_landmarks"),
    "hand_left": ("leftHandLandmarks", "left_hand_landmarks"),
    "hand_right": ("rightHandLandmarks", "right_hand_landmarks"),
    "": ("landmarks", "handLandmarks", "hand_landmarks", "multiHandLandmarks", "multi_hand_landmarks", "landmark"),
}
"""Keys of the landmarks in a frame, by the name of the part in `--part`; without a name: of whatever was tracked."""

NESTED = ("results", "result")
"""Keys under which the result of a landmarker may stand in a frame, beside the time."""

SIZES = (("width", "height"), ("imageWidth", "imageHeight"), ("image_width", "image_height"))
NORMALISED = 3.0
"""Largest coordinate of points that are shares of the image; faces may reach out of it."""
DECIMALS = 6
"""Fewest digits after the point of a share of the image that is written."""


class MediaPipeContent(NamedTuple):
    """What `write` needs.

    Attributes:
        document: the file.
        people: sightings of each track.
        scale: (d,) pixels for each unit of the file.
        decimals: digits after the point that are written.
    """

    document: json_text.Document
    people: list[list[Sighting]]
    scale: np.ndarray
    decimals: int


def recognise(source: OpenedFile) -> bool:
    """Whether it is JSON in which some frame has landmarks {x, y}."""
    if not source.is_json:
        return False
    return any(_part_of(one.value) is not None for one in _frames(source.json.value))


def is_single_frame(value: Any) -> bool:
    """Whether a value of JSON is one frame and not a list of them."""
    return isinstance(value, dict) and _part_of(value) is not None


def read(source: OpenedFile, options: ReadOptions) -> Recording:
    """Read a file of landmarks of MediaPipe.

    Raises:
        InputError: a landmark lacks a number or stands in no list of a face, the number of landmarks changes, or the
            wanted part is not there.
    """
    path, document = source.path, source.json
    entries = _frames(document.value)
    frames = [one.value for one in entries]
    part, notes = _choose_part(path, frames, options.part)
    sightings = []
    for number, start, frame in entries:
        time = _time(frame)
        faces = _faces(frame, part)
        if sum(len(landmarks) for _, landmarks in faces) != _landmarks_in(frame, part):
            where = people.place_name(start)
            raise InputError(f"{path}: {where}: landmarks that make no face, expected lists of objects with x and y")
        for place, landmarks in faces:
            points, scores = _points(path, landmarks, (*start, *place))
            sightings.append(Sighting(number, (*start, *place), points, scores, time=time))
    dims = min(one.points.shape[1] for one in sightings)
    sightings = [one._replace(points=one.points[:, :dims]) for one in sightings]
    values = np.concatenate([one.points for one in sightings])
    scale = np.ones(dims)
    shares = bool(np.nanmax(np.abs(values[:, :2]), initial=0) <= NORMALISED)
    if shares:
        size = _size(document.value, frames)
        if size is None:
            notes.append("x and y are shares of an image of unknown size: read as if it were square")
        else:
            scale = np.array([size[0], size[1], size[0]])[:dims]
            notes.append(f"x and y are shares of an image of {size[0]:g} x {size[1]:g} pixels")
    with np.errstate(over="ignore"):  # what is no coordinate is refused next
        scaled = [one._replace(points=one.points * scale) for one in sightings]
    tracks, persons, said = people.tracks(path, scaled, options, what="the visibility")
    digits = json_text.decimals(values.ravel())
    content = MediaPipeContent(document, persons, scale, max(digits, DECIMALS) if shares else digits)
    fps = json_text.number(document.value.get("fps")) if isinstance(document.value, dict) else np.nan
    title = "landmarks of MediaPipe" + (f" ({part})" if part else "")
    return Recording(
        path, "mediapipe", tracks, content, (*notes, *said), float(fps) if np.isfinite(fps) else None, title
    )


def write(path: Path, recording: Recording, points: Sequence[Float[np.ndarray, "_ _ d"]]) -> None:
    """Write the file with other landmarks, in the unit that it had.

    Args:
        path: the file.
        recording: from `read`.
        points: for each track, (T, M, d) in its unit.
    """
    content: MediaPipeContent = recording.content
    value, changes = content.document.value, {}
    for track, person, new in zip(recording.tracks, content.people, points, strict=True):
        rows = with_markers(track, new)[track.present] / content.scale
        for one, row in zip(person, rows, strict=True):
            old = json_text.at(value, one.place)
            changes[one.place] = [
                _moved(landmark, point, content.decimals) for landmark, point in zip(old, row, strict=True)
            ]
    json_text.write(path, content.document, json_text.replaced(value, changes))


def _moved(landmark: Any, point: np.ndarray, digits: int) -> Any:
    """A landmark with other coordinates, where they are known, and all else as it was."""
    numbers = {
        k: json_text.rounded(value, digits) for k, value in enumerate(point[: len(landmark)]) if np.isfinite(value)
    }
    if isinstance(landmark, dict):
        return landmark | {"xyz"[k]: value for k, value in numbers.items()}
    return [numbers.get(k, value) for k, value in enumerate(landmark)]


class _Frame(NamedTuple):
    number: int
    place: tuple[Any, ...]
    value: Any


def _frames(value: Any) -> list[_Frame]:
    """The frames in order, and where they stand; none in what is no list of frames and has no numbers as keys."""
    start: tuple[Any, ...] = ()
    if isinstance(value, dict) and isinstance(value.get("frames"), list | dict):
        start, value = ("frames",), value["frames"]
    if isinstance(value, list):
        return [_Frame(k, (*start, k), frame) for k, frame in enumerate(value)]
    if not isinstance(value, dict):
        return []
    numbers = [int(key) for key in value if _NUMBER.fullmatch(key)]
    if len(numbers) < len(value):
        return []
    found = [_Frame(number, (*start, key), value[key]) for number, key in zip(numbers, value, strict=True)]
    return sorted(found, key=lambda one: one.number)


_NUMBER = re.compile("0|[1-9][0-9]{0,8}")


def _is_point(value: Any) -> bool:
    if isinstance(value, dict):
        return {"x", "y"} <= value.keys()
    return (
        isinstance(value, list)
        and 2 <= len(value) <= 4
        and all(one is None or (isinstance(one, int | float) and not isinstance(one, bool)) for one in value)
    )


def _is_face(value: Any) -> bool:
    if not isinstance(value, list) or not value or not all(_is_point(p) for p in value):
        return False
    kinds = {type(p) for p in value}
    return kinds == {dict} or (kinds == {list} and len(value) > 1)


def _part_of(frame: Any) -> str | None:
    """The first part that has a face in a frame; None without."""
    return next((part for part in PARTS if _faces(frame, part)), None)


def _faces(frame: Any, part: str) -> list[tuple[tuple[Any, ...], list[Any]]]:
    """The faces of a part in a frame, each with its place in it."""
    if isinstance(frame, dict):
        for key in NESTED:
            if isinstance(frame.get(key), dict):
                return [((key, *place), face) for place, face in _faces(frame[key], part)]
        found = []
        for key in PARTS[part]:
            found += [((key, *place), face) for place, face in _faces(frame.get(key), "")] if key in frame else []
        return found
    if part or not isinstance(frame, list):
        return []
    if _is_face(frame):
        return [((), frame)]
    # A message of protocol buffers holds its list under the name "landmark".
    return [
        ((k, *place), face)
        for k, entry in enumerate(frame)
        if isinstance(entry, dict | list)
        for place, face in ([((), entry)] if _is_face(entry) else _faces(entry, "") if isinstance(entry, dict) else [])
    ]


def _landmarks_in(frame: Any, part: str) -> int:
    """Objects with x or y, and lists of numbers, in the part of a frame, however deep in lists."""
    count, left = 0, [] if part and not isinstance(frame, dict) else [frame]
    if isinstance(frame, dict):
        for key in NESTED:
            if isinstance(frame.get(key), dict):
                return _landmarks_in(frame[key], part)
        left = [frame[key] for key in PARTS[part] if key in frame]
    while left:
        one = left.pop()
        if isinstance(one, list) and any(isinstance(number, int | float) for number in one):
            count += 1
        elif isinstance(one, list):
            left += one
        elif isinstance(one, dict) and {"x", "y"} & one.keys():
            count += 1
        elif isinstance(one, dict):
            # Lists under another name may be landmarks too, which nobody should lose.
            inside = [one[key] for key in PARTS[""] if key in one]
            left += inside or [value for value in one.values() if isinstance(value, list)]
    return count


def _choose_part(path: Path, frames: list[Any], wanted: str | None) -> tuple[str, list[str]]:
    there = [part for part in PARTS if any(_faces(frame, part) for frame in frames)]
    if wanted is not None:
        if wanted not in there:
            have = ", ".join(part or "landmarks without a name" for part in there)
            raise InputError(f"{path}: --part {wanted}: not there, expected one of: {have}")
        return wanted, []
    others = [part for part in there[1:] if part]
    if not others:
        return there[0], []
    return there[0], [f"the {there[0]} is read; --part {' or '.join(others)} reads the other landmarks"]


def _points(path: Path, landmarks: list[Any], place: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray | None]:
    """Points (M, 2) or (M, 3) of a face, and their scores (M,)."""
    # A list of numbers holds x, y, perhaps z, perhaps the visibility.
    names = ("x", "y", "z", "visibility")
    landmarks = [one if isinstance(one, dict) else dict(zip(names, one, strict=False)) for one in landmarks]
    axes = "xyz" if all("z" in landmark for landmark in landmarks) else "xy"
    for k, landmark in enumerate(landmarks):
        for axis in axes:
            if landmark[axis] is not None and (
                isinstance(landmark[axis], bool) or not isinstance(landmark[axis], int | float)
            ):
                where = people.place_name((*place, k, axis))
                raise InputError(f"{path}: {where}: {str(landmark[axis])[:40]!r} is no number")
    points = np.array([[json_text.number(landmark[axis]) for axis in axes] for landmark in landmarks])
    for name in ("visibility", "presence"):
        if all(name in landmark for landmark in landmarks):
            scores = np.array([json_text.number(landmark[name]) for landmark in landmarks])
            # The face landmarker leaves them at 0.
            if scores.any():
                return points, scores
    return points, None


def _size(value: Any, frames: list[Any]) -> tuple[float, float] | None:
    """Width and height of the images, if the file has them and they are always the same."""
    found = set()
    for entry in (value, *frames):
        for pair in SIZES if isinstance(entry, dict) else ():
            width, height = (json_text.number(entry.get(key)) for key in pair)
            if width > 0 and height > 0:
                found.add((width, height))
    return found.pop() if len(found) == 1 else None


def _time(frame: Any) -> float:
    """Time of a frame in seconds, NaN without."""
    if not isinstance(frame, dict):
        return np.nan
    for key, unit in (("timestamp_ms", 1e-3), ("timestampMs", 1e-3), ("timestamp", 1.0), ("time", 1.0)):
        if key in frame:
            return unit * json_text.number(frame[key])
    return np.nan
