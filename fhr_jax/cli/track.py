"""`fhr-jax track`: follow the landmarks of one face, or of several, through a video."""

import contextlib
import itertools
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from fhr_jax import pipeline, weights
from fhr_jax.cli import look_ahead, markups, signals
from fhr_jax.cli.arguments.track import TrackOptions
from fhr_jax.cli.tracking import messages, settings
from fhr_jax.cli.tracking.follow import Align, Picture, Tracked, follow, shrink
from fhr_jax.cli.tracking.outputs import Outputs
from fhr_jax.cli.tracking.page import LivePage
from fhr_jax.data.io import frame_choice, frame_sources
from fhr_jax.data.io.frame_sources import Source
from fhr_jax.data.io.sound import Sound
from fhr_jax.errors import InputError
from fhr_jax.files import staged_folder
from fhr_jax.markup import Markup
from fhr_jax.pipeline.face_detector import open_detector
from fhr_jax.reports import page as report
from fhr_jax.reports import recordings


def run(options: TrackOptions) -> None:
    """Read, align, draw and write one frame after the other."""
    look_ahead.check(options.lag, causal=options.causal)
    settings.check_part(options.start, options.end, options.every)
    if options.lag is not None and not options.stabilize:
        raise InputError(f"--lag {options.lag}: expected without --no-stabilize, which smooths nothing")
    if options.size is not None and options.size < 16:
        raise InputError(f"--size {options.size}: expected at least 16 pixels")
    if options.no_overlay and options.overlay != "steady":
        raise InputError(f"--overlay {options.overlay}: expected without --no-overlay, which writes none")
    report.check(options.out / recordings.PAGE)
    box = None if options.box is None else settings.parse_box(options.box)
    most = settings.parse_faces(options.faces)
    if most == 1 and options.detect_every != pipeline.DETECT_EVERY:
        raise InputError(f"--detect-every {options.detect_every}: belongs to several faces, expected --faces with it")
    if most != 1 and box is not None:
        raise InputError(
            f"--box {options.box}: the box of one face, expected --boxes FILE with --faces {options.faces}"
        )
    with signals.catch_signals() as request, _opened(options, request) as source:
        if box is not None:
            settings.check_box(box, source.info.size)
        boxes = settings.read_boxes(
            options.boxes, video=options.video, detector=options.detector, detector_file=options.detector_file
        )
        net = markups.open_net(options.net, options.markup, stacks=options.stacks)
        align, said = _aligner(options, net, most, has_boxes=boxes is not None)
        with staged_folder(options.out) as folder, contextlib.ExitStack() as stack:
            page = stack.enter_context(LivePage()) if options.show else None
            if page is not None:
                print(f"{options.out}: the overlay can be seen at {page.url}", flush=True)
            first, pictures = _pictures(options, source, request)
            sound, without = _sound(options, source, first.time)
            outputs = Outputs(
                folder,
                first,
                markup=weights.markup_of(net),
                landmarks=net.config.landmarks,
                shown=None if options.no_overlay else options.overlay,
                rate=source.info.rate,
                sound=sound,
                page=page,
                several=most != 1,
            )
            changes: list[Picture] = []
            followed = follow(pictures, align, box=box, boxes=boxes, on_change=changes.append)
            part = (options.start, options.end, options.every) != (0.0, None, 1)
            total = None if part else source.info.frames
            with outputs:
                for picture, faces in tqdm(followed, total=total, unit="frame", desc="track"):
                    outputs.add(picture, faces)
            _check_found(options, outputs, request)
            outputs.save()
            verdict = _page(options, folder, weights.markup_of(net))
        if options.no_overlay:
            (options.out / "overlay.mp4").unlink(missing_ok=True)  # it would show an earlier run
        print(f"{options.out}: {outputs.summary()}")
        print(f"{options.out}: {said}")
        print(f"{options.out / recordings.PAGE}: {verdict}")
        for line in [
            *source.report(),
            *messages.damage(outputs),
            *messages.size_changes(changes),
            *without,
            *messages.sound_problem(sound),
        ]:
            print(f"{source.name}: {line}")
        if request():
            raise signals.Stopped(
                f"{options.out}: stopped after {outputs.frames} frames, which are written", request.number
            )


@contextlib.contextmanager
def _opened(options: TrackOptions, request: signals.StopRequest) -> Generator[Source]:
    with contextlib.ExitStack() as stack:
        try:
            source = stack.enter_context(
                frame_sources.open(
                    options.video,
                    fps=options.fps,
                    timeout=options.timeout,
                    live=options.live,
                    stop=request,
                    keep_sound=not options.no_overlay,
                )
            )
        except InputError:
            if request():
                raise _too_early(options, request) from None
            raise
        yield source


def _too_early(options: TrackOptions, request: signals.StopRequest) -> signals.Stopped:
    return signals.Stopped(f"{options.out}: stopped before the first frame", request.number)


def _aligner(options: TrackOptions, net: weights.Net, most: int | None, *, has_boxes: bool) -> tuple[Align, str]:
    """What follows at most so many faces, and what is said about its look-ahead."""
    detector = None if has_boxes else open_detector(options.detector, file=options.detector_file)
    params, lag, said = None, 0, "each frame is as the net finds it"
    if options.stabilize:
        params = settings.read_params(options.params, landmarks=net.config.landmarks)
        lag, said = settings.choose_lag(options.lag, causal=options.causal, params=params)
    mirror = markups.can_mirror(net, options.mirror)

    def align(
        images: Iterator[np.ndarray],
        times: Iterator[float],
        box: pipeline.Box | None,
        boxes: Mapping[int, Any] | None,
    ) -> Iterator[Sequence[Tracked]]:
        shared: dict[str, Any] = {
            "times": times,
            "detector": detector,
            "boxes": boxes,
            "params": params,
            "stabilize": options.stabilize,
            "lag": lag,
            "mirror": mirror,
            "decoder": options.decoder,
        }
        if most == 1:
            return ([Tracked(None, face)] for face in pipeline.align_video(net, images, box=box, **shared))
        frames = pipeline.align_faces(net, images, most=most, detect_every=options.detect_every, **shared)
        return ([Tracked(number, face) for number, face in faces] for faces in frames)

    return align, said


def _pictures(options: TrackOptions, source: Source, request: signals.StopRequest) -> tuple[Picture, Iterator[Picture]]:
    """The first picture that is used, and all of them, that one included."""
    read = itertools.takewhile(lambda _: not request(), source.frames)
    end = math.inf if options.end is None else options.end
    wanted = frame_choice.choose(read, start=options.start, end=end, every=options.every)
    pictures = (shrink(frame, options.size) for frame in wanted)
    first = next(pictures, None)
    if first is not None:
        return first, itertools.chain([first], pictures)
    if request():
        raise _too_early(options, request)
    reason = "".join(f" ({line})" for line in source.report())
    raise InputError(f"{source.name}: no frame from second {options.start:g} on{reason}")


def _sound(options: TrackOptions, source: Source, zero: float) -> tuple[Sound | None, list[str]]:
    """The sound for the overlay, from a time on; and why there is none, if it cannot be kept."""
    if options.no_overlay:
        return None, []
    try:
        return source.sound(zero), []
    except InputError as error:
        return None, [f"the overlay has no sound: {error}"]


def _page(options: TrackOptions, folder: Path, markup: Markup) -> str:
    """Write the page, and return what it says; without it the other files are worth as much."""
    try:
        return recordings.write_track_page(folder, title=Path(options.video).name, markup=markup).line
    except InputError as error:
        return f"not written ({str(error).replace(str(folder), str(options.out))})"


def _check_found(options: TrackOptions, outputs: Outputs, request: signals.StopRequest) -> None:
    if outputs.found:
        return
    if request():
        raise signals.Stopped(f"{options.out}: stopped before a face was found; nothing is written", request.number)
    box = "--box X,Y,W,H gives its position, " if options.faces == "1" else ""
    raise InputError(
        f"{options.video}: no face found in any of {outputs.frames} frames; {box}--boxes those of your own detector"
    )
