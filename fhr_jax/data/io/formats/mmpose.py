"""Predictions of mmpose for a video as JSON: `instance_info`, a list of frames, each with the people in it.

A frame is {frame_id, instances}, and each of the instances has `keypoints` [[x, y], ...] and `keypoint_scores`. The
demos write the object with `instance_info` and `meta_info`; the inferencer writes the list of frames alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io.formats import json_text, people
from fhr_jax.data.io.formats.base import OpenedFile, Recording, with_markers
from fhr_jax.data.io.formats.people import Sighting, place_name
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError

PERSON = ("track_id", "instance_id")


class MMPoseContent(NamedTuple):
    """What `write` needs.

    Attributes:
        document: the file.
        people: sightings of each track.
        decimals: digits after the point that are written.
    """

    document: json_text.Document
    people: list[list[Sighting]]
    decimals: int


def recognise(source: OpenedFile) -> bool:
    """Whether it is JSON with frames that have numbers and instances."""
    return source.is_json and any(_is_frame(frame) for frame in _frames(source.json.value)[1])


def read(source: OpenedFile, options: ReadOptions) -> Recording:
    """Read predictions of mmpose; people without a `track_id` are followed by their places.

    Raises:
        InputError: a frame has no number, keypoints are no pairs of numbers, or nobody is in any frame.
    """
    path, document = source.path, source.json
    start, frames = _frames(document.value)
    sightings = []
    for number, frame in enumerate(frames):
        if not _is_frame(frame):
            raise InputError(f"{path}: {place_name((*start, number))}: expected a frame with frame_id and instances")
        for k, person in enumerate(frame["instances"]):
            place = (*start, number, "instances", k, "keypoints")
            if not isinstance(person, dict):
                raise InputError(f"{path}: {place_name(place[:-1])}: expected an object with keypoints")
            points, scores = _points(path, person, place)
            identity = next((person[key] for key in PERSON if isinstance(person.get(key), int | str)), None)
            sightings.append(Sighting(frame["frame_id"], place, points, scores, person=identity))
    if not sightings:
        raise InputError(f"{path}: nobody is in any frame, expected some keypoints")
    if not all(one.person is not None for one in sightings):
        sightings = [one._replace(person=None) for one in sightings]
    tracks, persons, notes = people.tracks(path, sightings, options, what="keypoint_scores")
    digits = json_text.decimals(np.concatenate([one.points.ravel() for one in sightings]))
    content = MMPoseContent(document, persons, digits)
    return Recording(path, "mmpose", tracks, content, tuple(notes), title="keypoints of mmpose", face_word="person")


def write(path: Path, recording: Recording, points: Sequence[Float[np.ndarray, "_ _ d"]]) -> None:
    """Write the file with other keypoints and everything else as it was.

    Args:
        path: the file.
        recording: from `read`.
        points: for each track, (T, M, d) in pixels; where they are NaN the file's numbers stay.
    """
    content: MMPoseContent = recording.content
    value, changes = content.document.value, {}
    for track, person, new in zip(recording.tracks, content.people, points, strict=True):
        for one, row in zip(person, with_markers(track, new)[track.present], strict=True):
            old = json_text.at(value, one.place)
            changes[one.place] = [
                [json_text.rounded(number, content.decimals) for number in point] if np.isfinite(point).all() else kept
                for kept, point in zip(old, row, strict=True)
            ]
    json_text.write(path, content.document, json_text.replaced(value, changes))


def _frames(value: Any) -> tuple[tuple[Any, ...], list[Any]]:
    if isinstance(value, dict) and isinstance(value.get("instance_info"), list):
        return ("instance_info",), value["instance_info"]
    return (), value if isinstance(value, list) else []


def _is_frame(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("instances"), list)
        and isinstance(value.get("frame_id"), int)
        and not isinstance(value["frame_id"], bool)
    )


def _points(path: Path, person: dict[str, Any], place: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray | None]:
    """Keypoints (M, d) of a person, and their scores (M,)."""
    rows = person.get("keypoints")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
        raise InputError(f"{path}: {place_name(place)}: expected a list of points [x, y]")
    if {len(row) for row in rows} not in ({2}, {3}):
        raise InputError(f"{path}: {place_name(place)}: points of {len(rows[0])} numbers, expected 2, or 3 in 3D")
    for k, row in enumerate(rows):
        for n, value in enumerate(row):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise InputError(f"{path}: {place_name((*place, k, n))}: {str(value)[:40]!r} is no number")
    points = np.array([[json_text.number(value) for value in row] for row in rows])
    scores = person.get("keypoint_scores")
    if not isinstance(scores, list) or len(scores) != len(rows):
        return points, None
    return points, np.array([json_text.number(value) for value in scores])
