import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from fhr_jax import crop, geometry

SIZE = 64


def blob(height, width, centre, sigma):
    """A bright Gaussian on black, sampled at pixel centres, float64 in [0, 1]."""
    y, x = np.mgrid[:height, :width]
    return np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * sigma**2))


def centroid(image):
    """Centre of mass (x, y) of a channel."""
    image = np.asarray(image, np.float64)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(image * x).sum(), (image * y).sum()]) / image.sum()


def as_rgb(gray):
    return np.repeat(np.round(gray * 255).astype(np.uint8)[..., None], 3, axis=-1)


def bilinear(image, affine, size):
    """Oracle: one crop pixel at a time, zero outside."""
    inverse = np.linalg.inv(np.vstack([affine, [0, 0, 1]]))
    result = np.zeros((size, size, image.shape[-1]))
    for v in range(size):
        for u in range(size):
            x, y, _ = inverse @ [u, v, 1]
            for row in (int(np.floor(y)), int(np.floor(y)) + 1):
                for column in (int(np.floor(x)), int(np.floor(x)) + 1):
                    if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
                        result[v, u] += (1 - abs(x - column)) * (1 - abs(y - row)) * image[row, column]
    return result


SHRINKS = [0.25, 0.6, 1.0, 1.01, 1.5, 2.0, 2.7, 3.0, 4.0, 5.3, 6.0, 7.1, 8.0]


@pytest.mark.parametrize("shrink", SHRINKS)
@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_blob_lands_on_its_landmark(shrink, angle):
    landmark = np.array([301.37, 288.81])
    image = blob(600, 640, landmark, sigma=1.6 * max(shrink, 1))
    affine = geometry.square_crop(jnp.array([300.2, 290.6]), SIZE * shrink, SIZE)
    affine = geometry.compose(geometry.similarity(SIZE, angle=angle, shift=(2.3, -1.7)), affine)
    expected = np.asarray(geometry.apply(affine, jnp.array(landmark, jnp.float32)[None]))[0]
    on_host = crop.extract(as_rgb(image), np.asarray(affine), SIZE)
    on_device = crop.warp(jnp.array(image, jnp.float32)[..., None], affine, size=SIZE)
    np.testing.assert_allclose(centroid(on_host[..., 0]), expected, atol=0.05)
    np.testing.assert_allclose(centroid(on_device[..., 0]), expected, atol=0.05)


@pytest.mark.parametrize("shrink", SHRINKS)
def test_crop_and_mirror_agree(shrink):
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 256, (300, 402, 3), np.uint8), (0, 0), max(shrink, 1))
    affine = np.asarray(geometry.square_crop(jnp.array([190.3, 140.9]), SIZE * shrink, SIZE), np.float64)
    # Mirror the image, and end with the mirrored crop: x -> W - 1 - x before and after.
    flip_image, flip_crop = (np.array([[-1, 0, w - 1], [0, 1, 0], [0, 0, 1]]) for w in (image.shape[1], SIZE))
    mirrored = (flip_crop @ np.vstack([affine, [0, 0, 1]]) @ flip_image)[:2]
    first = crop.extract(image, affine, SIZE).astype(int)
    second = crop.extract(np.ascontiguousarray(image[:, ::-1]), mirrored, SIZE)[:, ::-1].astype(int)
    assert np.abs(first - second).mean() < 0.5
    assert np.abs(first - second).max() <= 6
    first, second = (
        crop.warp(jnp.array(i, jnp.float32), jnp.array(a, jnp.float32), size=SIZE)
        for i, a in ((image, affine), (image[:, ::-1], mirrored))
    )
    np.testing.assert_allclose(first, second[:, ::-1], atol=0.1)


def test_warp_agrees_with_a_slow_oracle():
    rng = np.random.default_rng(1)
    image = rng.uniform(size=(23, 31, 2))
    affine = np.array([[0.8, -0.3, -1.2], [0.4, 0.9, -2.6]])
    result = crop.warp(jnp.array(image, jnp.float32), jnp.array(affine, jnp.float32), size=17)
    np.testing.assert_allclose(result, bilinear(image, affine, 17), atol=2e-5)


def test_extract_averages_the_area():
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (80, 80, 3), np.uint8)
    affine = np.array([[0.25, 0, -3 / 8], [0, 0.25, -3 / 8]])
    expected = image.reshape(20, 4, 20, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(crop.extract(image, affine, 20), expected, atol=0.51)


def test_identity_is_exact():
    image = np.random.default_rng(3).integers(0, 256, (20, 20, 3), np.uint8)
    identity = np.array([[1.0, 0, 0], [0, 1, 0]], np.float32)
    np.testing.assert_array_equal(crop.extract(image, identity, 20), image)
    np.testing.assert_array_equal(crop.warp(jnp.array(image, jnp.float32), jnp.array(identity), size=20), image)


@pytest.mark.parametrize("centre", [(-500.0, 20.0), (20.0, 1e5), (1e7, 1e7)])
def test_outside_is_black(centre):
    image = np.full((40, 50, 3), 255, np.uint8)
    affine = geometry.square_crop(jnp.array(centre), 60.0, SIZE)
    assert crop.extract(image, np.asarray(affine), SIZE).max() == 0
    assert float(crop.warp(jnp.array(image, jnp.float32), affine, size=SIZE).max()) == 0


def test_a_crop_larger_than_the_image_holds_it_whole():
    image = np.full((40, 50, 3), 255, np.uint8)
    affine = geometry.square_crop(jnp.array([24.5, 19.5]), 128.0, SIZE)
    for result in (
        crop.extract(image, np.asarray(affine), SIZE),
        np.asarray(crop.warp(jnp.array(image, jnp.float32), affine, size=SIZE)),
    ):
        assert result[0].max() == result[-1].max() == 0
        assert result[..., 0].sum() / 255 == pytest.approx(40 * 50 / 4, rel=0.01)


def test_wide_images_can_be_cropped():
    image = np.zeros((8, 40_000, 3), np.uint8)
    image[:, 39_000:] = 200
    affine = geometry.square_crop(jnp.array([39_010.5, 3.5]), 8.0, 8)
    assert crop.extract(image, np.asarray(affine), 8).min() == 200


def test_warp_has_gradients_and_compiles_once():
    image = jnp.array(blob(12, 14, (6.2, 5.1), 2.0), jnp.float32)[..., None]
    # No sample lies on a line between pixels, where the slope of bilinear interpolation jumps.
    affine = jnp.array([[0.5, 0.0, -0.22], [0.0, 0.5, -0.15]])
    check_grads(lambda i: crop.warp(jnp.asarray(i), affine, size=6), (image,), order=1, modes=["fwd", "rev"])
    check_grads(
        lambda a: crop.warp(image, jnp.asarray(a), size=6),
        (affine,),
        order=1,
        modes=["fwd", "rev"],
        eps=1e-3,
        rtol=0.05,
    )
    traces = []

    @jax.jit
    def jitted(image, affine):
        traces.append(None)
        return crop.warp(image, affine, size=6)

    np.testing.assert_allclose(jitted(image, affine), crop.warp(image, affine, size=6), atol=1e-6)
    jitted(image + 1, affine * 0.9)
    assert len(traces) == 1
    batch = jax.vmap(lambda i: crop.warp(i, affine, size=6))(jnp.stack([image, 2 * image]))
    np.testing.assert_allclose(batch[1], 2 * batch[0], atol=1e-6)
