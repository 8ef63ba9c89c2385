"""Decoding of logits: the same points as those of exp(logits), also where exp(logits) underflows."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from jax.test_util import check_grads

from fhr_jax import heatmap, losses
from fhr_jax.errors import InputError
from tests.heatmap.test_decoding import EXACT, SMOOTH, decode_and_slope, distance_to_peak, points_everywhere, reach
from tests.oracles import heatmap as oracle

DECODERS = tuple(m for m in heatmap.DECODERS if m != "paper_unclamped")
SIZE, SIGMA = (24, 24), 1.5


def log_gaussians(points, size, sigma):
    """Logits of a perfect net, (H, W, M) in float64, with another constant added to each map."""
    y, x = np.mgrid[: size[0], : size[1]][..., None]
    square = (x - points[:, 0]) ** 2 + (y - points[:, 1]) ** 2
    return -square / (2 * sigma**2) + np.linspace(-40, 40, len(points))


def noisy_logits(seed=0, noise=0.15, landmarks=16):
    rng = np.random.default_rng(seed)
    points = rng.uniform(size=(landmarks, 2)) * [SIZE[1], SIZE[0]] - 0.5
    logits = log_gaussians(points, SIZE, SIGMA)
    return (logits + noise * rng.normal(size=logits.shape)).astype(np.float32)


def as_maps(logits):
    """The maps whose logarithms are the logits, peak 1."""
    return np.exp(logits - logits.max(axis=(0, 1), keepdims=True))


@pytest.mark.parametrize("decoder", DECODERS)
def test_logits_decode_like_their_exponentials(decoder):
    logits = noisy_logits()
    ours = np.asarray(heatmap.decode(jnp.asarray(logits), sigma=SIGMA, decoder=decoder, logits=True))
    maps = as_maps(logits.astype(np.float64))
    read = heatmap.decode(jnp.asarray(maps, jnp.float32), sigma=SIGMA, decoder=decoder)
    np.testing.assert_allclose(ours, read, atol=1e-3, rtol=0)
    one = (lambda h, s: oracle.argmax(h)) if decoder == "argmax" else getattr(oracle, decoder)
    theirs = [one(maps[..., m], SIGMA) for m in range(maps.shape[-1])]
    np.testing.assert_allclose(ours, theirs, atol=1e-3, rtol=0)


def decode_exactly(logits, sigma):
    return {decoder: heatmap.decode(logits, sigma=sigma, decoder=decoder, logits=True) for decoder in EXACT}


@pytest.mark.parametrize("sigma", [3.0, 0.75, 0.08])
def test_exact_decoders_return_every_point_even_of_very_narrow_gaussians(sigma):
    points = points_everywhere((17, 40))
    logits = jnp.asarray(log_gaussians(points.astype(np.float64), (17, 40), sigma), jnp.float32)
    for decoder, decoded in jax.jit(partial(decode_exactly, sigma=sigma))(logits).items():
        np.testing.assert_allclose(decoded, points, atol=1e-3, rtol=0, err_msg=decoder)


def test_equation_4_is_linear_in_the_logits():
    first, second = (noisy_logits(noise=noise) for noise in (0.1, 0.3))
    peak = np.float32(100) * (first == first.max(axis=(0, 1), keepdims=True))
    first, second = first + peak, second + peak  # one peak, so that nothing else changes
    for decoder in ("fractional", "two_sided"):

        def decode(logits, decoder=decoder):
            found = heatmap.decode(jnp.asarray(logits, jnp.float32), sigma=0.05, decoder=decoder, logits=True)
            return np.asarray(found)

        middle = decode(0.3 * first + 0.7 * second)
        np.testing.assert_allclose(middle, 0.3 * decode(first) + 0.7 * decode(second), atol=1e-4)


@given(shift=st.floats(-1e3, 1e3, width=32))
@pytest.mark.parametrize("decoder", DECODERS)
def test_adding_a_constant_changes_nothing(decoder, shift):
    logits = noisy_logits()
    plain = heatmap.decode(jnp.asarray(logits), sigma=SIGMA, decoder=decoder, logits=True)
    moved = heatmap.decode(jnp.asarray(logits + np.float32(shift)), sigma=SIGMA, decoder=decoder, logits=True)
    np.testing.assert_allclose(
        moved, plain, atol=5e-3
    )  # a float32 of 1000 has a resolution of 6e-5, times sigma^2 and the radius


def test_the_point_of_least_cross_entropy_is_the_target():
    """The output of a net at the minimum of its loss is the logarithm of the target up to a constant."""
    points = jnp.array([[5.3, 7.8], [0.2, 15.4]])
    target = heatmap.encode(points, size=(16, 16), sigma=1.0)
    logits = jnp.asarray(log_gaussians(np.asarray(points), (16, 16), 1.0), jnp.float32)
    slope = jax.jit(jax.grad(lambda h: losses.cross_entropy(h[None, None], target[None])))(logits)
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    np.testing.assert_allclose(heatmap.decode(logits, sigma=1.0, logits=True), points, atol=1e-3)


# Any input


def hostile_logits():
    logits = log_gaussians(np.array([[4.2, 3.4]]), (8, 9), 1.0)[..., 0]
    top = logits == logits.max()
    rng = np.random.default_rng(1)
    maps = {
        "zeros": np.zeros((8, 9)),
        "nan": np.full((8, 9), np.nan),
        "some nan": np.where(rng.uniform(size=(8, 9)) < 0.5, np.nan, logits),
        "inf": np.full((8, 9), np.inf),
        "one inf": np.where(top, np.inf, logits),
        "minus inf": np.full((8, 9), -np.inf),
        "peak in minus inf": np.where(top, logits, -np.inf),
        "peak in nan": np.where(top, logits, np.nan),
        "1e30": 1e30 * logits,
        "mixed 1e30": 1e30 * rng.normal(size=(8, 9)),
        "largest": np.where(top, 1, -1) * np.finfo(np.float32).max,
        "deep": np.where(top, 0.0, -9e5),
        "deeper": np.where(top, 0.0, -2e6),
        "subnormal": np.full((8, 9), 1e-42),
        "noise": rng.normal(size=(8, 9)),
        "flat top": np.maximum(logits, -1) * 0,
        "hole beside the peak": np.where(np.roll(top, 1, axis=1), -np.inf, logits),
    }
    return list(maps), jnp.asarray(np.stack(list(maps.values()), axis=-1), jnp.float32)


@pytest.mark.parametrize(("sigma", "decoder"), [*((3.0, m) for m in DECODERS), (0.3, "fractional"), (40.0, "dark")])
def test_hostile_logits_stay_within_a_pixel_of_the_peak(sigma, decoder):
    names, maps = hostile_logits()
    decoded, gradient = map(np.asarray, decode_and_slope(maps, sigma=sigma, decoder=decoder, logits=True))
    far = distance_to_peak(decoded, maps)
    for m, name in enumerate(names):
        assert np.isfinite(gradient[..., m]).all(), name
        if name == "nan":
            assert np.isnan(decoded[m]).all()
            continue
        assert np.isfinite(decoded[m]).all(), name
        assert far[m].max() <= reach(decoder, sigma), name
    for name in ("inf", "minus inf", "one inf", "peak in minus inf", "peak in nan", "largest", "deeper"):
        assert decoder == "quarter_shift" or not far[names.index(name)].any(), name


@given(arrays(np.float32, (6, 7, 2), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)))
@pytest.mark.parametrize("decoder", DECODERS)
def test_any_logits_decode_within_a_pixel_of_their_peak(decoder, h):
    decoded = np.asarray(heatmap.decode(jnp.asarray(h), sigma=1.5, decoder=decoder, logits=True))
    holds = (h > -np.inf).any(axis=(0, 1))
    assert np.isfinite(decoded[holds]).all()
    assert distance_to_peak(decoded, jnp.asarray(h))[holds].max(initial=0) <= reach(decoder, 1.5)
    confidence = heatmap.confidence(jnp.asarray(h), sigma=1.5, logits=True)
    assert np.isfinite(confidence.peak).all()
    assert (np.asarray(confidence.peak) >= 0).all()
    assert (np.linalg.eigvalsh(np.asarray(confidence.covariance, np.float64)) > 0).all()


@pytest.mark.parametrize("decoder", SMOOTH)
def test_decoders_have_the_right_gradient(decoder):
    with jax.enable_x64(True):
        logits = jnp.asarray(noisy_logits(landmarks=6, noise=0.05), jnp.float64)
        check_grads(
            lambda h: heatmap.decode(jnp.asarray(h), sigma=SIGMA, decoder=decoder, logits=True),
            (logits,),
            order=1,
            modes=("rev",),
            rtol=1e-4,
            atol=1e-4,
            eps=1e-6,
        )


def test_half_precision_logits_decode_in_float32():
    logits = jnp.asarray(noisy_logits()).astype(jnp.bfloat16)
    decoded = heatmap.decode(logits, sigma=SIGMA, logits=True)
    assert decoded.dtype == jnp.float32
    np.testing.assert_array_equal(decoded, heatmap.decode(logits.astype(jnp.float32), sigma=SIGMA, logits=True))


def test_paper_unclamped_does_not_take_logits():
    with pytest.raises(InputError, match="paper_unclamped"):
        heatmap.decode(jnp.zeros((5, 5, 2)), decoder="paper_unclamped", logits=True)


# Confidence


def test_confidence_of_logits_is_that_of_their_softmax():
    logits = noisy_logits(noise=0.1)
    ours = heatmap.confidence(jnp.asarray(logits), sigma=SIGMA, logits=True)
    maps = as_maps(logits.astype(np.float64))
    np.testing.assert_allclose(ours.peak, 2 * np.pi * SIGMA**2 / maps.sum(axis=(0, 1)), rtol=1e-4)
    theirs = [oracle.covariance(maps[..., m], SIGMA) for m in range(maps.shape[-1])]
    np.testing.assert_allclose(ours.covariance, theirs, atol=2e-3)


def test_a_perfect_net_has_a_peak_of_one_inside_and_of_four_in_a_corner():
    points = np.array([[12.3, 11.8], [-0.5, -0.5]])
    ours = heatmap.confidence(jnp.asarray(log_gaussians(points, SIZE, SIGMA), jnp.float32), sigma=SIGMA, logits=True)
    nearest = np.exp(-((points - np.clip(np.round(points), 0, 23)) ** 2).sum(axis=-1) / (2 * SIGMA**2))
    np.testing.assert_allclose(ours.peak, [nearest[0], 4 * nearest[1]], rtol=0.02)


def test_confidence_of_hostile_logits_is_finite_and_its_gradient_too():
    names, maps = hostile_logits()
    ours = heatmap.confidence(maps, sigma=1.0, logits=True)

    def total(h):
        confidence = heatmap.confidence(h, sigma=1.0, logits=True)
        return confidence.covariance.sum() + confidence.peak.sum()

    gradient = np.asarray(jax.jit(jax.grad(total))(maps))
    for m, name in enumerate(names):
        assert np.isfinite(ours.peak[m]), name
        assert (np.linalg.eigvalsh(np.asarray(ours.covariance[m], np.float64)) > 0).all(), name
        assert np.isfinite(gradient[..., m]).all(), name
