"""A folder of OpenPose: a file NAME_000000000012_keypoints.json for each frame, with `people` and their parts.

Each part, such as `face_keypoints_2d`, is a list x, y, c of each point in turn; a point that was not found is 0, 0, 0.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io.formats import coco, json_text, people
from fhr_jax.data.io.formats.base import OpenedFile, Recording
from fhr_jax.data.io.formats.people import Sighting
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.data.io.natural_order import natural
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_folder

PARTS = {
    "face": "face_keypoints_2d",
    "pose": "pose_keypoints_2d",
    "hand_left": "hand_left_keypoints_2d",
    "hand_right": "hand_right_keypoints_2d",
}
END = "_keypoints.json"


class OpenPoseContent(NamedTuple):
    """What `write` needs.

    Attributes:
        documents: the files by name.
        people: sightings of each track.
        decimals: digits after the point that are written.
    """

    documents: dict[str, json_text.Document]
    people: list[list[Sighting]]
    decimals: int


def recognise(source: OpenedFile) -> bool:
    """Whether it is a folder with files *_keypoints.json."""
    return source.path.is_dir() and any(file.name.lower().endswith(END) for file in source.path.iterdir())


def read(source: OpenedFile, options: ReadOptions) -> Recording:
    """Read a folder of OpenPose; without `options.part` the first part in the order of `PARTS` that somebody has.

    Raises:
        InputError: a file is no JSON of OpenPose, the files belong to several recordings, or nobody has the part.
    """
    path = source.path
    names = sorted((file.name for file in path.iterdir() if file.name.lower().endswith(END)), key=natural)
    frames = _frames(path, names)
    documents = {name: json_text.read(path / name) for name in names}
    found: dict[str, list[Sighting]] = {part: [] for part in PARTS}
    for name, document in documents.items():
        value = document.value
        if not isinstance(value, dict) or not isinstance(value.get("people"), list):
            raise InputError(f"{path / name}: not a file of OpenPose: expected an object with a list `people`")
        for number, person in enumerate(value["people"]):
            if not isinstance(person, dict):
                raise InputError(f"{path / name}: people[{number}]: expected an object")
            for part, key in PARTS.items():
                values = coco.triples(path / name, person.get(key) or [], ("people", number, key))
                if values.any():
                    found[part].append(
                        Sighting(
                            frames[name], (name, "people", number, key), values[:, :2], values[:, 2], _identity(person)
                        )
                    )
    part, notes = _choose(path, found, options.part)
    sightings = found[part]
    tracks, persons, said = people.tracks(path, sightings, options)
    digits = json_text.decimals(np.concatenate([one.points.ravel() for one in sightings]))
    content = OpenPoseContent(documents, persons, digits)
    title = f"a folder of OpenPose ({PARTS[part]})"
    return Recording(path, "openpose", tracks, content, (*notes, *said), title=title, face_word="person")


def write(path: Path, recording: Recording, points: Sequence[Float[np.ndarray, "_ _ d"]]) -> None:
    """Write the folder with other points of the part that was read.

    Args:
        path: the new folder.
        recording: from `read`.
        points: for each track, (T, M, 2) in pixels.
    """
    content: OpenPoseContent = recording.content
    values: dict[str, Any] = {name: document.value for name, document in content.documents.items()}
    changes = coco.keypoint_changes(values, recording, content.people, points, decimals=content.decimals)
    values = json_text.replaced(values, changes)
    with atomic_folder(path) as folder:
        for name, document in content.documents.items():
            json_text.write(folder / name, document, values[name])


def _frames(path: Path, names: list[str]) -> dict[str, int]:
    """The number of the frame of each file, from its name."""
    found = {name: re.fullmatch(r"(.*?)_?([0-9]+)", name[: -len(END)]) for name in names}
    starts = {match[1] for match in found.values() if match}
    if not all(found.values()):
        odd = next(name for name, match in found.items() if not match)
        raise InputError(f"{path / odd}: no number of a frame in its name, expected NAME_000000000012{END}")
    if len(starts) > 1:
        several = ", ".join(sorted(starts)[:3])
        raise InputError(f"{path}: holds files of {len(starts)} recordings ({several}), expected one in a folder")
    numbers = {name: int(match[2]) for name, match in found.items() if match}
    if len(set(numbers.values())) < len(numbers):
        raise InputError(f"{path}: two files have the same number of a frame, expected one file for each")
    return numbers


def _identity(person: dict[str, Any]) -> int | None:
    """The `person_id`; None where it is -1, the word for people who are not followed."""
    value = person.get("person_id")
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _choose(path: Path, found: dict[str, list[Sighting]], wanted: str | None) -> tuple[str, list[str]]:
    there = [part for part, sightings in found.items() if sightings]
    if not there:
        raise InputError(f"{path}: nobody has any point in any frame, expected some")
    if wanted is not None:
        if wanted not in there:
            raise InputError(f"{path}: --part {wanted}: not there, expected one of: {', '.join(there)}")
        return wanted, []
    if len(there) == 1:
        return there[0], []
    return there[0], [f"the {there[0]} is read; --part {' or '.join(there[1:])} reads the other points"]
