"""Fewer samples keep every spike; arrays as text keep their numbers."""

import base64

import numpy as np
import pytest

from fhr_jax.reports import samples


def decoded(coded):
    return np.frombuffer(base64.b64decode(coded["data"]), "<" + coded["kind"]).reshape(coded["shape"])


def test_few_frames_stay_and_many_are_put_in_buckets():
    assert samples.step_for(20_000, 1, budget=1e6) == 1
    assert samples.step_for(20_001, 1, budget=1e6) == 3
    assert samples.step_for(1000, 1000, budget=500_000.0) == 4
    assert samples.step_for(4000, 1_000_000, budget=1.0) == 20  # never fewer than 400 samples
    for frames, step in ((20_001, 3), (1000, 4), (5, 4)):
        places = samples.places(frames, step)
        assert len(places) == 2 * -(-frames // step)
        assert (np.diff(places) >= 0).all()
        assert places[[0, -1]].tolist() == [0, frames - 1]
    assert samples.places(4, 1).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("chunk", [8192, 8])
def test_each_bucket_gives_its_extremes_in_order(chunk, monkeypatch):
    monkeypatch.setattr(samples, "CHUNK", chunk)
    values = np.random.default_rng(0).normal(size=(23, 3))
    values[8:12, 1] = np.nan
    values[13, 2] = np.nan
    found = samples.extremes(values, 4)
    assert found.shape == (12, 3)
    for bucket in range(6):
        for curve in range(3):
            own = values[4 * bucket : 4 * bucket + 4, curve]
            pair = found[2 * bucket : 2 * bucket + 2, curve]
            if np.isnan(own).all():
                assert np.isnan(pair).all()
                continue
            low, high = np.nanmin(own), np.nanmax(own)
            first = own.tolist().index(low) <= own.tolist().index(high)
            assert pair.tolist() == ([low, high] if first else [high, low])
    np.testing.assert_array_equal(samples.extremes(values, 1), values)


def test_values_without_a_point_do_not_count():
    track = np.zeros((4, 2, 2))
    track[:2, 0] = np.nan
    values = np.arange(8.0).reshape(4, 2)
    found = samples.extremes(values, 2, where=track)
    np.testing.assert_array_equal(found, [[np.nan, 1], [np.nan, 3], [4, 5], [6, 7]])
    track[3] = np.nan
    of_frames = samples.extremes(np.arange(4.0)[:, None], 1, where=track)
    np.testing.assert_array_equal(of_frames, [[0], [1], [2], [np.nan]])


def test_coordinates_come_back_within_a_hundredth_of_their_extent():
    track = np.random.default_rng(0).uniform(100, 740, (500, 5, 2))
    track[3, 2] = np.nan
    track[7, 1] = (5e6, 300.0)  # far outside: at the edge, and the others keep their digits
    quantizer = samples.Quantizer(track)
    coded = quantizer(track)
    found = decoded(coded)
    assert (found[3, 2] == -32768).all()
    assert quantizer.clipped
    points = coded["centre"] + coded["step"] * found.astype(float)
    rest = np.isfinite(track[..., 0])
    rest[7, 1] = False
    assert np.abs(points - track)[rest].max() < 0.01
    assert points[7, 1, 0] < 2000
    assert coded["step"] < 0.02
    empty = samples.Quantizer(np.full((2, 3, 2), np.nan))
    assert (decoded(empty(np.full((2, 3, 2), np.nan))) == -32768).all()


def test_shares_and_numbers_come_back():
    share = np.array([[0.0, 1.0, 0.5, np.nan, 1.2]])
    assert decoded(samples.encoded_share(share)).tolist() == [[0, 254, 127, 255, 254]]
    numbers = np.array([[1.5, np.nan]])
    np.testing.assert_array_equal(decoded(samples.encoded(numbers, "f4")), numbers)
