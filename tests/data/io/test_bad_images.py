"""Unusual images: readable ones are read correctly; others raise one line that says what was expected."""

import json

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from PIL import Image

from fhr_jax import cli, heatmap, inputs, npz, pipeline, weights
from fhr_jax.data.io import images, pts, video
from fhr_jax.errors import InputError
from tests.nets import random_net
from tests.pipeline.test_pipeline import SHAPE

SIDE = 32


@pytest.fixture(scope="module")
def net():
    return random_net()


def test_values_of_crops_are_not_checked_inside_a_transformation(net):
    crops = np.full((3, SIDE, SIDE, 3), 0.5, np.float32)
    crops[0, 3, 4, 1] = np.nan
    found = jax.jit(lambda crops: pipeline.predict(net, crops))(jnp.asarray(crops))
    assert np.isfinite(found.points[1:]).all()


def _of(net, image):
    """Calls with unusual arguments, and how their messages begin."""
    crops = np.where(np.arange(40).reshape(-1, 1, 1, 1) == 33, np.nan, np.ones((32, 32, 3)))
    box = (0, 0, 20, 20)
    return [
        (lambda: pipeline.predict(net, np.full((1, 32, 32, 3), np.nan, np.float32)), "crops: crop 0 holds NaN"),
        (lambda: pipeline.predict_all(net, np.zeros((1, 32, 32), np.uint8)), "crops of shape (1, 32, 32)"),
        (lambda: pipeline.predict_all(net, crops), "crops: crop 33 holds NaN"),
        (lambda: pipeline.align_image(net, image[..., 0], box=box), "image: gray, uint8"),
        (lambda: list(pipeline.align_video(net, [image[..., :1]], box=box, detector=len)), "frame 0: gray, uint8"),
        (
            lambda: pipeline.align_image(net, image, box=(0, 10, 10)),
            "box: got 3 numbers, expected x,y,width,height",
        ),
        (
            lambda: pipeline.align_image(net, image, box=(5000, 5000, 10, 10)),
            "box 5000,5000,10,10: lies outside the image of 50 x 40",
        ),
        (lambda: heatmap.decode([[[1.0]]]), "heatmap.decode: got list, expected an array of maps"),
    ]


def test_the_functions_check_what_they_are_given(net, monkeypatch):
    """Without the checks of types that only tests have."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    for call, message in _of(net, np.zeros((40, 50, 3), np.uint8)):
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value).startswith(message)


def test_one_crop_and_none(net):
    rng = np.random.default_rng(0)
    crops = jnp.asarray(rng.uniform(size=(pipeline.inference.BATCH, SIDE, SIDE, 3)), jnp.float32)
    alone, together = pipeline.predict(net, crops[1:2]), pipeline.predict(net, crops)
    np.testing.assert_allclose(alone.points, together.points[1:2], atol=1e-3)
    assert pipeline.predict_all(net, crops[:1]).points.shape == (1, 68, 2)
    for nothing in (
        pipeline.predict(net, crops[:0]),
        pipeline.predict_all(net, np.zeros((0, SIDE, SIDE, 3), np.uint8)),
    ):
        assert nothing.points.shape == (0, 68, 2)
        assert nothing.confidence.shape == (0, 68)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (2, 400)])
def test_images_smaller_than_any_face(net, size):
    image = np.full((*size, 3), 128, np.uint8)
    assert np.isfinite(pipeline.align_image(net, image, box=(0, 0, 2, 2)).points).all()
    face = next(pipeline.align_video(net, [image], stabilize=False))
    assert np.isnan(face.points).all()
    assert not face.confidence.any()


def kinds(gray):
    """A gray picture as files of many kinds hold it, by name; each shows the same."""
    import cv2

    rgba = np.repeat(gray[..., None], 4, axis=-1)
    rgba[..., 3] = 255
    yield "gray.png", lambda path: Image.fromarray(gray).save(path)
    yield "alpha.png", lambda path: Image.fromarray(rgba).save(path)
    yield "gray_alpha.png", lambda path: Image.fromarray(rgba).convert("LA").save(path)
    yield "16_bits.png", lambda path: Image.fromarray(gray.astype(np.uint16) * 257).save(path)
    yield "16_bits.tif", lambda path: Image.fromarray(gray.astype(np.uint16) * 257).save(path)
    colours = np.repeat(gray[..., None].astype(np.uint16) * 257, 3, axis=-1)
    yield "16_bits_rgb.png", lambda path: cv2.imwrite(str(path), colours)
    yield "rgb.png", lambda path: Image.fromarray(rgba[..., :3]).save(path)


@pytest.fixture
def gray():
    return np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8)


def test_files_of_every_kind_are_read_as_rgb(tmp_path, gray):
    for name, write in kinds(gray):
        write(tmp_path / name)
        read = images.read_image(tmp_path / name)
        inputs.check_image(read, name=name)
        np.testing.assert_array_equal(read, np.repeat(gray[..., None], 3, axis=-1), err_msg=name)


def test_evaluate_finds_the_same_in_files_of_every_kind(tmp_path, gray, net):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, write in kinds(gray):
        stem, suffix = name.split(".")
        write(folder / f"{stem}_{suffix}.{suffix}")
        pts.write(folder / f"{stem}_{suffix}.pts", np.array([20, 10]) + 40 * SHAPE)
    weights.save(tmp_path / "net.npz", net)
    arguments = ["evaluate", "--data", str(folder), "--net", f"{tmp_path}/net.npz", "--out", f"{tmp_path}/out"]
    assert cli.main(arguments) == 0
    found = npz.read(tmp_path / "out" / "predictions.npz")["predictions"]
    assert len(found) == 7
    np.testing.assert_allclose(found, np.broadcast_to(found[:1], found.shape), atol=1e-3)


def test_evaluate_of_one_photograph(tmp_path, gray, net):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(gray).save(folder / "a.png")
    pts.write(folder / "a.pts", np.array([20, 10]) + 40 * SHAPE)
    weights.save(tmp_path / "net.npz", net)
    arguments = ["evaluate", "--data", str(folder), "--net", f"{tmp_path}/net.npz", "--out", f"{tmp_path}/out"]
    assert cli.main(arguments) == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["images"] == 1


@pytest.mark.parametrize("layout", ["gray", "yuv420p10le"])
def test_gray_videos_and_those_of_ten_bits_are_read_as_rgb(tmp_path, layout):
    av = pytest.importorskip("av")
    shades = np.linspace(20, 230, 64).astype(np.uint8)[None].repeat(48, axis=0)
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, layout
        for _ in range(3):
            picture = np.repeat(shades[..., None], 3, axis=-1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=layout)))
        container.mux(stream.encode())
    frames = list(video.frames(tmp_path / "a.mkv"))
    assert len(frames) == 3
    for frame in frames:
        inputs.check_image(frame.image)
        assert np.abs(frame.image.astype(int) - shades[..., None]).max() <= 3
