"""Everything that reads a user's file: seeds to damage, the reader, and a second reader that confirms its result.

To add a kind of file, add a line to `KINDS`, or to that of `track_readers`, `format_readers`, `json_readers` or
`hdf5_readers`.
"""

import csv
import json
import re
import tomllib
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from PIL import Image, ImageOps

from fhr_jax import evaluate, exported, log, markup, stabilizer, tensors, weights
from fhr_jax.cli.fitting import config as fit_config
from fhr_jax.data.datasets.build.exclusions import read_exclusions
from fhr_jax.data.io import images, video
from fhr_jax.data.io.video_frames import VideoFrames
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.skipped import read_skipped
from fhr_jax.data.sources import boxes
from fhr_jax.detector import files as detector_files
from fhr_jax.detector.net import DetectorConfig, DetectorNet, init
from fhr_jax.hourglass import TINY
from fhr_jax.stabilizer import params_io
from tests import format_readers, hdf5_readers, json_readers, track_readers, trees
from tests.nets import random_net
from tests.track_readers import Kind, pts_numbers, write_rows

# Predictions


def _predictions(folder: Path) -> None:
    truth = np.random.default_rng(0).uniform(100, 300, (4, 68, 2))
    noise = np.random.default_rng(1).normal(size=truth.shape)
    np.savez(folder / "a.npz", ground_truth=truth, predictions=truth + noise, names=np.array(list("abcd")))
    np.savez(folder / "b.npz", truth=truth[:, :5], landmarks=(truth + noise)[:, :5].astype(np.float32))
    np.savez(folder / "c.npz", ground_truth=truth, predictions=100 + noise, coordinates=np.array("fhr_crop256"))


def _read_predictions(path: Path) -> evaluate.Predictions:
    results = evaluate.read_predictions(path)
    summary = evaluate.summary(evaluate.errors(results))
    assert all(np.isfinite(value) for value in summary.values()), summary
    return results


def _confirm_predictions(path: Path, results: evaluate.Predictions) -> None:
    with np.load(path, allow_pickle=False) as arrays:
        truth = arrays[next(name for name in ("ground_truth", "truth") if name in arrays.files)]
        found = arrays[next(name for name in ("predictions", "landmarks") if name in arrays.files)]
        np.testing.assert_array_equal(results.truth, truth[..., :2].astype(np.float64))
        if "coordinates" in arrays.files and str(arrays["coordinates"]) == "fhr_crop256":
            return
        known = np.isfinite(results.predictions).all(axis=(1, 2))
        np.testing.assert_array_equal(results.predictions[known], found[known][..., :2].astype(np.float64))
        assert np.isnan(evaluate.errors(results)[~known]).all()


# Images and videos


def _picture(seed: int, *, size: tuple[int, int] = (40, 30)) -> Image.Image:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)


def _images(folder: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    _picture(0).save(folder / "a.jpg", exif=turned)
    _picture(1).save(folder / "b.jpg", progressive=True, quality=90)
    _picture(2).save(folder / "c.png", exif=turned)
    _picture(3).convert("P").save(folder / "d.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 4000, (20, 30)).astype(np.uint16)).save(folder / "e.png")
    _picture(4).convert("RGBA").save(folder / "f.webp", lossless=True)
    _picture(5).save(folder / "g.tif", compression="tiff_lzw")
    _picture(6).save(folder / "h.bmp")
    _picture(7).save(folder / "i.ppm")
    _picture(8).convert("L").save(folder / "j.pgm")
    _picture(9).save(folder / "k.avif")
    _picture(10).save(folder / "l.tiff", tiffinfo={0x0112: 6})
    _picture(11).save(folder / "m.webp", save_all=True, append_images=[_picture(12)])
    Image.fromarray(np.random.default_rng(0).integers(0, 60000, (20, 30)).astype(np.uint16)).save(folder / "n.tif")


def _read_image(path: Path) -> np.ndarray:
    pixels = images.read_image(path, max_pixels=1_000_000)
    assert images.check_image(path, max_pixels=1_000_000) == pixels.shape[:2]
    part = images.read_part(path, np.array([2.0, 3.0]), np.array([9.0, 8.0]), max_pixels=1_000_000)
    left, top = (part.origin / part.shrink).round().astype(int)
    height, width = part.pixels.shape[:2]
    np.testing.assert_array_equal(part.pixels, pixels[top : top + height, left : left + width])
    return pixels


def _confirm_image(path: Path, pixels: np.ndarray) -> None:
    with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
        upright = ImageOps.exif_transpose(image)
        assert pixels.shape == (upright.height, upright.width, 3)
        assert pixels.dtype == np.uint8
        if upright.mode in ("RGB", "L") and not upright.has_transparency_data:
            np.testing.assert_array_equal(pixels, np.asarray(upright.convert("RGB")))


def _videos(folder: Path) -> None:
    import av

    with video.writer(folder / "a.mp4", size=(48, 64), rate=Fraction(25)) as write:
        for t in range(6):
            write(np.asarray(_picture(t, size=(64, 48))), t / 25)
    for name, codec, layout in (
        ("b.avi", "mjpeg", "yuvj420p"),
        ("c.mkv", "mpeg4", "yuv420p"),
        ("d.webm", "libvpx", "yuv420p"),
    ):
        with av.open(str(folder / name), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, layout
            for t in range(5):
                frame = av.VideoFrame.from_ndarray(np.asarray(_picture(t, size=(64, 48))), format="rgb24")
                container.mux(stream.encode(frame.reformat(format=layout)))
            container.mux(stream.encode())


class _Video(NamedTuple):
    info: video.Info
    frames: list[video.VideoFrame]
    problems: list[str]
    alone: list[np.ndarray]  # the first frames again, the last of them first


def _read_video(path: Path) -> _Video:
    with mock.patch.object(video, "MAX_PIXELS", 1_000_000):  # a frame of 80 million takes seconds
        return _read_all_of_a_video(path)


def _read_all_of_a_video(path: Path) -> _Video:
    problems: list[str] = []
    info = video.info(path)
    frames = []
    for frame in video.frames(path, on_damage=problems.append):
        frames.append(frame)
        if len(frames) == 30:
            break
    readable = video.readable(path)
    assert readable.frames >= len(frames)
    if len(frames) < 30 and not problems:
        assert readable.frames == len(frames)
    alone = []
    random = VideoFrames(path)
    try:
        if len(frames) > 1 and not frames[1].damaged and not frames[0].damaged:
            alone = [random[1], random[0]]
    finally:
        random.close()
    return _Video(info, frames, problems, alone)


def _frames_before_damage(path: Path) -> list[np.ndarray]:
    """Frames (H, W, 3) up to the first packet with an error, and the first frame that is corrupt or to be turned.

    What a decoder makes of the others depends on how its threads share the work, and on what lies in its memory.
    """
    import av

    frames: list[np.ndarray] = []
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"err_detect": "explode"}
        try:
            for frame in container.decode(stream):
                if frame.is_corrupt or any(data.type.name == "DISPLAYMATRIX" for data in frame.side_data):
                    break
                frames.append(frame.to_ndarray(format="rgb24"))
        except av.FFmpegError:
            pass
    return frames


def _confirm_video(path: Path, found: _Video) -> None:
    import av

    assert found.frames
    assert len({frame.image.shape for frame in found.frames}) == 1
    assert found.frames[0].image.shape[:2] == found.info.size
    assert all(np.isfinite(frame.time) for frame in found.frames)
    count = 0
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        stream.codec_context.thread_count = 1
        try:
            for _ in container.decode(stream):
                count += 1
                if count == len(found.frames):
                    break
        except av.FFmpegError:
            assert found.problems
    assert count == len(found.frames)
    sound = _frames_before_damage(path)
    for theirs, ours in zip(sound, found.frames, strict=False):
        if theirs.shape == ours.image.shape:
            np.testing.assert_array_equal(theirs, ours.image)
    if len(sound) > 1 and found.alone:
        np.testing.assert_array_equal(found.alone, [found.frames[1].image, found.frames[0].image])


# Boxes, parameters, nets, markups


def _boxes(folder: Path) -> None:
    rows = [["file", "frame", "x", "y", "width", "height", "score"]]
    rows += [[f"{name}.jpg", t, 10.5, 20 + t, 30, 40, 0.9] for name in "ab" for t in (0, 1)]
    write_rows(folder / "a.csv", rows)
    write_rows(folder / "b.csv", [["frame", "x", "y", "width", "height"], *([t, 1, 2, 3, 4.5] for t in range(5))])


def _read_boxes(path: Path) -> dict[int, np.ndarray]:
    text = path.read_bytes()
    if b"file" in text:
        boxes.read_boxes(path)
    return boxes.read_video_boxes(path, video="a.jpg")


def _confirm_boxes(path: Path, found: dict[int, np.ndarray]) -> None:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        head, *rows = [row for row in csv.reader(stream, skipinitialspace=True) if row]
    place = {name: k for k, name in enumerate(head)}
    wanted: dict[int, list[list[float]]] = {}
    for row in rows:
        if "file" not in place or row[place["file"]] == "a.jpg":
            box = [float(row[place[name]]) for name in ("x", "y", "width", "height")]
            wanted.setdefault(int(row[place["frame"]]), []).append(box)
    assert wanted.keys() == found.keys()
    for frame, rows_of_frame in wanted.items():
        np.testing.assert_array_equal(found[frame], rows_of_frame)


def _params(folder: Path) -> None:
    stabilizer.save(folder / "a.npz", stabilizer.default_params(3))
    core = stabilizer.default_params(2)._replace(velocity=None, responsibilities=None, recurrent=None, outliers=None)
    stabilizer.save(folder / "b.npz", core._replace(movements=None, smoother=None))


def _confirm_params(path: Path, params: stabilizer.Params) -> None:
    with np.load(path, allow_pickle=False) as arrays:
        for name, array in params_io.as_arrays(params).items():
            np.testing.assert_array_equal(arrays[name].astype(np.float32), array)
        assert set(arrays.files) == set(params_io.as_arrays(params))


def _nets(folder: Path) -> None:
    weights.save(folder / "a.npz", random_net())
    weights.save(folder / "b.npz", random_net(TINY._replace(landmarks=5)), dtype="float16")


def _confirm_net(path: Path, net: weights.Net) -> None:
    found = weights.named_arrays(path, net)
    if path.is_dir():
        stored = tensors.read(path / exported.PARAMS)
        config = json.loads((path / exported.HEADER).read_bytes())["config"]
    else:
        with np.load(path, allow_pickle=False) as arrays:
            stored = {name: arrays[name] for name in arrays.files}
        config = json.loads(stored.pop("fhr_jax").item())["config"]
    assert stored.keys() == found.keys()
    for name, array in stored.items():
        np.testing.assert_array_equal(array.astype(np.float32), found[name].astype(np.float32))
    assert config.items() <= net.config._asdict().items()


def _exported(folder: Path) -> None:
    """What `weights.load` reads of an exported folder; its programs take long to lower."""
    net = random_net()
    (folder / "a").mkdir()
    tensors.write(folder / "a" / exported.PARAMS, weights.named_arrays(folder, net))
    header = {"format": exported.FORMAT, "version": exported.VERSION, **weights.header(net)}
    (folder / "a" / exported.HEADER).write_text(json.dumps(header))


def _detectors(folder: Path) -> None:
    import jax

    config = DetectorConfig(features=(4, 4, 4), units=(1, 1, 1))
    detector_files.save(folder / "a.npz", DetectorNet(config, init(jax.random.key(0), config)))


def _confirm_detector(path: Path, net: DetectorNet) -> None:
    from flax import traverse_util

    found = {name: np.asarray(value) for name, value in traverse_util.flatten_dict(net.variables, sep="/").items()}
    with np.load(path, allow_pickle=False) as arrays:
        config = json.loads(arrays["fhr_jax_detector"].item())
        assert set(arrays.files) - {"fhr_jax_detector"} == set(found)
        for name, array in found.items():
            np.testing.assert_array_equal(arrays[name].astype(np.float32), array)
    assert all(
        tuple(v) == getattr(net.config, k) if isinstance(v, list) else v == getattr(net.config, k)
        for k, v in config.items()
    )


def _markups(folder: Path) -> None:
    (folder / "a.toml").write_text(
        'name = "five"\npoints = 5\nflip_pairs = [[0, 1], [3, 4]]\nnormalize = [0, 1]\nedges = [[0, 2, 1], [3, 4]]\n'
    )
    (folder / "b.toml").write_text('points = 9\nnormalize = "box"\n# no more\n')
    (folder / "c.toml").write_text("points = 6\nflip_pairs = []\nnormalize = [[0, 1], [2, 3]]\n")


def _confirm_markup(path: Path, found: markup.Markup) -> None:
    table = tomllib.loads(path.read_bytes().decode())
    assert found.size == table["points"]
    assert [list(edge) for edge in found.edges] == table.get("edges", [])
    for a, b in table.get("flip_pairs", []):
        assert (found.flip[a], found.flip[b]) == (b, a)
    if table["normalize"] == "box":
        assert found.eye_corners == ()


# Folders of runs, and lists


def _run_folders(folder: Path) -> None:
    (folder / "a").mkdir()
    log.write_config(folder / "a", {"preset": "tiny", "steps": 5, "tied": True, "held_out": 0.2, "method": "simplex"})
    for step in (1, 2, 3):
        log.append_metrics(folder / "a", {"step": step, "loss": 0.5, "nrmse": 4.0})


def _read_run_folder(path: Path) -> tuple[Any, Any]:
    config = log.read_config(path)
    if config is not None:
        fit_config.method_of(path)
        fit_config.check_same_fit(path, config | {"seconds": 1}, tracks=5) if "tied" not in config else None
    log.cut_metrics(path, 2)
    return config, log.read_metrics(path)


def _confirm_run_folder(path: Path, found: tuple[Any, Any]) -> None:
    config, metrics = found
    assert config == json.loads((path / "config.json").read_bytes()) or "NaN" in (path / "config.json").read_text()
    assert all(line["step"] <= 2 for line in metrics)


def _skipped(folder: Path) -> None:
    (folder / "a").mkdir()
    write_rows(folder / "a" / "skipped.csv", [["file", "reason"], ["a.jpg", "too small, or not"], ["b.jpg", "ü"]])


def _confirm_skipped(path: Path, found: list[Any]) -> None:
    with (path / "skipped.csv").open(newline="", encoding="utf-8") as stream:
        assert len(found) <= len(list(csv.reader(stream)))


def _exclusions(folder: Path) -> None:
    (folder / "a.txt").write_text("video,frame\n001,5\n002,7-9\n# a comment\n003/vid.avi\nphoto.jpg\n")
    (folder / "b.txt").write_text("001 5\n001 8 - 12\n\n")


def _confirm_exclusions(path: Path, found: Any) -> None:
    numbers = {int(n) for n in re.findall(r"\d+", path.read_text(encoding="utf-8-sig")) if len(n) < 9}
    for frames in found.frames.values():
        assert frames is None or not frames or {min(frames), max(frames)} <= numbers


# Folders of faces


def _photographs(folder: Path) -> None:
    for name in ("a", "b"):
        trees.write_pair(folder / name, "one", 1)
        trees.write_pair(folder / name, "two", 2, suffix=".png")


def _frames(folder: Path) -> None:
    (folder / "a" / "annot").mkdir(parents=True)
    trees.write_video(folder / "a" / "vid.avi", [1, 2, 3])
    for t in (1, 2, 3):
        trees.write_pts(folder / "a" / "annot" / f"{t:06d}.pts", trees.face(t)[1])


def _read_faces(path: Path) -> list[Any]:
    source: Any = open_dataset(path).only_readable()
    assert all(len(item.reason.splitlines()) == 1 for item in source.skipped)
    return [source[i] for i in range(len(source))]


def _confirm_faces(path: Path, found: list[Any]) -> None:
    for record in found:
        place = path / record["file"]
        frame = int(record["frame"])
        points = pts_numbers(path / "annot" / f"{frame:06d}.pts" if frame else place.with_suffix(".pts"))
        np.testing.assert_allclose(record["points"], points, rtol=1e-6, atol=1e-4)
        assert record["image"].ndim == 3


def _datasets(folder: Path) -> None:
    from fhr_jax.data.datasets.build import run

    run.build("face300w", trees.tree_300w(folder / "source"), folder / "out")
    import shutil

    shutil.rmtree(folder / "source")
    (folder / "out" / "face300w" / "1.0.0").rename(folder / "face300w")
    shutil.rmtree(folder / "out")


def _read_dataset(path: Path) -> list[Any]:
    source = open_dataset(path, split="private")
    return [source[i] for i in range(len(source))]


def _confirm_dataset(path: Path, found: list[Any]) -> None:
    for record in found:
        trees.check(record)


KINDS = (
    *track_readers.KINDS,
    *format_readers.KINDS,
    *hdf5_readers.KINDS,
    *json_readers.KINDS,
    Kind("predictions", _predictions, _read_predictions, _confirm_predictions, 1100),
    Kind("images", _images, _read_image, _confirm_image, 2500),
    Kind("videos", _videos, _read_video, _confirm_video, 800),
    Kind("boxes", _boxes, _read_boxes, _confirm_boxes, 800),
    Kind("params", _params, stabilizer.load, _confirm_params, 700),
    Kind("nets", _nets, weights.load, _confirm_net, 250),
    Kind("exported nets", _exported, weights.load, _confirm_net, 250),
    Kind("detectors", _detectors, detector_files.load, _confirm_detector, 100),
    Kind("markups", _markups, markup.read, _confirm_markup, 500),
    Kind("folders of runs", _run_folders, _read_run_folder, _confirm_run_folder, 500),
    Kind("skipped.csv", _skipped, read_skipped, _confirm_skipped, 150),
    Kind("exclusions", _exclusions, read_exclusions, _confirm_exclusions, 250),
    Kind("photographs", _photographs, _read_faces, _confirm_faces, 350),
    Kind("frames", _frames, _read_faces, _confirm_faces, 200),
    Kind("datasets", _datasets, _read_dataset, _confirm_dataset, 50),
)
"""All kinds; their numbers sum to more than 20,000."""
