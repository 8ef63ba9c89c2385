"""The faces of all frames, kept on disk, so that memory does not grow with the video; in the end an .npz."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fhr_jax import npz, pipeline

CHUNK = 4096
"""Frames of one face, or faces of any frames, that are in memory at a time when the .npz is written."""

_PLACE = np.dtype(np.int64)


class FaceLog:
    """Takes faces frame by frame; open within a `with` block, and `save` comes after it.

    Args:
        path: of the log, which `save` deletes.
        landmarks: number M of each face.
        several: faces have numbers, and the .npz an axis of them.
    """

    def __init__(self, path: Path, *, landmarks: int, several: bool):
        points = (landmarks, 2)
        shapes = {"landmarks": points, "raw": points, "confidence": (landmarks,), "covariance": (*points, 2)}
        self._names = tuple(shapes)
        fields = [(name, np.dtype((np.float32, shape))) for name, shape in shapes.items()]
        self._dtype = np.dtype([*fields, ("frame", np.dtype(np.int64)), ("number", np.dtype(np.int64))])
        self._path, self._times, self._several = path, path.with_name(f"{path.name}-times"), several
        self._stream, self._clock = path.open("wb"), self._times.open("wb")
        self._frames = 0
        self._faces: Counter[int] = Counter()

    def __enter__(self) -> "FaceLog":
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()
        self._clock.close()

    def start_frame(self, time: float) -> None:
        """The next frame, at a time in seconds."""
        self._clock.write(np.float64(time).tobytes())
        self._frames += 1

    def add(self, face: pipeline.Face, *, number: int) -> None:
        """A face of this frame; `number` counts from 0."""
        record = (face.points, face.raw, face.confidence, face.covariance, self._frames - 1, number)
        self._stream.write(np.array(record, self._dtype).tobytes())
        self._faces[number] += 1

    def save(self, path: Path, *, views: np.ndarray | None = None) -> None:
        """After closing: write an .npz, and delete the log. The time is linear in what is read and written.

        Of one face `landmarks` is (T, M, 2) and `time` (T,); of F faces (F, T, M, 2), NaN where a face is not there,
        with `face_id` (F,).

        Args:
            path: of the .npz.
            views: `overlay_views` of the .npz, where the overlay shows the landmarks elsewhere; see `outputs`.
        """
        more = {} if views is None else {"overlay_views": views}
        records: np.ndarray = np.memmap(self._path, self._dtype, mode="r")
        time: np.ndarray = np.memmap(self._times, np.float64, mode="r")
        if not self._several:
            npz.write(path, {name: records[name] for name in self._names} | {"time": time} | more)
        else:
            numbers = np.array(sorted(self._faces), np.int64)
            edges = np.cumsum([0, *(self._faces[number] for number in numbers.tolist())])
            index = self._path.with_name(f"{self._path.name}-places")
            places = _by_face(records["number"], numbers, edges, index)
            streams = {
                name: npz.ArrayStream(
                    (len(numbers), len(time), *records[name].shape[1:]),
                    np.dtype(np.float32),
                    self._dense(records, name, places, edges),
                )
                for name in self._names
            }
            npz.write(path, streams | {"time": time, "face_id": numbers} | more)
            del places
            index.unlink()
        del records, time
        self._path.unlink()
        self._times.unlink()

    def _dense(self, records: np.ndarray, name: str, places: np.ndarray, edges: np.ndarray) -> Iterator[np.ndarray]:
        """One array of all faces and frames, face by face, in chunks of frames."""
        shape = records[name].shape[1:]
        for at, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            for start in range(0, self._frames, CHUNK):
                end = min(start + CHUNK, self._frames)
                # A frame has a face once at most, so those of the chunk are among so many records.
                own = places[at : min(at + CHUNK, stop)]
                frames = records["frame"][own]
                number = int(np.searchsorted(frames, end))
                chunk = np.full((end - start, *shape), 0 if name == "confidence" else np.nan, np.float32)
                chunk[frames[:number] - start] = records[name][own[:number]]
                at += number
                yield chunk


def _by_face(face: np.ndarray, numbers: np.ndarray, edges: np.ndarray, path: Path) -> np.ndarray:
    """The places of the records (N,), those of one face after those of another, in a file mapped to memory.

    Args:
        face: (N,) number of the face of each record.
        numbers: (F,) of all faces, increasing.
        edges: (F + 1,) where the places of each face begin and end.
        path: of the file.
    """
    if not len(face):
        path.touch()
        return np.zeros(0, _PLACE)
    places: np.ndarray = np.memmap(path, _PLACE, mode="w+", shape=face.shape)
    free = edges[:-1].copy()
    for start in range(0, len(face), CHUNK):
        which = np.searchsorted(numbers, face[start : start + CHUNK])
        order = np.argsort(which, kind="stable")
        found, first, number = np.unique(which[order], return_index=True, return_counts=True)
        rank = np.arange(len(order)) - np.repeat(first, number)
        places[free[which[order]] + rank] = start + order
        free[found] += number
    return places
