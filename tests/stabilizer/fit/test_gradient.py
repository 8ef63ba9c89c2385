"""Fits of the stabilizer by gradient."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit.objective import make_problem
from tests.stabilizer.fit.pairs import pairs


@pytest.fixture(scope="module")
def videos():
    return stabilizer.pad_videos(pairs((40, 50, 60)))


@pytest.mark.parametrize(
    ("method", "share_scales"),
    [
        ("L-BFGS", False),
        ("Adam", False),
        pytest.param("L-BFGS", True, marks=pytest.mark.slow),
        pytest.param("Adam", True, marks=pytest.mark.slow),
    ],
)
def test_fits_improve_on_the_initial_parameters_and_report_progress(method, share_scales, videos):
    seen = []
    options = {"optimizer": optax.adam(0.1), "steps": 40} if method == "Adam" else {"steps": 15}
    fit = stabilizer.fit_gradient(videos, share_scales=share_scales, progress=seen.append, **options)
    history = fit.history
    assert history.loss[-1] < 0.9 * history.loss[0]
    assert (np.diff(history.loss) <= 0).all()
    assert all((np.diff(values) >= 0).all() for values in (history.seconds, history.evaluations))
    assert [tuple(report.info[name] for name in ("seconds", "evaluations", "loss")) for report in seen] == list(
        zip(*history, strict=True)
    )
    first = make_problem(videos)
    np.testing.assert_allclose(
        first.loss(make_problem(videos, init_params=fit.params).initial), history.loss[-1], rtol=1e-3
    )
    np.testing.assert_allclose(history.loss[0], first.loss(first.initial), rtol=1e-4)
    np.testing.assert_array_equal(fit.params.basis, stabilizer.paper_init(videos).basis)


def test_bad_schedules_are_refused(videos):
    for annealing in ((), (10.0,), (-1.0, 1.0)):
        for optimizer in (None, optax.adam(0.1)):
            with pytest.raises(InputError, match="annealing"):
                stabilizer.fit_gradient(videos, annealing=annealing, optimizer=optimizer)


def test_the_full_covariance_and_the_extensions_are_fitted(videos):
    start = stabilizer.paper_init(videos)._replace(velocity=stabilizer.Velocity(*jnp.full((3, 2), 0.5)))
    fit = stabilizer.fit_gradient(videos, init_params=start, steps=5, covariance="full")
    assert fit.history.loss[-1] < fit.history.loss[0]
    assert (fit.params.velocity.decay != start.velocity.decay).all()
