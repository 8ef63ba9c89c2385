"""One of several faces that are followed, and the queue in which the faces of a frame wait until all are done."""

from collections import deque
from collections.abc import Iterator

import numpy as np

from fhr_jax.pipeline import identity
from fhr_jax.pipeline.aligner import Aligner, Image
from fhr_jax.pipeline.crop_region import CropRegion
from fhr_jax.pipeline.face import Face
from fhr_jax.pipeline.face_smoothers import FaceSmoother


class FrameQueue:
    """Faces by frame, in the order of the frames. A frame is done once none of its faces is awaited."""

    def __init__(self) -> None:
        self._frames: deque[dict[FaceTrack, Face | None]] = deque()

    def open(self) -> None:
        """Add a frame without faces."""
        self._frames.append({})

    def newest(self) -> dict["FaceTrack", Face | None]:
        """The faces of the newest frame: None where a face is awaited."""
        return self._frames[-1]

    def drop(self, track: "FaceTrack") -> None:
        """Remove a track from all frames."""
        for frame in self._frames:
            frame.pop(track, None)

    def finished(self) -> Iterator[list[tuple[int, Face]]]:
        """Take the frames that are done: the number and the landmarks of each face, by number."""
        while self._frames and all(face is not None for face in self._frames[0].values()):
            frame = self._frames.popleft()
            yield sorted(((track.number, face) for track, face in frame.items() if face), key=lambda pair: pair[0])


class FaceTrack:
    """A face that is followed.

    Args:
        smoother: of this track alone.
        queue: takes its faces.
        align: the aligner that found it.
        face: its first one, which `read` takes too.
        now: time in frames of 1/30 s.

    Attributes:
        number: of the face, or -1 while it is not sure that it is one.
        region: where to look for it in the next frame.
        who: its identity.
        last: time in frames of 1/30 s when it was last seen.
        confidence: mean confidence of its landmarks, averaged over some frames.
        looks: how often the detector found it.
        unseen: looks of the detector in a row that did not find it.
    """

    def __init__(self, smoother: FaceSmoother, queue: FrameQueue, align: Aligner, face: Face, *, now: float):
        self.number, self.looks, self.unseen = -1, 0, 0
        self.confidence, self.last = float(face.confidence.mean()), now
        self.region: CropRegion = align.region(face.raw)
        self.who = identity.begin(face.raw, self.region, None)
        self._smoother, self._queue = smoother, queue
        self._frames: deque[dict[FaceTrack, Face | None]] = deque()  # whose face the smoother still has
        self._held: list[tuple[dict[FaceTrack, Face | None], Face]] = []  # until the track counts

    def read(self, align: Aligner, image: Image, face: Face, dt: np.float32, *, now: float, alone: bool) -> None:
        """Take the face of the newest frame.

        Args:
            align: the aligner that found it.
            image: the frame (H, W, 3).
            face: as the net found it.
            dt: frames of 1/30 s since the frame before.
            now: time in frames of 1/30 s.
            alone: no other face is near, so that its picture is that of this person.
        """
        frame = self._queue.newest()
        frame[self] = None
        self._frames.append(frame)
        causal, done = self._smoother.read(face, dt, align.weights(face))
        region = align.region(face.raw)
        look = identity.look_of(image, region) if alone else None
        if now > self.last:
            self.who = identity.update(self.who, face.raw, region, look, elapsed=now - self.last)
        else:
            self.who = identity.begin(face.raw, region, look)
        self.confidence += 0.2 * (float(face.confidence.mean()) - self.confidence)
        self.region, self.last = identity.next_region(self.who, align.region(causal.points)), now
        self._deliver(done)

    def confirm(self, number: int) -> None:
        """From now on the track counts, and so do its faces so far."""
        self.number = number
        for frame, face in self._held:
            frame[self] = face
        self._held.clear()

    def end(self) -> None:
        """The face is lost, or all ends: give what the smoother still has."""
        self._deliver(self._smoother.end())

    def drop(self) -> None:
        """It was no face: none of its frames has it."""
        self._queue.drop(self)

    def _deliver(self, done: list[Face]) -> None:
        for face in done:
            frame = self._frames.popleft()
            if self.number < 0:
                self._held.append((frame, face))
            else:
                frame[self] = face
