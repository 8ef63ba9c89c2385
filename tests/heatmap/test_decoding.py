"""Encoding and decoding of heatmaps: exact where documented, bounded elsewhere, finite for any input."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from jax.test_util import check_grads

from fhr_jax import heatmap
from fhr_jax.errors import InputError
from fhr_jax.heatmap import peak
from tests.oracles import heatmap as oracle

EXACT = ("fractional", "two_sided", "parabola", "least_squares", "maximum_likelihood")
BOUNDED = tuple(m for m in heatmap.DECODERS if m != "paper_unclamped")
SMOOTH = ("fractional", "two_sided", "parabola", "dark", "soft_argmax", "least_squares", "maximum_likelihood")
SIZES = [((128, 128), 3.0), ((64, 64), 8.0), ((17, 40), 1.5), ((17, 40), 0.2), ((2, 2), 3.0), ((9, 2), 0.75)]


def points_everywhere(size, seed=0, landmarks=60):
    """Points over the whole area of a map: random, integer, half-integer, and on its border."""
    height, width = size
    rng = np.random.default_rng(seed)
    points = rng.uniform(size=(landmarks, 2)) * [width, height] - 0.5
    points[:20] = np.clip(np.round(points[:20] * 2) / 2, -0.5, [width - 0.5, height - 0.5])
    points[20:24] = [(-0.5, -0.5), (width - 0.5, -0.5), (-0.5, height - 0.5), (width - 0.5, height - 0.5)]
    points[24:34, 0] = rng.choice([-0.5, 0, width - 1, width - 0.5], size=10)
    points[34:44, 1] = rng.choice([-0.5, 0, height - 1, height - 0.5], size=10)
    return points.astype(np.float32)


def noisy_maps(seed=0, size=(24, 24), sigma=1.5, noise=0.02, landmarks=16):
    """Maps with peaks everywhere, border included, and noise that makes some values negative.

    Most tests share this shape and sigma, so that each decoder is compiled only once.
    """
    rng = np.random.default_rng(seed)
    points = rng.uniform(size=(landmarks, 2)) * [size[1], size[0]] - 0.5
    maps = np.asarray(heatmap.encode(jnp.asarray(points, jnp.float32), size=size, sigma=sigma))
    return (maps + noise * rng.normal(size=maps.shape)).astype(np.float32)


find_peak = jax.jit(peak.find)


@partial(jax.jit, static_argnames=("size", "sigma"))
def round_trip(points, *, size, sigma=3.0, height=1.0):
    """Points from maps of points, by each of the exact decoders; one program for all of them."""
    maps = height * heatmap.encode(points, size=size, sigma=sigma)
    return {decoder: heatmap.decode(maps, sigma=sigma, decoder=decoder) for decoder in EXACT}


@partial(jax.jit, static_argnames=("sigma", "decoder", "logits"))
def decode_and_slope(maps, *, sigma=3.0, decoder="least_squares", logits=False):
    """Points of maps, and the gradient of their sum."""

    def total(h):
        points = heatmap.decode(h, sigma=sigma, decoder=decoder, logits=logits)
        return points.sum(), points

    slope, points = jax.grad(total, has_aux=True)(maps)
    return points, slope


def distance_to_peak(decoded, maps):
    top = heatmap.decode(maps, decoder="argmax")
    return np.abs(np.asarray(decoded) - np.asarray(top))


def reach(decoder, sigma):
    """Pixels per axis between the highest pixel and a result, at most."""
    return np.ceil(2.5 * sigma) if decoder == "maximum_likelihood" else 1


# Encoding


@pytest.mark.parametrize("sigma", [0.5, 3.0])
def test_encode_agrees_with_the_definition(sigma):
    points = np.array([[3.3, 1.75], [-0.5, 6.5], [40.0, 2.0]], np.float32)
    ours = heatmap.encode(jnp.asarray(points), size=(7, 9), sigma=sigma)
    theirs = [oracle.encode(x, y, 7, 9, sigma) for x, y in points]
    assert ours.shape == (7, 9, 3)
    np.testing.assert_allclose(np.moveaxis(np.asarray(ours), -1, 0), theirs, rtol=2e-5, atol=1e-30)


def test_rounded_moves_the_centre_to_the_nearest_pixel():
    points = jnp.array([[3.3, 1.75], [2.5, 0.49], [-0.4, 3.51]])
    nearest = jnp.array([[3.0, 2.0], [3.0, 0.0], [0.0, 4.0]])
    ours = heatmap.encode(points, size=(7, 9), rounded=True)
    np.testing.assert_array_equal(ours, heatmap.encode(nearest, size=(7, 9)))


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_a_missing_landmark_has_an_empty_map_and_finite_gradients(missing):
    points = jnp.asarray(np.array([[3.0, 2.0], [missing, 2.0], [1.0, missing]], np.float32))
    maps = np.asarray(heatmap.encode(points, size=(7, 9)))
    assert maps[..., 0].max() == 1
    assert not maps[..., 1:].any()
    gradient = jax.jit(jax.grad(lambda p: (heatmap.encode(p, size=(7, 9)) ** 2).sum()))(points)
    assert np.isfinite(gradient).all()


def test_encode_has_the_right_gradient():
    points = jnp.array([[3.3, 1.7], [0.2, 4.9]])
    encode = jax.jit(lambda p: heatmap.encode(jnp.asarray(p), size=(6, 7), sigma=2.0))
    check_grads(encode, (points,), order=2, rtol=2e-2, atol=2e-2)


# Noise-free round trips


@pytest.mark.parametrize(("size", "sigma"), SIZES)
def test_exact_decoders_return_every_point(size, sigma):
    points = points_everywhere(size)
    for decoder, decoded in round_trip(jnp.asarray(points), size=size, sigma=sigma).items():
        np.testing.assert_allclose(decoded, points, atol=1e-3, rtol=0, err_msg=decoder)


@given(x=st.floats(-0.5, 127.5, width=32), y=st.floats(-0.5, 95.5, width=32), height=st.floats(1e-6, 1e6))
@pytest.mark.parametrize("decoder", EXACT)
def test_exact_decoders_return_any_point_of_any_height(decoder, x, y, height):
    decoded = round_trip(jnp.asarray(np.array([[x, y]], np.float32)), size=(96, 128), height=height)[decoder]
    np.testing.assert_allclose(decoded, [[x, y]], atol=1e-3, rtol=0)


@pytest.mark.parametrize("decoder", EXACT)
def test_an_axis_of_one_pixel_gives_that_pixel_and_the_other_axis_stays_exact(decoder):
    points = np.array([[2.3, 0.0], [5.5, 0.4], [-0.5, -0.2]], np.float32)
    decoded = np.asarray(round_trip(jnp.asarray(points), size=(1, 7))[decoder])
    np.testing.assert_allclose(decoded[:, 0], points[:, 0], atol=1e-3)
    np.testing.assert_array_equal(decoded[:, 1], 0)


@pytest.mark.parametrize("sigma", [0.75, 3.0])
@pytest.mark.parametrize(
    ("decoder", "inside", "anywhere"),
    [("argmax", 0.5, 0.5), ("quarter_shift", 0.25, 0.5), ("soft_argmax", 0.02, 0.5), ("dark", 0.02, 1.5)],
)
def test_the_other_decoders_keep_their_documented_error(decoder, inside, anywhere, sigma):
    size = (64, 48)
    points = points_everywhere(size, landmarks=600)
    decoded = heatmap.decode(heatmap.encode(jnp.asarray(points), size=size, sigma=sigma), sigma=sigma, decoder=decoder)
    errors = np.abs(np.asarray(decoded) - points)
    margin = np.minimum(points, [size[1] - 1, size[0] - 1] - points).min(axis=-1)
    central = (
        margin > {"argmax": 0, "quarter_shift": 1, "soft_argmax": 2.5 * sigma + 2, "dark": 2.5 * sigma + 4}[decoder]
    )
    assert central.sum() > 30
    assert errors[central].max() <= inside + 1e-4
    assert errors.max() <= anywhere + 1e-4
    if decoder in ("argmax", "quarter_shift"):
        assert errors[central].max() > 0.9 * inside  # the bound is tight, so the fraction is worth decoding


# Against the definitions


@pytest.mark.parametrize("decoder", heatmap.DECODERS)
def test_agrees_with_the_definition_on_noisy_maps(decoder):
    sigma, maps = 1.5, noisy_maps()
    ours = np.asarray(heatmap.decode(jnp.asarray(maps), sigma=sigma, decoder=decoder))
    one = (lambda h, s: oracle.argmax(h)) if decoder == "argmax" else getattr(oracle, decoder)
    theirs = [one(maps[..., m].astype(np.float64), sigma) for m in range(maps.shape[-1])]
    np.testing.assert_allclose(ours, theirs, atol=5e-4, rtol=1e-5)


@given(
    arrays(np.float32, (5, 4), elements=st.sampled_from([-np.inf, -1.0, 0.0, 1.0, 2.0, np.inf, np.nan])),
)
def test_the_peak_is_the_first_maximum_and_nan_counts_as_minus_infinity(h):
    top = find_peak(jnp.asarray(h[None, :, :, None]))
    assert (np.asarray(top.x).item(), np.asarray(top.y).item()) == oracle.argmax(h)


def test_paper_unclamped_is_moved_far_by_one_bad_pixel_and_negated_at_the_border():
    maps = np.asarray(heatmap.encode(jnp.array([[20.3, 30.0], [63.2, 30.0]]), size=(64, 64))).copy()
    maps[30, 21, 0] = -1e-3
    moved, border = heatmap.decode(jnp.asarray(maps), decoder="paper_unclamped")
    assert moved[0] < 20 - 9 * 30
    np.testing.assert_allclose(border, [-63.2, 30.0], atol=1e-3)
    kept = heatmap.decode(jnp.asarray(maps), decoder="fractional")
    np.testing.assert_allclose(kept, [[20.3, 30.0], [63.2, 30.0]], atol=1e-3)


# Any input


def hostile_maps():
    gaussian = np.asarray(heatmap.encode(jnp.array([[4.2, 3.4]]), size=(8, 9)))[..., 0]
    rng = np.random.default_rng(1)
    hole = gaussian.copy()
    hole[3, 5] = hole[4, 4] = 0
    maps = {
        "zeros": np.zeros((8, 9)),
        "ones": np.ones((8, 9)),
        "negative": -np.ones((8, 9)),
        "negative gaussian": gaussian - 2,
        "nan": np.full((8, 9), np.nan),
        "some nan": np.where(rng.uniform(size=(8, 9)) < 0.5, np.nan, gaussian),
        "inf": np.full((8, 9), np.inf),
        "one inf": np.where(gaussian == gaussian.max(), np.inf, gaussian),
        "minus inf": np.full((8, 9), -np.inf),
        "peak in minus inf": np.where(gaussian == gaussian.max(), gaussian, -np.inf),
        "1e30": 1e30 * gaussian,
        "-1e30": -1e30 * gaussian,
        "mixed 1e30": 1e30 * rng.normal(size=(8, 9)),
        "largest": np.full((8, 9), np.finfo(np.float32).max),
        "1e-30": 1e-30 * gaussian,
        "1e-38": 1e-38 * gaussian,
        "subnormal": np.full((8, 9), 1e-42),
        "noise": rng.normal(size=(8, 9)),
        "tiny neighbours": np.where(gaussian == gaussian.max(), 1.0, 1e-20),
        "holes": hole,
        "spike in negatives": np.where(gaussian == gaussian.max(), 1.0, -1e30),
    }
    return list(maps), jnp.asarray(np.stack(list(maps.values()), axis=-1), jnp.float32)


@pytest.mark.parametrize(
    ("sigma", "decoder"), [*((3.0, m) for m in BOUNDED), (0.3, "fractional"), (0.3, "least_squares")]
)
def test_hostile_maps_stay_within_a_pixel_of_the_peak(sigma, decoder):
    names, maps = hostile_maps()
    decoded, gradient = map(np.asarray, decode_and_slope(maps, sigma=sigma, decoder=decoder))
    far = distance_to_peak(decoded, maps)
    for m, name in enumerate(names):
        assert np.isfinite(gradient[..., m]).all(), name
        if name == "nan":
            assert np.isnan(decoded[m]).all()
            continue
        assert np.isfinite(decoded[m]).all(), name
        assert far[m].max() <= reach(decoder, sigma), name


@pytest.mark.parametrize("decoder", BOUNDED[2:])
def test_without_a_finite_positive_neighbourhood_the_point_is_the_peak(decoder):
    names, maps = hostile_maps()
    far = distance_to_peak(decode_and_slope(maps, sigma=3.0, decoder=decoder)[0], maps)
    for name in ("zeros", "negative", "inf", "minus inf", "one inf", "peak in minus inf"):
        assert not far[names.index(name)].any(), name


@given(arrays(np.float32, (6, 7, 2), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)))
@pytest.mark.parametrize("decoder", BOUNDED)
def test_any_map_decodes_within_a_pixel_of_its_peak(decoder, h):
    decoded = np.asarray(heatmap.decode(jnp.asarray(h), sigma=1.5, decoder=decoder))
    holds = (h > -np.inf).any(axis=(0, 1))
    assert np.isfinite(decoded[holds]).all()
    assert distance_to_peak(decoded, jnp.asarray(h))[holds].max(initial=0) <= reach(decoder, 1.5)
    confidence = heatmap.confidence(jnp.asarray(h), sigma=1.5)
    assert np.isfinite(confidence.peak).all()
    assert (np.linalg.eigvalsh(np.asarray(confidence.covariance, np.float64)) > 0).all()


# Symmetries


@given(dx=st.integers(-2, 2), dy=st.integers(-2, 2))
@pytest.mark.parametrize("decoder", BOUNDED)
def test_a_shifted_map_gives_a_shifted_point(decoder, dx, dy):
    maps = np.pad(noisy_maps(size=(8, 8), noise=0.05), ((8, 8), (8, 8), (0, 0)))
    plain = np.asarray(heatmap.decode(jnp.asarray(maps), sigma=1.5, decoder=decoder))
    moved = heatmap.decode(jnp.asarray(np.roll(maps, (dy, dx), (0, 1))), sigma=1.5, decoder=decoder)
    np.testing.assert_allclose(moved, plain + np.array([dx, dy]), atol=1e-4)


@pytest.mark.parametrize(
    "decoder", ["argmax", "quarter_shift", "two_sided", "parabola", "dark", "soft_argmax", "least_squares"]
)
def test_a_mirrored_map_gives_a_mirrored_point(decoder):
    maps = noisy_maps(noise=0.05)
    plain = np.array(heatmap.decode(jnp.asarray(maps), sigma=1.5, decoder=decoder))
    mirrored = heatmap.decode(jnp.asarray(maps[:, ::-1]), sigma=1.5, decoder=decoder)
    # At the border `two_sided` and `parabola` fall back to one side, which is the same side of the mirror image.
    plain[:, 0] = maps.shape[1] - 1 - plain[:, 0]
    np.testing.assert_allclose(mirrored, plain, atol=1e-4)


@pytest.mark.parametrize("decoder", BOUNDED)
def test_a_transposed_map_gives_swapped_coordinates(decoder):
    maps = noisy_maps(noise=0.05)
    plain = np.asarray(heatmap.decode(jnp.asarray(maps), sigma=1.5, decoder=decoder))
    swapped = heatmap.decode(jnp.asarray(maps.swapaxes(0, 1)), sigma=1.5, decoder=decoder)
    np.testing.assert_allclose(swapped, plain[:, ::-1], atol=1e-4)


@pytest.mark.parametrize("decoder", BOUNDED)
@pytest.mark.parametrize("factor", [1e-10, 0.37, 1e12])
def test_the_height_of_a_map_does_not_matter(decoder, factor):
    maps = jnp.asarray(noisy_maps(noise=0.05))
    plain = heatmap.decode(maps, sigma=1.5, decoder=decoder)
    np.testing.assert_allclose(heatmap.decode(factor * maps, sigma=1.5, decoder=decoder), plain, atol=1e-3)


def test_more_pixels_give_a_lower_error_under_noise():
    rng = np.random.default_rng(0)
    error = dict.fromkeys(("argmax", *SMOOTH), 0.0)
    for _ in range(40):
        points = rng.uniform(8, 16, size=(16, 2)).astype(np.float32)
        maps = np.asarray(heatmap.encode(jnp.asarray(points), size=(24, 24), sigma=1.5))
        maps = jnp.asarray(maps + 0.05 * rng.normal(size=maps.shape), jnp.float32)
        for decoder in error:
            decoded = np.asarray(heatmap.decode(maps, sigma=1.5, decoder=decoder))
            error[decoder] += float(((decoded - points) ** 2).mean())
    assert error["least_squares"] < 0.5 * error["two_sided"] < 0.4 * error["fractional"]
    assert error["fractional"] < error["argmax"]
    assert error["dark"] < 0.5 * error["parabola"]


# Gradients, transformations, types


@pytest.mark.parametrize("decoder", SMOOTH)
def test_decoders_have_the_right_gradient(decoder):
    with jax.enable_x64(True):
        maps = jnp.asarray(noisy_maps(size=(14, 13), landmarks=6, noise=0.01), jnp.float64) + 0.05
        check_grads(
            lambda h: heatmap.decode(jnp.asarray(h), sigma=1.5, decoder=decoder),
            (maps,),
            order=1,
            modes=("rev",),
            rtol=1e-4,
            atol=1e-4,
            eps=1e-6,
        )


def test_encode_then_decode_has_the_identity_as_derivative():
    points = jnp.array([[5.3, 6.2], [0.1, 3.6]])
    direction = jnp.array([[0.3, -0.7], [1.1, 0.2]])

    @jax.jit
    def both(p):
        maps = heatmap.encode(p, size=(12, 12))
        return {decoder: heatmap.decode(maps, decoder=decoder) for decoder in EXACT}

    for decoder, moved in jax.jvp(both, (points,), (direction,))[1].items():
        np.testing.assert_allclose(moved, direction, atol=1e-3, err_msg=decoder)


@pytest.mark.parametrize("decoder", ["fractional", "paper_unclamped", "dark"])
def test_leading_axes_vmap_and_jit_agree(decoder):
    maps = jnp.asarray(np.stack([noisy_maps(seed) for seed in range(6)])).reshape(2, 3, 24, 24, 16)
    whole = heatmap.decode(maps, sigma=1.5, decoder=decoder)
    assert whole.shape == (2, 3, 16, 2)
    each = np.asarray(maps).reshape(6, 24, 24, 16)
    single = np.stack([heatmap.decode(jnp.asarray(h), sigma=1.5, decoder=decoder) for h in each])
    mapped = jax.vmap(jax.vmap(lambda h: heatmap.decode(h, sigma=1.5, decoder=decoder)))(maps)
    jitted = jax.jit(lambda h: heatmap.decode(h, sigma=1.5, decoder=decoder))(maps)
    for other in (single.reshape(2, 3, 16, 2), mapped, jitted):
        np.testing.assert_allclose(whole, other, atol=1e-5)


def test_vmap_treats_nan_map_by_map():
    broken = np.stack([noisy_maps(seed) for seed in range(3)])
    broken[1, 3] = np.nan
    mapped = jax.vmap(heatmap.decode)(jnp.asarray(broken))
    for one, h in zip(np.asarray(mapped), broken, strict=True):
        np.testing.assert_allclose(one, heatmap.decode(jnp.asarray(h)), atol=1e-5)


def test_maps_without_a_number_have_no_point():
    """Not even of the paper's own decoder; other maps beside them are as before."""
    maps = np.stack([noisy_maps(0)[..., :2]] * 2)
    expected = {decoder: np.array(heatmap.decode(jnp.asarray(maps), decoder=decoder)) for decoder in heatmap.DECODERS}
    maps[1, :, :, 0] = np.nan
    for decoder, points in expected.items():
        found = np.asarray(heatmap.decode(jnp.asarray(maps), decoder=decoder))
        assert np.isnan(found[1, 0]).all(), decoder
        points[1, 0] = np.nan
        np.testing.assert_allclose(found, points, atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 8, 9, 68), (3, 0, 8, 9, 68), (2, 8, 9, 0)])
def test_no_face_and_no_landmark_are_empty(shape):
    for decoder in heatmap.DECODERS:
        found = heatmap.decode(jnp.zeros(shape, jnp.float16), sigma=1.5, decoder=decoder)
        assert found.shape == (*shape[:-3], shape[-1], 2)
        assert found.dtype == np.float32


def test_decode_is_traced_once_a_shape():
    calls = []

    @jax.jit
    def decode(h):
        calls.append(None)
        return heatmap.decode(h)

    for seed in range(3):
        decode(jnp.asarray(noisy_maps(seed)))
    assert len(calls) == 1


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precision_maps_decode_in_float32(dtype):
    exact = jnp.asarray(noisy_maps(noise=0.0))
    halved = exact.astype(dtype)
    for decoder in ("fractional", "least_squares"):
        decoded = heatmap.decode(halved, sigma=1.5, decoder=decoder)
        assert decoded.dtype == jnp.float32
        upcast = heatmap.decode(halved.astype(jnp.float32), sigma=1.5, decoder=decoder)
        np.testing.assert_array_equal(decoded, upcast)
    clean = heatmap.decode(exact, sigma=1.5, decoder="least_squares")
    np.testing.assert_allclose(decoded, clean, atol=0.05)  # bfloat16 keeps eight bits


def test_float64_stays_float64():
    with jax.enable_x64(True):
        points = jnp.array([[20.3, 30.6], [-0.5, 63.5]], jnp.float64)
        maps = heatmap.encode(points, size=(64, 64))
        assert maps.dtype == jnp.float64
        np.testing.assert_allclose(heatmap.decode(maps, decoder="two_sided"), points, atol=1e-9)


def test_contractions_run_at_highest_precision():
    text = str(jax.make_jaxpr(lambda h: heatmap.decode(h, decoder="dark"))(jnp.asarray(noisy_maps())))
    assert text.count("dot_general[") == text.count("Precision.HIGHEST, Precision.HIGHEST") > 0


# Confidence


@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_confidence_of_a_clean_map_is_its_height_and_sigma(sigma):
    points = jnp.array([[30.0, 31.0], [25.5, 28.2], [33.3, 30.5]])
    ours = heatmap.confidence(0.7 * heatmap.encode(points, size=(64, 64), sigma=sigma), sigma=sigma)
    assert ours.peak[0] == pytest.approx(0.7)
    np.testing.assert_allclose(ours.covariance, np.broadcast_to(sigma**2 * np.eye(2), (3, 2, 2)), atol=0.02 * sigma**2)


def test_confidence_near_the_border_loses_at_most_a_third():
    points = jnp.asarray(points_everywhere((64, 64), landmarks=400))
    covariance = np.asarray(heatmap.confidence(heatmap.encode(points, size=(64, 64))).covariance) / 9
    variances = covariance[:, [0, 1], [0, 1]]
    assert variances.min() > 2 / 3
    assert variances.max() < 1.1


def test_covariance_agrees_with_the_definition():
    maps = noisy_maps(noise=0.03)
    ours = heatmap.confidence(jnp.asarray(maps), sigma=1.5)
    theirs = [oracle.covariance(maps[..., m].astype(np.float64), 1.5) for m in range(maps.shape[-1])]
    np.testing.assert_allclose(ours.covariance, theirs, atol=2e-3)
    np.testing.assert_array_equal(ours.peak, maps.max(axis=(0, 1)))


def test_covariance_is_largest_along_the_direction_of_a_smear():
    along = jnp.stack([jnp.linspace(28, 36, 9), jnp.linspace(28, 36, 9)], axis=-1)
    smear = heatmap.encode(along, size=(64, 64)).mean(axis=-1, keepdims=True)
    covariance = np.asarray(heatmap.confidence(smear).covariance)[0]
    values, vectors = np.linalg.eigh(covariance)
    np.testing.assert_allclose(np.abs(vectors[:, 1]), np.sqrt([0.5, 0.5]), atol=1e-2)
    assert values[1] > 1.5 * values[0]


def test_confidence_of_hostile_maps_is_finite_and_its_gradient_too():
    names, maps = hostile_maps()
    ours = jax.tree.map(np.asarray, heatmap.confidence(maps, sigma=1.0))
    gradient = np.asarray(jax.jit(jax.grad(lambda h: heatmap.confidence(h, sigma=1.0).covariance.sum()))(maps))
    for m, name in enumerate(names):
        assert np.isfinite(ours.peak[m]), name
        assert (np.linalg.eigvalsh(np.asarray(ours.covariance[m], np.float64)) > 0).all(), name
        assert np.isfinite(gradient[..., m]).all(), name


# Bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: heatmap.encode(jnp.zeros((2, 2)), size=(0, 5)), "size"),
        (lambda: heatmap.encode(jnp.zeros((2, 2)), size=(5, 5), sigma=0.0), "sigma"),
        (lambda: heatmap.decode(jnp.zeros((5, 5, 2)), decoder="nearest"), "nearest"),
        (lambda: heatmap.decode(jnp.zeros((5, 5, 2)), sigma=-1.0), "sigma"),
        (lambda: heatmap.decode(jnp.zeros((0, 5, 2))), "pixels"),
        (lambda: heatmap.confidence(jnp.zeros((5, 0, 2))), "pixels"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
