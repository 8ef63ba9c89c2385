"""Follow several faces through a video: who is where, from the frame where a face appears to that where it leaves.

The net aligns all faces of a frame in one call, each in the region of its last landmarks. A detector looks for new and
for lost faces. Which face is whose is decided by `identity`; a cut of the film ends all tracks.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from fhr_jax import geometry, inputs, stabilizer
from fhr_jax.choices import DETECT_EVERY
from fhr_jax.detector import Detector
from fhr_jax.detector.suppression import overlaps
from fhr_jax.errors import InputError
from fhr_jax.heatmap import Decoder
from fhr_jax.pipeline import face_detector, identity, inference, shot_cuts
from fhr_jax.pipeline.aligner import MIN_CONFIDENCE, Aligner, Image
from fhr_jax.pipeline.face import Face
from fhr_jax.pipeline.face_smoothers import open_smoothers
from fhr_jax.pipeline.face_track import FaceTrack, FrameQueue
from fhr_jax.pipeline.tracking import candidates, steps_between
from fhr_jax.weights import Net

FORGET = 60.0
"""Frames of 1/30 s for which a lost face keeps its number: two seconds."""
FORGET_NEW = 3.0
"""Frames for which a lost face is kept that did not count yet."""
CONFIRM = 2
"""Looks of the detector, after the first, that find a new face before it counts."""
DOUBTFUL = 0.62
"""Mean confidence below which a face has to be seen by the detector too; 99 % of 498 photographed faces have more."""
MAX_UNSEEN = 3
"""Looks of the detector in a row after which a face that it does not see, of doubtful confidence, is given up."""
MIN_OVERLAP = 0.3
"""Intersection over union from which a box of the detector is that of a face that is followed."""
SAME_PLACE = 0.35
"""Intersection over union from which two faces are one."""
INSIDE = 0.7
"""Share of a face that lies in a larger one from which they are one."""


class FaceInFrame(NamedTuple):
    """One of the faces in a frame.

    Attributes:
        face_id: its number, from 0 in the order in which the faces appear; the same in all frames of a person's track.
        face: its landmarks.
    """

    face_id: int
    face: Face


def align_faces(
    net: Net,
    frames: Iterable[Image],
    *,
    times: Iterable[float] | None = None,
    most: int | None = None,
    detect_every: int = DETECT_EVERY,
    params: stabilizer.Params | None = None,
    stabilize: bool = True,
    lag: int = 0,
    mirror: bool = True,
    decoder: Decoder = inference.CALIBRATED_DECODER,
    dtype: Any = jnp.float32,
    detector: Detector | None = None,
    boxes: Mapping[int, Any] | None = None,
    min_confidence: float = MIN_CONFIDENCE,
) -> Iterator[list[FaceInFrame]]:
    """Follow all faces of a video, or the largest ones; memory does not grow with the video.

    A face that is lost and found again within two seconds, where it may be by its position, size, shape and colours,
    keeps its number; its stabilizer starts again. A new face counts once the detector has found it in three frames, so
    a frame may be yielded two frames later than with `align_video`.

    Args:
        net: the network.
        frames: RGB bytes (H, W, 3), in order.
        times: as for `align_video`.
        most: largest number of faces at a time, the largest first; None: all.
        detect_every: frames from one look of the detector to the next. It also looks while a face is lost or new.
        params: as for `align_video`.
        stabilize: as for `align_video`.
        lag: as for `align_video`.
        mirror: as for `predict`.
        decoder: as for `predict`.
        dtype: as for `predict`.
        detector: finds faces; None takes `face_detector.DEFAULT`.
        boxes: as for `align_video`; each new face in them counts at once.
        min_confidence: as for `align_video`.

    Yields:
        For each frame the faces in it, by their numbers; an empty list where there is none.

    Raises:
        InputError: as for `align_video`, or `most` or `detect_every` is below 1.
    """
    if boxes is not None and detector is not None:
        raise InputError("boxes and detector: got both, expected one of them")
    for name, value in (("most", most), ("detect_every", detect_every)):
        if value is not None and value < 1:
            raise InputError(f"{name} is {value}, expected at least 1")
    if stabilize and params is None:
        params = stabilizer.default_params(net.config.landmarks)
    if detector is None and boxes is None:
        detector = face_detector.open_detector(face_detector.DEFAULT)
    align, queue = Aligner(net, mirror, decoder, dtype), FrameQueue()
    smoother = open_smoothers(params if stabilize else None, lag=lag)
    crowd, cuts, now = _Crowd([], [], itertools.count()), shot_cuts.CutState(), 0.0
    for number, (image, dt) in enumerate(zip(frames, steps_between(times), strict=False)):
        inputs.check_image(image, name=f"frame {number}")
        queue.open()
        now += float(dt)
        cuts, cut = shot_cuts.read_frame(cuts, image)
        crowd.forget(now, all_of_them=cut)
        seen = crowd.follow(align, image, now=now, min_confidence=min_confidence)
        due = cut or number % detect_every == 0 or crowd.searching()
        if number in boxes if boxes is not None else due:
            found = candidates(image, number, detector=detector, boxes=boxes).boxes
            others = crowd.compare(seen, found, sure=boxes is not None)
            fresh = _faces_in(align, image, found[others], list(seen.values()), min_confidence)
            seen |= crowd.recognize(align, image, fresh, now=now)
            for face in _largest(align, fresh, crowd.room(most)):
                track = FaceTrack(smoother(), queue, align, face, now=now)
                crowd.add(track, sure=boxes is not None)
                seen[track] = face
        for track, face in seen.items():
            alone = all(other is face or not _are_near(align, face, other) for other in seen.values())
            track.read(align, image, face, dt, now=now, alone=alone)
        yield from _in_frames(queue)
    crowd.forget(now, all_of_them=True)
    yield from _in_frames(queue)


def _in_frames(queue: FrameQueue) -> Iterator[list[FaceInFrame]]:
    return ([FaceInFrame(*pair) for pair in faces] for faces in queue.finished())


class _Crowd(NamedTuple):
    """The faces that are followed, those that are lost, and the numbers to come."""

    active: list[FaceTrack]
    lost: list[FaceTrack]
    numbers: Iterator[int]

    def searching(self) -> bool:
        """Whether the detector is needed: a face is lost, or not sure."""
        return bool(self.lost) or any(track.number < 0 for track in self.active)

    def room(self, most: int | None) -> int | None:
        """How many faces may still be added; a lost one keeps its place."""
        return None if most is None else most - len(self.active) - len(self.lost)

    def forget(self, now: float, *, all_of_them: bool) -> None:
        """Give up faces that were lost for too long, or all of them."""
        for track in list(self.active) if all_of_them else []:
            if track.number < 0 and not track.unseen and track.confidence >= DOUBTFUL:
                track.confirm(next(self.numbers))  # nothing spoke against it, and there will be no other look
            self.lose(track)
        kept = []
        for track in self.lost:
            limit = FORGET if track.number >= 0 else FORGET_NEW
            if now - track.last <= limit and not all_of_them:
                kept.append(track)
            elif track.number < 0:
                track.drop()
        self.lost[:] = kept

    def lose(self, track: FaceTrack) -> None:
        self.active.remove(track)
        track.end()
        self.lost.append(track)

    def add(self, track: FaceTrack, *, sure: bool) -> None:
        self.active.append(track)
        if sure:
            track.confirm(next(self.numbers))

    def follow(self, align: Aligner, image: Image, *, now: float, min_confidence: float) -> dict[FaceTrack, Face]:
        """The faces of this frame by track; tracks without one are lost."""
        faces = align.faces(image, [track.region for track in self.active])
        seen = dict(zip(self.active, faces, strict=True))
        for track, face in list(seen.items()):
            parts = np.minimum(_differences(align, image, track, face, now), identity.MAX_PART)
            same = parts.sum() < identity.MAX_JUMP
            if not (same and align.is_face(face, track.region, image, min_confidence=min_confidence)):
                del seen[track]
        for pair in itertools.combinations(list(seen), 2):
            if pair[0] in seen and pair[1] in seen and _is_one(seen[pair[0]], seen[pair[1]]):
                del seen[max(pair, key=lambda track: _cost(align, image, track, seen[track], now))]
        for track in [track for track in self.active if track not in seen]:
            self.lose(track)
        return seen

    def compare(
        self, seen: dict[FaceTrack, Face], found: Float[np.ndarray, "n 4"], *, sure: bool
    ) -> Bool[np.ndarray, " n"]:
        """Note which faces the detector sees; returns which of its boxes (N,) belong to none of them."""
        from scipy.optimize import linear_sum_assignment

        own = np.array([geometry.box_of(face.raw) for face in seen.values()], np.float64).reshape(-1, 4)
        shared = overlaps(own, found) if own.size and found.size else np.zeros((len(own), len(found)))
        rows, columns = linear_sum_assignment(-shared)
        good = shared[rows, columns] >= MIN_OVERLAP
        rows, columns = rows[good], columns[good]
        for k, track in enumerate(list(seen)):
            track.unseen = 0 if k in rows else track.unseen + 1
            track.looks += k in rows
            new, doubtful = track.number < 0, track.confidence < DOUBTFUL
            if new and track.looks >= CONFIRM and not doubtful:
                track.confirm(next(self.numbers))
            elif not sure and ((track.unseen >= MAX_UNSEEN and (new or doubtful)) or (new and track.looks >= CONFIRM)):
                del seen[track]
                self.lose(track)
                if new:  # for good: a place that is taken for a face again and again must not keep the frames waiting
                    self.lost.remove(track)
                    track.drop()
        return ~np.isin(np.arange(len(found)), columns)

    def recognize(self, align: Aligner, image: Image, fresh: list[Face], *, now: float) -> dict[FaceTrack, Face]:
        """Those of the new faces that are lost ones; they are taken from the list."""
        from scipy.optimize import linear_sum_assignment

        costs = np.array([[_cost(align, image, track, face, now) for face in fresh] for track in self.lost])
        costs = np.minimum(costs.reshape(len(self.lost), len(fresh)), identity.MAX_COST)
        pairs = [
            (self.lost[row], fresh[column])
            for row, column in zip(*linear_sum_assignment(costs), strict=True)
            if costs[row, column] < identity.MAX_COST
        ]
        for track, face in pairs:
            track.looks, track.unseen = track.looks + 1, 0
            self.lost.remove(track)
            self.active.append(track)
            fresh[:] = [other for other in fresh if other is not face]
        return dict(pairs)


def _cost(align: Aligner, image: Image, track: FaceTrack, face: Face, now: float) -> float:
    return float(_differences(align, image, track, face, now).sum())


def _differences(align: Aligner, image: Image, track: FaceTrack, face: Face, now: float) -> Float[np.ndarray, "4"]:
    region = align.region(face.raw)
    look = identity.look_of(image, region)
    return identity.differences(track.who, face.raw, region, look, elapsed=now - track.last)


def _faces_in(
    align: Aligner, image: Image, boxes: Float[np.ndarray, "n 4"], known: list[Face], min_confidence: float
) -> list[Face]:
    """The faces in boxes (N, 4) of the detector that are none of the known ones; the surest of equal ones."""
    faces = align.in_detections(image, boxes, passes=2) if len(boxes) else []
    new: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.confidence.mean()):
        known_face = any(_is_one(face, other) for other in (*known, *new))
        if not known_face and align.is_face(face, None, image, min_confidence=min_confidence):
            new.append(face)
    return new


def _largest(align: Aligner, faces: list[Face], room: int | None) -> list[Face]:
    return sorted(faces, key=lambda face: -align.region(face.raw).side)[: None if room is None else max(room, 0)]


def _is_one(face: Face, other: Face) -> bool:
    """Whether two sets of landmarks are on one face: they overlap, or one lies in the other."""
    boxes = np.array([geometry.box_of(each.raw) for each in (face, other)], np.float64)
    low, high = boxes[:, :2].max(axis=0), (boxes[:, :2] + boxes[:, 2:]).min(axis=0)
    common, areas = np.maximum(high - low, 0).prod(), boxes[:, 2:].prod(axis=1)
    return bool(common > SAME_PLACE * (areas.sum() - common) or common > INSIDE * areas.min())


def _are_near(align: Aligner, face: Face, other: Face) -> bool:
    """Whether the regions of two faces overlap, so that the picture of one shows the other."""
    first, second = align.region(face.raw), align.region(other.raw)
    return bool(np.abs(first.centre - second.centre).max() < (first.side + second.side) / 2)
