"""The options of `fhr-jax smooth`; the command itself is `fhr_jax/cli/smooth.py`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from fhr_jax.cli.options import COVARIANCE, FPS, KEEP_ZEROS, PART, THIRD, optional


@dataclass(frozen=True)
class SmoothOptions:
    """Stabilize the landmarks of a file: each frame with all frames before and after it.

    IN is an .npz, .npy or .mat with an array `predictions` or `landmarks`, (T, M, 2), (T, M, 3) or (F, T, M, 2) for
    several faces; a .csv of OpenFace, DeepLabCut, SLEAP or OpenSeeFace; an HDF5 file of DeepLabCut or SLEAP; keypoints
    of COCO or mmpose or landmarks of MediaPipe as JSON; a folder of OpenPose, or with one .pts a frame. Its content
    tells its kind. OUT is of the same kind; everything in IN that is not a landmark is copied.

    Missing points (NaN, `success` 0, or (0, 0) and (-1, -1) while the face is elsewhere) are filled. A confidence in
    [0, 1] or percent weights frames or points: `confidence` or `score`, (T,) or (T, M), a third column of scores, the
    likelihood of DeepLabCut, the scores of SLEAP and OpenPose, the visibility of MediaPipe and COCO. A point with a
    confidence of 0, or below a twentieth of the median, is missing; of a whole frame at least 0.05 counts.

    The filter knows the time between the frames from `time` or `timestamp` in seconds or from `fps`, and leaves out
    frames that repeat the one before, or nearly, to raise a rate.

    Example:  fhr-jax smooth openface.csv steady.csv
    """

    input: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="IN")]
    """File or folder to read."""
    output: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="OUT")]
    """File or folder to write; a folder must be new."""
    params: Annotated[Path | None, optional("FILE")] = None
    """Parameters that `fhr-jax fit` wrote; default: the default parameters."""
    lag: Annotated[int | None, optional("N")] = None
    """Frames of look-ahead; default: the whole file."""
    causal: bool = False
    """Look at no later frame, as the paper's stabilizer and a live one do; --covariance and --estimate need it."""
    covariance: Annotated[Literal["diagonal", "full"], COVARIANCE] = "diagonal"
    estimate: Literal["mean", "mode"] = "mean"
    """Point estimate from the posterior; mode is the paper's, slower, and only for parameters of its model."""
    keep_zeros: Annotated[bool, KEEP_ZEROS] = False
    third: Annotated[Literal["z", "score"] | None, THIRD] = None
    part: Annotated[str | None, PART] = None
    fps: Annotated[float | None, FPS] = None
    report: bool = True
    """Write NAME.report.html beside OUT: a page with curves, and what is worth a look."""
