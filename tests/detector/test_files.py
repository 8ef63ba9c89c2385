"""Detectors in files: there and back, and what is refused."""

import json

import jax
import numpy as np
import pytest

from fhr_jax import npz, weights
from fhr_jax.detector import DetectorNet, files, init
from fhr_jax.errors import InputError
from tests.detector.nets import CONFIG


@pytest.fixture(scope="module")
def net():
    return DetectorNet(CONFIG, init(jax.random.key(0), CONFIG))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_there_and_back(tmp_path, net, dtype):
    files.save(tmp_path / "detector.npz", net, dtype=dtype)
    again = files.load(tmp_path / "detector.npz")
    assert again.config == CONFIG
    for one, other in zip(jax.tree.leaves(net.variables), jax.tree.leaves(again.variables), strict=True):
        np.testing.assert_allclose(one, other, atol=0 if dtype == "float32" else 1e-3)
    assert jax.tree.structure(net.variables) == jax.tree.structure(again.variables)


def test_a_parameter_that_is_not_finite_is_not_written(tmp_path, net):
    broken = jax.tree.map(lambda leaf: leaf + 1e9, net.variables)
    with pytest.raises(InputError, match=r"not written: params/.* is not finite in float16"):
        files.save(tmp_path / "detector.npz", net._replace(variables=broken), dtype="float16")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fhr_jax_detector": None}, "is not a face detector of fhr_jax"),
        ({"fhr_jax_detector": "{}"}, "its configuration cannot be read"),
        ({"fhr_jax_detector": "no json"}, "its configuration cannot be read"),
        ({"config": {"side": 8}}, "side is 8, expected a whole number"),
        ({"config": {"features": [4, 6]}}, r"features is \(4, 6\), expected three whole numbers"),
        ({"config": {"features": [4, 6, 9]}}, ", expected "),
        ({"config": {"units": [1, 1, 2]}}, "is missing"),
        ({"config": {"sigma": 0}}, "sigma is 0, expected a positive number"),
        ({"config": {"largest": 9.0}}, "smallest is 12, expected less than largest, 9"),
        ({"config": {"more": 1}}, "its configuration cannot be read"),
        ({"params/maps/bias": None}, "params/maps/bias of its configuration is missing"),
        ({"params/other": np.zeros(3)}, "params/other is not part"),
        ({"params/maps/bias": np.zeros(4)}, r"params/maps/bias is \(4,\), expected \(3,\)"),
        ({"params/maps/bias": np.full(3, np.nan)}, "expected finite floating-point numbers"),
    ],
)
def test_other_files_are_refused(tmp_path, net, changes, message):
    path = tmp_path / "detector.npz"
    files.save(path, net)
    arrays = npz.read(path)
    config = json.loads(arrays["fhr_jax_detector"].item()) | changes.pop("config", {})
    arrays["fhr_jax_detector"] = np.array(json.dumps(config))
    arrays |= {name: np.asarray(value) for name, value in changes.items() if value is not None}
    npz.write(path, {name: array for name, array in arrays.items() if changes.get(name, 0) is not None})
    with pytest.raises(InputError, match=message):
        files.load(path)


def test_the_landmark_net_is_no_detector_and_the_reverse(tmp_path, net):
    with pytest.raises(InputError, match="is not a face detector"):
        files.load(weights.DEFAULT)
    files.save(tmp_path / "detector.npz", net)
    with pytest.raises(InputError, match="is not a net of fhr_jax"):
        weights.load(tmp_path / "detector.npz")
