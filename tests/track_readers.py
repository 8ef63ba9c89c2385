"""Files of landmark tracks to damage, their reader, and second readers that confirm what it finds."""

import csv
import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fhr_jax import npz
from fhr_jax.cli import track_times
from fhr_jax.cli.fitting.tracks import read_tracks
from fhr_jax.data.io import landmark_files, pts
from fhr_jax.data.io.landmark_arrays import ReadOptions


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        name: of the kind.
        write: writes whole files, or folders, into an empty folder; each is damaged.
        read: the reader, of the damaged file or folder.
        confirm: asserts that another reader finds the same in the file.
        number: how many of the damaged files are of this kind.
    """

    name: str
    write: Callable[[Path], None]
    read: Callable[[Path], Any]
    confirm: Callable[[Path, Any], None]
    number: int


T, M = 6, 5


def face_track(seed: int = 0, dims: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(50, 250, (M, dims)) + np.cumsum(rng.normal(size=(T, M, dims)), axis=0)


def _npz_tracks(folder: Path) -> None:
    landmarks, confidence = face_track(), np.linspace(0.5, 1, T)
    np.savez(folder / "a.npz", landmarks=landmarks.astype(np.float32), confidence=confidence, fps=25.0)
    np.savez(folder / "b.npz", predictions=face_track(1, 3), time=np.arange(T) / 30, truth=face_track(2, 3))
    npz.write(folder / "c.npz", {"predictions": face_track(3), "score": np.ones((T, M)), "names": np.array(["a", "b"])})
    scored = np.concatenate([face_track(4), np.random.default_rng(0).uniform(0.6, 1, (T, M, 1))], axis=-1)
    np.savez_compressed(folder / "d.npz", landmarks=scored, ground_truth=face_track(5), timestamp=np.arange(T) / 25)


def _npy_tracks(folder: Path) -> None:
    np.save(folder / "a.npy", face_track())
    np.save(folder / "b.npy", face_track(1, 3).astype(np.float32))
    np.save(folder / "c.npy", face_track(2).round().astype(np.int32))


def write_rows(path: Path, rows: list[list[Any]], delimiter: str = ",") -> None:
    with path.open("w", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)


def _csv_tracks(folder: Path) -> None:
    points = face_track().round(2)
    names = [f"{axis}_{m}" for axis in "xy" for m in range(M)]
    flat = [[*p[:, 0], *p[:, 1]] for p in points.tolist() for p in [np.array(p)]]
    head = ["frame", "face_id", "timestamp", "confidence", "success", *names]
    write_rows(folder / "openface.csv", [head, *([t + 1, 0, t / 25, 0.9, 1, *row] for t, row in enumerate(flat))])
    two = [[t, f, t / 25, 0.98, int(t != 2), *row] for t, row in enumerate(flat) for f in (0, 1)]
    write_rows(folder / "faces.csv", [[" " + name for name in head], *two])
    comma = [[t, *(f"{v:.2f}".replace(".", ",") for v in row)] for t, row in enumerate(flat)]
    write_rows(folder / "semicolon.csv", [["frame", *names], *comma], ";")
    parts = [f"p{m}" for m in range(M) for _ in range(3)]
    cells = [[t, *(v for x, y in p.tolist() for v in (x, y, 0.9))] for t, p in enumerate(points)]
    heads = [["scorer", *["net"] * 3 * M], ["bodyparts", *parts], ["coords", *["x", "y", "likelihood"] * M]]
    write_rows(folder / "deeplabcut.csv", [*heads, *cells])
    names = [f"p{m}.{what}" for m in range(M) for what in ("x", "y", "score")]
    write_rows(
        folder / "sleap.csv",
        [["track", "frame_idx", "instance.score", *names], *(["a", c[0], 0.9, *c[1:]] for c in cells)],
    )
    two = [
        ["", t, 0.9, *(v for x, y in (p + 300 * k).round(2).tolist() for v in (x, y, 0.9))]
        for t, p in enumerate(points)
        for k in (0, 1)
    ]
    write_rows(folder / "instances.csv", [["track", "frame_idx", "instance.score", *names], *two])
    names = [f"Landmark[{m}].{what}" for m in range(M) for what in ("X", "Y", "Confidence")]
    write_rows(
        folder / "openseeface.csv",
        [["Frame", "Time", "FaceID", *names], *([c[0], c[0] / 30, 0, *c[1:]] for c in cells)],
    )


def _pts_tracks(folder: Path) -> None:
    for name, count in (("a", 3), ("b", 2)):
        (folder / name).mkdir()
        for t, frame in enumerate(face_track()[:count]):
            pts.write(folder / name / f"{t + 1:06d}.pts", frame)


def read_and_write(path: Path) -> landmark_files.Recording:
    """Read, take the times, and write what was read: reading that gives the same."""
    recording = landmark_files.read(path)
    for track in recording.tracks:
        track_times.confidence(track, track_times.timeline(track, recording, fps=None))
    read_tracks((path,), options=ReadOptions(), fps=None)
    finite = all(np.isfinite(track.points).all() for track in recording.tracks)
    if recording.kind != "pts" or finite:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / f"written{path.suffix}"
            landmark_files.write(out, recording, [track.points for track in recording.tracks])
            again = landmark_files.read(out)
        for before, after in zip(recording.tracks, again.tracks, strict=True):
            close = {"npz": 1e-2, "npy": 1e-2, "mat": 1e-2, "pts": 1e-5}.get(recording.kind, 1e-3)
            low = np.finfo(np.float16).max
            small = np.abs(np.nan_to_num(before.points)) < low
            np.testing.assert_allclose(
                np.where(small, after.points, 0), np.where(small, before.points, 0), atol=close, rtol=1e-3
            )
    return recording


def same_points(track: landmark_files.LandmarkTrack, stored: np.ndarray, *, rtol: float = 0) -> None:
    """Every point that is there is the stored one; one that is not there is a marker, no number, or not trusted."""
    assert track.points.shape == stored.shape
    with np.errstate(all="ignore"):
        stored = stored.astype(np.float64)
    known = np.isfinite(track.points).all(axis=-1)
    np.testing.assert_allclose(track.points[known], stored[known], rtol=rtol, atol=0)
    lost = stored[~known]
    marked = (lost == 0).all(axis=-1) | (lost == -1).all(axis=-1) | ~np.isfinite(lost).all(axis=-1)
    assert marked.all() or track.confidence is not None


def same_frames(track: landmark_files.LandmarkTrack, numbers: list[int]) -> None:
    """The frames that are there have these numbers, the first being 0 in the track."""
    frames = np.arange(len(track.points)) if track.frame is None else track.frame
    assert [int(frame) for frame in frames[track.present]] == [number - numbers[0] for number in numbers]


def same_faces(recording: landmark_files.Recording, stored: np.ndarray, ids: np.ndarray | None = None) -> None:
    """One face (T, M, d) has all frames; of several (F, T, M, d) each has those in which it has a point."""
    if stored.ndim == 3:
        (track,) = recording.tracks
        return same_points(track, stored[..., : track.points.shape[-1]])
    with np.errstate(all="ignore"):
        stored = stored.astype(np.float64)
    if ids is None or ids.shape != stored.shape[:1] or ids.dtype.kind not in "iu":
        ids = np.arange(len(stored))
    lost = ~np.isfinite(stored).all(axis=-1) | (stored == 0).all(axis=-1) | (stored == -1).all(axis=-1)
    there = ~lost.all(axis=-1)
    assert [track.face for track in recording.tracks] == ids[there.any(axis=1)].tolist()
    for track, face, frames in zip(recording.tracks, stored[there.any(axis=1)], there[there.any(axis=1)], strict=True):
        same_frames(track, np.flatnonzero(frames).tolist())
        own = face[frames][..., : track.points.shape[-1]]
        same_points(track._replace(points=track.points[track.present]), own)
    return None


def _face_name(cell: str) -> Any:
    try:
        return float(cell)
    except ValueError:
        return cell.strip()


def _confirm_arrays(path: Path, found: dict[str, np.ndarray]) -> None:
    with np.load(path, allow_pickle=False) as arrays:
        assert set(arrays.files) == set(found)
        for name, array in found.items():
            np.testing.assert_array_equal(np.asarray(arrays[name]), array)


def confirm_npz(path: Path, recording: landmark_files.Recording) -> None:
    arrays, (key, *_) = recording.content
    with np.load(path, allow_pickle=False) as stored:
        assert key == next(name for name in ("predictions", "landmarks") if name in stored.files)
        same_faces(recording, np.asarray(stored[key]), stored.get("face_id"))
        if stored[key].dtype.kind == "f":
            _confirm_arrays(path, arrays)
        if recording.fps is not None:
            assert recording.fps == float(stored["fps"].item()) or np.isnan(recording.fps)


def _confirm_npy_tracks(path: Path, recording: landmark_files.Recording) -> None:
    same_faces(recording, np.load(path, allow_pickle=False))


def cell_number(cell: str, decimal: str) -> float:
    try:
        value = float(cell.strip().replace(decimal, "."))
        return value if np.isfinite(value) else np.nan
    except ValueError:
        return np.nan


def _confirm_csv_tracks(path: Path, recording: landmark_files.Recording) -> None:
    """Find the columns by their names and the rows by face and frame, and compare every cell."""
    text = path.read_bytes().decode("utf-8-sig").lstrip("\ufeff")
    first = next(line for line in io.StringIO(text, newline="") if line.strip())
    delimiter = max(",;\t", key=first.count)
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    head = (
        next((k for k, row in enumerate(rows[:6]) if row[0].strip() == "coords"), 0)
        if rows[0][0].strip() == "scorer"
        else 0
    )
    names = [name.strip() for name in rows[head]]
    body = rows[head + 1 :]

    def find(*wanted: str) -> list[int]:
        return [names.index(name) for name in wanted if name in names]

    if head or rows[0][0].strip() == "scorer":
        x, y = ([k for k, name in enumerate(names) if name == axis] for axis in "xy")
        frame, face = [0], []
    else:
        patterns = (r"x_(\d+)", r"(.*)\.x", r"Landmark\[(\d+)\]\.X")
        pattern = next(p for p in patterns if any(re.fullmatch(p, n) for n in names))
        x = [k for k, n in enumerate(names) if re.fullmatch(pattern, n) and names.index(n) == k]
        x = sorted(x, key=lambda k: int(re.findall(r"\d+", names[k])[0])) if "(\\d+)" in pattern else x
        partner = {
            patterns[0]: lambda n: n.replace("x", "y"),
            patterns[1]: lambda n: n[:-2] + ".y",
            patterns[2]: lambda n: n[:-1] + "Y",
        }[pattern]
        x = [k for k in x if partner(names[k]) in names][: recording.tracks[0].points.shape[1]]
        y = [names.index(partner(names[k])) for k in x]
        own = {patterns[0]: ("frame", "face_id"), patterns[1]: ("frame_idx", "track"), patterns[2]: ("Frame", "FaceID")}
        frame, face = find(own[pattern][0])[:1], find(own[pattern][1])[:1]
    success = find("success") if "x_0" in names else []
    assert len(x) == recording.tracks[0].points.shape[1]
    decimal = "," if delimiter != "," and any("," in row[k] for row in body for k in (*x, *y)) else "."
    seen = 0
    _, places = recording.content
    for track, place in zip(recording.tracks, places, strict=True):
        numbers = [int(cell_number(body[p][frame[0]], decimal)) if frame else int(p) for p in place.rows]
        same_frames(track, numbers)
        if face:
            assert len({_face_name(body[p][face[0]]) for p in place.rows}) == 1
        for p, points in zip(place.rows, track.points[track.present], strict=True):
            seen += 1
            row = body[p]
            cells = np.array(
                [[cell_number(row[a], decimal), cell_number(row[b], decimal)] for a, b in zip(x, y, strict=True)]
            )
            known = np.isfinite(points).all(axis=-1)
            np.testing.assert_array_equal(points[known], cells[known])
            if success and row[success[0]].strip().lower() in ("0", "false", "0.0"):
                assert not known.any()
    assert seen == len(body)


def pts_numbers(path: Path) -> np.ndarray:
    text = path.read_bytes().decode("utf-8-sig")
    lines = [re.split("#|//", line, maxsplit=1)[0] for line in text.splitlines()]
    lines = [line.strip() for line in lines]
    if "{" in lines:
        lines = lines[lines.index("{") + 1 : lines.index("}")]
    body = "\n".join(line for line in lines if ":" not in line)
    return np.array([float(word) for word in body.split()]).reshape(-1, 2) - 1


def _confirm_pts(path: Path, points: np.ndarray) -> None:
    np.testing.assert_allclose(points, pts_numbers(path), rtol=1e-12, atol=1e-12)


def _confirm_pts_tracks(path: Path, recording: landmark_files.Recording) -> None:
    stored = np.stack([pts_numbers(path / name) for name in sorted(p.name for p in path.glob("*.pts"))])
    (track,) = recording.tracks
    same_points(track, np.where((stored == -1) & np.isnan(track.points), np.nan, stored))


def _pts(folder: Path) -> None:
    pts.write(folder / "a.pts", face_track()[0])
    (folder / "b.pts").write_text("1 2\n3.5 4\n-5 6e1\n")
    (folder / "c.pts").write_bytes(b"// by hand\r\nversion: 1\r\nn_points: 2\r\n{\r\n1 2\r\n3 4 # end\r\n}\r\n")


KINDS = (
    Kind("npz tracks", _npz_tracks, read_and_write, confirm_npz, 2000),
    Kind("npy tracks", _npy_tracks, read_and_write, _confirm_npy_tracks, 1000),
    Kind("csv tracks", _csv_tracks, read_and_write, _confirm_csv_tracks, 2000),
    Kind("pts tracks", _pts_tracks, read_and_write, _confirm_pts_tracks, 600),
    Kind("pts", _pts, pts.read, _confirm_pts, 1200),
)
