"""The options of `fhr-jax track`; the command itself is `fhr_jax/cli/track.py`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from fhr_jax.choices import CALIBRATED_DECODER, DEFAULT_DETECTOR, DETECT_EVERY, Decoder, DetectorName, Live, Shown
from fhr_jax.cli.options import DECODER, MARKUP, MIRROR, NET, OUT, STACKS, optional


@dataclass(frozen=True)
class TrackOptions:
    """Follow the landmarks of one face, or of several, through a video, numbered images or the picture of a camera.

    The command finds a face in the first frame, and looks for the face again where it is lost. Each frame is
    smoothed from the frames before it and five after it, and memory does not grow with the video. The stabilizer knows
    the times of the frames, also of a variable rate. When interrupted, the command writes the frames that it has read.
    Of a camera it uses the newest frame, and drops those for which there was no time.

    The folder of --out gets four files: report.html (a page with the video, its curves and the frames that deserve a
    look), overlay.mp4 (the frames with landmarks, which turn magenta where the net is not sure, and the sound),
    landmarks.csv (the columns of OpenFace) and landmarks.npz. It holds `landmarks` (T, M, 2),
    smoothed, and `raw`, as the net finds them, in pixels counted from 0; `confidence` (T, M); `covariance` (T, M, 2, 2)
    of the errors of `raw`, in square pixels; and `time` (T,) in seconds. M is the number of landmarks of the net, 68 by
    default. If the net is not calibrated, or with --no-mirror, --stacks or another --decoder, `covariance` is that of
    the heatmap's peaks. Frames without a face are NaN. If no frame has a face, the command fails and writes nothing. Of
    a damaged video it uses what can be decoded, and says what cannot.

    Example:  fhr-jax track video.mp4 --out runs/video
    """

    video: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="VIDEO")]
    """A video file in any format that FFmpeg reads; a folder of numbered images, or a pattern of them in quotes
    ("frames/%05d.png", "frames/*.png"); a URL; a camera (/dev/video0, avfoundation:0, dshow:video=NAME); or - for
    standard input (docs/video.md)."""
    out: Annotated[Path, OUT]
    faces: str = "1"
    """How many faces are followed at a time, or all; of those that appear together, the largest. With more than one,
    landmarks.csv has a row for each face in a frame, by face_id, and the arrays of landmarks.npz begin with an axis of
    faces, face_id (F,). A face that is found again within two seconds keeps its number; a cut of the film gives all
    faces new ones."""
    detect_every: int = DETECT_EVERY
    """Of several faces: frames from one look of the detector to the next. It also looks while a face is lost."""
    box: Annotated[str | None, optional("X,Y,W,H")] = None
    """Box of the face in the first frame, from brows to chin, in pixels; default: the face is detected."""
    boxes: Annotated[Path | None, optional("FILE")] = None
    """Boxes of your own detector, from brows to chin: a CSV with the columns frame (from 0), x, y, width and height in
    pixels, and perhaps file, the name of the video. They take the detector's place: in the first frame, and where the
    face is lost. Default: the detector looks for the face."""
    detector: DetectorName = DEFAULT_DETECTOR
    """Finds the face: fhr is our own net, cascade is OpenCV's, yunet runs through OpenCV."""
    detector_file: Annotated[Path | None, optional("FILE")] = None
    """The net of --detector fhr (.npz) or yunet (.onnx); default: for fhr the one in the package."""
    net: Annotated[Path | None, NET] = None
    markup: Annotated[str | None, MARKUP] = None
    decoder: Annotated[Decoder, DECODER] = CALIBRATED_DECODER
    mirror: Annotated[bool, MIRROR] = True
    stacks: Annotated[int | None, STACKS] = None
    stabilize: bool = True
    """Stabilize the landmarks over time."""
    params: Annotated[Path | None, optional("FILE")] = None
    """Parameters of the stabilizer that `fhr-jax fit` wrote; default: the default parameters."""
    lag: Annotated[int | None, optional("N")] = None
    """Frames of look-ahead; default: 5, or none for parameters without a smoother."""
    causal: bool = False
    """Look at no later frame, as the paper's stabilizer and a live one do."""
    start: float = 0.0
    """Seconds from the beginning of the video at which to start; --box is for the frame there."""
    end: Annotated[float | None, optional("SECONDS")] = None
    """Seconds from the beginning at which to stop; default: the end of the video."""
    every: int = 1
    """Use one frame in so many. The CSV has the numbers of the video; --boxes of other frames are not used."""
    size: Annotated[int | None, optional("N")] = None
    """Shrink frames whose longer side has more pixels, before anything else: faster. The overlay is as small; boxes and
    landmarks are in pixels of the original frames."""
    fps: Annotated[float | None, optional("FLOAT")] = None
    """Images a second, of numbered images. Default: 30."""
    live: Live = "auto"
    """Drop frames for which there is no time, instead of using each. Default: for cameras and streams without an end,
    not for standard input."""
    timeout: Annotated[float | None, optional("SECONDS")] = None
    """How long to wait for a camera or a URL to open, and for each frame. Default: 10; standard input may take as long
    as it likes."""
    overlay: Shown = "steady"
    """What overlay.mp4 shows: smoothed landmarks in green, those that the net finds in orange, or both."""
    no_overlay: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Write no overlay.mp4, and delete that of an earlier run in --out."""
    show: bool = False
    """Show the overlay while it is made, on a page for a browser on this computer; its address is printed."""
