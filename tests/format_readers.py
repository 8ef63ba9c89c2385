"""More files of landmark tracks to damage, of MATLAB, MediaPipe, COCO, OpenPose, DeepLabCut and OpenFace.

Their second readers know where each program keeps what, and nothing of the readers under test.
"""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from fhr_jax.cli.fitting.tracks import read_tracks
from fhr_jax.data.io import landmark_files
from fhr_jax.data.io.landmark_files import LandmarkTrack, Recording
from fhr_jax.errors import InputError
from tests.track_readers import (
    Kind,
    M,
    T,
    cell_number,
    confirm_npz,
    face_track,
    read_and_write,
    same_faces,
    same_frames,
    same_points,
    write_rows,
)


def _faces() -> np.ndarray:
    """Two faces (F, T, M, 2), the second one not in all frames."""
    faces = np.stack([face_track(), face_track(1) + 300])
    faces[1, 2:4] = np.nan
    return faces


def _npz_faces(folder: Path) -> None:
    trust = np.random.default_rng(2).uniform(0.6, 1, (2, T, M))
    np.savez(
        folder / "a.npz", landmarks=_faces().astype(np.float32), confidence=trust, face_id=np.array([4, 7]), fps=25
    )
    np.savez(folder / "b.npz", predictions=np.nan_to_num(_faces()), score=trust[..., 0], time=np.arange(T) / 30)
    np.savez_compressed(
        folder / "c.npz", landmarks=np.nan_to_num(_faces()).round().astype(np.int32), names=np.arange(2)
    )


def _matlab(folder: Path) -> None:
    more = {"fps": 25.0, "note": "kept", "timestamp": np.arange(T) / 25}
    scipy.io.savemat(folder / "a.mat", {"landmarks": face_track().astype(np.float32), **more})
    scipy.io.savemat(folder / "b.mat", {"predictions": face_track(1).transpose(1, 2, 0), "x": {"a": 1}})
    scipy.io.savemat(folder / "c.mat", {"landmarks": _faces(), "confidence": np.ones((2, T))}, do_compression=True)
    scipy.io.savemat(folder / "d.mat", {"other": [1, 2], "landmarks": face_track().round().astype(np.int16), **more})


def _confirm_matlab(path: Path, recording: Recording) -> None:
    key = next(name for name in ("predictions", "landmarks") if f"array {name} of" in recording.title)
    stored = scipy.io.loadmat(path, variable_names=[key, "face_id"])
    array = stored[key]
    declared = next(kind for name, _, kind in scipy.io.whosmat(path) if name == key)
    if "int" in declared:  # also of numbers that are stored as float32, which scipy leaves
        array = array.astype(declared)
    if array.ndim == 3 and array.shape[2] not in (2, 3):
        array = array.transpose(2, 0, 1)
    same_faces(recording, array, stored["face_id"].squeeze() if "face_id" in stored else None)


def _write_json(path: Path, value: Any, **options: Any) -> None:
    path.write_text(json.dumps(value, **options))


def _json_number(value: Any) -> float:
    try:
        return float("nan" if value is None or isinstance(value, str | bool) else value)
    except OverflowError:
        return np.nan


def _read_json(path: Path) -> Any:
    """The value of a file, or the list of its lines' values."""
    text = path.read_bytes().decode("utf-8-sig")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.split("\n") if line.strip()]


def _same_sightings(track: LandmarkTrack, seen: list[tuple[int, np.ndarray]]) -> None:
    """The track shows what was seen in each frame, (M, d)."""
    same_frames(track, [frame for frame, _ in seen])
    shown = track._replace(points=track.points[track.present])
    same_points(shown, np.stack([points for _, points in seen]), rtol=1e-12)


def _objects(points: np.ndarray, **more: float) -> list[dict[str, float]]:
    return [dict(zip("xyz", point, strict=False)) | more for point in points.round(6).tolist()]


def _mediapipe(folder: Path) -> None:
    shares = np.concatenate([face_track() / 400, face_track(1)[..., :1] / 4000], axis=-1)
    results = [{"faceLandmarks": [_objects(face)], "timestamp_ms": 40 * t} for t, face in enumerate(shares)]
    results[2]["faceLandmarks"] = []
    frames = [{"faceLandmarks": [_objects(face)], "poseLandmarks": [_objects(face[:2])]} for face in shares]
    _write_json(folder / "a.json", results)
    _write_json(folder / "b.json", {"width": 640, "height": 480, "fps": 25, "frames": frames}, indent=1)
    pose = [{"pose_landmarks": [_objects(face, visibility=0.5 + 0.1 * t)]} for t, face in enumerate(shares[:4])]
    _write_json(folder / "c.json", pose, separators=(",", ":"))
    _write_json(folder / "d.json", [_objects(face) for face in face_track()])
    _write_json(folder / "e.json", [None, *({"multi_face_landmarks": [{"landmark": _objects(f)}]} for f in shares)])


def _lists_of_points(value: Any) -> list[list[dict[str, Any]]]:
    """All lists of objects {x, y}, however deep."""
    if isinstance(value, list) and value and all(isinstance(p, dict) and "x" in p and "y" in p for p in value):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for one in inner for found in _lists_of_points(one)]


_SNAKE = re.compile("_([a-z])")


def _confirm_mediapipe(path: Path, recording: Recording) -> None:
    value = _read_json(path)
    frames = value["frames"] if isinstance(value, dict) else value
    part = next((name for name in ("face", "pose", "hand") if f"({name}" in recording.title), "")
    seen: list[tuple[int, list[dict[str, Any]]]] = []
    for t, frame in enumerate(frames):
        inside = frame
        if isinstance(frame, dict):
            multi = f"multi{part.capitalize()}Landmarks"
            names = (f"{part}Landmarks" if part else "landmarks", multi, *(() if part else ("landmark",)))
            inside = [own for name, own in frame.items() if _SNAKE.sub(lambda m: m[1].upper(), name) in names]
        elif part:
            continue
        seen += [(t, points) for points in _lists_of_points(inside)]
    axes = "xyz"[: recording.tracks[0].points.shape[-1]]
    stored = [(t, np.array([[_json_number(p.get(a)) for a in axes] for p in points])) for t, points in seen]
    if any("pixels" in note and "shares" in note for note in recording.notes):
        one = value if isinstance(value, dict) and "width" in value else next(f for f in frames if "width" in f)
        scale = np.array([one["width"], one["height"], one["width"]][: len(axes)], np.float64)
        stored = [(t, points * scale) for t, points in stored]
    assert sum(int(track.present.sum()) for track in recording.tracks) == len(stored)
    if len(recording.tracks) == 1:
        _same_sightings(recording.tracks[0], stored)


def _triples(points: np.ndarray, trust: Any) -> list[float]:
    return np.concatenate([points, np.broadcast_to(trust, (len(points), 1))], axis=1).round(2).ravel().tolist()


def _coco(folder: Path) -> None:
    one, two = face_track(), face_track(1) + 300
    images = [{"id": 90 + 7 * t, "file_name": f"v/{t + 8}.jpg"} for t in range(T)]
    entries = [
        {"id": 2 * t + k, "image_id": 90 + 7 * t, "track_id": k + 3, "keypoints": _triples(face[t], 2 - t % 2)}
        for t in range(T)
        for k, face in enumerate((one, two))
        if (t, k) != (3, 1)
    ]
    entries[3]["keypoints"][:3] = [0, 0, 0]
    _write_json(folder / "a.json", {"images": images[::-1], "annotations": entries[::-1], "info": {}}, indent=2)
    trust = np.random.default_rng(3).uniform(0.5, 1, (T, M, 1))
    found = [{"image_id": t + 1, "keypoints": _triples(one[t], trust[t]), "score": 0.9} for t in range(T)]
    _write_json(folder / "b.json", found)
    named = [{"image_id": f"{t + 8}.png", "keypoints": _triples(one[t], 1), "score": 0.5 + t / 20} for t in range(T)]
    _write_json(folder / "c.json", named, separators=(",", ":"))


def _natural(text: Any) -> list[Any]:
    return [(0, int(word), "") if word.isdigit() else (1, 0, word) for word in re.findall(r"\d+|\D+", str(text))]


def _confirm_coco(path: Path, recording: Recording) -> None:
    value = _read_json(path)
    entries = value["annotations"] if isinstance(value, dict) else value
    entries = [e for e in entries if isinstance(e, dict) and e.get("image_id") is not None and e.get("keypoints")]
    entries = [e for e in entries if isinstance(e["keypoints"], list) and any(e["keypoints"])]
    images = value.get("images") if isinstance(value, dict) else None
    if images:
        named = all(isinstance(image.get("file_name"), str) for image in images)
        known = {image["id"]: image["file_name"] if named else image["id"] for image in images}
        order = sorted(known, key=lambda one: _natural(known[one]))
    else:
        order = sorted({e["image_id"] for e in entries}, key=_natural)
        order = sorted(order) if all(isinstance(one, int) for one in order) and min(order) < 0 else order
        counted = all(isinstance(one, int) for one in order) and len(order) > 1
        if counted and "order of the ids" not in " ".join(recording.notes):
            order = list(range(order[0], order[-1] + 1)) if order[-1] - order[0] < 10**6 else order
    frame = {one: k for k, one in enumerate(order)}
    assert sum(int(track.present.sum()) for track in recording.tracks) == len(entries)
    points = [np.array([_json_number(v) for v in e["keypoints"]]).reshape(-1, 3)[:, :2] for e in entries]
    seen = [(frame[e["image_id"]], e, own) for e, own in zip(entries, points, strict=True)]
    if all("track_id" in e for e in entries) and not any("by their places" in note for note in recording.notes):
        for track, name in zip(
            recording.tracks,
            dict.fromkeys(e["track_id"] for _, e, _ in sorted(seen, key=lambda one: one[0])),
            strict=True,
        ):
            own = sorted(((t, p) for t, e, p in seen if e["track_id"] == name), key=lambda one: one[0])
            _same_sightings(track, own)
    elif len(recording.tracks) == 1:
        _same_sightings(recording.tracks[0], sorted(((t, p) for t, _, p in seen), key=lambda one: one[0]))


_OPENPOSE = ("face_keypoints_2d", "pose_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d")


def _openpose(folder: Path) -> None:
    trust = np.random.default_rng(4).uniform(0.5, 1, (T, M, 1))
    for name, identity in (("a", -1), ("b", 5)):
        (folder / name).mkdir()
        for t in range(T):
            person: dict[str, Any] = {
                "person_id": [identity],
                "pose_keypoints_2d": _triples(face_track(1)[t], trust[t]),
            }
            person |= {"face_keypoints_2d": _triples(face_track()[t], trust[t]), "hand_left_keypoints_2d": []}
            if name == "b":
                person.pop("face_keypoints_2d")
            other = person | {"person_id": [6], "pose_keypoints_2d": _triples(face_track(2)[t] + 400, trust[t])}
            people = [person, other] if name == "b" and t != 3 else [person]
            _write_json(folder / name / f"clip_{t + 8:012d}_keypoints.json", {"version": 1.3, "people": people})


def _confirm_openpose(path: Path, recording: Recording) -> None:
    files = {int(re.findall(r"\d+", p.name)[-1]): _read_json(p)["people"] for p in path.iterdir()}
    seen: dict[str, list[tuple[int, Any, np.ndarray]]] = {part: [] for part in _OPENPOSE}
    for t in sorted(files):
        for person in files[t]:
            for part in _OPENPOSE:
                values = np.array([_json_number(v) for v in person.get(part) or []]).reshape(-1, 3)
                if values.any():
                    seen[part].append((t, person.get("person_id"), values[:, :2]))
    part = next(part for part in _OPENPOSE if seen[part])
    assert part in recording.title
    assert sum(int(track.present.sum()) for track in recording.tracks) == len(seen[part])
    if len(recording.tracks) == 1:
        _same_sightings(recording.tracks[0], [(t, points) for t, _, points in seen[part]])
    elif not any("by their places" in note for note in recording.notes):
        names = list(dict.fromkeys(str(name) for _, name, _ in seen[part]))
        for track, name in zip(recording.tracks, names, strict=True):
            _same_sightings(track, [(t, points) for t, own, points in seen[part] if str(own) == name])


def _individuals(folder: Path) -> None:
    faces = _faces().round(3)
    for name, delimiter in (("a.csv", ","), ("b.csv", ";")):
        width = 2 * M * 3
        heads = [
            ["scorer", *["net"] * width],
            ["individuals", *[who for who in ("mouse", "rat") for _ in range(3 * M)]],
            ["bodyparts", *[f"p{m}" for _ in range(2) for m in range(M) for _ in range(3)]],
            ["coords", *["x", "y", "likelihood"] * (2 * M)],
        ]
        cells = np.concatenate([faces, np.full((2, T, M, 1), 0.9)], axis=-1).transpose(1, 0, 2, 3).reshape(T, -1)
        rows = [[t + 5, *("" if np.isnan(v) else v for v in row)] for t, row in enumerate(cells.tolist())]
        write_rows(folder / name, [*heads, *rows], delimiter)


def _table(path: Path) -> tuple[list[list[str]], str]:
    text = path.read_bytes().decode("utf-8-sig").lstrip("\ufeff")
    first = next(line for line in io.StringIO(text, newline="") if line.strip())
    delimiter = max(",;\t", key=first.count)
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row], delimiter


def _confirm_individuals(path: Path, recording: Recording) -> None:
    rows, delimiter = _table(path)
    head = next(k for k, row in enumerate(rows[:6]) if row[0].strip() == "coords")
    above = {row[0].strip(): [cell.strip() for cell in row] for row in rows[:head]}
    coords, body = [cell.strip() for cell in rows[head]], rows[head + 1 :]
    owners = above.get("individuals", [""] * len(coords))
    columns = range(1, len(coords))
    x, y = ([k for k in columns if coords[k] == axis] for axis in "xy")
    decimal = "," if delimiter != "," and any("," in row[k] for row in body for k in (*x, *y)) else "."
    body.sort(key=lambda row: float(row[0]))
    left = list(recording.tracks)
    for owner in dict.fromkeys(owners[1:]):
        places = [([k for k in axis if owners[k] == owner]) for axis in (x, y)]
        points = np.array([[[cell_number(row[k], decimal) for k in axis] for axis in places] for row in body])
        points = points.transpose(0, 2, 1)
        lost = ~np.isfinite(points).all(axis=-1) | (points == 0).all(axis=-1) | (points == -1).all(axis=-1)
        seen = [
            (int(float(row[0])), own) for row, own, no in zip(body, points, lost.all(axis=1), strict=True) if not no
        ]
        if len(set(owners[1:])) == 1:
            seen = [(int(float(row[0])), own) for row, own in zip(body, points, strict=True)]
        if seen:
            _same_sightings(left.pop(0), seen)
    assert not left


def _photographs_of_openface(folder: Path) -> None:
    points = face_track().round(1)
    names = [f"{axis}_{m}" for axis in "xy" for m in range(M)]
    write_rows(
        folder / "a.csv", [["face", "confidence", *names], *([k, 0.9, *p.T.ravel()] for k, p in enumerate(points))]
    )


def _read_photographs(path: Path) -> Recording:
    recording = landmark_files.read(path)
    if recording.images:
        with pytest.raises(InputError, match="image") as refused:
            read_tracks((path,))
        assert len(str(refused.value).splitlines()) == 1
        return recording
    return read_and_write(path)


def _confirm_photographs(path: Path, recording: Recording) -> None:
    rows, delimiter = _table(path)
    names, body = [name.strip() for name in rows[0]], rows[1:]
    count = recording.tracks[0].points.shape[1]
    places = [[names.index(f"{axis}_{m}") for m in range(count)] for axis in "xy"]
    decimal = "," if delimiter != "," and any("," in row[k] for row in body for axis in places for k in axis) else "."
    points = np.array([[[cell_number(row[k], decimal) for k in axis] for axis in places] for row in body])
    points = points.transpose(0, 2, 1)
    if recording.images:
        assert "face" in names
        for track, face in zip(recording.tracks, points, strict=True):
            same_points(track, face[None])
    else:
        assert sum(int(track.present.sum()) for track in recording.tracks) == len(points)
        if len(recording.tracks) == 1 and "frame" not in names:
            same_points(recording.tracks[0], points)


KINDS = (
    Kind("npz faces", _npz_faces, read_and_write, confirm_npz, 700),
    Kind("mat", _matlab, read_and_write, _confirm_matlab, 800),
    Kind("mediapipe", _mediapipe, read_and_write, _confirm_mediapipe, 900),
    Kind("coco", _coco, read_and_write, _confirm_coco, 900),
    Kind("openpose", _openpose, read_and_write, _confirm_openpose, 500),
    Kind("individuals", _individuals, read_and_write, _confirm_individuals, 600),
    Kind("photographs of openface", _photographs_of_openface, _read_photographs, _confirm_photographs, 300),
)
