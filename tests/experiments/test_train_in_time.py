"""Training for a given time: the learning rate, the files, and nets to start from."""

import json

import jax.numpy as jnp
import pytest

from fhr_jax import weights
from fhr_jax.data.examples import Examples
from fhr_jax.errors import InputError
from tests.experiments.test_experiments import load


@pytest.fixture(scope="module")
def module():
    return load("train_in_time")


def test_the_learning_rate_rises_and_falls(module):
    rates = [module.learning_rate(passed, 2.0) for passed in (-1, 0, 0.01, 0.02, 0.3, 0.51, 0.9, 1, 2)]
    assert rates[0] == rates[1] == pytest.approx(0.1)
    assert rates[2] == pytest.approx(1.0)
    assert rates[3] == pytest.approx(2.0)
    assert rates[5] == pytest.approx(1.01)
    assert rates[3:7] == sorted(rates[3:7], reverse=True)
    assert rates[7] == rates[8] == pytest.approx(0.02)


class Clock:
    """Each look at it takes a second."""

    def __init__(self):
        self._now = 0.0

    def monotonic(self):
        self._now += 1
        return self._now


@pytest.fixture
def cheap_faces(module, monkeypatch):
    """Instead of faces: all landmarks are one bright spot."""

    def synthetic_examples(key, size):
        def prepare(step_key, batch):
            at = (batch["index"] % (size - 8) + 4).astype(jnp.float32)
            points = jnp.broadcast_to(at[:, None, None], (len(at), 68, 2))
            grid = jnp.arange(size)
            spot = jnp.exp(-((grid[None] - at[:, None]) ** 2) / 8)
            return Examples(jnp.repeat((spot[:, None] * spot[:, :, None])[..., None], 3, axis=-1), points)

        return prepare

    monkeypatch.setattr(module, "time", Clock())
    monkeypatch.setattr(module.examples, "synthetic_examples", synthetic_examples)


@pytest.mark.slow
def test_a_run_writes_a_net_and_can_start_from_it(module, cheap_faces, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(module, "LOG_EVERY", 2)
    options = {"preset": "tiny", "batch": 2, "save_every": 0.0}
    module.main(module.Options(tmp_path / "a", seconds=60, **options))
    first = weights.load(tmp_path / "a" / "net.npz")
    assert (first.config.landmarks, first.loss) == (68, "cross_entropy")
    lines = [json.loads(line) for line in (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["faces"] == 2 * lines[-1]["step"]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert "updates" in capsys.readouterr().out
    again = {"init": str(tmp_path / "a" / "net.npz"), "learning_rate": 1e30}
    with pytest.raises(InputError, match="lower --learning-rate"):
        module.main(module.Options(tmp_path / "b", seconds=60, **options, **again))
