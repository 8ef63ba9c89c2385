"""The faces of all frames, kept on disk, so that memory does not grow with the video; in the end an .npz."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fhr_jax import npz, pipeline

CHUNK = 4096
"""Frames of one face that are in memory at a time when the .npz is written."""


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

    def save(self, path: Path, *, overlay_scale: float = 1.0) -> None:
        """After closing: write an .npz, and delete the log.

        Of one face `landmarks` is (T, M, 2) and `time` (T,); of F faces (F, T, M, 2), NaN where a face is not there,
        with `face_id` (F,).

        Args:
            path: of the .npz.
            overlay_scale: pixels of the overlay over those of the landmarks, which the .npz has if it is not 1.
        """
        scale = {} if overlay_scale == 1 else {"overlay_scale": np.array(overlay_scale)}
        records: np.ndarray = np.memmap(self._path, self._dtype, mode="r")
        time: np.ndarray = np.memmap(self._times, np.float64, mode="r")
        if not self._several:
            npz.write(path, {name: records[name] for name in self._names} | {"time": time} | scale)
        else:
            numbers = np.unique(records["number"])
            streams = {
                name: npz.ArrayStream(
                    (len(numbers), len(time), *records[name].shape[1:]),
                    np.dtype(np.float32),
                    self._dense(records, name, numbers),
                )
                for name in self._names
            }
            npz.write(path, streams | {"time": time, "face_id": numbers} | scale)
        del records, time
        self._path.unlink()
        self._times.unlink()

    def _dense(self, records: np.ndarray, name: str, numbers: np.ndarray) -> Iterator[np.ndarray]:
        """One array of all faces and frames, face by face, in chunks of frames."""
        starts = np.arange(0, self._frames, CHUNK)
        edges = np.searchsorted(records["frame"], np.append(starts, self._frames))
        for number in numbers:
            for k, start in enumerate(starts.tolist()):
                part = records[edges[k] : edges[k + 1]]
                part = part[part["number"] == number]
                chunk = np.full((min(CHUNK, self._frames - start), *records[name].shape[1:]), np.nan, np.float32)
                if name == "confidence":
                    chunk[:] = 0
                chunk[part["frame"] - start] = part[name]
                yield chunk
