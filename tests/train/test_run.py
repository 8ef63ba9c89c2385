"""A run in a folder resumes exactly, whatever stopped it."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fhr_jax import heatmap, log, npz, weights
from fhr_jax.data import loader
from fhr_jax.data.examples import Examples
from fhr_jax.errors import InputError
from fhr_jax.hourglass import TINY
from fhr_jax.train import QUICK, trained_net
from fhr_jax.train import run as running
from fhr_jax.train.run import TrainingStopped, TrainPlan, run

CONFIG = TINY._replace(stacks=1, depth=1)
STEPS = 6


def _examples(index, key):
    """68 dots in rows, moved by the example's number and the key."""
    grid = jnp.stack(jnp.meshgrid(jnp.arange(17.0), jnp.arange(4.0)), axis=-1).reshape(68, 2) + 4
    points = grid + (index % 7) + jax.random.uniform(key, (1, 2))
    dots = heatmap.encode(points, size=(32, 32), sigma=1.0)[..., :3]
    return Examples(dots + jax.random.uniform(key, dots.shape), points)


def _prepare(key, batch):
    return Examples(*jax.vmap(_examples)(batch["index"], jax.random.split(key, batch["index"].shape[0])))


@pytest.fixture(scope="module")
def plan():
    held_out = _prepare(jax.random.key(9), {"index": jnp.arange(3)})
    recipe = QUICK._replace(batch=2, ema_decay=0.9)
    source = loader.Indices(0, 11)
    return TrainPlan(CONFIG, recipe, STEPS, source, _prepare, held_out, validate_every=2, save_every=2)


@pytest.fixture(scope="module", autouse=True)
def compiled_once(plan):
    """One program for all runs of this file."""
    update, state = running.initialize(plan)
    state = jax.device_put(state, jax.devices()[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "initialize", lambda _: (update, state))
        yield


@pytest.fixture(scope="module")
def through(plan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("through")
    run(folder, plan)
    return folder


def _same(net, folder):
    jax.tree.map(np.testing.assert_array_equal, net.variables, weights.load(folder / "net.npz").variables)


def _lines(folder):
    return [{k: v for k, v in line.items() if "second" not in k} for line in log.read_metrics(folder)]


@pytest.mark.parametrize("step", [1, 2, 5])
def test_a_run_that_is_asked_to_stop_is_saved_and_resumes(plan, through, tmp_path, step):
    seen = []
    with pytest.raises(TrainingStopped, match=f"at step {step}"):
        run(tmp_path, plan, progress=seen.append, stop=lambda: len(seen) == step - 1)
    assert not (tmp_path / "net.npz").exists()
    seen.clear()
    net = run(tmp_path, plan, progress=seen.append)
    assert [progress.done for progress in seen] == list(range(step + 1, STEPS + 1))
    assert all(progress.info["resumed_at"] == step for progress in seen)
    _same(net, through)
    assert _lines(tmp_path) == _lines(through)


def test_lines_of_updates_after_the_last_checkpoint_are_written_once(plan, through, tmp_path):
    class Killed(BaseException):
        pass

    def report(progress):
        if progress.done == 5:  # its line of step 4 is written, its checkpoint too; step 5 is lost
            log.append_metrics(tmp_path, {"step": 5, "loss": 1.0})
            raise Killed

    with pytest.raises(Killed):
        run(tmp_path, plan, progress=report)
    _same(run(tmp_path, plan), through)
    assert _lines(tmp_path) == _lines(through)


def test_the_best_net_is_that_of_the_lowest_error(plan, through):
    errors = {line["step"]: line["nrmse"] for line in log.read_metrics(through) if "nrmse" in line}
    assert sorted(errors) == [2, 4, 6]
    step = min(errors, key=errors.get)
    assert [int(path.name) for path in (through / "best").iterdir() if path.name.isdigit()] == [step]
    best = weights.load(through / "best.npz")
    from fhr_jax import evaluate

    assert evaluate.validate(best, plan.validation) == pytest.approx(errors[step], rel=1e-4)


def test_the_lowest_error_is_known_after_a_stop(plan, through, tmp_path, monkeypatch):
    """A worse net after the resumption does not replace a better one before."""
    errors = iter([3.0, 5.0, 4.0])
    monkeypatch.setattr(running.evaluate, "validate", lambda *_, **__: next(errors))
    seen = []
    with pytest.raises(TrainingStopped):
        run(tmp_path, plan, progress=seen.append, stop=lambda: len(seen) == 2)
    first = (tmp_path / "best.npz").read_bytes()
    run(tmp_path, plan)
    assert (tmp_path / "best.npz").read_bytes() == first
    assert (tmp_path / "best" / "2").is_dir()


@pytest.fixture
def tuning(plan):
    """The plan, but from a given net, of which the best is kept."""
    _, state = running.initialize(plan)
    net = trained_net(state, CONFIG, loss=plan.recipe.loss)
    return plan._replace(init=net, recipe=plan.recipe._replace(keep_best=True))


def _errors(monkeypatch, *values):
    errors = iter(values)
    monkeypatch.setattr(running.evaluate, "validate", lambda *_, **__: next(errors))


def test_the_initial_net_is_kept_if_none_is_better(tuning, tmp_path, monkeypatch):
    _errors(monkeypatch, 3.0, 5.0, 4.0, 3.0)
    net = run(tmp_path, tuning)
    jax.tree.map(np.testing.assert_array_equal, net.variables, tuning.init.variables)
    _same(net, tmp_path)
    assert [line["step"] for line in log.read_metrics(tmp_path)] == [0, 2, 4, 6]


def test_the_best_net_becomes_the_trained_net_also_after_a_stop(tuning, tmp_path, monkeypatch):
    _errors(monkeypatch, 3.0, 2.0, 4.0)
    seen = []
    with pytest.raises(TrainingStopped):
        run(tmp_path, tuning, progress=seen.append, stop=lambda: len(seen) == 4)
    best = weights.load(tmp_path / "best.npz")
    _errors(monkeypatch, 2.5)
    net = run(tmp_path, tuning)
    jax.tree.map(np.testing.assert_array_equal, net.variables, best.variables)
    assert [line["nrmse"] for line in log.read_metrics(tmp_path)] == [3.0, 2.0, 4.0, 2.5]


def test_a_tuned_net_is_never_worse_than_the_initial_one(tuning, tmp_path):
    """On the held-out faces."""
    before = running.evaluate.validate(tuning.init, tuning.validation)
    net = run(tmp_path, tuning)
    assert running.evaluate.validate(net, tuning.validation) <= before
    assert log.read_metrics(tmp_path)[0] == {"step": 0, "nrmse": pytest.approx(before)}


def test_a_run_ends_early_once_the_error_no_longer_falls(tuning, tmp_path, monkeypatch):
    patient = tuning._replace(recipe=tuning.recipe._replace(patience=2))
    _errors(monkeypatch, 3.0, 5.0, 4.0)
    net = run(tmp_path, patient)
    assert [line["step"] for line in log.read_metrics(tmp_path)] == [0, 2, 4]
    again = run(tmp_path, patient)  # nothing is trained or validated any more
    jax.tree.map(np.testing.assert_array_equal, again.variables, net.variables)


def test_a_run_that_was_killed_before_its_first_checkpoint_validates_the_initial_net_again(tuning, tmp_path):
    class Killed(BaseException):
        pass

    def kill(_):
        raise Killed

    with pytest.raises(Killed):
        run(tmp_path, tuning, progress=kill)
    run(tmp_path, tuning)
    assert [line["step"] for line in log.read_metrics(tmp_path)] == [0, 2, 4, 6]


@pytest.mark.parametrize(("landmarks", "kept"), [(68, True), (7, False)])
def test_too_few_faces_leave_the_calibration_of_the_initial_net(tuning, tmp_path, monkeypatch, landmarks, kept):
    init = tuning.init._replace(config=CONFIG._replace(landmarks=landmarks), calibration=weights.load().calibration)
    _errors(monkeypatch, 3.0, 2.0, 4.0, 2.5)
    net = run(tmp_path, tuning._replace(init=init))
    assert (net.calibration is not None) == kept


def test_the_net_is_the_moving_average(plan, through):
    update, state = running.initialize(plan)
    batches = loader.batches(plan.source, batch=2, seed=0)
    average = jax.tree.map(np.float64, state.ema)
    for step in range(STEPS):
        state, _ = update(state, next(batches))
        share = 1 - min(0.9, (1 + step) / (10 + step))
        new = jax.tree.map(np.float64, (state.params, state.batch_stats))
        average = optax.incremental_update(new, average, share)
    batches.close()
    net = weights.load(through / "net.npz")
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)  # noqa: E731
    jax.tree.map(close, (net.variables["params"], net.variables["batch_stats"]), average)


@pytest.mark.parametrize(("field", "message"), [("loss", "loss nan"), ("gradient_norm", "norm of the gradient nan")])
def test_a_loss_that_is_not_finite_saves_the_batch(plan, through, tmp_path, monkeypatch, field, message):
    update, state = running.initialize(plan)

    def update_with_nan(state, batch):
        after, metrics = update(state, batch)
        return after, metrics._replace(**{field: jnp.where(state.step == 4, jnp.nan, getattr(metrics, field))})

    with monkeypatch.context() as patch:
        patch.setattr(running, "initialize", lambda _: (update_with_nan, state))
        with pytest.raises(
            InputError, match=rf"{message}.* at step 5; .* that of step 4, .* failed_00000005.npz"
        ) as raised:
            run(tmp_path, plan)
    assert "--learning-rate" in str(raised.value)
    assert log.read_metrics(tmp_path) == [] or log.read_metrics(tmp_path)[-1]["step"] <= 4
    kept = npz.read(tmp_path / "failed_00000005.npz")
    _, step_key = jax.random.split(jax.random.key(plan.seed))
    again = plan.prepare(jax.random.fold_in(step_key, 4), {"index": kept["batch_index"]})
    np.testing.assert_array_equal(kept["images"], again.images)
    np.testing.assert_array_equal(kept["points"], again.points)
    _same(run(tmp_path, plan), through)  # the poison was not in the data


def test_images_per_second_leave_out_the_first_update_and_validations(plan, tmp_path, monkeypatch):
    """One second an update, 100 for the first, which is compiled, and 10 for a validation."""
    update, state = running.initialize(plan)
    clock = {"now": 0.0, "next": 100.0}
    validate = running.evaluate.validate

    def timed(state, batch):
        clock["now"] += clock["next"]
        clock["next"] = 1.0
        return update(state, batch)

    def slow(*arguments, **options):
        clock["now"] += 10.0
        return validate(*arguments, **options)

    seen = []
    with monkeypatch.context() as patch:
        patch.setattr(running, "initialize", lambda _: (timed, state))
        patch.setattr(running.evaluate, "validate", slow)
        patch.setattr(running.time, "monotonic", lambda: clock["now"])
        with pytest.raises(TrainingStopped):
            run(tmp_path, plan, progress=seen.append, stop=lambda: len(seen) == 2)
        clock["next"] = 100.0
        run(tmp_path, plan, progress=seen.append)
    assert [progress.done for progress in seen] == [1, 2, 3, 4, 5, 6]
    assert [progress.info["images_per_second"] for progress in seen] == [None, 2.0, 2.0, None, None, 2.0]
    assert [progress.info["nrmse"] is None for progress in seen] == [True, False, False, False, False, False]


def test_conventional_nets_are_validated_by_their_own_decoder(plan, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(running.evaluate, "validate", lambda *_, **options: calls.append(options) or 1.0)
    run(tmp_path, plan._replace(rounded=True))
    assert calls == [{"conventional": True}] * 3


def test_values_go_to_a_writer_too(plan, through, tmp_path):
    written = []
    run(tmp_path, plan, writer=lambda step, values: written.append({"step": step} | dict(values)))
    assert written == log.read_metrics(tmp_path)


def test_tensorboard_reads_what_is_written(tmp_path):
    pytest.importorskip("tensorboardX")
    with log.tensorboard(tmp_path) as write:
        write(3, {"loss": 0.5, "nrmse": 7.0})
    (events,) = tmp_path.iterdir()
    content = events.read_bytes()
    assert b"loss" in content
    assert b"nrmse" in content


def test_metrics_without_a_file_are_none(tmp_path):
    assert log.read_metrics(tmp_path) == []
    log.cut_metrics(tmp_path, 3)
    assert not list(tmp_path.iterdir())
    (tmp_path / log.METRICS).write_text(json.dumps({"step": 1}) + '\n{"step": 4}\n{"ste')
    log.cut_metrics(tmp_path, 3)
    assert log.read_metrics(tmp_path) == [{"step": 1}]
