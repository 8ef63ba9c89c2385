"""Keypoints of COCO as JSON: annotations with their images, or the list of results that detectors write.

`keypoints` are x, y and v of each point in turn: v is 0 not labelled, 1 hidden, 2 visible, or in results a score. The
images are the frames of one video, in the order of their names or ids.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io.formats import json_text, people
from fhr_jax.data.io.formats.base import OpenedFile, Recording, with_markers
from fhr_jax.data.io.formats.people import Sighting, place_name
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.data.io.natural_order import natural
from fhr_jax.errors import InputError

PERSON = ("track_id", "person_id", "instance_id", "id")
"""Keys that tell one person from another; `id` only if it does not number the annotations."""
VIDEO = ("video_id", "vid_id")


class CocoContent(NamedTuple):
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
    """Whether it is JSON with annotations or results that have keypoints."""
    if not source.is_json:
        return False
    _, entries = _entries(source.json.value)
    return any(isinstance(one, dict) and {"image_id", "keypoints"} <= one.keys() for one in entries)


def read(source: OpenedFile, options: ReadOptions) -> Recording:
    """Read a file of keypoints of COCO.

    Raises:
        InputError: keypoints are not triples of numbers, the file holds several videos, a person is twice in an image,
            or its number of points changes.
    """
    path, document = source.path, source.json
    start, entries = _entries(document.value)
    labelled = {
        number: one
        for number, one in enumerate(entries)
        if isinstance(one, dict) and one.get("image_id") is not None and _is_labelled(one.get("keypoints"))
    }
    if not labelled:
        raise InputError(f"{path}: no annotation has keypoints with a place, expected some")
    frames, notes = _frames(path, document.value, [one["image_id"] for one in labelled.values()])
    key = _person_key(labelled.values())
    sightings = []
    for number, one in labelled.items():
        place = (*start, number, "keypoints")
        values = triples(path, one["keypoints"], place)
        score = json_text.number(one.get("score"))
        sightings.append(
            Sighting(
                frames[_hashable(path, one["image_id"], (*start, number, "image_id"))],
                place,
                values[:, :2],
                values[:, 2],
                person=None if key is None else one[key],
                score=float(score) if np.isfinite(score) else None,
            )
        )
    tracks, persons, said = people.tracks(path, sightings, options, what="the third number of the keypoints")
    digits = json_text.decimals(np.concatenate([one.points.ravel() for one in sightings]))
    content = CocoContent(document, persons, digits)
    return Recording(path, "coco", tracks, content, (*notes, *said), title="COCO keypoints", face_word="person")


def write(path: Path, recording: Recording, points: Sequence[Float[np.ndarray, "_ _ d"]]) -> None:
    """Write the file with other keypoints; their third numbers stay, and so does all else, such as boxes.

    Args:
        path: the file.
        recording: from `read`.
        points: for each track, (T, M, 2) in pixels.
    """
    content: CocoContent = recording.content
    value = content.document.value
    changes = keypoint_changes(value, recording, content.people, points, decimals=content.decimals)
    json_text.write(path, content.document, json_text.replaced(value, changes))


def keypoint_changes(
    value: Any,
    recording: Recording,
    persons: list[list[Sighting]],
    points: Sequence[Float[np.ndarray, "_ _ d"]],
    *,
    decimals: int,
) -> dict[tuple[Any, ...], list[Any]]:
    """The lists x, y, c, x, y, c, ... with other points, by their places.

    Args:
        value: the content of the file.
        recording: from `read`.
        persons: sightings of each track.
        points: for each track, (T, M, 2) in pixels; where they are NaN the file's numbers stay.
        decimals: digits after the point.
    """
    changes = {}
    for track, person, new in zip(recording.tracks, persons, points, strict=True):
        rows = with_markers(track, new)[track.present]
        for one, row in zip(person, rows, strict=True):
            numbers = list(json_text.at(value, one.place))
            for m, point in enumerate(row):
                if np.isfinite(point).all():
                    numbers[3 * m : 3 * m + 2] = [json_text.rounded(number, decimals) for number in point]
            changes[one.place] = numbers
    return changes


def triples(path: Path, values: Any, place: tuple[Any, ...]) -> Float[np.ndarray, "m 3"]:
    """Numbers x, y, c, x, y, c, ... as (M, 3) in the unit of the file.

    Args:
        path: of the file, for error messages.
        values: of JSON.
        place: of the values, for error messages.

    Raises:
        InputError: they are no list of three numbers a point.
    """
    if not isinstance(values, list) or len(values) % 3:
        raise InputError(f"{path}: {place_name(place)}: expected a list of three numbers a point, x, y and a score")
    for k, value in enumerate(values):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise InputError(f"{path}: {place_name((*place, k))}: {str(value)[:40]!r} is no number")
    return np.array([json_text.number(value) for value in values]).reshape(-1, 3)


def _entries(value: Any) -> tuple[tuple[Any, ...], list[Any]]:
    if isinstance(value, dict) and isinstance(value.get("annotations"), list):
        return ("annotations",), value["annotations"]
    return (), value if isinstance(value, list) else []


def _is_labelled(keypoints: Any) -> bool:
    """Whether some number is not 0: annotations of people without keypoints have only zeros."""
    return isinstance(keypoints, list) and any(keypoints)


def _hashable(path: Path, value: Any, place: tuple[Any, ...]) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InputError(f"{path}: {place_name(place)}: {str(value)[:40]!r} is no number of an image, and no name")
    return value


def _frames(path: Path, value: Any, ids: list[Any]) -> tuple[dict[int | str, int], list[str]]:
    """The number of the frame of each image id, and what to tell the user."""
    used = dict.fromkeys(_hashable(path, one, ("image_id",)) for one in ids)
    images = value.get("images") if isinstance(value, dict) else None
    if not isinstance(images, list) or not images:
        order = sorted(used, key=lambda one: natural(str(one)))
        numbers = [one for one in order if isinstance(one, int)]
        # Ids that count the frames have gaps where nobody was found.
        if len(numbers) == len(order) > 1 and Counter(np.diff(numbers).tolist()).most_common(1)[0][0] == 1:
            return {one: one for one in numbers}, []
        return {one: k for k, one in enumerate(order)}, ["the frames are in the order of the ids of their images"]
    known: dict[int | str, dict[str, Any]] = {}
    for number, image in enumerate(images):
        if not isinstance(image, dict) or "id" not in image:
            raise InputError(f"{path}: {place_name(('images', number))}: expected an object with an id")
        known[_hashable(path, image["id"], ("images", number, "id"))] = image
    if missing := [one for one in used if one not in known]:
        raise InputError(f"{path}: image_id {missing[0]} is not the id of any of the images")
    _check_one_video(path, [known[one] for one in used])
    sizes = {tuple(json_text.number(known[one].get(side)) for side in ("width", "height")) for one in used}
    if len(sizes) > 1 and np.isfinite(list(sizes)).all():
        (one, two), (three, four) = sorted(sizes)[:2]
        raise InputError(
            f"{path}: its images are {one:g} x {two:g}, {three:g} x {four:g} and so on, so they are no frames of a "
            "video; expected one size"
        )
    named = all(isinstance(image.get("file_name"), str) for image in known.values())
    order = sorted(known, key=lambda one: natural(known[one]["file_name"] if named else str(one)))
    return {one: k for k, one in enumerate(order)}, [
        f"the frames are in the order of the {'names' if named else 'ids'} of their images"
    ]


def _check_one_video(path: Path, images: list[dict[str, Any]]) -> None:
    names = [str(image["file_name"]) for image in images if "file_name" in image]
    folders = {str(PurePosixPath(name.replace("\\", "/")).parent) for name in names}
    videos = {str(image[key]) for image in images for key in VIDEO if key in image}
    found = videos if len(videos) > 1 else folders
    if len(found) > 1:
        several = ", ".join(sorted(found)[:3])
        raise InputError(f"{path}: holds frames of {len(found)} videos ({several}), expected one; split it")


def _person_key(entries: Any) -> str | None:
    """The key that tells one person from another in all entries."""
    entries = list(entries)
    for key in PERSON:
        values = [one.get(key) for one in entries]
        usable = all(isinstance(value, int | str) and not isinstance(value, bool) for value in values)
        # The id of an annotation tells a person only if it comes again in other frames.
        if usable and (key != "id" or len(set(values)) < len(values)) and not _unknown(values):
            return key
    return None


def _unknown(values: list[Any]) -> bool:
    """Whether an identity is the word for none, such as -1."""
    return any(isinstance(value, int) and value < 0 for value in values) or not all(
        re.search(r"\w", str(value)) for value in values
    )
