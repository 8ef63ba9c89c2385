"""Writing the CSV of OpenFace row by row; `landmark_table` reads it."""

import csv
import io

import numpy as np
from jaxtyping import Float


class RowWriter:
    """Write rows of faces into an open text stream, frame by frame: frame, face_id, timestamp, ..., y_67."""

    def __init__(self, stream: io.TextIOBase, *, landmarks: int):
        self._writer = csv.writer(stream, lineterminator="\n")
        self._landmarks = landmarks
        names = [f"{axis}_{m}" for axis in "xy" for m in range(landmarks)]
        self._writer.writerow(["frame", "face_id", "timestamp", "confidence", "success", *names])

    def write(
        self, frame: int, time: float, confidence: float, points: Float[np.ndarray, "m 2"], *, face: int = 0
    ) -> None:
        """Write one row. Points that are NaN are written as `nan`, with success 0.

        Args:
            frame: number of the frame, which OpenFace counts from 1.
            time: of the frame, in seconds.
            confidence: in [0, 1].
            points: landmarks (M, 2), image pixels (x, y).
            face: number of the face, from 0.
        """
        success = int(np.isfinite(points).all())
        cells = [f"{value:.3f}" for value in np.asarray(points).T.ravel()]
        self._writer.writerow([frame, face, f"{time:.3f}", f"{confidence:.3f}", success, *cells])
