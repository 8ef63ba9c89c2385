"""Exported nets: the same landmarks without the code of the network, and nothing in a file that could run."""

import json
import os
import pickle
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export as jax_export

from fhr_jax import export, exported, pipeline, tensors, weights
from fhr_jax.errors import InputError
from fhr_jax.hourglass import TINY
from tests.nets import random_net


@pytest.fixture(scope="module")
def net():
    return random_net(loss="cross_entropy")


@pytest.fixture(scope="module")
def folder(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "net"
    export.write(path, net, maps=True)
    return path


@pytest.fixture(scope="module")
def crops():
    return np.random.default_rng(0).uniform(size=(7, TINY.crop, TINY.crop, 3)).astype(np.float32)


ELSEWHERE = """
import sys
from pathlib import Path

import jax
import numpy as np
from safetensors.numpy import load_file

folder, crops = Path(sys.argv[1]), np.load(sys.argv[2])
program = jax.export.deserialize(bytearray((folder / "net.stablehlo").read_bytes()))
predict, params = jax.jit(program.call), load_file(folder / "params.safetensors")
np.savez(f"{sys.argv[3]}/jax_1.npz", **predict(params, crops[:1]))
assert not {"flax", "fhr_jax"} & set(sys.modules)

from fhr_jax import exported
predict, maps = exported.call(folder), exported.call(folder, program="maps")
np.savez(f"{sys.argv[3]}/exported_7.npz", **predict(crops), **maps(crops))
assert not {"flax", "fhr_jax.hourglass", "fhr_jax.pipeline"} & set(sys.modules)
"""


def test_another_process_without_the_network_finds_the_same(net, folder, crops, tmp_path):
    np.save(tmp_path / "crops.npy", crops)
    arguments = [str(folder), str(tmp_path / "crops.npy"), str(tmp_path)]
    result = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"JAX_COMPILATION_CACHE_DIR": str(jax.config.jax_compilation_cache_dir)},
    )
    assert result.returncode == 0, result.stderr
    for way, number in (("jax", 1), ("exported", 7)):
        here = pipeline.predict(net, jnp.asarray(crops[:number]))
        with np.load(tmp_path / f"{way}_{number}.npz") as there:
            np.testing.assert_allclose(there["points"], here.points, rtol=0, atol=1e-4)
            np.testing.assert_allclose(there["confidence"], here.confidence, rtol=0, atol=1e-4)
            if way == "exported":
                maps = jax.jit(lambda images: pipeline.heatmaps(net, images))(jnp.asarray(crops))
                np.testing.assert_allclose(there["maps"], maps, rtol=0, atol=1e-4)


def test_programs_are_for_every_platform_and_call_nothing_outside(folder):
    for name in ("net", "maps"):
        program = jax_export.deserialize(bytearray((folder / f"{name}.stablehlo").read_bytes()))
        assert program.platforms == ("cpu", "cuda", "tpu")
        assert not program.disabled_safety_checks
        assert not program.ordered_effects
        assert program.in_avals[-1].shape[1:] == (TINY.crop, TINY.crop, 3)
        assert not isinstance(program.in_avals[-1].shape[0], int)  # any number of crops


def test_parameters_come_back_bit_by_bit(net, folder):
    again = weights.load(folder)
    assert (again.config, again.loss) == (net.config, net.loss)
    assert jax.tree.structure(again.variables) == jax.tree.structure(net.variables)
    for here, there in zip(*(jax.tree.leaves(n.variables) for n in (net, again)), strict=True):
        assert np.asarray(here).tobytes() == np.asarray(there).tobytes()


def test_options_are_those_of_predict(net, crops, tmp_path):
    export.write(tmp_path / "net", net, mirror=False, decoder="two_sided", platforms=("cpu",))
    found = exported.call(tmp_path / "net")(crops)
    expected = pipeline.predict(net, jnp.asarray(crops), mirror=False, decoder="two_sided")
    np.testing.assert_allclose(found["points"], expected.points, rtol=0, atol=1e-5)
    header = exported.header(tmp_path / "net")
    assert (header["mirror"], header["method"], header["platforms"]) == (False, "two_sided", ["cpu"])


def test_the_header_says_what_the_net_is(folder):
    header = json.loads((folder / "net.json").read_text())
    assert header["config"] == TINY._asdict()
    assert (header["preset"], header["loss"]) == ("tiny", "cross_entropy")
    assert header["input"]["shape"] == ["batch", 32, 32, 3]
    assert header["input"]["range"] == [0, 1]
    assert "pixels of the crop" in header["outputs"]["points"]
    assert header["programs"] == {"net": "net.stablehlo", "maps": "maps.stablehlo"}
    assert header["written_with"]["jax"] == jax.__version__
    assert sorted(path.name for path in folder.iterdir()) == [
        "maps.stablehlo",
        "net.json",
        "net.stablehlo",
        "params.safetensors",
    ]


def test_whole_or_not_at_all(net, tmp_path):
    spoiled = net._replace(variables=jax.tree.map(lambda a: a * np.nan, net.variables))
    with pytest.raises(InputError, match="not finite"):
        export.write(tmp_path / "net", spoiled)
    with pytest.raises(InputError, match="mirror"):
        export.write(tmp_path / "net", random_net(TINY._replace(landmarks=5)))
    assert not list(tmp_path.iterdir())


class Danger:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def edited(folder, **changes):
    path = folder / "net.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def replaced_program(folder, function):
    """Exports `function` of the crops in place of the program."""
    shapes = {
        name: jax.ShapeDtypeStruct(a.shape, a.dtype) for name, a in tensors.read(folder / exported.PARAMS).items()
    }
    crops = jax.ShapeDtypeStruct((2, TINY.crop, TINY.crop, 3), jnp.float32)
    made = jax_export.export(jax.jit(lambda params, images: function(images)))(shapes, crops)
    (folder / "net.stablehlo").write_bytes(made.serialize())


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD = {
    "no header": (lambda f: (f / "net.json").unlink(), r"net.json: cannot be read: No such file or directory$"),
    "no json": (lambda f: (f / "net.json").write_text("{"), "net.json: not JSON"),
    "deep json": (lambda f: (f / "net.json").write_text("[" * 200_000), "net.json: not JSON"),
    "bytes": (lambda f: (f / "net.json").write_bytes(b"\xff\xfe\x00"), "net.json: not JSON"),
    "list": (lambda f: (f / "net.json").write_text("[]"), "not a net that `fhr-jax export` wrote"),
    "version": (lambda f: edited(f, version=2), "version 2 of the format, expected 1"),
    "huge header": (
        lambda f: (f / "net.json").write_text(" " * 2**21),
        r"net.json: 2097152 bytes; at most 1048576 are read$",
    ),
    "no program": (lambda f: (f / "net.stablehlo").unlink(), "net.stablehlo: cannot be read"),
    "cut program": (lambda f: cut(f / "net.stablehlo"), "net.stablehlo: not a program of jax.export"),
    "empty program": (lambda f: (f / "net.stablehlo").write_bytes(b""), "net.stablehlo: not a program of jax.export"),
    "pickle": (lambda f: (f / "net.stablehlo").write_bytes(pickle.dumps(Danger(f / "ran"))), "not a program of jax"),
    "outside": (
        lambda f: replaced_program(f, lambda x: jnp.linalg.cholesky(x[0, :, :, 0])),
        "refused: it calls lapack",
    ),
    "no crops": (lambda f: tensors.write(f / exported.PARAMS, {"a": np.zeros(3)}), "does not take the arrays"),
    "cut arrays": (lambda f: cut(f / exported.PARAMS), "not a .safetensors file, or cut off"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_folders_give_one_line_and_run_nothing(folder, tmp_path, case):
    spoil, message = BAD[case]
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    spoil(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        exported.call(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_nets_whose_header_is_wrong(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    edited(tmp_path, config=TINY._asdict() | {"features": 32})
    with pytest.raises(InputError, match=r"expected .* for its configuration"):
        weights.load(tmp_path)
    edited(tmp_path, config="tiny")
    with pytest.raises(InputError, match="configuration cannot be read"):
        weights.load(tmp_path)


def test_crops_are_checked(folder, crops):
    run = exported.call(folder)
    with pytest.raises(InputError, match="crop 2 holds NaN"):
        run(np.where(np.arange(7)[:, None, None, None] == 2, np.nan, crops).astype(np.float32))
    with pytest.raises(InputError, match="none, expected at least one"):
        run(crops[:0])
    with pytest.raises(InputError, match=r"expected \(B, 32, 32, 3\)"):
        run(crops[:, :16, :16])
