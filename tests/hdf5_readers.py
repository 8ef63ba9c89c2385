"""HDF5 files to damage: analyses of SLEAP, tables of DeepLabCut, MATLAB 7.3; and their second readers.

The HDF5 library may crash on a damaged file, so the second reader is a process of its own too.
"""

import io
import json
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from fhr_jax.cli import track_times
from fhr_jax.data.io import landmark_files
from fhr_jax.data.io.landmark_files import Recording
from tests.data.io.formats.test_matlab import hdf5 as write_matlab
from tests.track_readers import Kind, M, T, face_track, same_faces, same_frames, same_points

_AXES = ["track", "frame", "node", "xy"]


def _faces() -> np.ndarray:
    """Two faces (F, T, M, 2), the second one not in all frames."""
    faces = np.stack([face_track(), face_track(1) + 300])
    faces[1, 2:4] = np.nan
    return faces


def _sleap(folder: Path) -> None:
    import h5py

    trust = np.random.default_rng(2).uniform(0.5, 1, (2, T, M))
    for name, order in (("a.h5", None), ("b.h5", ["frame", "track", "node", "xy"])):
        axes = order or ["track", "xy", "node", "frame"]
        with h5py.File(folder / name, "w") as file:
            for key, value in (("tracks", _faces()), ("point_scores", trust)):
                own = [axis for axis in axes if axis != "xy" or value.ndim == 4]
                array = value.transpose([_AXES.index(axis) for axis in own])
                file.create_dataset(key, data=array, compression=None if order else "gzip")
                if order:
                    file[key].attrs["dims"] = json.dumps(own)
            file["track_names"] = [b"ann", b"bob"]
            file["node_names"] = [b"n"] * M


def _labels(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    parts = [(f"p{m}", axis) for m in range(M) for axis in ("x", "y", "likelihood")]
    return [("net", *([name] if name else []), *part) for name in names for part in parts]


def _deeplabcut(folder: Path) -> None:
    import h5py

    for name, names in (("a.h5", ("",)), ("b.h5", ("ann", "bob")), ("c.h5", ("ann", "bob"))):
        blocks = [np.concatenate([face, np.full((T, M, 1), 0.9)], axis=-1).reshape(T, -1) for face in _faces()]
        values = np.concatenate(blocks[: len(names)], axis=1)
        labels = _labels(names)
        with h5py.File(folder / name, "w") as file:
            table = file.create_group("df")
            if name != "c.h5":
                table.attrs["pandas_type"] = np.bytes_(b"frame_table")
                rows = np.zeros(T, [("index", "<i8"), ("values_block_0", "<f8", (values.shape[1],))])
                rows["index"], rows["values_block_0"] = np.arange(T) + 5, values
                table.create_dataset("table", data=rows, chunks=(4,), maxshape=(None,))
                table["table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(labels, 0))
                continue
            table.attrs.update({"pandas_type": np.bytes_(b"frame"), "nblocks": 1, "block0_items_nlevels": 4})
            table.update({"block0_values": values, "axis1": np.arange(T) * 2})
            for level, column in enumerate(zip(*labels, strict=True)):
                texts = list(dict.fromkeys(column))
                table[f"block0_items_level{level}"] = [text.encode() for text in texts]
                table[f"block0_items_label{level}"] = np.array([texts.index(one) for one in column], np.int8)


def _matlab(folder: Path) -> None:
    write_matlab(folder / "a.h5", face_track(), fps=np.array([[25.0]]))
    write_matlab(folder / "b.h5", _faces(), confidence=np.ones((2, T)), face_id=np.array([[4, 7]]))


def _read(path: Path) -> Recording:
    """Read, take the times, and write with points that have moved: reading that gives them."""
    recording = landmark_files.read(path)
    for track in recording.tracks:
        track_times.confidence(track, track_times.timeline(track, recording, fps=None))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"written{path.suffix}"
        landmark_files.write(out, recording, [track.points + 0.25 for track in recording.tracks])
        again = landmark_files.read(out)
    for before, after in zip(recording.tracks, again.tracks, strict=True):
        known = np.isfinite(before.points) & (np.abs(before.points) < np.finfo(np.float16).max)
        np.testing.assert_allclose(after.points[known], before.points[known] + 0.25, atol=1e-2, rtol=1e-3)
    return recording


_SECOND_READER = """
import io, json, sys
import h5py, numpy as np
arrays, attrs = {}, {}
def keep(name, item):
    attrs[name] = {}
    for key, value in item.attrs.items():
        value = value.decode("latin-1") if isinstance(value, bytes) else value
        attrs[name][key] = value if isinstance(value, str) else int(value) if isinstance(value, np.integer) else ""
    if isinstance(item, h5py.Dataset) and h5py.check_string_dtype(item.dtype) is None and not item.dtype.hasobject:
        arrays[name] = item[()]
    elif isinstance(item, h5py.Dataset):
        arrays[name] = np.array([one.decode("utf-8", "replace") for one in np.ravel(item[()])])
with h5py.File(sys.argv[1]) as file:
    for name in sys.argv[2:]:
        if isinstance(file.get(name), h5py.Group):
            keep(name, file[name])
            for inner in file[name]:
                keep(f"{name}/{inner}", file[name][inner])
        elif name in file:
            keep(name, file[name])
np.savez(sys.stdout.buffer, attrs=json.dumps(attrs), **{k.replace("/", "|"): v for k, v in arrays.items()})
"""


def _stored(path: Path, *names: str) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
    """The arrays of these names, of groups all in them, and their attributes."""
    command = [sys.executable, "-c", _SECOND_READER, str(path), *names]
    done = subprocess.run(command, capture_output=True, check=True)
    with np.load(io.BytesIO(done.stdout)) as found:
        arrays = {name.replace("|", "/"): found[name] for name in found.files if name != "attrs"}
        return arrays, json.loads(found["attrs"].item())


def _confirm_sleap(path: Path, recording: Recording) -> None:
    arrays, attrs = _stored(path, "tracks")
    dims = attrs["tracks"].get("dims")
    usual = ["track", "xy", "node", "frame"]
    axes = [name.rstrip("s") for name in json.loads(dims)] if dims else usual
    same_faces(recording, arrays["tracks"].transpose([axes.index(axis) for axis in _AXES]))


class _OnlyData(pickle.Unpickler):
    """Unpickles texts, numbers, lists and tuples."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name}")


def _confirm_deeplabcut(path: Path, recording: Recording) -> None:
    group = recording.content.group
    arrays, attrs = _stored(path, group)
    columns: dict[tuple[str, ...], np.ndarray] = {}
    if attrs[group]["pandas_type"] == "frame_table":
        rows = arrays[f"{group}/table"]
        frames = rows["index"]
        for name in rows.dtype.names:
            if name.startswith("values_block_"):
                pickled = attrs[f"{group}/table"][f"{name}_kind"].encode("latin-1")
                labels = _OnlyData(io.BytesIO(pickled)).load()
                columns |= dict(zip(labels, rows[name].reshape(len(rows), -1).T, strict=False))
    else:
        frames = arrays[f"{group}/axis1"]
        for k in range(attrs[group]["nblocks"]):
            prefix = f"{group}/block{k}_items"
            levels = [
                arrays[f"{prefix}_level{n}"].astype(str)[arrays[f"{prefix}_label{n}"]]
                for n in range(attrs[group][f"block{k}_items_nlevels"])
            ]
            columns |= dict(zip(zip(*levels, strict=True), arrays[f"{group}/block{k}_values"].T, strict=False))
    order = np.argsort(frames, kind="stable")
    people = {label[1] if len(label) == 4 else "" for label in columns if label[-1] in ("x", "y", "likelihood")}
    left = list(recording.tracks)
    for person in dict.fromkeys(label[1] if len(label) == 4 else "" for label in columns):
        own = [label for label in columns if (label[1] if len(label) == 4 else "") == person]
        parts = dict.fromkeys(label[-2] for label in own if label[-1] in ("x", "y", "likelihood"))
        if not parts:
            continue
        prefix = own[0][:-2]
        points = np.array([[columns[(*prefix, part, axis)][order] for axis in "xy"] for part in parts], np.float64)
        points = points.transpose(2, 0, 1)
        lost = ~np.isfinite(points).all(axis=-1) | (points == 0).all(axis=-1) | (points == -1).all(axis=-1)
        there = ~lost.all(axis=1) if len(people) > 1 else np.ones(len(points), bool)
        if there.any():
            track = left.pop(0)
            same_frames(track, [int(frame) for frame in frames[order][there]])
            same_points(track._replace(points=track.points[track.present]), points[there])
    assert not left


def _confirm_matlab(path: Path, recording: Recording) -> None:
    key = next(name for name in ("predictions", "landmarks") if f"array {name} of" in recording.title)
    arrays, _ = _stored(path, key, "face_id")
    array = arrays[key].T
    if array.ndim == 3 and array.shape[2] not in (2, 3):
        array = array.transpose(2, 0, 1)
    same_faces(recording, array, arrays["face_id"].squeeze() if "face_id" in arrays else None)


KINDS = (
    Kind("sleap hdf5", _sleap, _read, _confirm_sleap, 400),
    Kind("deeplabcut hdf5", _deeplabcut, _read, _confirm_deeplabcut, 400),
    Kind("mat 7.3", _matlab, _read, _confirm_matlab, 250),
)
