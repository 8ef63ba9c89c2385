"""How well several faces were followed: exchanged numbers, faces that were missed, and faces that are none."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from fhr_jax import geometry

MAX_DISTANCE = 0.4
"""Mean distance of the landmarks, over the longer side of their box, from which an output is not of that face."""
MEMORY = 60
"""Frames after which a person who was not found may have a new number."""


class FaceTrackScore(NamedTuple):
    """Counts over the frames of one clip or of several.

    Attributes:
        switches: how often a person got another number than within the last two seconds, or that of somebody else.
        missed: visible faces without an output.
        visible: visible faces.
        wrong: outputs that are on no face, not even one that is partly hidden.
        outputs: all outputs.
        numbers: different numbers that were given.
        people: people who are visible at any time.
    """

    switches: int
    missed: int
    visible: int
    wrong: int
    outputs: int
    numbers: int
    people: int


def score(
    truth: Float[np.ndarray, "f t m 2"],
    visible: Bool[np.ndarray, "f t"],
    present: Bool[np.ndarray, "f t"],
    outputs: Sequence[Sequence[tuple[int, Float[np.ndarray, "m 2"]]]],
) -> FaceTrackScore:
    """Compare outputs with the truth, frame by frame, as in the CLEAR MOT metrics of Bernardin and Stiefelhagen (2008).

    Args:
        truth: landmarks (F, T, M, 2) of F people in pixels.
        visible: (F, T), whether a face has to be found.
        present: (F, T), whether an output on it is right.
        outputs: for each of T frames number and landmarks (M, 2) of each face.
    """
    from scipy.optimize import linear_sum_assignment

    last: dict[int, tuple[int, int]] = {}
    owner: dict[int, int] = {}
    switches = missed = wrong = number = 0
    sizes = geometry.box_of(truth, dtype=np.float64)[..., 2:].max(axis=-1)
    for t, faces in enumerate(outputs):
        number += len(faces)
        points = np.array([face for _, face in faces]).reshape(len(faces), *truth.shape[2:])
        distance = np.linalg.norm(truth[:, t, None] - points[None], axis=-1).mean(axis=-1) / sizes[:, t, None]
        distance[~present[:, t]] = 1e3
        people, found = linear_sum_assignment(np.minimum(distance, 10 * MAX_DISTANCE))
        good = distance[people, found] < MAX_DISTANCE
        people, found = people[good], found[good]
        wrong += len(faces) - len(found)
        missed += int((visible[:, t] & ~np.isin(np.arange(len(truth)), people)).sum())
        for person, output in zip(people.tolist(), found.tolist(), strict=True):
            face_id = faces[output][0]
            before, at = last.get(person, (face_id, t))
            kept = before == face_id or t - at > MEMORY
            switches += not kept or owner.get(face_id, person) != person
            last[person], owner[face_id] = (face_id, t), person
    numbers = {face_id for faces in outputs for face_id, _ in faces}
    return FaceTrackScore(
        switches, missed, int(visible.sum()), wrong, number, len(numbers), int(visible.any(axis=1).sum())
    )
