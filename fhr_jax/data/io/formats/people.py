"""Files that list people frame by frame: their tracks, by the identity that the file gives them, or by their places."""

from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from fhr_jax.data.io import landmark_arrays
from fhr_jax.data.io.formats.base import LandmarkTrack
from fhr_jax.data.io.formats.frame_gaps import track_of_rows
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError

MAX_COORDINATE = 1e9
"""Larger numbers are no coordinates."""

FAR = 0.5
"""Sizes of a person that it moves from one frame to the next at most, to be the same one."""

AWAY = 30
"""Frames after which a person that comes back is a new one."""


class Sighting(NamedTuple):
    """A person in a frame.

    Attributes:
        frame: its number.
        place: where it stands in the file: keys and indices, from the outside in.
        points: (M, d) in the unit of the file, NaN where missing.
        scores: (M,) of the points as the file has them, or None.
        person: what tells the person from others in all frames, or None.
        score: of the whole person, or None.
        time: of the frame in seconds, NaN where it has none.
    """

    frame: int
    place: tuple[Any, ...]
    points: Float[np.ndarray, "m d"]
    scores: Float[np.ndarray, " m"] | None = None
    person: Hashable = None
    score: float | None = None
    time: float = np.nan


def tracks(
    path: Path, sightings: Sequence[Sighting], options: ReadOptions, *, what: str = "the score of the points"
) -> tuple[tuple[LandmarkTrack, ...], list[list[Sighting]], list[str]]:
    """The tracks of the people, the sightings of each in the order of the frames, and what to tell the user.

    Args:
        path: of the file, for error messages.
        sightings: in any order.
        options: how the numbers are read.
        what: the file calls the scores of points.

    Raises:
        InputError: a person is twice in a frame, or its number of points changes.
    """
    for one in sightings:
        largest = float(np.nanmax(np.abs(one.points), initial=0))
        if largest > MAX_COORDINATE:
            where = place_name(one.place)
            raise InputError(
                f"{path}: {where}: a coordinate of {largest:.3g}, expected pixels up to {MAX_COORDINATE:.0e}"
            )
    people, notes = _people(path, sightings)
    flat = [one for person in people for one in person]
    confidence, more = _confidence(what, flat)
    notes += more
    found, start = [], 0
    for number, person in enumerate(people):
        trust = None if confidence is None else confidence[start : start + len(person)]
        if trust is not None and trust.dtype == object:
            trust = np.stack(list(trust))
        start += len(person)
        points = np.stack([one.points for one in person])
        if trust is not None and trust.ndim == 2:
            points = np.where((trust > 0)[..., None], points, np.nan) if (trust > 0).any() else points
        time = np.array([one.time for one in person])
        track, said = track_of_rows(
            path,
            np.array([one.frame for one in person]),
            points,
            options,
            name=f"person {number}",
            confidence=trust,
            time=time if np.isfinite(time).any() else None,
            face=number,
        )
        # What the file has for a missing point stays there where no frame has shown it yet.
        found.append(track)
        notes += said if len(people) == 1 else [f"person {_name(person, number)}: {note}" for note in said]
    return tuple(found), people, notes


def _name(person: list[Sighting], number: int) -> str:
    return str(number if person[0].person is None else person[0].person)


def _confidence(what: str, flat: list[Sighting]) -> tuple[Shaped[np.ndarray, "r *m"] | None, list[str]]:
    """The confidence of points or of people, for all sightings: (R, M), (R,), or an object array where M differs."""
    if all(one.scores is not None for one in flat):
        values = np.concatenate([one.scores for one in flat if one.scores is not None])
        known = values[np.isfinite(values)]
        # One value everywhere says nothing, as where a program fills in what it does not know.
        if known.size and not (known == known[0]).all():
            trust, notes = landmark_arrays.scaled_confidence(what, values)
            if trust is None:
                return None, notes
            ends = np.cumsum([len(one.points) for one in flat])[:-1]
            rows = np.split(trust, ends)
            if len({len(row) for row in rows}) == 1:
                return np.stack(rows), notes
            result = np.empty(len(rows), object)
            result[:] = rows
            return result, notes
    if flat and all(one.score is not None for one in flat):
        scores = np.array([one.score for one in flat], np.float64)
        return landmark_arrays.scaled_confidence("the score of the people", scores)
    return None, []


def _people(path: Path, sightings: Sequence[Sighting]) -> tuple[list[list[Sighting]], list[str]]:
    ordered = sorted(sightings, key=lambda one: one.frame)
    if all(one.person is not None for one in ordered):
        groups: dict[Hashable, list[Sighting]] = {}
        for one in ordered:
            groups.setdefault(one.person, []).append(one)
        for person, group in groups.items():
            _check_once(path, person, group)
        return list(groups.values()), []
    frames = [one.frame for one in ordered]
    if len(set(frames)) == len(frames):
        _check_points(path, ordered)
        return [ordered], []
    return followed(ordered)


def followed(ordered: Sequence[Sighting], *, word: str = "people") -> tuple[list[list[Sighting]], list[str]]:
    """The sightings of each person, who is found by the places alone, and what to tell the user.

    Args:
        ordered: sightings in the order of their frames.
        word: what the file calls people.
    """
    most = max(Counter(one.frame for one in ordered).values())
    note = (
        f"up to {most} {word} in a frame and nothing that tells them apart: followed by their places, "
        "which may exchange two that meet"
    )
    return _linked(ordered), [note]


def _check_once(path: Path, person: Hashable, group: list[Sighting]) -> None:
    for one, two in pairwise(group):
        if one.frame == two.frame:
            raise InputError(
                f"{path}: person {person} is twice in one frame, at {place_name(one.place)} and "
                f"{place_name(two.place)}; expected once"
            )
    _check_points(path, group)


def _check_points(path: Path, group: list[Sighting]) -> None:
    for one in group:
        if one.points.shape != group[0].points.shape:
            raise InputError(
                f"{path}: {place_name(one.place)} has {len(one.points)} points of {one.points.shape[1]} coordinates, "
                f"expected {len(group[0].points)} of {group[0].points.shape[1]} as at {place_name(group[0].place)}"
            )


def place_name(place: tuple[Any, ...]) -> str:
    """A place in a file as a user would write it: annotations[3].keypoints."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)
    return text.removeprefix(".") or "the file"


def _linked(ordered: Sequence[Sighting]) -> list[list[Sighting]]:
    """People followed by their places: each goes on where the nearest one was in the last frame that showed it."""
    from scipy.optimize import linear_sum_assignment

    people: list[list[Sighting]] = []
    by_frame: dict[int, list[Sighting]] = {}
    for one in ordered:
        by_frame.setdefault(one.frame, []).append(one)
    for frame, seen in by_frame.items():
        known = [person for person in people if frame - person[-1].frame <= AWAY]
        costs = np.array([[_distance(person[-1], one) for one in seen] for person in known]).reshape(-1, len(seen))
        taken = set()
        for k, m in zip(*linear_sum_assignment(np.minimum(costs, 10 * FAR)), strict=True):
            # A person that was away may have moved further.
            if costs[k, m] <= FAR * np.sqrt(frame - known[k][-1].frame):
                known[k].append(seen[m])
                taken.add(int(m))
        people += [[one] for m, one in enumerate(seen) if m not in taken]
    return people


def _distance(one: Sighting, two: Sighting) -> float:
    """Mean distance of the points that both have, in sizes of the larger; infinite without any."""
    if one.points.shape != two.points.shape:
        return 1e9
    common = np.isfinite(one.points).all(axis=1) & np.isfinite(two.points).all(axis=1)
    if not common.any():
        return 1e9
    a, b = one.points[common, :2], two.points[common, :2]
    size = max(float(np.ptp(a, axis=0).max()), float(np.ptp(b, axis=0).max()), 1e-9)
    return float(np.linalg.norm(a - b, axis=1).mean()) / size
