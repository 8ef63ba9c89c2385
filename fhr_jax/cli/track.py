"""`fhr-jax track`: follow the landmarks of one face through a video."""

import contextlib
import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from tqdm import tqdm

from fhr_jax import npz, overlay, pipeline, stabilizer, weights
from fhr_jax.cli import look_ahead, markups, signals
from fhr_jax.cli.options import DECODER, MARKUP, MIRROR, NET, OUT, STACKS, optional
from fhr_jax.data.io import frame_choice, openface, video
from fhr_jax.data.sources.boxes import read_video_boxes
from fhr_jax.errors import InputError
from fhr_jax.files import staged_folder
from fhr_jax.heatmap import Decoder
from fhr_jax.markup import Markup
from fhr_jax.pipeline.face_detector import DEFAULT as DEFAULT_DETECTOR
from fhr_jax.pipeline.face_detector import DetectorName, open_detector
from fhr_jax.reports import page, recordings

LAG = 5
"""Frames of look-ahead by default."""
_WHOLE = 0.95
"""With a smaller share of the frames that the header of a file tells of, frames are missing; some headers estimate."""


@dataclass(frozen=True)
class TrackOptions:
    """Follow the landmarks of one face through a video.

    The command finds a face in the first frame, and looks for the face again where it is lost. Each frame is
    smoothed from the frames before it and five after it, and memory does not grow with the video. The stabilizer knows
    the times of the frames, also of a variable rate. When interrupted, the command writes the frames that it has read.

    The folder of --out gets four files: report.html (a page with the video, its curves and the frames that deserve a
    look), overlay.mp4 (the frames with landmarks; see --overlay), landmarks.csv (the columns of OpenFace) and
    landmarks.npz. It holds `landmarks` (T, M, 2), smoothed, and `raw`, as the net finds them, in pixels counted from 0;
    `confidence` (T, M); `covariance` (T, M, 2, 2) of the errors of `raw`, in square pixels; and `time` (T,) in seconds.
    M is the number of landmarks of the net, 68 by default. If the net is not calibrated, or with --no-mirror, --stacks
    or another --decoder, `covariance` is that of the heatmap's peaks. Frames without a face are NaN. If no frame has a
    face, the command fails and writes nothing. Of a damaged video it uses what can be decoded, and says what cannot.

    Example:  fhr-jax track video.mp4 --out runs/video
    """

    video: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="VIDEO")]
    """A video file in any format that FFmpeg reads."""
    out: Annotated[Path, OUT]
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
    decoder: Annotated[Decoder, DECODER] = pipeline.CALIBRATED_DECODER
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
    overlay: Literal["steady", "raw", "raw,steady", "none"] = "steady"
    """What overlay.mp4 shows: smoothed landmarks in green, those that the net finds in orange, or both; or no file."""


def run(options: TrackOptions) -> None:
    """Read, align, draw and write one frame after the other."""
    look_ahead.check(options.lag, causal=options.causal)
    if options.lag is not None and not options.stabilize:
        raise InputError(f"--lag {options.lag}: expected without --no-stabilize, which smooths nothing")
    page.check(options.out / recordings.PAGE)
    info = video.info(options.video)
    part = (options.start, options.end, options.every) != (0.0, None, 1)
    box = None if options.box is None else parse_box(options.box, info.size)
    boxes, detector = _boxes(options), None
    if boxes is None:
        detector = open_detector(options.detector, file=options.detector_file)
    net = markups.open_net(options.net, options.markup, stacks=options.stacks)
    mirror, markup = markups.can_mirror(net, options.mirror), weights.markup_of(net)
    params = _params(options, net.config.landmarks) if options.stabilize else None
    lag, said = (0, "each frame is as the net finds it") if params is None else _lag(options, params)
    with signals.catch_signals() as request, staged_folder(options.out) as folder:
        with contextlib.ExitStack() as stack:
            write = None
            if options.overlay != "none":
                write = stack.enter_context(video.writer(folder / "overlay.mp4", size=info.size, rate=info.rate))
            stream = stack.enter_context((folder / "landmarks.csv").open("w", newline=""))
            log = stack.enter_context(_Log(folder / "log", net.config.landmarks))
            rows = openface.RowWriter(stream, landmarks=net.config.landmarks)
            # With look-ahead the images run ahead of `frames`, which keeps those in between.
            problems: list[str] = []
            decoded = video.frames(options.video, on_damage=problems.append)
            read = itertools.takewhile(lambda _: not request(), decoded)
            end = math.inf if options.end is None else options.end
            wanted = frame_choice.choose(read, start=options.start, end=end, every=options.every)
            first = next(wanted, None)
            if first is None:
                if request():
                    raise signals.Stopped(f"{options.out}: stopped before the first frame", request.number)
                reason = "".join(f" ({problem})" for problem in problems)
                raise InputError(f"{options.video}: no frame from second {options.start:g} on{reason}")
            frames, images, clock = itertools.tee(itertools.chain([first], wanted), 3)
            faces = pipeline.align_video(
                net,
                (frame.image for _, frame in images),
                times=(frame.time for _, frame in clock),
                box=box,
                detector=detector,
                boxes=_of_part(boxes, first[0], options.every),
                params=params,
                stabilize=options.stabilize,
                lag=lag,
                mirror=mirror,
                decoder=options.decoder,
            )
            aligned, damaged = zip(frames, faces, strict=True), 0
            total = None if part else info.frames
            for (number, frame), face in tqdm(aligned, total=total, unit="frame", desc="track"):
                if write is not None:
                    write(_drawn(frame.image, face, options.overlay, markup), frame.time - first[1].time)
                rows.write(number + 1, frame.time, float(face.confidence.mean()), face.points)
                log.add(frame.time, face)
                damaged += frame.damaged
            if request() and not log.found:
                raise signals.Stopped(
                    f"{options.out}: stopped before a face was found; nothing is written", request.number
                )
        if not log.found:
            raise InputError(
                f"{options.video}: no face found in any of {log.frames} frames; "
                "--box X,Y,W,H gives its position, --boxes those of your own detector"
            )
        log.save(folder / "landmarks.npz")
        verdict = recordings.write_track_page(folder, title=options.video.name, markup=markup)
    if options.overlay == "none":
        (options.out / "overlay.mp4").unlink(missing_ok=True)  # it would show an earlier run
    print(f"{options.out}: {log.frames} frames, a face in {log.found} of them")
    print(f"{options.out}: {said}")
    print(f"{options.out / recordings.PAGE}: {verdict.line}")
    for line in _damage(options.video, log.frames, damaged, problems, None if request() or part else info.frames):
        print(f"{options.video}: {line}")
    if request():
        raise signals.Stopped(f"{options.out}: stopped after {log.frames} frames, which are written", request.number)


def _of_part(boxes: dict[int, np.ndarray] | None, first: int, every: int) -> dict[int, np.ndarray] | None:
    """Boxes by number of the frame among those that are used, from 0."""
    if boxes is None:
        return None
    return {(number - first) // every: box for number, box in boxes.items() if (number - first) % every == 0}


def _drawn(image: np.ndarray, face: pipeline.Face, shown: str, markup: Markup) -> np.ndarray:
    if "raw" in shown:
        image = overlay.draw(image, face.raw, markup=markup, colour=overlay.ORANGE, dots=overlay.LIGHT_ORANGE)
    return overlay.draw(image, face.points, markup=markup) if "steady" in shown else image


def _damage(video: Path, frames: int, damaged: int, problems: list[str], expected: int | None) -> list[str]:
    """What is said of a video that could not be read as a whole."""
    lines = [problem.removeprefix(f"{video}: ") for problem in problems]
    if damaged:
        lines.append(f"damaged frames: {damaged}; their landmarks are those of what could be decoded")
    if expected and frames < _WHOLE * expected:
        lines.append(f"{frames} frames could be read, but the header tells of about {expected}; others are missing")
    return lines


def _boxes(options: TrackOptions) -> dict[int, np.ndarray] | None:
    """The boxes of --boxes by number of the frame; None without them."""
    if options.boxes is None:
        return None
    if options.detector != DEFAULT_DETECTOR or options.detector_file is not None:
        raise InputError(f"--boxes {options.boxes}: takes the place of a detector, expected no --detector beside it")
    return read_video_boxes(options.boxes, video=options.video.name)


def _params(options: TrackOptions, landmarks: int) -> stabilizer.Params:
    if options.params is None:
        return stabilizer.default_params(landmarks)
    params = stabilizer.load(options.params)
    if params.noise.shape[0] != 2 * landmarks:
        found = params.noise.shape[0]
        raise InputError(
            f"{options.params}: for {found} coordinates, expected {2 * landmarks}, two for each landmark of the net"
        )
    return params


def _lag(options: TrackOptions, params: stabilizer.Params) -> tuple[int, str]:
    """Frames of look-ahead, and what is said about them."""
    if options.causal:
        return 0, look_ahead.sentence(0)
    if params.smoother is not None:
        lag = LAG if options.lag is None else options.lag
        return lag, look_ahead.sentence(lag)
    if options.lag is not None:
        raise InputError(f"--lag {options.lag}: the parameters have no smoother, expected --causal with them")
    return 0, f"{look_ahead.sentence(0)}, since the parameters have no smoother"


def parse_box(text: str, size: tuple[int, int]) -> pipeline.Box:
    """The box (x, y, width, height) in pixels from text such as `10,20,100,120`.

    Raises:
        InputError: the text is something else, or the centre lies outside an image of `size` (height, width).
    """
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--box {text!r}: expected four numbers x,y,w,h in pixels") from None
    if not (np.isfinite([x, y, width, height]).all() and width > 1 and height > 1):
        raise InputError(f"--box {text!r}: expected finite numbers, with a width and a height above 1 pixel")
    if not (0 <= x + width / 2 < size[1] and 0 <= y + height / 2 < size[0]):
        raise InputError(f"--box {text!r}: its centre lies outside the frames of {size[1]} x {size[0]} pixels")
    return x, y, width, height


class _Log:
    """The faces of all frames, kept on disk, so that memory does not grow with the video."""

    def __init__(self, path: Path, landmarks: int):
        points = (landmarks, 2)
        shapes = {
            "landmarks": points,
            "raw": points,
            "confidence": (landmarks,),
            "covariance": (*points, 2),
            "time": (),
        }
        self._dtype = np.dtype([(name, "<f4" if shape else "<f8", shape) for name, shape in shapes.items()])
        self._path = path
        self._stream = path.open("wb")
        self.frames = self.found = 0

    def __enter__(self) -> "_Log":
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def add(self, time: float, face: pipeline.Face) -> None:
        record = np.array((face.points, face.raw, face.confidence, face.covariance, time), self._dtype)
        self._stream.write(record.tobytes())
        self.frames += 1
        self.found += bool(np.isfinite(face.points).all())

    def save(self, path: Path) -> None:
        """After closing: write all faces to an .npz, one array per field, and delete the log."""
        records: np.ndarray = np.memmap(self._path, self._dtype, mode="r")
        npz.write(path, {name: records[name] for name in self._dtype.names or ()})
        del records
        self._path.unlink()
