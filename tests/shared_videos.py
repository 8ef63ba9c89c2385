"""Fits of the stabilizer on four devices and on one, for `test_sharding`."""

import re

import jax
import numpy as np

from fhr_jax import npz, stabilizer
from fhr_jax.sharding import device_mesh
from fhr_jax.stabilizer.fit.objective import make_problem


def fit(path):
    """Write loss, gradient, and the fits of all three solvers: `path` gets one array a figure, named figure_devices."""
    rng = np.random.default_rng(0)
    pairs = []
    for frames in (60, 50, 40, 60, 30, 60):
        truth = 3 * np.sin(np.arange(frames)[:, None, None] / 6 + rng.uniform(0, 6, (1, 2, 2)))
        pairs.append((truth + 0.5 * rng.normal(size=truth.shape), truth))
    videos, validation = stabilizer.pad_videos(pairs[:5]), stabilizer.pad_videos(pairs[5:])
    npz.write(path, _figures(videos, validation, None) | _figures(videos, validation, 4))


def _loops(text):
    """The bodies of the loops of a compiled program."""
    bodies = set(re.findall(r"body=(%[^\s,]+)", text))
    found = [block for block in text.split("\n\n") if block.strip().split(" ")[0] in bodies]
    assert found
    return "".join(found)


def _figures(videos, validation, devices):
    mesh = device_mesh(devices) if devices else None
    problem = make_problem(videos, mesh=mesh, validation=validation)
    if devices:
        sharding = problem.videos.observed.sharding
        assert len(sharding.device_set) == devices
        assert not sharding.is_fully_replicated
        text = jax.jit(problem.loss_on).lower(problem.initial, problem.videos).compile().as_text()
        assert "all-reduce" in text
    program = jax.jit(jax.grad(problem.loss_on)).lower(problem.initial, problem.videos).compile()
    if devices:
        assert "all-reduce" not in _loops(program.as_text()), "every frame would wait for all devices"
    gradient = program(problem.initial, problem.videos)
    key, common = jax.random.key(0), {"mesh": mesh, "validation": validation}
    fits = [
        stabilizer.fit_gradient(videos, steps=6, **common),
        stabilizer.fit_minibatch(key, videos, steps=20, window=16, burn_in=16, batch=8, **common),
        stabilizer.fit_nelder_mead(videos, evaluations=90, starts=3, **common),
    ]
    figures = {
        "loss": [float(problem.loss(problem.initial)), float(problem.validation_loss(problem.initial))],
        "gradient": gradient,
        "fits": [fit.history.loss[-1] for fit in fits],
        "validation": [fit.validation_loss[-1] for fit in fits],
    }
    return {f"{name}_{devices or 1}": np.asarray(values) for name, values in figures.items()}
