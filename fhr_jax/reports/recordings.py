"""What a page of a track shows, from the files of `fhr-jax track` and `smooth`, and from any file of landmarks."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io import landmark_files
from fhr_jax.data.io.landmark_files import LandmarkTrack, Recording
from fhr_jax.errors import InputError
from fhr_jax.markup import Markup, built_in, unknown
from fhr_jax.reports import numbers_of_frames, page, track_report, unpacked
from fhr_jax.reports.track_data import TrackOfFace, in_pixels
from fhr_jax.reports.track_report import Recorded
from fhr_jax.reports.verdict import Verdict
from fhr_jax.reports.views import SAME

PAGE = "report.html"
"""The page in the folder of a run."""

NOMINAL_RATE = 30.0
"""Frames a second of a file that does not tell."""

_OF_TRACK = ("landmarks", "raw", "confidence", "time", "face_id", "overlay_views")


def of_track(
    path: str | os.PathLike[str],
    *,
    video: Path | None,
    title: str,
    markup: Markup | None = None,
    overlay: bool = True,
) -> Recorded:
    """The recording in the landmarks.npz of `fhr-jax track`, of one face or several; long arrays stay on disk.

    Args:
        path: the file.
        video: its overlay or another film of the same frames, or None.
        title: of the page.
        markup: of the landmarks; default: that of the package with as many.
        overlay: whether the video is the overlay, and not one with the pixels of the landmarks.

    Raises:
        InputError: the file cannot be read, or is not one of `track`.
    """
    arrays = unpacked.arrays(path, _OF_TRACK)
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu" and name != "face_id":
            raise InputError(f"{path}: {name} is {array.dtype}, expected numbers")
    steady, raw = (_with_faces(arrays.get(name), 4) for name in ("landmarks", "raw"))
    trust, time = _with_faces(arrays.get("confidence"), 3), arrays.get("time")
    if steady is None or time is None or steady.shape[3:] != (2,) or time.shape != steady.shape[1:2]:
        raise InputError(f"{path}: expected the arrays landmarks and time that fhr-jax track writes")
    for name, array in (("raw", raw), ("confidence", trust)):
        if array is not None and array.shape[:3] != steady.shape[:3]:
            raise InputError(f"{path}: {name} is {array.shape[1:]}, expected the shape of landmarks")
    if not len(time):
        raise InputError(f"{path}: no frames")
    names = arrays.get("face_id", np.arange(len(steady)))
    if names.shape != (len(steady),):
        raise InputError(f"{path}: face_id is {names.shape}, expected ({len(steady)},)")
    views = np.asarray(arrays.get("overlay_views", SAME), np.float64) if overlay else SAME
    if views.shape[1:] != (5,) or not len(views) or not np.isfinite(views).all():
        raise InputError(f"{path}: overlay_views is {views.shape}, expected finite numbers (K, 5)")
    table = Path(path).with_name("landmarks.csv")
    number = numbers_of_frames.in_table(table, np.asarray(time, np.float64))
    # Of several faces each counts from where it appears to where it leaves.
    lives = [_life(own) if len(steady) > 1 else slice(None) for own in steady]
    faces = tuple(
        TrackOfFace(
            np.asarray(time[life], np.float64),
            steady[i][life],
            None if raw is None or _same(raw[i][life], steady[i][life]) else raw[i][life],
            None if trust is None else trust[i][life],
            f"face {names[i]}",
            number if number is None else number[life],
        )
        for i, life in enumerate(lives)
    )
    return Recorded(title, faces, _markup(markup, steady.shape[2]), video, float(time[0]), views)


def write_track_page(
    folder: Path,
    *,
    title: str,
    out: Path | None = None,
    video: Path | None = None,
    markup: Markup | None = None,
) -> Verdict:
    """Write the page of a folder of `fhr-jax track`, and return what it says.

    Args:
        folder: with landmarks.npz, and perhaps overlay.mp4.
        title: of the page.
        out: the page; default: report.html in the folder.
        video: default: the overlay, if there is one.
        markup: of the landmarks; default: that of the package with as many.

    Raises:
        InputError: a file cannot be read, or `out` is something else than a report.
    """
    overlay, out = folder / "overlay.mp4", out or folder / PAGE
    shown = video or (overlay if overlay.is_file() else None)
    own = video is None or video.resolve() == overlay.resolve()
    recorded = of_track(folder / "landmarks.npz", video=shown, title=title, markup=markup, overlay=own)
    return track_report.write(out, recorded)


def beside(landmarks: Path) -> Path:
    """The page of a file or folder of landmarks: steady.report.html for steady.npz.

    Where that is the page of another file, such as steady.csv, it is steady.npz.report.html.

    Raises:
        InputError: there is something of this name that cannot be read.
    """
    stem = landmarks.stem if landmarks.suffix else landmarks.name
    usual = landmarks.with_name(f"{stem}.report.html")
    if page.title_of(usual) in (None, landmarks.name.encode("utf-8", "replace").decode()):  # as `page.text` has it
        return usual
    return landmarks.with_name(f"{landmarks.name if landmarks.suffix else f'{stem}.folder'}.report.html")


def of_smoothed(
    recording: Recording,
    smoothed: Sequence[Float[np.ndarray, "_ _ d"]],
    *,
    title: str,
    fps: float | None = None,
    markup: Markup | None = None,
) -> Recorded:
    """A file of landmarks and what became of them.

    Args:
        recording: the file that was read.
        smoothed: for each of its tracks landmarks (T, M, 2) or (T, M, 3) in pixels.
        title: of the page.
        fps: frames a second that replace the times of the file.
        markup: of the landmarks; default: that of the package with as many.
    """
    points, dims = recording.tracks[0].points.shape[1:]
    pairs = list(zip(recording.tracks, smoothed, strict=True))
    shown = [(track, steady) for track, steady in pairs if track.points.shape[1] == points]
    begin = min(track.first for track, _ in shown)
    faces = tuple(
        TrackOfFace(
            times_of(track, recording.fps if fps is None else fps, given=fps is not None, begin=begin),
            steady[..., :2],
            track.points[..., :2],
            _confidence(track),
            f"face {track.face}",
            numbers_of_frames.in_file(track, recording.kind),
            0 if track.frame is None else int(track.frame[-1]) + 1 - len(track.frame),
        )
        for track, steady in shown
    )
    unit = "px" if in_pixels(*(track.points for track in recording.tracks)) else "units of the file"
    notes = ("Depth, the third coordinate, is not shown.",) if dims == 3 else ()
    if recording.images:
        notes += ("Each row is the face of a single image, and no face over time.",)
    if len(shown) < len(pairs):
        notes += (f"{len(pairs) - len(shown)} tracks with another number of points are not shown.",)
    return Recorded(title, faces, _markup(markup, points), notes=notes, unit=unit)


def of_file(
    path: str | os.PathLike[str],
    *,
    raw: Path | None = None,
    video: Path | None = None,
    fps: float | None = None,
    markup: Markup | None = None,
) -> Recorded:
    """A file of landmarks, as `fhr-jax smooth` reads it, perhaps beside those before smoothing and its video.

    Args:
        path: the file or folder.
        raw: the same landmarks before smoothing, or None.
        video: the film, or None.
        fps: frames a second that replace the times of the file.
        markup: of the landmarks; default: that of the package with as many.

    Raises:
        InputError: a file cannot be read, or the two do not hold the same faces, frames and landmarks.
    """
    path = Path(path)
    steady = landmark_files.read(path)
    if raw is None:
        shown = of_smoothed(steady, [track.points for track in steady.tracks], title=path.name, fps=fps, markup=markup)
        shown = shown._replace(faces=tuple(face._replace(raw=None) for face in shown.faces))
    else:
        before = landmark_files.read(raw)
        found, expected = ([track.points.shape for track in own.tracks] for own in (before, steady))
        if found != expected:
            raise InputError(f"--raw {raw}: tracks of {_listed(found)}, expected {_listed(expected)} as in {path}")
        shown = of_smoothed(before, [track.points for track in steady.tracks], title=path.name, fps=fps, markup=markup)
    start = min((float(face.times[0]) for face in shown.faces), default=0.0)
    return shown._replace(video=video, video_start=start)


def times_of(
    track: LandmarkTrack, fps: float | None, *, given: bool = False, begin: int | None = None
) -> Float[np.ndarray, " t"]:
    """The times of the frames of a track (T,) in seconds, increasing.

    Args:
        track: the track; its own times count, where they increase.
        fps: frames a second where it has none, or None.
        given: `fps` counts in any case.
        begin: number of the first frame of the recording, at 0 s where the track has no times; default: of the track.
    """
    frames = np.arange(len(track.points)) if track.frame is None else track.frame - track.frame[0]
    rate = fps or NOMINAL_RATE
    counted = (frames + (0 if begin is None else track.first - begin)) / rate
    if track.time is None or given:
        return counted
    known = np.flatnonzero(np.isfinite(track.time))
    if len(known) < 2:
        return counted
    time = np.interp(frames, frames[known], track.time[known])
    # np.interp holds the ends; the frames there go on at the mean pace.
    first, last = frames[known[0]], frames[known[-1]]
    pace = (time[known[-1]] - time[known[0]]) / (last - first)
    time = np.where(frames < first, time[known[0]] - pace * (first - frames), time)
    time = np.where(frames > last, time[known[-1]] + pace * (frames - last), time)
    if (np.diff(time) > 0).all():
        return time
    return np.linspace(time[0], time[-1], len(time)) if time[-1] > time[0] else counted


def _confidence(track: LandmarkTrack) -> np.ndarray | None:
    if track.confidence is None:
        return None
    return track.confidence if track.confidence.ndim == 2 else track.confidence[:, None]


def _markup(markup: Markup | None, points: int) -> Markup:
    if markup is not None and markup.size != points:
        raise InputError(f"{points} landmarks, but the markup is {markup.label}")
    return markup or built_in(points) or unknown(points)


def _with_faces(array: np.ndarray | None, dims: int) -> np.ndarray | None:
    return array[None] if array is not None and array.ndim == dims - 1 else array


def _life(track: np.ndarray) -> slice:
    """From the first frame of a track with a landmark to the last one, read in parts."""
    parts = range(0, len(track), 4096)
    seen = np.concatenate([np.isfinite(track[i : i + 4096, :, 0]).any(axis=1) for i in parts])
    known = np.flatnonzero(seen)
    return slice(int(known[0]), int(known[-1]) + 1) if len(known) else slice(None)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two tracks are equal, NaN included, read in parts."""
    return all(np.array_equal(a[i : i + 4096], b[i : i + 4096], equal_nan=True) for i in range(0, len(a), 4096))


def _listed(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(map(str, shapes))
