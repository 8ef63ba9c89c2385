"""Tables 1 and 2 of errors that are made up."""

import numpy as np
import pytest

from fhr_jax import heatmap
from fhr_jax.benchmark import decoder_tables
from fhr_jax.benchmark.decoder_tables import CHR, CONTROLS, FHR, ROWS, TARGETS


def test_a_gain_is_how_much_lower_the_errors_are():
    errors = np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]])
    found = decoder_tables.gain(errors, errors + np.array([[1.0], [2.0]]))
    assert found["each"] == [1.0, 2.0]
    assert (found["mean"], found["sd"]) == (1.5, pytest.approx(0.5**0.5))
    np.testing.assert_allclose(found["interval"], 1.5)  # the same for every face


def test_every_target_is_tabulated_with_every_decoder():
    assert set(ROWS) | set(CONTROLS) == {(target, decoder) for target in TARGETS for decoder in heatmap.DECODERS}
    assert not set(ROWS) & set(CONTROLS)


def test_targets_are_compared_with_one_decoder():
    rng = np.random.default_rng(0)
    errors = {row: rng.uniform(1, 5, (2, 6)) for row in (*ROWS, *CONTROLS)}
    table = decoder_tables.targets_table(errors)
    assert list(table) == list(heatmap.DECODERS)
    expected = errors["conventional", "dark"].mean() - errors["fractional", "dark"].mean()
    assert table["dark"]["mean"] == pytest.approx(expected)


def test_pixels_by_the_size_of_the_face():
    rng = np.random.default_rng(0)
    sizes = rng.permutation(10) + 1.0
    truth = np.zeros((10, 68, 2))
    truth[:, 45, 0] = sizes  # the other outer eye corner is at the origin
    pixels = {CHR: np.stack([sizes, sizes]), FHR: np.stack([sizes / 2, sizes / 4])}
    table = decoder_tables.table2(pixels, truth, (CHR, FHR))
    np.testing.assert_allclose(table["size"], [1.5, 3.5, 5.5, 7.5, 9.5])
    np.testing.assert_allclose(table["pixels"]["conventional, argmax"]["mean"], table["size"])
    gains = [gain["mean"] for gain in table["gain"]["fractional, Eq. 4"]]
    np.testing.assert_allclose(gains, 0.625 * np.array(table["size"]))
