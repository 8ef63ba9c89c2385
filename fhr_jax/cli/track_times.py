"""When the frames of a user's track were taken, and how far they are trusted: the same for `smooth` and `fit`."""

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io import frame_times
from fhr_jax.data.io.frame_times import Timeline
from fhr_jax.data.io.landmark_files import LandmarkTrack, Recording
from fhr_jax.errors import InputError
from fhr_jax.stabilizer import FRAME_RATE

MIN_CONFIDENCE = 0.05
"""Lower limit of the confidence of a whole frame, as OpenFace gives it: the stabilizer divides the noise by it."""


def check_over_time(recording: Recording) -> None:
    """Refuse a file whose faces are those of single images.

    Raises:
        InputError: they are.
    """
    if recording.images:
        raise InputError(
            f"{recording.path}: {recording.title}: each row is the face of a single image, expected faces over time, "
            "as FaceLandmarkVid and FeatureExtraction write them"
        )


def timeline(track: LandmarkTrack, recording: Recording, *, fps: float | None) -> Timeline:
    """The steps between the frames of a track that are not repeated.

    Args:
        track: of the recording.
        recording: its file.
        fps: frames a second that the user gave, which count instead of the times and the rate of the file.

    Raises:
        InputError: the times run backwards or are no seconds, or the rate is out of range.
    """
    # Times of its own tell more about a frame than the rate of the file.
    rate = fps if fps is not None or track.time is not None else recording.fps
    try:
        return frame_times.timeline(
            track.points,
            nominal=FRAME_RATE,
            time=track.time,
            present=track.present,
            fps=rate,
            name="timestamp" if recording.kind == "csv" else "time",
            option=fps is not None,
            frame=track.frame,
        )
    except InputError as error:
        raise InputError(f"{recording.path}: {error}") from None


def confidence(track: LandmarkTrack, timeline: Timeline) -> Float[np.ndarray, "n *m"] | None:
    """The confidence (N,) or (N, M) of the new frames of a track; None where the file has none, or only zeros."""
    if track.confidence is None or not track.confidence.max() > 0:
        return None
    weight = track.confidence if track.confidence.ndim == 2 else track.confidence.clip(MIN_CONFIDENCE)
    return weight[timeline.new]
