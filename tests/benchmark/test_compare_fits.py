"""Fits compared on equal terms: one start, one clock each, progress over all of them."""

import itertools

import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.benchmark import compare_fits
from fhr_jax.benchmark.compare_fits import FEW, METHODS
from fhr_jax.errors import InputError
from tests.stabilizer.fit.pairs import pairs


@pytest.fixture(scope="module")
def videos():
    return stabilizer.pad_videos(pairs((40, 50, 60)))


def ticking():
    """A clock that gives a few dozen iterations to each method, however fast the machine is."""
    ticks = itertools.count()
    return lambda: 0.01 * next(ticks)


def test_all_methods_begin_with_the_same_loss_and_improve_on_it(videos):
    reports = []
    fits = compare_fits.compare_fits(videos, seconds=0.3, progress=reports.append, clock=ticking())
    assert list(fits) == list(FEW)
    assert len({round(fit.history.loss[0], 4) for fit in fits.values()}) == 1
    assert all(fit.history.loss[-1] < fit.history.loss[0] for fit in fits.values())
    assert (np.diff([report.done for report in reports]) >= 0).all()
    assert reports[-1].done <= reports[-1].total == 0.3 * len(FEW)
    assert list(dict.fromkeys(report.info["method"] for report in reports)) == list(FEW)
    for name, fit in fits.items():
        of_method = [report.info for report in reports if report.info["method"] == name]
        assert [info["loss"] for info in of_method] == fit.history.loss
        assert [info["evaluations"] for info in of_method] == fit.history.evaluations


def test_a_method_in_two_parts_is_reported_as_one(videos):
    reports, name = [], f"{compare_fits.SHARED}, then L-BFGS"
    options = {"seconds": 0.3, "methods": (name,), "clock": ticking()}
    fit = compare_fits.compare_fits(videos, **options, progress=reports.append)[name]
    assert name in METHODS
    assert [report.info["evaluations"] for report in reports] == fit.history.evaluations
    np.testing.assert_allclose([report.info["seconds"] for report in reports], fit.history.seconds)


def test_unknown_methods_are_refused(videos):
    with pytest.raises(InputError, match="methods: 'luck'"):
        compare_fits.compare_fits(videos, methods=("luck",))
