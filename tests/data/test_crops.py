"""From records to stored crops: the right part at the right scale, with its record; without JAX."""

import os
import subprocess
import sys

import cv2
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import crop, geometry
from fhr_jax.data import crops
from fhr_jax.data.io import images, pts
from fhr_jax.data.io.file_tree import ImagePair
from fhr_jax.data.sources.holdout import Subset
from fhr_jax.data.sources.user_folder import FolderPhotographs
from fhr_jax.errors import InputError


class Pictures:
    """Two records with their pixels in memory; the second face extends beyond its image."""

    boxes = ((210.4, 130.2, 100.6, 80.0), (560.0, -30.0, 120.0, 90.0))

    def __len__(self):
        return 2

    def __getitem__(self, index):
        coarse = np.random.default_rng(index).integers(60, 200, (15, 20, 3), np.uint8)
        image = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
        box = np.array(self.boxes[index], np.float32)
        points = (box[:2] + box[2:] * np.random.default_rng(7).uniform(size=(68, 2))).astype(np.float32)
        record = {"image": image, "points": points, "box": box}
        return record | {"dataset": "made up", "file": f"{index}.avi", "frame": np.int32(5 * index)}


@pytest.mark.parametrize("index", [0, 1])
def test_a_crop_is_the_square_about_the_box(index):
    record, example = Pictures()[index], crops.Crops(Pictures(), size=96)[index]
    x, y, width, height = record["box"].tolist()
    affine = geometry.square_crop(jnp.array([x + width / 2, y + height / 2]), 1.5 * 1.3 * width, 96)
    np.testing.assert_allclose(example["affine"], affine, atol=1e-4)
    expected = crop.extract(record["image"], np.asarray(affine, np.float64), 96)
    np.testing.assert_allclose(example["image"].astype(int), expected.astype(int), atol=1)
    np.testing.assert_allclose(example["points"], geometry.apply(affine, jnp.asarray(record["points"])), atol=1e-3)


def test_an_example_names_its_record():
    example = crops.Crops(Pictures(), size=32)[1]
    assert [example[name] for name in ("dataset", "file", "frame", "record")] == ["made up", "1.avi", 5, 1]
    back = geometry.apply(geometry.invert(jnp.asarray(example["affine"])), jnp.asarray(example["points"]))
    np.testing.assert_allclose(back, Pictures()[1]["points"], atol=1e-3)


def test_other_landmarks_and_empty_boxes_are_named(monkeypatch):
    with pytest.raises(InputError, match=r"^0\.avi: landmarks of shape \(68, 2\), expected \(7, 2\)"):
        crops.Crops(Pictures(), size=32, landmarks=7)[0]
    for box in ((1.0, 2.0, 0.0, 0.0), (np.nan, 2.0, 3.0, 3.0), (1.0, 2.0, np.inf, 3.0)):
        monkeypatch.setattr(Pictures, "boxes", (box,))
        with pytest.raises(InputError, match=r"^0\.avi: box .* expected a positive size"):
            crops.Crops(Pictures(), size=32)[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The same picture as a file of several kinds, with .pts."""
    image_module = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("photographs")
    picture = image_module.fromarray(Pictures()[0]["image"][:475, :637])
    turned = image_module.Exif()
    turned[0x0112] = 6
    picture.save(folder / "plain.png")
    picture.save(folder / "plain.jpg", quality=95)
    picture.save(folder / "turned.jpg", quality=95, exif=turned)
    picture.convert("L").save(folder / "gray.jpg", quality=95)
    picture.convert("RGBA").save(folder / "alpha.png")
    picture.convert("P").save(folder / "palette.png")
    points = np.random.default_rng(1).uniform([60, 60], [330, 320], (68, 2))
    for path in list(folder.iterdir()):
        pts.write(path.with_name(path.name + ".pts"), points)
    return folder


NAMES = ["plain.png", "plain.jpg", "turned.jpg", "gray.jpg", "alpha.png", "palette.png"]


def records(folder, names):
    return FolderPhotographs(folder, [ImagePair(name, folder / name, folder / f"{name}.pts") for name in names])


@pytest.mark.parametrize("name", NAMES)
def test_a_part_is_a_part_of_the_whole(folder, name):
    whole = images.read_image(folder / name)
    for low, high in (((20.3, 31.0), (99.0, 200.7)), ((-50.0, 300.0), (40.0, 900.0)), ((5e3, 5e3), (6e3, 6e3))):
        part = images.read_part(folder / name, np.array(low), np.array(high))
        x, y = part.origin.astype(int)
        height, width = part.pixels.shape[:2]
        np.testing.assert_array_equal(part.pixels, whole[y : y + height, x : x + width])
        first, last = (np.clip(corner, 0, np.array(whole.shape[1::-1]) - 1) for corner in (low, high))
        assert (part.origin <= first).all()
        assert ((width - 1, height - 1) >= last - part.origin).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [48, 200])
def test_a_crop_of_a_file_is_that_of_its_pixels(folder, name, size):
    """Reduced decoding included: the picture is smooth, so averages of blocks agree."""
    source = records(folder, [name])
    example, record = crops.Crops(source, size=size)[0], source[0]
    affine = example["affine"].astype(np.float64)
    expected = crop.extract(record["image"], affine, size).astype(int)
    # Where the square leaves the picture, the edge fades over one decoded pixel: up to 8 of the picture.
    height, width = record["image"].shape[:2]
    edges = affine[:, 2:] + affine[0, 0] * np.array([[9, width - 10], [9, height - 10]])
    (left, right), (top, bottom) = np.clip(edges, 0, size).astype(int)
    inside = slice(top + 1, bottom), slice(left + 1, right)
    difference = np.abs(example["image"].astype(int) - expected)[inside]
    assert difference.size > size**2
    # What JPEG lost is averaged otherwise.
    assert np.quantile(difference, 0.99) <= 5
    assert difference.mean() < 1.5
    assert (example["dataset"], example["file"]) == (folder.name, name)


def test_only_jpeg_is_decoded_smaller(folder):
    low, high = np.array([100.0, 100.0]), np.array([300.0, 260.0])
    shrinks = {n: images.read_part(folder / n, low, high, shrink=4).shrink for n in NAMES}
    assert shrinks == dict.fromkeys(NAMES, 1) | {"plain.jpg": 4, "turned.jpg": 4, "gray.jpg": 4}


@pytest.mark.parametrize("turned", range(1, 9))
def test_decoding_at_a_fraction_is_exact_for_all_orientations(tmp_path, turned):
    image_module = pytest.importorskip("PIL.Image")
    y, x = np.mgrid[:107, :131]
    dot = np.round(30 + 200 * np.exp(-((x - 52.3) ** 2 + (y - 61.8) ** 2) / (2 * 12**2))).astype(np.uint8)
    exif = image_module.Exif()
    exif[0x0112] = turned
    image_module.fromarray(dot).save(tmp_path / "a.jpg", quality=98, exif=exif)
    whole = images.read_image(tmp_path / "a.jpg")
    for shrink in (1, 2, 4, 8):
        part = images.read_part(tmp_path / "a.jpg", np.zeros(2), np.array(whole.shape[1::-1]) - 1.0, shrink=shrink)
        assert part.shrink == shrink
        # Where the dot is brighter than half: what hangs over the edges does not count.
        places = [centroid(np.maximum(p[..., 0].astype(float) - 100, 0)) for p in (whole, part.pixels)]
        np.testing.assert_allclose(part.origin + shrink * places[1], places[0], atol=0.05 * shrink)


def centroid(image):
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(image * x).sum(), (image * y).sum()]) / image.sum()


def test_content_in_memory_is_read_and_what_is_broken_is_named(folder):
    content = (folder / "plain.jpg").read_bytes()
    corners = np.array([20.0, 30.0]), np.array([90.0, 95.0])
    part = images.read_part(content, *corners, name="a record")
    np.testing.assert_array_equal(part.pixels, images.read_part(folder / "plain.jpg", *corners).pixels)
    for shrink in (1, 4):
        with pytest.raises(InputError, match=r"^a record: not a readable image"):
            images.read_part(content[:9000], *corners, shrink=shrink, name="a record")
    with pytest.raises(InputError, match=r"^a record: 637 x 475 pixels; at most 1000"):
        images.read_part(content, *corners, name="a record", max_pixels=1000)


def test_descriptions_of_sources(folder):
    some, others = records(folder, NAMES[:3]), records(folder, NAMES[3:])
    assert repr(some) == repr(records(folder, NAMES[:3])) != repr(others)
    assert repr(crops.Crops(some, size=32)) != repr(crops.Crops(some, size=48))
    assert repr(Subset(some, [0, 1])) != repr(Subset(some, [1, 0]))
    assert crops.Crops(Subset(some, [2]), size=32)[0]["file"] == NAMES[2]


def test_reading_computes_nothing_with_jax(folder):
    """A worker that touched JAX would take memory of the accelerator. Here JAX has no device at all."""
    code = f"""
from fhr_jax.data import crops
from fhr_jax.data.io.file_tree import ImagePair
from fhr_jax.data.sources.user_folder import FolderPhotographs
from pathlib import Path
folder = Path({str(folder)!r})
records = FolderPhotographs(folder, [ImagePair("plain.jpg", folder / "plain.jpg", folder / "plain.jpg.pts")])
print(crops.Crops(records, size=64)[0]["image"].shape)
"""
    run = [sys.executable, "-c", code]
    result = subprocess.run(run, env=os.environ | {"JAX_PLATFORMS": "none"}, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "(64, 64, 3)"
