"""Training: one update against its parts, determinism, resume, stop on a loss that is not finite."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fhr_jax import heatmap, hourglass, train
from fhr_jax.hourglass import TINY

CONFIG = TINY._replace(landmarks=3, stacks=1)


def _prepare(key, batch):
    """Dots on a gray ground, a fixed function of the batch, with noise from the key."""
    points = jnp.stack([batch["index"] % 13 + 8.0, batch["index"] % 7 + 12.0], axis=-1)[:, None] + jnp.array(
        [[[0.0, 0.0], [4.25, 1.0], [1.0, 6.5]]]
    )
    dots = heatmap.encode(points, size=(32, 32), sigma=1.5)
    return dots + 0.01 * jax.random.normal(key, dots.shape), points


def _batches(start=0):
    index = start
    while True:
        yield {"index": jnp.arange(4 * index, 4 * index + 4)}
        index += 1


@pytest.fixture(scope="module")
def update():
    return train.make_update(jax.random.key(1), CONFIG, optax.adam(3e-3), _prepare)


@pytest.fixture(scope="module")
def start():
    return train.init_state(jax.random.key(0), CONFIG, optax.adam(3e-3))


def test_the_loss_falls(update, start):
    history = []
    state = train.train_loop(
        update, start, _batches(), steps=60, progress=lambda report: history.append(report.info["loss"])
    )
    assert int(state.step) == 60
    assert np.mean(history[-5:]) < 0.7 * np.mean(history[:5])
    assert np.isfinite(history).all()


def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(update, start):
    through = train.train_loop(update, start, _batches(), steps=6)
    half = train.train_loop(update, start, _batches(), steps=3)
    resumed = train.train_loop(update, half, _batches(start=3), steps=6)
    jax.tree.map(np.testing.assert_array_equal, through, resumed)


def test_update_traces_once(start):
    traces = []

    def prepare(key, batch):
        traces.append(1)
        return _prepare(key, batch)

    update = train.make_update(jax.random.key(1), CONFIG, optax.adam(3e-3), prepare)
    train.train_loop(update, start, _batches(), steps=3)
    assert len(traces) == 1


def test_one_update_is_the_optimizers_step_on_the_loss_of_the_whole_batch(start):
    optimizer = optax.sgd(0.1)
    update = train.make_update(jax.random.key(1), CONFIG, optimizer, _prepare, loss="squared", rounded=True)
    state = start._replace(optimizer=optimizer.init(start.params))
    batch = next(_batches())
    images, points = _prepare(jax.random.fold_in(jax.random.key(1), 0), batch)

    def objective(params):
        variables = {"params": params, "batch_stats": start.batch_stats}
        maps, _ = hourglass.Hourglass(CONFIG).apply(variables, images, train=True, mutable=["batch_stats"])
        centres = jnp.floor((points + 0.5) / 2 - 0.5 + 0.5)
        wanted = heatmap.encode(centres, size=(16, 16), sigma=CONFIG.sigma)
        return jnp.sum((maps[0] - wanted) ** 2) / len(images)

    gradient = jax.jit(jax.grad(objective))(start.params)
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, start.params, gradient)
    after, _ = update(state, batch)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4, rtol=1e-3), after.params, expected)


def test_every_step_has_its_own_randomness(update, start):
    """The same batch and parameters at another step see other noise."""
    batch = next(_batches())
    losses = [float(update(start._replace(step=jnp.int32(step)), batch)[1].loss) for step in (0, 1, 0)]
    assert losses[0] != losses[1]
    assert losses[0] == losses[2]


def test_flops_and_memory_of_a_network_and_an_update(update, start):
    parameters, forward = train.network_flops(start, CONFIG)
    assert parameters == sum(np.size(leaf) for leaf in jax.tree.leaves(start.params))
    variables = {"params": start.params, "batch_stats": start.batch_stats}
    jaxpr = jax.make_jaxpr(hourglass.Hourglass(CONFIG).apply)(variables, jnp.zeros((1, 32, 32, 3)))
    products = _products(jaxpr.jaxpr)
    assert 0.9 * products < forward < 1.3 * products  # less what falls on padding; normalizing and pooling
    costs = train.update_flops_and_memory(update, start, next(_batches()))
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(start))
    assert costs.state_bytes == size
    assert 3 * size < costs.memory_bytes < 3 * size + 2**26
    assert 2.5 * 4 * products < costs.flops < 4 * 4 * products  # four crops, forward and backward


def _products(jaxpr):
    """Operations of the products of matrices and of the convolutions, counted by hand from their shapes."""
    total = 0
    for equation in jaxpr.eqns:
        total += sum(_products(inner.jaxpr) for inner in equation.params.values() if hasattr(inner, "jaxpr"))
        if equation.primitive.name in ("conv_general_dilated", "dot_general"):
            out, kernel = equation.outvars[0].aval, equation.invars[1].aval
            total += 2 * out.size * kernel.size // kernel.shape[-1]
    return total


def test_targets_lie_where_the_half_pixel_rule_puts_them():
    points = jnp.array([[[7.5, 0.5], [20.0, 31.0], [3.3, 9.7]]])
    decoded = heatmap.decode(train.targets(points, CONFIG), sigma=CONFIG.sigma)
    np.testing.assert_allclose(decoded, (points + 0.5) / 2 - 0.5, atol=2e-3)
    conventional = heatmap.decode(train.targets(points, CONFIG, rounded=True), sigma=CONFIG.sigma)
    np.testing.assert_allclose(conventional, np.round(conventional), atol=2e-3)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_state(start):
    def prepare(key, batch):
        images, points = _prepare(key, batch)
        return jnp.where(batch["index"].min() >= 8, jnp.nan, images), points

    update = train.make_update(jax.random.key(1), CONFIG, optax.adam(3e-3), prepare)
    seen = []
    with pytest.raises(FloatingPointError, match="step 3"):
        train.train_loop(update, start, _batches(), steps=5, progress=lambda report: seen.append(report.done))
    assert seen == [1, 2]


def test_an_update_is_checked_while_the_next_one_runs():
    """If every update waited, device and host would work in turn."""
    done = []

    class Loss:
        def __init__(self, step, value):
            self.step, self.value = step, value

        def __float__(self):
            done.append(("checked", self.step))
            return self.value

    def update(state, batch):
        step = state.step + 1
        done.append(("begun", step))
        return state._replace(step=step), train.Metrics(Loss(step, np.nan if batch == 3 else 1.0), 1.0)

    start, drawn = train.TrainState(0, None, None, None), iter(range(1, 9))
    with pytest.raises(train.NonFiniteLoss, match=r"loss nan.*at step 3") as raised:
        for made in train.train_steps(update, start, drawn, steps=8):
            done.append(("given", made.step))
    assert (raised.value.step, raised.value.state.step, raised.value.batch) == (3, 2, 3)
    first = [("begun", 1), ("given", 1), ("begun", 2), ("checked", 1), ("given", 2), ("begun", 3), ("checked", 2)]
    assert done == [*first, ("given", 3), ("begun", 4), ("checked", 3)]
    assert next(drawn) == 5


def test_batches_that_end_are_reported_after_an_earlier_error():
    def update(state, batch):
        return state._replace(step=state.step + 1), train.Metrics(np.float32(batch), np.float32(1))

    start = train.TrainState(0, None, None, None)
    with pytest.raises(ValueError, match="ended before update 3 of 4"):
        train.train_loop(update, start, iter([1.0, 2.0]), steps=4)
    with pytest.raises(train.NonFiniteLoss, match="at step 2"):
        train.train_loop(update, start, iter([1.0, np.nan]), steps=4)


def test_the_last_update_is_checked_too():
    def update(state, batch):
        return state._replace(step=state.step + 1), train.Metrics(
            np.float32(1), np.float32(np.inf if batch == 2 else 1)
        )

    with pytest.raises(train.NonFiniteLoss, match="norm of the gradient inf at step 2"):
        train.train_loop(update, train.TrainState(0, None, None, None), iter([1, 2]), steps=2)


def test_the_papers_optimizer_divides_by_the_root_of_the_running_square():
    optimizer = train.paper_optimizer()
    gradient = {"w": jnp.array([2.0, -0.5])}
    change, _ = optimizer.update(gradient, optimizer.init(gradient))
    square = 0.01 * np.square([2.0, -0.5])
    np.testing.assert_allclose(change["w"], -2.5e-4 * np.array([2.0, -0.5]) / np.sqrt(square + 1e-8), rtol=1e-3)
