import numpy as np
import pytest
from PIL import Image

from fhr_jax.data.io import images
from fhr_jax.data.io.images import check_image, read_image
from fhr_jax.errors import InputError


@pytest.fixture
def rgb():
    """Smooth colours, so that JPEG keeps them, and unlike each of its mirror images."""
    y, x = np.mgrid[:40, :60]
    return np.stack([4 * x, 6 * y, 2 * (x + y)], axis=-1).astype(np.uint8)


def test_formats(tmp_path, rgb):
    for name in ("a.png", "b.PNG", "c d.bmp", "é.tif"):
        Image.fromarray(rgb).save(tmp_path / name)
        np.testing.assert_array_equal(images.read_image(tmp_path / name), rgb)
    Image.fromarray(rgb).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(images.read_image(tmp_path / "a.jpg").astype(int) - rgb).mean() < 3


def test_modes(tmp_path, rgb):
    gray = rgb[..., 1]
    Image.fromarray(gray).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(images.read_image(tmp_path / "gray.png"), np.repeat(gray[..., None], 3, -1))
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "16.png")
    np.testing.assert_array_equal(images.read_image(tmp_path / "16.png"), np.repeat(gray[..., None], 3, -1))
    alpha = np.full((40, 60, 1), 255, np.uint8)
    alpha[:, 30:] = 0
    Image.fromarray(np.concatenate([rgb, alpha], -1)).save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(images.read_image(tmp_path / "alpha.png"), np.where(alpha > 0, rgb, 0))
    Image.fromarray(gray).convert("1").save(tmp_path / "bits.png")
    assert set(np.unique(images.read_image(tmp_path / "bits.png"))) <= {0, 255}
    Image.fromarray(gray).convert("P").save(tmp_path / "palette.png")
    assert images.read_image(tmp_path / "palette.png").shape == (40, 60, 3)
    Image.fromarray(rgb).convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert images.read_image(tmp_path / "cmyk.jpg").shape == (40, 60, 3)


def test_exif_orientation(tmp_path, rgb):
    stored = Image.fromarray(rgb)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    stored.save(tmp_path / "phone.png", exif=exif)
    np.testing.assert_array_equal(images.read_image(tmp_path / "phone.png"), np.rot90(rgb, -1))


def test_bad_images(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / "good.jpg")
    Image.fromarray(rgb).save(tmp_path / "good.png")
    for suffix in ("jpg", "png"):
        content = (tmp_path / f"good.{suffix}").read_bytes()
        (tmp_path / f"cut.{suffix}").write_bytes(content[: len(content) * 2 // 3])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("hello")
    Image.fromarray(rgb[..., 0].astype(np.float32)).save(tmp_path / "float.tif")
    for name in ("cut.jpg", "cut.png", "empty.png", "text.png", "float.tif", "missing.png", "."):
        with pytest.raises(InputError, match="not a readable image") as caught:
            images.read_image(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_limit_on_pixels(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="60 x 40 pixels"):
        images.read_image(tmp_path / "a.png", max_pixels=2399)
    Image.new("1", (10_000, 10_000)).save(tmp_path / "hundred_megapixels.png")
    with pytest.raises(InputError, match="at most 80000000"):
        images.read_image(tmp_path / "hundred_megapixels.png")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    with pytest.raises(InputError, match="at most 80000000"):
        images.read_image(tmp_path / "bomb.png")


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(10))
def test_a_part_is_that_of_the_whole_in_every_orientation(tmp_path, rgb, orientation, suffix):
    """Orientations 0 and 9 mean nothing; Pillow turns a TIFF while it decodes it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(rgb).save(path, exif=exif, **({} if suffix == "tif" else {"quality": 95}))
    whole = read_image(path)
    assert check_image(path) == whole.shape[:2] == ((60, 40) if orientation in range(5, 9) else (40, 60))
    for low, high in (([5, 8], [20, 30]), ([30, 20], [70, 70])):
        pixels, origin, shrink = images.read_part(path, np.array(low, float), np.array(high, float))
        assert shrink == 1
        (x, y), (height, width) = origin.astype(int), pixels.shape[:2]
        np.testing.assert_array_equal(origin, [x, y])
        np.testing.assert_array_equal(pixels, whole[y : y + height, x : x + width])


@pytest.mark.parametrize(
    ("dtype", "white"), [(np.int32, 255), (np.uint16, 1023), (np.uint16, 4095), (np.uint16, 16383), (np.int32, 65535)]
)
def test_integers_of_more_than_eight_bits_are_not_dark(tmp_path, rgb, dtype, white):
    gray = rgb[..., 0].astype(np.int64) * 255 // rgb[..., 0].max()
    Image.fromarray((gray * white // 255).astype(dtype)).save(tmp_path / "a.tif")
    assert np.abs(images.read_image(tmp_path / "a.tif")[..., 1].astype(int) - gray).max() <= 1


def test_a_kind_of_file_that_is_not_decoded_is_an_error(tmp_path):
    header = b"DDS " + (124).to_bytes(4, "little") + bytes(68) + (32).to_bytes(4, "little") + (4).to_bytes(4, "little")
    (tmp_path / "a.dds").write_bytes(header + b"ABCD" + bytes(100))
    with pytest.raises(InputError, match="not a readable image"):
        images.read_image(tmp_path / "a.dds")


@pytest.mark.parametrize("orientation", [1, 6])
def test_looking_a_photograph_through_tells_its_size(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    Image.fromarray(np.zeros((30, 50, 3), np.uint8)).save(path, exif=exif)
    assert check_image(path) == read_image(path).shape[:2] == ((30, 50) if orientation == 1 else (50, 30))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="not a readable image"):
        check_image(path)
