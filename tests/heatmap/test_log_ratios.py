"""Windows relative to their peak, against one number at a time in float64; peaks and values without a logarithm."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax.heatmap import log_ratios
from fhr_jax.heatmap.peak import PeakWindow

K = 3
FORMS = {"heatmaps": False, "logits": True}

of_window = {
    logits: jax.jit(
        lambda values, inside, logits=logits: log_ratios.from_window(PeakWindow(values, inside), logits=logits)
    )
    for logits in (False, True)
}


def expected(value, peak, inside, *, logits):
    """(ratio, logarithm, valid) of one pixel, from the definitions."""
    if logits:
        if not (inside and math.isfinite(value) and math.isfinite(peak)) or value - peak < log_ratios.MIN_LOG_RATIO:
            return 0.0, 0.0, False
        return math.exp(value - peak), value - peak, True
    if not (math.isfinite(peak) and peak >= log_ratios.MIN_PEAK and math.isfinite(value)):
        return 0.0, 0.0, False
    ratio = value / peak
    valid = ratio >= log_ratios.MIN_VALUE and value >= log_ratios.MIN_VALUE
    return min(max(ratio, -1.0), 1.0), math.log(ratio) if valid else 0.0, valid


def check(values, inside, *, logits):
    """Compare windows (B, M, K, K) with `expected`, pixel by pixel."""
    values = np.where(inside, values, 0).astype(np.float32)
    found = of_window[logits](jnp.asarray(values), jnp.asarray(inside))
    middle = values[..., K // 2, K // 2]
    theirs = np.zeros((3, *values.shape))
    for place in np.ndindex(values.shape):
        peak = float(middle[place[:2]])
        theirs[(slice(None), *place)] = expected(float(values[place]), peak, bool(inside[place]), logits=logits)
    np.testing.assert_allclose(found.ratios, theirs[0], rtol=1e-5, atol=1e-37)
    np.testing.assert_allclose(found.logs, theirs[1], rtol=1e-5, atol=2e-6)
    np.testing.assert_array_equal(found.valid, theirs[2].astype(bool))
    np.testing.assert_array_equal(found.inside, inside)


def windows(seed=0):
    """Values (2, 4, K, K) whose highest is in the middle, and a border that cuts some of them."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(-0.3, 1, (2, 4, K, K))
    values[..., K // 2, K // 2] = 1.1
    inside = np.ones(values.shape, bool)
    inside[0, 1, 0] = inside[1, 2, :, -1] = False
    return values, inside


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", [1.0, 1e-25, 1e25])
def test_ratios_and_logarithms_are_those_of_the_definition(form, scale):
    values, inside = windows()
    check(scale * values, inside, logits=FORMS[form])


PEAKS = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-31, 1e-29, 3e38)


@pytest.mark.parametrize("form", FORMS)
def test_peaks_without_a_logarithm_leave_nothing_valid(form):
    values, inside = (np.concatenate([part, part[:, ::-1]], axis=0) for part in windows())
    values.reshape(-1, K, K)[: len(PEAKS), K // 2, K // 2] = PEAKS
    for half in (slice(0, 2), slice(2, 4)):
        check(values[half], inside[half], logits=FORMS[form])


@pytest.mark.parametrize("form", FORMS)
def test_neighbours_without_a_logarithm_are_not_valid(form):
    values, inside = windows()
    neighbours = (np.nan, np.inf, -np.inf, 0.0, -2.0, 1e-36, 1e-34, -2e6)
    values.reshape(-1, K * K)[:, 0] = neighbours
    check(values, inside, logits=FORMS[form])


def test_a_tiny_value_of_a_low_map_has_no_logarithm_although_its_ratio_has():
    values, inside = windows()
    values *= 1e-29
    values.reshape(-1, K * K)[:, 0] = 1e-36
    check(values, inside, logits=False)
    assert not np.asarray(of_window[False](jnp.asarray(values, jnp.float32), jnp.asarray(inside)).valid)[
        ..., 0, 0
    ].any()


def test_logits_do_not_depend_on_a_constant_nor_underflow():
    values, inside = windows()
    steps = -300 * (1.1 - values)  # exp(-300) is 0 in float32
    found = of_window[True](jnp.asarray(np.where(inside, steps, 0), jnp.float32), jnp.asarray(inside))
    assert np.asarray(found.valid)[inside].all()
    np.testing.assert_allclose(np.asarray(found.logs)[inside], steps[inside], rtol=1e-5, atol=1e-3)
    shifted = of_window[True](jnp.asarray(np.where(inside, steps + 1000, 0), jnp.float32), jnp.asarray(inside))
    np.testing.assert_allclose(shifted.logs, found.logs, atol=2e-4)


@jax.jit
def slopes(values, inside):
    """Gradients of the sum of ratios and logarithms of heatmaps, and of logits."""

    def total(values, logits):
        found = log_ratios.from_window(PeakWindow(values, inside), logits=logits)
        return found.logs.sum() + found.ratios.sum()

    return [jax.grad(total)(values, logits) for logits in (False, True)]


def test_gradients_are_those_of_the_definition_and_finite_everywhere():
    values, inside = windows()
    values = np.abs(values) + 0.05
    of_heatmaps, of_logits = (
        np.asarray(slope)
        for slope in slopes(jnp.asarray(np.where(inside, values, 0), jnp.float32), jnp.asarray(inside))
    )
    peak = values[..., K // 2, K // 2, None, None]
    ring = np.ones((K, K), bool)
    ring[K // 2, K // 2] = False
    seen = inside & ring
    np.testing.assert_allclose(of_heatmaps[seen], (1 / values + 1 / peak)[seen], rtol=1e-5)
    np.testing.assert_allclose(of_logits[seen], (1 + np.exp(values - peak))[seen], rtol=1e-5)
    # The peak in the denominator: minus the sum over the others.
    of_peak = np.where(seen, 1 / peak + values / peak**2, 0).sum(axis=(-2, -1))
    np.testing.assert_allclose(of_heatmaps[..., K // 2, K // 2], -of_peak, rtol=1e-4)
    # A finite neighbour is never above the peak, which is the maximum of the map.
    for peak, neighbour in (
        (1e38, 1e-30),
        (1e-30, 1e-38),
        (1.1, np.nan),
        (np.nan, 1.0),
        (np.inf, np.inf),
        (-np.inf, 0),
    ):
        odd = values.copy()
        odd[0, 0, 0, 0], odd[0, 0, K // 2, K // 2] = neighbour, peak
        for slope in slopes(jnp.asarray(np.where(inside, odd, 0), jnp.float32), jnp.asarray(inside)):
            assert np.isfinite(slope[1:]).all()
            assert np.isfinite(slope[0, 0]).all(), (peak, neighbour)
