"""The script for accelerators, at tiny sizes on the CPU: rows, limits, and going on where it was stopped."""

import json
import os
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax.errors import InputError
from tests.experiments import accelerator_workers
from tests.experiments.test_experiments import FOLDER, load


@pytest.fixture(scope="module")
def module():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER / "bench")
        yield load("bench/accelerator")


@pytest.fixture
def run(module, tmp_path):
    """Rows of the parts, measured in this process."""

    def rows(*parts, rounds=1, **more):
        return module.main(module.Options(tmp_path, parts=parts, rounds=rounds, tiny=True, one_process=True, **more))

    return rows


def test_rows_have_rates_and_shares_of_the_limit(run):
    rows = run("limits", "maps", rounds=3)["rows"]
    assert {"copy", "matmul float32", "matmul float32 highest", "decode fractional", "encode"} <= set(rows)
    for row in rows.values():
        assert row["ms_quartiles"][0] <= row["ms"] <= row["ms_quartiles"][1]
        assert row["calls"] == 3
        assert 0 < row["compile_s"] < row["first_call_s"]
    assert rows["decode fractional"]["rate"] == pytest.approx(2 / (rows["decode fractional"]["ms"] / 1e3))
    copied, encode = rows["copy"]["bytes_per_second"], rows["encode"]
    assert encode["bound"] in ("memory", "arithmetic")
    assert encode["share"] >= encode["bytes_per_second"] / copied * (1 - 1e-9)
    assert "share" not in rows["copy"]  # it is the limit
    assert rows["copy"]["moved_bytes"] == 2 * 8 * 256 * 128 * 4
    assert rows["matmul float32"]["flops"] == 2 * 256**3


def test_it_goes_on_where_it_was_stopped(module, run, monkeypatch):
    from accelerator_parts import timing

    assert run("limits", "maps", seconds=1e-9) == {}
    first = run("limits")["rows"]
    measured = []
    measure = timing.measure
    monkeypatch.setattr(timing, "measure", lambda *a, **k: measured.append(k["sizes"]) or measure(*a, **k))
    rows = run("limits", "maps")["rows"]
    assert {name: rows[name] for name in first} == first
    assert len(measured) == len(rows) - len(first)


def test_rows_of_another_machine_are_not_mixed_in(run, tmp_path):
    (tmp_path / "summary.json").write_text('{"device": "gpu, X", "versions": "jax 9", "tiny": true, "rows": {}}')
    with pytest.raises(InputError, match=r"holds the rows of gpu, X, jax 9; use another --out"):
        run("limits")


def test_a_row_that_fails_is_kept_as_such_and_measured_again_if_asked(module, run, monkeypatch):
    from accelerator_parts import heatmaps, timing
    from accelerator_parts.rows import Call

    calls = []

    def too_large(size):
        calls.append(size)
        raise RuntimeError("out of memory\nmore")

    monkeypatch.setattr(heatmaps, "rows", lambda tiny: [timing.timed("large", too_large, (8, 4))])
    assert run("maps")["rows"] == {"large": {"error": "out of memory"}}
    assert calls == [8, 4]
    assert run("maps")["rows"] == {"large": {"error": "out of memory"}}
    monkeypatch.setattr(heatmaps, "rows", lambda tiny: [timing.timed("large", lambda size: Call(lambda: None), (8,))])
    assert "error" in run("maps")["rows"]["large"]
    assert run("maps", again=True)["rows"]["large"]["size"] == 8


def test_the_first_size_that_fits_is_measured(module):
    from accelerator_parts.rows import Call, Context
    from accelerator_parts.timing import measure

    def make(size):
        if size == 64:
            raise RuntimeError("RESOURCE_EXHAUSTED")
        return Call(lambda: time.sleep(0.001), items=size, memory=size)

    result = measure(Context(rounds=2, memory=20.0, found={}), make=make, sizes=(64, 32, 16, 8))
    assert result["size"] == 16
    assert result["rate"] == pytest.approx(16e3 / result["ms"])
    too_little = Context(rounds=2, memory=1.0, found={})
    assert measure(too_little, make=make, sizes=(32, 8))["size"] == 8  # the last in any case


def test_the_nearer_limit_bounds(module):
    from accelerator_parts.rows import Call
    from accelerator_parts.timing import limit

    found = {"copy": {"bytes_per_second": 100.0}, "matmul bfloat16": {"flops_per_second": 1000.0}}
    call = Call(lambda: None, moved=50, accessed=90, flops=800, kind="bfloat16")
    assert limit(call, 2.0, found) == {"bound": "arithmetic", "share": pytest.approx(0.4)}
    assert limit(call._replace(flops=100), 2.0, found) == {"bound": "memory", "share": pytest.approx(0.25)}
    assert limit(call._replace(flops=100, moved=0), 2.0, found)["share"] == pytest.approx(0.45)
    assert limit(call, 2.0, {}) == {}


def test_a_cpu_agrees_with_itself(run, monkeypatch):
    from accelerator_parts import agreement

    # Painting faces takes long to compile.
    monkeypatch.setattr(agreement, "pictures", lambda number, side: jnp.zeros((number, side, side, 3)))
    summary = run("agreement")
    rows = summary["rows"]
    assert len(rows) == 5
    assert rows["agreement, net float32 highest"]["px"] <= 1e-4
    assert rows["agreement, decode"] == {"px": 0, "mean_px": 0, "target_px": 1e-3, "meets": True}
    assert rows["agreement, stabilizer"]["meets"]
    assert rows["agreement, net bfloat16"]["px"] > 0  # it is compared with float32
    assert {"float32", "float32 highest"} <= set(summary["net_agrees_with"])


def test_what_is_not_a_number_agrees_with_nothing(module):
    from accelerator_parts import agreement

    found = agreement._compared(np.array([1.0, np.nan]), np.array([1.0, 2.0]), 0.1)
    assert not found["meets"]


def test_networks_tell_compile_time_and_the_estimate_of_a_dry_run(run):
    rows = run("network")["rows"]
    kinds = ("float32", "bfloat16", "float32 highest")
    assert set(rows) == {*(f"tiny inference {kind}" for kind in kinds), "tiny update float32"}
    update = rows["tiny update float32"]
    assert update["size"] == 2
    assert update["compile_s"] > 0
    # The state before and after, parameters three times (with Adam's two moments), is a part of it.
    assert update["dry_run_bytes"] > 6 * update["gradient_bytes"] > 0


def test_path_stabilizer_and_fits(run):
    rows = run("limits", "path", "stabilizer", "fits")["rows"]
    assert {name for name, row in rows.items() if "error" in row} == set()
    assert rows["stabilizer diagonal"]["us_a_step"] == pytest.approx(1e3 * rows["stabilizer diagonal"]["ms"] / 20)
    assert rows["gradient diagonal"]["rate"] == pytest.approx(40e3 / rows["gradient diagonal"]["ms"])
    assert rows["path of 1, both views, float32"]["flops"] == 2 * rows["path of 1, one view, bfloat16"]["flops"]
    assert rows["fit by simplices"]["rate"] == pytest.approx(20e3 / rows["fit by simplices"]["ms"])
    assert rows["fit by gradient"]["rate"] > 0


@pytest.mark.slow
def test_every_stabilizer_has_a_gradient(module):
    """Of numbers, also through the look-ahead."""
    from accelerator_parts import stabilizers

    assert len(list(stabilizers.rows(False))) == 12
    for row in stabilizers.rows(False):
        if row.name.startswith("gradient"):
            make = row.measure.keywords["make"]
            gradient = make.func(2, **make.keywords | {"frames": 20}).run()
            assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient)), row.name


@pytest.mark.slow
def test_faces(run):
    rows = run("faces")["rows"]
    assert set(rows) == {"faces of 32 px", "faces of 32 px: paint", "faces: sample"}
    assert all("error" not in row for row in rows.values())


def test_networks_of_pytorch(run):
    pytest.importorskip("torch", reason='PyTorch is not installed: pip install -e ".[torch]"')
    summary = run("network", "pytorch")
    rows = summary["rows"]
    for name in ("tiny inference float32", "tiny update float32"):
        ratio = rows[f"{name}, PyTorch"]["ms"] / rows[name]["ms"]
        assert summary["times_pytorch"][name] == pytest.approx(ratio)


def test_ratios_compare_the_same_sizes(module, tmp_path):
    from accelerator_parts.conclusions import concluded

    rows = {"a": {"ms": 2.0, "size": 8}, "a, PyTorch": {"ms": 3.0, "size": 8}, "b": {"ms": 1.0, "size": 8}}
    rows |= {"a, PyTorch compiled": {"ms": 1.0, "size": 8}, "b, PyTorch": {"ms": 5.0, "size": 4}}
    rows |= {"agreement, net float32": {"meets": False}, "agreement, net float32 highest": {"meets": True}}
    (tmp_path / "two_cores").mkdir()
    (tmp_path / "summary.json").write_text(json.dumps({"rows": rows}))
    there = {"a": {"ms": 30.0, "size": 8}, "b": {"error": "stopped"}}
    (tmp_path / "two_cores" / "summary.json").write_text(json.dumps({"rows": there}))
    concluded(tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["times_pytorch"] == {"a": 1.5, "a, compiled": 0.5}
    assert summary["times_two_cores"] == {"a": 15.0}
    assert summary["net_agrees_with"] == ["float32 highest"]


# Processes


def _supervise(module, folder, parts, behaviour, seconds=30.0):
    from accelerator_parts.supervisor import supervise

    return supervise(folder, parts, seconds=seconds, work=accelerator_workers.work, behaviour=behaviour)


def test_rows_that_hang_or_crash_do_not_keep_the_others(module, tmp_path):
    behaviour = {"small": "hang", "copy": "crash"}
    rows = _supervise(module, tmp_path, ("limits", "network", "pytorch", "maps"), behaviour)["rows"]
    assert rows.pop("copy") == {"error": "its process ended with code 7"}
    assert rows.pop("small") == {"error": "stopped at the limit of its part"}
    assert rows == {name: {"ms": 1.0, "size": 1} for name in ("eager", "decode")}  # "paper" shares the limit of "small"
    processes = (tmp_path / "processes").read_text().splitlines()
    ours = os.environ.get("JAX_PLATFORMS")
    assert processes == [f"limits network {ours}"] * 2 + ["pytorch cpu", f"maps {ours}"]
    assert not (tmp_path / "running.json").exists()


def test_a_process_that_refuses_ends_the_run(module, tmp_path):
    with pytest.raises(InputError, match="the process that measures limits, maps ended after"):
        _supervise(module, tmp_path, ("limits", "maps"), {"copy": "refuse"})


def test_nothing_starts_when_the_time_is_over(module, tmp_path, capsys):
    assert _supervise(module, tmp_path, ("limits", "maps"), {}, seconds=0.0) == {}
    assert "no time left for limits, maps" in capsys.readouterr().out


def test_the_process_that_watches_leaves_the_accelerator_alone():
    code = (
        "import accelerator, jax\nfrom jax._src import xla_bridge\nassert not xla_bridge.backends_are_initialized()\n"
        "import importlib\nfrom accelerator_parts.parts import PARTS\n"
        "for part in PARTS.values(): importlib.import_module(f'accelerator_parts.{part.module}')\n"
        "assert not xla_bridge.backends_are_initialized()"
    )
    path = os.pathsep.join([str(FOLDER / "bench"), str(FOLDER.parent), os.environ.get("PYTHONPATH", "")])
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, check=True)


def test_parts_have_eight_minutes(module):
    from accelerator_parts.parts import PARTS

    assert sum(part.seconds for part in PARTS.values()) == module.Options.seconds == 480
