"""Crops and images that a user passes in: what is accepted, and one line of error for everything else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import inputs
from fhr_jax.errors import InputError

SIDE = 32

GOOD = np.full((3, SIDE, SIDE, 3), 0.5, np.float32)


def with_nan(crop, value):
    crops = GOOD.copy()
    crops[crop, 3, 4, 1] = value
    return crops


CROPS = {
    "nan": (with_nan(2, np.nan), "crop 2 holds NaN or infinity, expected values in [0, 1]"),
    "infinite": (with_nan(0, -np.inf), "crop 0 holds NaN or infinity"),
    "nan on the device": (jnp.asarray(with_nan(1, np.nan)), "crop 1 holds NaN or infinity"),
    "one crop alone": (GOOD[0], "crops of shape (32, 32, 3), expected (B, 32, 32, 3) for this net"),
    "too small": (GOOD[:, :16, :16], "crops of shape (3, 16, 16, 3), expected (B, 32, 32, 3)"),
    "not square": (GOOD[:, :, :16], "crops of shape (3, 32, 16, 3)"),
    "gray": (GOOD[..., 0], "crops of shape (3, 32, 32)"),
    "one channel": (GOOD[..., :1], "crops of shape (3, 32, 32, 1)"),
    "alpha": (np.concatenate([GOOD, GOOD[..., :1]], axis=-1), "crops of shape (3, 32, 32, 4)"),
    "bytes": ((255 * GOOD).astype(np.uint8), "crops of uint8, expected floating-point numbers in [0, 1]"),
    "16 bits": ((65535 * GOOD).astype(np.uint16), "crops of uint16, expected floating-point numbers"),
    "bytes as numbers": (255 * GOOD, "values as far from 0 as 127.5, expected [0, 1]: divide bytes by 255"),
    "far below zero, there": (jnp.asarray(GOOD - 9), "values as far from 0 as 8.5"),
    "a list": (GOOD.tolist(), "crops: a list, expected an array (B, 32, 32, 3)"),
}


@pytest.mark.parametrize("case", CROPS)
def test_bad_crops_raise_one_line(case):
    crops, message = CROPS[case]
    with pytest.raises(InputError) as caught:
        inputs.check_crops(crops, SIDE)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "crops",
    [
        GOOD,
        jnp.asarray(GOOD),
        GOOD[:0],
        GOOD.astype(np.float16),
        GOOD * 2 * inputs.MAX_VALUE,
        -GOOD * 2 * inputs.MAX_VALUE,
    ],
    ids=["numpy", "on the device", "none", "half precision", "sharpened", "below zero"],
)
def test_good_crops_are_accepted(crops):
    inputs.check_crops(crops, SIDE)


def test_values_above_the_limit_are_refused():
    above = np.nextafter(np.float32(inputs.MAX_VALUE), np.float32(9))
    with pytest.raises(InputError, match="values as far from 0 as 4"):
        inputs.check_crops(GOOD * 2 * above, SIDE)


def test_bytes_are_accepted_where_they_are_allowed():
    pixels = (255 * GOOD).astype(np.uint8)
    inputs.check_crops(pixels, SIDE, allow_bytes=True)
    with pytest.raises(InputError, match=r"crops of shape \(3, 16, 32, 3\)"):
        inputs.check_crops(pixels[:, :16], SIDE, allow_bytes=True)
    with pytest.raises(InputError, match="crops of uint16"):
        inputs.check_crops(pixels.astype(np.uint16), SIDE, allow_bytes=True)


def test_inside_a_transformation_only_shape_and_type_are_checked():
    check = jax.jit(lambda crops: inputs.check_crops(crops, SIDE))
    check(with_nan(0, np.nan))
    with pytest.raises(InputError, match=r"crops of shape \(3, 16, 32, 3\)"):
        check(GOOD[:, :16])
    with pytest.raises(InputError, match="crops of int32"):
        check(GOOD.astype(np.int32))


IMAGE = np.zeros((40, 50, 3), np.uint8)

IMAGES = {
    "gray": (IMAGE[..., 0], "gray, uint8 (40, 50), expected RGB bytes, uint8 (H, W, 3)"),
    "one channel": (IMAGE[..., :1], "gray, uint8 (40, 50, 1), expected RGB bytes"),
    "alpha": (np.zeros((40, 50, 4), np.uint8), "with alpha, uint8 (40, 50, 4), expected RGB bytes"),
    "16 bits": (IMAGE.astype(np.uint16), "uint16 (40, 50, 3), expected RGB bytes"),
    "numbers": (IMAGE.astype(np.float32), "float32 (40, 50, 3), expected RGB bytes"),
    "nan": (np.full((40, 50, 3), np.nan), "float64 (40, 50, 3), expected RGB bytes"),
    "empty": (IMAGE[:0], "empty, uint8 (0, 50, 3), expected RGB bytes"),
    "several": (IMAGE[None], "uint8 (1, 40, 50, 3), expected RGB bytes"),
    "a name": ("face.jpg", "a str, expected a NumPy array of RGB bytes"),
}


@pytest.mark.parametrize("case", IMAGES)
def test_bad_images_raise_one_line(case):
    image, message = IMAGES[case]
    with pytest.raises(InputError) as caught:
        inputs.check_image(image, name="frame 7")
    assert str(caught.value).startswith(f"frame 7: {message}")
    assert "\n" not in str(caught.value)


def test_an_image_of_one_pixel_is_accepted():
    inputs.check_image(IMAGE[:1, :1])
