"""More files of JSON to damage: predictions of mmpose, and MediaPipe as lines and as lists of numbers."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from fhr_jax.data.io.landmark_files import LandmarkTrack, Recording
from tests.track_readers import Kind, M, T, face_track, read_and_write, same_frames, same_points


def _number(value: Any) -> float:
    try:
        return float("nan" if value is None or isinstance(value, str | bool) else value)
    except OverflowError:
        return np.nan


def _same(track: LandmarkTrack, seen: list[tuple[int, Any]]) -> None:
    same_frames(track, [frame for frame, _ in seen])
    points = np.stack([points for _, points in seen])[..., : track.points.shape[-1]]
    same_points(track._replace(points=track.points[track.present]), points, rtol=1e-12)


def _mmpose(folder: Path) -> None:
    trust = np.random.default_rng(3).uniform(0.5, 1, (T, M)).round(3)
    faces = face_track().round(2), (face_track(1) + 300).round(2)
    for name, count in (("a", 1), ("b", 2)):
        frames = [
            {
                "frame_id": t + 1,
                "instances": [
                    {"keypoints": face[t].tolist(), "keypoint_scores": trust[t].tolist(), "track_id": 3 + k}
                    for k, face in enumerate(faces[:count])
                    if (t, k) != (2, 1)
                ],
            }
            for t in range(T)
        ]
        value = {"meta_info": {"num_keypoints": M}, "instance_info": frames} if count == 1 else frames
        (folder / f"{name}.json").write_text(json.dumps(value, indent="\t" if count == 1 else None))


def _confirm_mmpose(path: Path, recording: Recording) -> None:
    value = json.loads(path.read_bytes().decode("utf-8-sig"))
    frames = value["instance_info"] if isinstance(value, dict) else value
    seen = [
        (frame["frame_id"], one, np.array([[_number(v) for v in point] for point in one["keypoints"]]))
        for frame in sorted(frames, key=lambda frame: frame["frame_id"])
        for one in frame["instances"]
    ]
    assert sum(int(track.present.sum()) for track in recording.tracks) == len(seen)
    if any("by their places" in note for note in recording.notes):
        return
    known = [one.get("track_id") if isinstance(one.get("track_id"), int | str) else None for _, one, _ in seen]
    own = [
        [(t, points) for (t, _, points), its in zip(seen, known, strict=True) if its == name]
        for name in dict.fromkeys(known)
    ]
    if len(recording.tracks) == 1 and len(own) > 1:  # somebody has no identity, and nobody is there twice in a frame
        own = [[(t, points) for t, _, points in seen]]
    for track, rows in zip(recording.tracks, own, strict=True):
        _same(track, rows)


def _lines(folder: Path) -> None:
    shares = np.concatenate([face_track() / 400, face_track(1)[..., :1] / 4000], axis=-1).round(6)
    frames = [{"timestamp": t / 30, "landmarks": face.tolist()} for t, face in enumerate(shares)]
    frames[2]["landmarks"] = []
    (folder / "a.jsonl").write_text("".join(json.dumps(frame) + "\n" for frame in frames))
    objects = [[dict(zip("xyz", point, strict=True)) for point in face] for face in shares.tolist()]
    (folder / "b.jsonl").write_text("\n".join(json.dumps({"faceLandmarks": [face]}) for face in objects))
    seen = np.linspace(0.5, 1, T * M).reshape(T, M, 1).round(3)
    (folder / "c.jsonl").write_text(json.dumps(np.concatenate([shares, seen], axis=-1).tolist()))


def _faces_of(value: Any) -> list[Any]:
    """All lists of points, as objects or as lists of numbers, however deep."""
    if isinstance(value, list) and value and all(_is_point(point) for point in value):
        return [value] if len(value) > 1 or isinstance(value[0], dict) else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for one in inner for found in _faces_of(one)]


def _is_point(value: Any) -> bool:
    if isinstance(value, dict):
        return "x" in value and "y" in value
    return isinstance(value, list) and 2 <= len(value) <= 4 and not any(isinstance(v, list | dict) for v in value)


def _confirm_lines(path: Path, recording: Recording) -> None:
    text = path.read_bytes().decode("utf-8-sig")
    try:
        value = json.loads(text)
    except ValueError:
        value = [json.loads(line) for line in text.split("\n") if line.strip()]
    frames = value["frames"] if isinstance(value, dict) else value
    key = "faceLandmarks" if "(face)" in recording.title else "landmarks"
    inside = [frame.get(key) if isinstance(frame, dict) else None if key[0] == "f" else frame for frame in frames]
    seen = [(t, face) for t, frame in enumerate(inside) for face in _faces_of(frame)]
    assert sum(int(track.present.sum()) for track in recording.tracks) == len(seen)
    rows = [
        (t, np.array([[_number(p[a]) for a in "xyz" if a in p] if isinstance(p, dict) else p for p in face], object))
        for t, face in seen
    ]
    if len(recording.tracks) == 1 and all(points.ndim == 2 for _, points in rows):
        dims = recording.tracks[0].points.shape[-1]
        _same(recording.tracks[0], [(t, np.vectorize(_number)(points[:, :dims])) for t, points in rows])


KINDS = (
    Kind("mmpose", _mmpose, read_and_write, _confirm_mmpose, 600),
    Kind("mediapipe lines", _lines, read_and_write, _confirm_lines, 500),
)
