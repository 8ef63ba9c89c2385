"""Videos divided among devices: the loss, its gradient and the fits are those of one device."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.devices import environment

SCRIPT = """
import json
import jax, numpy as np
from fhr_jax import stabilizer
from fhr_jax.sharding import device_mesh
from fhr_jax.stabilizer.fit.objective import make_problem

assert len(jax.devices()) == 4
rng = np.random.default_rng(0)
pairs = []
for frames in (60, 50, 40, 60, 30, 60):
    truth = 3 * np.sin(np.arange(frames)[:, None, None] / 6 + rng.uniform(0, 6, (1, 2, 2)))
    pairs.append((truth + 0.5 * rng.normal(size=truth.shape), truth))
videos, validation = stabilizer.pad_videos(pairs[:5]), stabilizer.pad_videos(pairs[5:])
results = {}
for devices in (None, 4):
    mesh = device_mesh(devices) if devices else None
    problem = make_problem(videos, mesh=mesh, validation=validation)
    if devices == 4:
        sharding = problem.videos.observed.sharding
        assert len(sharding.device_set) == 4 and not sharding.is_fully_replicated
        text = jax.jit(problem.loss_on).lower(problem.initial, problem.videos).compile().as_text()
        assert "all-reduce" in text
    gradient = jax.jit(jax.grad(problem.loss_on))(problem.initial, problem.videos)
    key, common = jax.random.key(0), {"mesh": mesh, "validation": validation}
    fits = [
        stabilizer.fit_gradient(videos, steps=6, **common),
        stabilizer.fit_minibatch(key, videos, steps=20, window=16, burn_in=16, batch=8, **common),
        stabilizer.fit_nelder_mead(videos, evaluations=90, starts=3, **common),
    ]
    results[str(devices)] = {
        "loss": [float(problem.loss(problem.initial)), float(problem.validation_loss(problem.initial))],
        "gradient": np.asarray(gradient).tolist(),
        "fits": [fit.history.loss[-1] for fit in fits],
        "validation": [fit.validation_loss[-1] for fit in fits],
    }
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def results():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment(4), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("what", ["loss", "gradient", "fits", "validation"])
def test_four_devices_give_what_one_gives(results, what):
    one, four = (np.asarray(results[devices][what]) for devices in ("None", "4"))
    np.testing.assert_allclose(four, one, rtol=1e-5, atol=1e-5 * np.abs(one).max())
