import json

import jax
import numpy as np
import pytest

from fhr_jax import hourglass, markup, npz, weights
from fhr_jax.errors import InputError
from fhr_jax.heatmap import Calibration
from tests.nets import SMALLEST, random_net


@pytest.fixture(scope="module")
def net():
    return random_net(loss="cross_entropy")


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 0), ("float16", 1e-3)])
def test_round_trip(net, tmp_path, dtype, tolerance):
    path = tmp_path / "net.npz"
    weights.save(path, net, dtype=dtype)
    loaded = weights.load(path)
    assert loaded.config == net.config
    assert loaded.loss == net.loss
    assert jax.tree.structure(loaded.variables) == jax.tree.structure(net.variables)
    for a, b in zip(jax.tree.leaves(loaded.variables), jax.tree.leaves(net.variables), strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=1e-6 if tolerance else 0)


def test_float16_halves_the_file(net, tmp_path):
    weights.save(tmp_path / "a.npz", net)
    weights.save(tmp_path / "b.npz", net, dtype="float16")
    assert (tmp_path / "b.npz").stat().st_size < 0.75 * (tmp_path / "a.npz").stat().st_size


def test_the_calibration_is_saved_with_the_net(net, tmp_path):
    calibration = Calibration(np.linspace(-1, 1, 68), *(np.asarray(v) for v in (4.0, 0.7, 2.5, 8.0, 1.3)))
    weights.save(tmp_path / "net.npz", net._replace(calibration=calibration), dtype="float16")
    keys = [name for name in npz.read(tmp_path / "net.npz") if name.startswith("calibration/")]
    assert sorted(keys) == [f"calibration/{key}" for key in ("bend", "level", "shape", "size", "tail", "typical")]
    loaded = weights.load(tmp_path / "net.npz").calibration
    for ours, given in zip(loaded, calibration, strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, given, rtol=1e-6)
    weights.save(tmp_path / "net.npz", net)
    assert weights.load(tmp_path / "net.npz").calibration is None


FIVE = markup.Markup(5, (1, 0, 2, 4, 3), (0, (1, 2)), ((0, 2, 1), (3, 4)), "five")


def test_the_markup_is_saved_with_the_net(tmp_path):
    net = random_net(SMALLEST._replace(landmarks=5))
    weights.save(tmp_path / "net.npz", weights.with_markup(net, FIVE))
    assert weights.load(tmp_path / "net.npz").markup == FIVE
    with pytest.raises(InputError, match=r"markup 300w \(68 points\): the net has 5 landmarks"):
        weights.with_markup(net, markup.FACE68)


def test_nets_without_a_markup_have_that_of_68_or_7_landmarks(net, tmp_path):
    weights.save(tmp_path / "net.npz", net)
    assert "markup" not in json.loads(npz.read(tmp_path / "net.npz")["fhr_jax"].item())
    loaded = weights.load(tmp_path / "net.npz")
    assert loaded.markup is None
    assert weights.markup_of(loaded) == markup.FACE68
    others = {number: loaded._replace(config=loaded.config._replace(landmarks=number)) for number in (7, 98)}
    assert weights.markup_of(others[7]) == markup.FACE7
    assert weights.markup_of(others[98]) == markup.unknown(98)  # its order is not known


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (markup.definition(FIVE), "markup: points is 5, but the net has 68 landmarks"),
        ({"points": 68}, "markup: normalize is missing"),
        (markup.definition(markup.FACE68) | {"flip_pairs": [[0, 68]]}, "markup: flip_pairs: 68 is not an index"),
        ("300w", "markup: expected a table"),
    ],
)
def test_a_bad_markup_is_named(net, tmp_path, table, message):
    weights.save(tmp_path / "net.npz", net)
    arrays = npz.read(tmp_path / "net.npz")
    npz.write(tmp_path / "net.npz", change(arrays, markup=table))
    with pytest.raises(InputError, match=message):
        weights.load(tmp_path / "net.npz")


def change(arrays, **changes):
    header = json.loads(arrays["fhr_jax"].item())
    header["config"].update(changes.pop("config", {}))
    header.update(changes)
    return arrays | {"fhr_jax": np.array(json.dumps(header))}


def stored_calibration(**changes):
    """A calibration under its names on disk."""
    stored = {"level": np.zeros(68)} | {name: np.array(3.0) for name in ("size", "bend", "shape", "tail", "typical")}
    return {f"calibration/{name}": array for name, array in (stored | changes).items()}


BAD = {
    "no header": (lambda a: {k: v for k, v in a.items() if k != "fhr_jax"}, "is not a net"),
    "no text": (lambda a: a | {"fhr_jax": np.array(3)}, "is not a net"),
    "no json": (lambda a: a | {"fhr_jax": np.array("{")}, "configuration"),
    "unknown setting": (lambda a: change(a, config={"colour": 1}), "configuration"),
    "unknown loss": (lambda a: change(a, loss="hinge"), "loss"),
    "huge": (lambda a: change(a, config={"features": 10**9}), "features"),
    "not a number": (lambda a: change(a, config={"stacks": True}), "stacks"),
    "inconsistent": (lambda a: change(a, config={"heatmap": 32}), "does not fit heatmaps"),
    "other preset": (lambda a: change(a, config=hourglass.SMALL._asdict()), "preset 'small'"),
    "missing array": (
        lambda a: {k: v for k, v in a.items() if k != "params/Conv_0/kernel"},
        "params/Conv_0.* is missing",
    ),
    "extra array": (lambda a: a | {"params/x": np.zeros(3, np.float32)}, "is not part of preset 'tiny'"),
    "wrong shape": (
        lambda a: a | {"params/maps_0/bias": np.zeros(3, np.float32)},
        r"\(3,\), expected \(68,\)",
    ),
    "integers": (lambda a: a | {"params/maps_0/bias": np.zeros(68, int)}, "floating-point"),
    "half a calibration": (lambda a: a | {"calibration/tail": np.array(8.0)}, "calibration/level"),
    "calibration of others": (lambda a: a | stored_calibration(level=np.zeros(7)), r"calibration/level.*\(68,\)"),
    "no covariance": (lambda a: a | stored_calibration(tail=np.array(2.0)), "tail above 2"),
    "nowhere typical": (lambda a: a | stored_calibration(typical=np.array(0.0)), "typical above 0"),
    "nan": (lambda a: a | {"params/maps_0/bias": np.full(68, np.nan)}, "finite"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_errors_that_name_what_was_expected(net, tmp_path, case):
    spoil, message = BAD[case]
    weights.save(tmp_path / "good.npz", net)
    npz.write(tmp_path / "bad.npz", spoil(npz.read(tmp_path / "good.npz")))
    with pytest.raises(InputError, match=message) as caught:
        weights.load(tmp_path / "bad.npz")
    assert "bad.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_folder_of_a_run_is_an_error(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"is the folder of a run; expected its net.npz"):
        weights.load(tmp_path)


def test_nets_that_are_not_finite_are_not_written(net, tmp_path):
    spoiled = net._replace(variables=jax.tree.map(lambda a: a + 1e6, net.variables))
    with pytest.raises(InputError, match="not finite in float16"):
        weights.save(tmp_path / "net.npz", spoiled, dtype="float16")
    assert not list(tmp_path.iterdir())


def test_a_calibration_written_before_loads(net, tmp_path):
    weights.save(tmp_path / "net.npz", net)
    stored = stored_calibration(tail=np.array(8.0), size=np.array(4.0))
    npz.write(tmp_path / "old.npz", npz.read(tmp_path / "net.npz") | stored)
    loaded = weights.load(tmp_path / "old.npz").calibration
    assert (loaded.dof, loaded.exponent, loaded.saturation, loaded.anisotropy, loaded.typical) == (8, 4, 3, 3, 3)
    assert loaded.log_scale.shape == (68,)


def test_the_default_net_loads():
    net = weights.load()
    assert net.config.landmarks == 68
    assert net.calibration.dof > 2
    assert weights.DEFAULT.stat().st_size < 6 * 2**20


def test_the_first_stack_alone_gives_its_own_maps():
    net = random_net()  # of two stacks
    side = net.config.crop
    images = np.random.default_rng(0).uniform(size=(1, side, side, 3)).astype(np.float32)
    both = jax.jit(hourglass.Hourglass(net.config).apply)(net.variables, images)
    calibration = Calibration(np.zeros(68), *map(np.float32, (1, 0, 1, 8, 1)))
    first = weights.first_stacks(net._replace(calibration=calibration), 1)
    assert first.config == net.config._replace(stacks=1)
    assert first.calibration is None
    assert len(jax.tree.leaves(first.variables)) < len(jax.tree.leaves(net.variables))
    alone = jax.jit(hourglass.Hourglass(first.config).apply)(first.variables, images)
    np.testing.assert_allclose(alone[0], both[0], atol=1e-5)
    assert weights.first_stacks(net, 2) is net
    for stacks in (0, 3):
        with pytest.raises(InputError, match=f"stacks is {stacks}, expected 1 to 2"):
            weights.first_stacks(net, stacks)
