"""The page of a track: report.html of `fhr-jax track`, `smooth` and `report`.

`Recorded` is what all three give it. The page holds the video, or the landmarks where there is none, beside the curves
of chosen landmarks, and all numbers of `track_data`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from jaxtyping import Float

from fhr_jax.errors import InputError
from fhr_jax.markup import Markup, regions_of
from fhr_jax.reports import page, samples, verdict, worst_frames
from fhr_jax.reports.track_data import FAR, TrackNumbers, TrackOfFace, frame_numbers, mean_shape, measure
from fhr_jax.reports.views import SAME, in_film
from fhr_jax.reports.worst_frames import WorstFrame

MAX_EMBEDDED = 16 * 2**20
"""A larger video stays a file beside the page, which then plays it from there."""

BUDGET = 7_000_000
"""Bytes of all curves, before base64 makes them a third longer."""

MAX_FACES = 24
"""Faces on a page, those with the most frames."""

_FIRST_SHOWN = 3
"""Landmarks whose curves are shown at first."""


class Recorded(NamedTuple):
    """What a page shows.

    Attributes:
        title: such as the name of the file.
        faces: one for each face.
        markup: of all of them.
        video: the film, or None.
        video_start: time in `faces` of the first frame of the video, in seconds.
        views: (K, 5) where the video has the points of `faces`; see `views`.
        notes: sentences at the end of the page.
        unit: of the coordinates, in a word.
    """

    title: str
    faces: tuple[TrackOfFace, ...]
    markup: Markup
    video: Path | None = None
    video_start: float = 0.0
    views: Float[np.ndarray, "k 5"] = SAME
    notes: tuple[str, ...] = ()
    unit: str = "px"


def write(path: str | os.PathLike[str], recorded: Recorded) -> verdict.Verdict:
    """Write the page, whole or not at all, and return what it says of the track.

    Raises:
        InputError: `path` exists and is no report, its folder cannot be written to, or the video cannot be read.
    """
    page.check(path)  # before the work
    faces, notes = _most_seen(recorded.faces)
    numbers = [measure(face, markup=recorded.markup) for face in faces]
    said = verdict.judge(faces, numbers)
    worst = worst_frames.choose(faces, numbers)
    notes = [*recorded.notes, *notes]
    video, start = None, recorded.video_start
    if recorded.video is not None:
        video, more = _video(recorded.video, Path(path))
        start -= worst_frames.first_time(recorded.video)
        notes += more
    coded, more = _faces(faces, numbers, recorded.markup)
    notes += more
    cards = _cards(worst, faces, recorded)
    data = {
        "edges": [list(edge) for edge in recorded.markup.edges],
        "regions": {name: list(points) for name, points in regions_of(recorded.markup).items()},
        "faces": coded,
        "video": video,
        "start": start,
        "views": recorded.views.tolist(),
        "far": FAR,
        "unit": recorded.unit,
    }
    page.write(
        path,
        page.Page(
            title=recorded.title,
            level=said.level,
            verdict=said.line,
            reasons=said.reasons,
            body=page.body("track.html", worst=cards, table=_table(faces, numbers).code),
            program="track.js",
            data=data,
            notes=notes,
            video=video is not None and "file" in video,
        ),
    )
    return said


def _most_seen(faces: Sequence[TrackOfFace]) -> tuple[tuple[TrackOfFace, ...], list[str]]:
    if len(faces) <= MAX_FACES:
        return tuple(faces), []
    most = sorted(range(len(faces)), key=lambda i: -int(np.isfinite(faces[i].steady[:, 0, 0]).sum()))[:MAX_FACES]
    note = f"The page shows the {MAX_FACES} faces with the most frames of {len(faces)}."
    return tuple(faces[i] for i in sorted(most)), [note]


def _video(path: Path, page: Path) -> tuple[dict[str, str], list[str]]:
    """The video in the data of the page: its bytes, or its address beside the page."""
    if not path.is_file():
        raise InputError(f"{path}: no such video file")
    try:
        size = path.stat().st_size
        if size <= MAX_EMBEDDED:
            return {"bytes": samples.base64_text(path.read_bytes()), "kind": _kind(path)}, []
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    own, folder = path.resolve(), page.resolve().parent
    shown = own.relative_to(folder).as_posix() if own.is_relative_to(folder) else str(own)
    address = quote(os.fsencode(shown))  # a colon too, so that no name begins like the address of another kind
    note = f"The video ({size / 2**20:.0f} MiB) is not in this page. It plays from {shown}, which has to stay there."
    return {"file": address, "kind": _kind(path)}, [note]


def _kind(path: Path) -> str:
    kinds = {".webm": "video/webm", ".ogv": "video/ogg", ".mkv": "video/x-matroska", ".mov": "video/quicktime"}
    return kinds.get(path.suffix.lower(), "video/mp4")


def _faces(
    faces: Sequence[TrackOfFace], numbers: Sequence[TrackNumbers], markup: Markup
) -> tuple[list[dict[str, Any]], list[str]]:
    """The faces in the data of the page, and what to say about them."""
    coded, notes, steps, clipped = [], [], [], False
    for face, own in zip(faces, numbers, strict=True):
        tracks = [track for track in (face.steady, face.raw) if track is not None]
        each = 4 * face.steady.shape[1] * len(tracks) + 16 * len(own.regions) + 48
        each += 0 if face.confidence is None else face.confidence.shape[1]
        step = samples.step_for(len(face.times), each, budget=BUDGET / len(faces))
        steps.append(step)
        places = samples.places(len(face.times), step)
        quantizer = samples.Quantizer(*tracks)

        def series(values: np.ndarray | None, step: int = step) -> dict[str, Any] | None:
            return None if values is None else samples.encoded(samples.extremes(values, step), "f4")

        coded.append(
            {
                "name": face.name,
                "frames": len(face.times),
                "size": float(np.median(own.size)),
                "step": step,
                "places": samples.encoded(places, "i4"),
                "times": samples.encoded(face.times[places], "f8"),
                "numbers": samples.encoded(frame_numbers(face)[places], "f8"),
                "steady": quantizer(samples.extremes(face.steady, step)),
                "raw": None if face.raw is None else quantizer(samples.extremes(face.raw, step)),
                "confidence": _confidence(face, step),
                "regions": list(own.regions),
                "jitter": series(own.jitter),
                "jitterRaw": series(own.jitter_raw),
                "missing": series(own.missing),
                "far": series(own.far),
                "eyes": series(own.eyes),
                "mouth": series(own.mouth),
                "shape": [
                    [round(x, 4), round(y, 4)] if np.isfinite([x, y]).all() else None
                    for x, y in mean_shape(face.steady, markup=markup).tolist()
                ],
                "shown": _first_shown(face, markup),
            }
        )
        clipped |= quantizer.clipped
    if max(steps, default=1) > 1:
        notes.append(
            f"Long recording: each curve has the smallest and the largest value of every {max(steps)} frames, so "
            "spikes stay visible. The figures above and the worst frames are those of all frames."
        )
    if clipped:
        notes.append("Some points lie far outside; their curves are cut off at the edge. The figures are not.")
    return coded, notes


def _confidence(face: TrackOfFace, step: int) -> dict[str, Any] | None:
    if face.confidence is None:
        return None
    where = face.steady if face.raw is None else face.raw
    return samples.encoded_share(samples.extremes(face.confidence, step, where=where))


def _first_shown(face: TrackOfFace, markup: Markup) -> list[int]:
    """Landmarks that are shown at first: a corner of the eyes, one of the nose, one of the mouth, or some others."""
    regions = regions_of(markup)
    if regions:
        corners = [own for own in markup.eye_corners[:1] if isinstance(own, int)]
        return corners + [regions[name][0] for name in ("nose", "mouth") if name in regions]
    return np.unique(np.linspace(0, face.steady.shape[1] - 1, _FIRST_SHOWN).round().astype(int)).tolist()


def _cards(worst: Sequence[WorstFrame], faces: Sequence[TrackOfFace], recorded: Recorded) -> str:
    """The frames that deserve a look, as buttons with a picture."""
    if not worst:
        return '<p class="soft">No frame stands out.</p>'
    pictures = {}
    if recorded.video is not None:
        windows = {}
        for own in worst:
            face = faces[own.face]
            points = face.steady[own.frame]
            time = float(face.times[own.frame]) - recorded.video_start
            if time >= 0 and time not in windows:
                windows[time] = worst_frames.window(in_film(points, recorded.views, float(face.times[own.frame])))
        pictures = worst_frames.from_video(recorded.video, windows)
    cards = []
    for own in worst:
        face = faces[own.face]
        time = float(face.times[own.frame])
        picture = pictures.get(time - recorded.video_start)
        if picture is not None:
            address = page.data_address(worst_frames.jpeg(picture), "image/jpeg")
            shown = f'<img src="{address}" alt="" width="{worst_frames.PICTURE}" loading="lazy">'
        else:
            raw = None if face.raw is None else face.raw[own.frame]
            shown = worst_frames.drawing(face.steady[own.frame], raw, markup=recorded.markup)
        name = f"{page.text(face.name)}, " if len(faces) > 1 else ""
        number = frame_numbers(face)[own.frame]
        cards.append(
            f'<button type="button" class="card" data-face="{own.face}" data-time="{time!r}">{shown}'
            f"<span>{name}{_clock(time)}, frame {number}<br>{page.text(own.reason)}</span></button>"
        )
    return "".join(cards)


def _table(faces: Sequence[TrackOfFace], numbers: Sequence[TrackNumbers]) -> page.Html:
    """The figures of each region; of several faces, those of the whole face alone."""
    head = ["region" if len(faces) == 1 else "face", "jitter", "before smoothing", "missing", "moved far"]
    rows = []
    for face, own in zip(faces, numbers, strict=True):
        frames = len(own.seen) + face.left_out
        for r, name in enumerate(own.regions if len(faces) == 1 else own.regions[:1]):
            raw = "" if own.jitter_raw is None else _percent(_median(own.jitter_raw[:, r]))
            far = "" if face.raw is None else _percent(float(own.far[:, r].sum()) / frames)
            label = name if len(faces) == 1 else face.name
            missing = _percent((float(own.missing[:, r].sum()) + 100 * face.left_out) / frames)
            rows.append([label, _percent(_median(own.jitter[:, r])), raw, missing, far])
    caption = (
        "Jitter: median over frames, in percent of the face size. Missing: share of the landmarks. Moved far: "
        f"smoothing moved them by more than {FAR:g} % of the face size."
    )
    return page.table(head, rows, caption=caption)


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _percent(value: float) -> str:
    return f"{value:.2f} %" if np.isfinite(value) else ""


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:05.2f}"
