"""Augmentation: landmarks follow the pixels; degradations, ranges and seeds are as documented."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhr_jax import augment, geometry
from fhr_jax.errors import InputError
from fhr_jax.markup import FACE7, FACE68, unknown
from tests.oracles import degradation as oracle

SIZE = 64
run = jax.jit(augment.augment)
photometric = jax.jit(augment.photometric)
degradation = jax.jit(augment.degradation, static_argnums=0)
similarity = jax.jit(
    augment.similarity, static_argnames=("size", "zoom", "turn", "turn_chance", "shift", "flip_chance")
)
cutout = jax.jit(augment.cutout)
jpeg = jax.jit(augment.jpeg)
geometric = jax.jit(augment.geometric, static_argnames=("size", "markup"))


@jax.jit
def degraded(key, image, options):
    """Options may be traced, so one compiled program serves all of them."""
    return augment.photometric(key, image, options=options)


def picture(seed=0, size=SIZE):
    """Smooth colours with an edge."""
    y, x = np.mgrid[:size, :size] / size
    phase = np.random.default_rng(seed).uniform(0, 6, 3)
    image = 0.5 + 0.3 * np.sin(5 * x[..., None] + 3 * y[..., None] + phase) + 0.2 * (x > 0.4)[..., None]
    return jnp.asarray(np.clip(image, 0, 1), jnp.float32)


def dots(points, size):
    """One channel a landmark: a Gaussian dot of 2 px about it."""
    at = np.arange(size)
    dx, dy = at[None, :, None] - points[:, 0], at[:, None, None] - points[:, 1]
    return jnp.asarray(np.exp(-0.5 * (dx**2 + dy**2) / 4), jnp.float32)


def centroid(image):
    at = np.arange(image.shape[0])
    total = image.sum(axis=(0, 1))
    x = (image * at[None, :, None]).sum(axis=(0, 1)) / total
    y = (image * at[:, None, None]).sum(axis=(0, 1)) / total
    return np.stack([x, y], axis=1)


@pytest.mark.parametrize("seed", range(12))
def test_a_dot_lands_on_its_landmark(seed):
    size = 128
    points = np.random.default_rng(seed).uniform(45, 82, (7, 2)).astype(np.float32)
    affine, flip = similarity(jax.random.key(seed), size=size, turn_chance=0.8, flip_chance=0.5)
    image, moved = geometric(dots(points, size), jnp.asarray(points), affine=affine, flip=flip, markup=FACE7)
    # Channel i followed pixels; landmark i of a mirrored face takes the name of its partner.
    found = centroid(np.asarray(image, np.float64))
    expected = np.asarray(moved)
    if bool(flip):
        expected = expected[list(FACE7.flip)]
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_faces_of_an_unknown_markup_are_never_mirrored():
    points = jnp.asarray(np.random.default_rng(0).uniform(0, SIZE, (5, 2)), jnp.float32)
    options = {"affine": geometry.similarity(SIZE), "flip": jnp.asarray(True), "markup": unknown(5)}
    image, moved = geometric(picture(), points, **options)
    np.testing.assert_allclose(image, picture(), atol=1e-5)
    np.testing.assert_allclose(moved, points, atol=1e-4)


def test_mirror_twice_is_the_identity():
    points = jnp.asarray(np.random.default_rng(0).uniform(0, SIZE, (68, 2)), jnp.float32)
    straight = geometry.similarity(SIZE)
    image = picture()
    for _ in range(2):
        image, points_back = geometric(image, points, affine=straight, flip=jnp.asarray(True))
        points, previous = points_back, points
    np.testing.assert_allclose(image, picture(), atol=1e-5)
    assert not np.allclose(points, previous)
    np.testing.assert_allclose(points, np.random.default_rng(0).uniform(0, SIZE, (68, 2)), atol=1e-4)


def test_similarity_has_the_documented_distribution():
    draw = jax.jit(jax.vmap(lambda key: augment.similarity(key, size=SIZE)))
    affines, flips = map(np.asarray, draw(jax.random.split(jax.random.key(0), 4000)))
    scale = np.hypot(affines[:, 0, 0], affines[:, 1, 0])
    angle = np.rad2deg(np.arctan2(affines[:, 1, 0], affines[:, 0, 0]))
    assert 2**-0.2401 <= scale.min() < 0.87
    assert 1.15 < scale.max() <= 2**0.2401
    assert np.abs(angle).max() <= 20.001
    assert abs((np.abs(angle) > 1e-3).mean() - 0.4) < 0.04
    assert abs(np.asarray(flips).mean() - 0.25) < 0.03
    # The centre moves by the shift only.
    centre = affines[:, :, :2] @ np.full(2, (SIZE - 1) / 2) + affines[:, :, 2] - (SIZE - 1) / 2
    assert np.abs(centre).max() <= 2 * 0.02 * SIZE + 1e-3
    np.testing.assert_allclose(affines[:, 0, 0], affines[:, 1, 1], atol=1e-6)


@given(sigma=st.floats(0.3, 6.0), factor=st.floats(1.0, 7.5))
def test_degradation_matches_the_loops(sigma, factor):
    size = 24
    matrix = np.asarray(degradation(size, jnp.float32(sigma), jnp.float32(factor)))
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-4)
    line = np.random.default_rng(3).uniform(size=size)
    expected = oracle.low_resolution(
        oracle.gaussian_rows(size, float(np.float32(sigma))) @ line, float(np.float32(factor))
    )
    np.testing.assert_allclose(matrix @ line, expected, atol=2e-3)


def test_no_degradation_is_the_identity():
    matrix = degradation(SIZE, jnp.float32(0), jnp.float32(1))
    np.testing.assert_allclose(matrix, np.eye(SIZE), atol=1e-5)


@pytest.mark.parametrize("quality", [10.0, 50.0, 80.0])
def test_jpeg_matches_the_standard(quality):
    """Coefficients of the result are multiples of the table's steps, and the nearest ones to the input's."""
    grey = np.random.default_rng(0).uniform(0.2, 0.8, (8, 8))
    image = jnp.asarray(np.repeat(grey[..., None], 3, axis=2), jnp.float32)
    packed = np.asarray(jpeg(image, quality=quality), np.float64)
    np.testing.assert_allclose(packed[..., 0], packed[..., 1], atol=1e-4)
    scale = 50 / quality if quality < 50 else 2 - quality / 50
    before, after = (oracle.block_dct(255 * p - 128) for p in (grey, packed[..., 0]))
    # First row of the luminance table.
    steps = np.maximum(np.round(np.array([16, 11, 10, 16, 24, 40, 51, 61]) * scale), 1)
    np.testing.assert_allclose(after[0], np.round(before[0] / steps) * steps, atol=0.05)


def test_jpeg_looks_like_a_real_one():
    cv2 = pytest.importorskip("cv2")
    image = picture(size=64)
    original = np.asarray(jnp.round(image * 255)).astype(np.uint8)
    for quality in (15, 60):
        ok, data = cv2.imencode(".jpg", original[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        assert ok
        real = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1] / 255
        ours = np.clip(np.asarray(jpeg(image, quality=float(quality))), 0, 1)
        real_error = np.abs(real - original / 255).mean()
        our_error = np.abs(ours - original / 255).mean()
        # The encoder averages chroma over 2 x 2 pixels, which ours does not.
        assert 0.4 * real_error < our_error < 1.3 * real_error
        assert np.abs(ours - real).mean() < 1.2 * real_error


def test_jpeg_of_the_best_quality_keeps_the_picture():
    np.testing.assert_allclose(jpeg(picture(), quality=100.0), picture(), atol=0.01)


def test_jpeg_refuses_a_broken_block():
    with pytest.raises(InputError, match="multiple of 8"):
        jpeg(jnp.zeros((12, 12, 3)), quality=50.0)


def test_blur_removes_contrast_and_keeps_the_mean():
    options = augment.Photometric()._replace(
        brightness=0.0,
        contrast=0.0,
        gamma=0.0,
        cast=0.0,
        grey=1.0,
        blur=8.0,
        blur_chance=1.0,
        downscale_chance=0.0,
        noise_chance=0.0,
        jpeg_chance=0.0,
        cutout_chance=0.0,
    )
    stripes = np.tile(((np.arange(SIZE) % 4 < 2) * 0.6 + 0.2)[None, :, None], (SIZE, 1, 3))
    blurred = np.asarray(degraded(jax.random.key(2), jnp.asarray(stripes, jnp.float32), options))
    assert blurred.std() < 0.2 * stripes.std()
    assert abs(blurred.mean() - 0.5) < 0.02
    np.testing.assert_allclose(blurred[..., 0], blurred[..., 2], atol=1e-5)


INGREDIENTS = {
    "nothing": {},
    "brightness": {"brightness": 0.2},
    "contrast": {"contrast": 0.3},
    "gamma": {"gamma": 0.3},
    "cast": {"cast": 0.1},
    "grey": {"grey": 1.0},
    "saturation": {"saturation": (0.4, 0.8)},
    "blur": {"blur_chance": 1.0},
    "low resolution": {"downscale_chance": 1.0},
    "noise": {"noise_chance": 1.0},
    "JPEG": {"jpeg_chance": 1.0},
    "occluder": {"cutout_chance": 1.0},
    "border": {"border_chance": 1.0},
}


def test_each_ingredient_alone_changes_the_picture_and_none_of_them_nothing():
    plain = np.asarray(picture())
    for name, switched_on in INGREDIENTS.items():
        options = augment.OFF._replace(**switched_on)
        made = (np.asarray(degraded(jax.random.key(seed), picture(), options)) for seed in range(6))
        changes = [np.abs(image - plain).max() for image in made]
        if name == "nothing":
            assert max(changes) < 2e-3  # gamma needs values above 0
        else:
            assert max(changes) > 0.01, name


def test_each_part_of_the_similarity_can_be_off():
    still = {"zoom": 0.0, "turn_chance": 0.0, "shift": 0.0, "flip_chance": 0.0}
    for seed in range(5):
        affine, flip = similarity(jax.random.key(seed), size=SIZE, **still)
        np.testing.assert_allclose(affine, [[1, 0, 0], [0, 1, 0]], atol=1e-5)
        assert not flip
    for name, moved in (("zoom", 0.2), ("turn_chance", 1.0), ("shift", 0.1)):
        affine, _ = similarity(jax.random.key(1), size=SIZE, **still | {name: moved})
        assert np.abs(np.asarray(affine) - np.eye(2, 3)).max() > 0.01, name


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5])
def test_flat_pictures_stay_finite_and_in_range(value):
    for seed in range(10):
        flat = jnp.asarray(np.full((SIZE, SIZE, 3), value, np.float32))
        image = np.asarray(photometric(jax.random.key(seed), flat))
        assert np.isfinite(image).all()
        assert image.min() >= 0
        assert image.max() <= 1


def test_same_key_same_bits_other_key_other_picture():
    points = jnp.full((68, 2), 20.0)
    one, other = run(jax.random.key(4), picture(), points), run(jax.random.key(4), picture(), points)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.abs(run(jax.random.key(5), picture(), points)[0] - one[0]).mean() > 0.01


def test_vmap_agrees_with_one_by_one():
    keys = jax.random.split(jax.random.key(0), 3)
    images = jnp.asarray(np.stack([picture(i) for i in range(3)]))
    points = jnp.asarray(np.random.default_rng(0).uniform(0, SIZE, (3, 68, 2)), jnp.float32)
    together = jax.tree.map(np.asarray, jax.jit(jax.vmap(augment.augment))(keys, images, points))
    for i in range(3):
        image, moved = run(keys[i], images[i], points[i])
        np.testing.assert_allclose(together[1][i], moved, atol=1e-3)
        # A rounded coefficient of JPEG may fall to the other side here and there.
        assert np.quantile(np.abs(together[0][i] - image), 0.99) < 5e-3


def test_photometric_never_moves_landmarks_and_augment_moves_them_by_the_similarity():
    points = jnp.asarray(np.random.default_rng(0).uniform(0, SIZE, (68, 2)), jnp.float32)
    apply = jax.jit(geometry.apply)
    mirror = jax.jit(geometry.mirror, static_argnames=("width", "markup"))
    for seed in range(4):
        key = jax.random.key(seed)
        affine, flip = similarity(jax.random.split(key)[0], size=SIZE)
        expected = apply(affine, points)
        if bool(flip):
            expected = mirror(expected, width=SIZE, markup=FACE68)
        np.testing.assert_allclose(run(key, picture(), points)[1], expected, atol=1e-4)


@pytest.mark.parametrize("name", ["similarity", "photometric", "augment", "cutout", "colour"])
def test_key_comes_first_and_options_are_keywords(name):
    parameters = list(inspect.signature(getattr(augment, name)).parameters.values())
    assert parameters[0].name == "key"
    data = {"key", "image", "points"}
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters if p.name not in data)


def test_cutout_covers_some_of_the_picture_and_not_all():
    shares = []
    for seed in range(20):
        changed = np.asarray(cutout(jax.random.key(seed), picture(), largest=0.45))
        shares.append((np.abs(changed - np.asarray(picture())).max(axis=-1) > 1e-3).mean())
    assert max(shares) < 0.35
    assert np.mean(shares) > 0.01


def test_a_border_is_black_as_wide_as_asked_and_only_at_two_sides():
    draw = jax.jit(augment.border)
    white = jnp.ones((SIZE, SIZE, 3))
    np.testing.assert_array_equal(draw(jax.random.key(0), white, largest=0.3, chance=0.0), white)
    sides = np.zeros(4)
    for seed in range(40):
        image = np.asarray(draw(jax.random.key(seed), white, largest=0.3, chance=1.0))
        assert set(np.unique(image)) <= {0.0, 1.0}
        kept = image[..., 0] > 0
        rows, columns = kept.any(axis=1), kept.any(axis=0)
        np.testing.assert_array_equal(kept, rows[:, None] & columns[None])
        for line in (rows, columns):
            assert line.mean() >= 0.7 - 1 / SIZE
            assert line[0] or line[-1]
        sides += [not rows[0], not rows[-1], not columns[0], not columns[-1]]
    assert sides.min() > 5
    some = [float(draw(jax.random.key(seed), white, largest=0.3, chance=0.25).min()) for seed in range(200)]
    assert 0.25 < np.mean([low == 0 for low in some]) < 0.55  # 1 - 0.75^2, less those narrower than a pixel


def test_most_borders_end_before_the_landmarks():
    draw = jax.jit(augment.border)
    white, low, high = jnp.ones((SIZE, SIZE, 3)), 0.3 * SIZE, 0.8 * SIZE
    points = jnp.array([[low, low], [high, high], [low, high]])

    def borders(largest):
        """Widths of the borders, and which of them cover landmarks."""
        for seed in range(100):
            kept = np.asarray(draw(jax.random.key(seed), white, largest=largest, chance=1.0, points=points))[..., 0] > 0
            for line in (kept.any(axis=1), kept.any(axis=0)):
                yield 1 - line.mean(), not line[int(np.ceil(low)) : int(high)].all()

    narrow, covering = zip(*borders(0.1), strict=True)
    assert not any(covering)
    assert max(narrow) > 0.25  # up to the landmarks, wider than `largest`
    assert 0.05 < np.mean([covers for _, covers in borders(1.0)]) < augment.COVERING


def test_a_border_leaves_what_is_in_it_even_if_landmarks_lie_outside():
    """A landmark beyond a side leaves no room there."""
    points = jnp.array([[-5.0, 10.0], [SIZE + 5.0, 20.0]])
    draw = jax.jit(augment.border)
    whole = [
        float(draw(jax.random.key(seed), jnp.ones((SIZE, SIZE, 3)), largest=0.3, chance=1.0, points=points)[30].mean())
        for seed in range(20)
    ]
    assert np.median(whole) == 1.0
