"""What the commands let a user choose by name, and the defaults. The help of a command needs these, and no JAX."""

from typing import Literal

Decoder = Literal[
    "argmax",
    "quarter_shift",
    "fractional",
    "paper_unclamped",
    "two_sided",
    "parabola",
    "dark",
    "soft_argmax",
    "least_squares",
    "maximum_likelihood",
]
CALIBRATED_DECODER: Decoder = "least_squares"
"""The decoder with which nets are calibrated."""

DetectorName = Literal["fhr", "cascade", "yunet"]
DEFAULT_DETECTOR: DetectorName = "fhr"
"""The face detector where none is chosen."""
DETECT_EVERY = 5
"""Frames from one look of the detector to the next, while no face is lost or new."""

Live = Literal["auto", "yes", "no"]
"""Whether frames are dropped for which there is no time; `auto`: of sources without an end."""

Shown = Literal["steady", "raw", "raw,steady"]
"""Which landmarks a picture shows: smoothed, as the net finds them, or both."""
