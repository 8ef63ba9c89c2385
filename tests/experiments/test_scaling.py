"""Weak scaling over processes: two that work together, the arithmetic, and what is counted in programs."""

import threading

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from fhr_jax import hourglass
from fhr_jax.errors import InputError
from fhr_jax.hourglass import TINY
from fhr_jax.sharding import AXIS, device_mesh
from tests.experiments.test_experiments import FOLDER, load, run


@pytest.fixture(scope="module")
def module():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER / "bench")
        yield load("bench/scaling")


@pytest.mark.slow
def test_two_processes(module, tmp_path):
    options: dict = {"processes": (2,), "preset": "tiny", "images": 2, "videos": 2, "frames": 20, "rounds": 2}
    summary, _ = run("bench/scaling", tmp_path, module, sizes=("tiny",), **options)
    for part in ("training", "fit"):
        one, two = summary[part]["1"], summary[part]["2"]
        assert one["efficiency"] == one["efficiency_alone"] == 1
        assert one["all_reduces"] == 0
        assert two["together_ms"] > 0
        assert two["all_reduces"] > 0
    assert 2 < summary["slice"]["assumed"]["update"] < 5
    sizes = summary["sizes"]["tiny"]
    # Each process needs the gradients of all parameters.
    assert summary["training"]["2"]["all_reduce_bytes"] >= sizes["gradient_bytes"] == 4 * sizes["parameters"]
    assert sizes["checkpoint_bytes"] > 0.8 * sizes["state_bytes"]  # they are compressed a little
    assert sizes["checkpoint_seconds"] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]
    again = module.main(module.Options(tmp_path, sizes=("tiny",), **options))  # nothing is left to measure
    assert again["training"] == summary["training"]
    with pytest.raises(InputError, match="use another --out"):
        module.main(module.Options(tmp_path, sizes=("tiny",), **options | {"images": 3}))


def test_one_process_alone(module, tmp_path):
    """In this process, and without starting others."""
    received = []

    class End:
        send, close = received.append, staticmethod(lambda: None)

    work = module.Work("tiny", images=1, videos=1, frames=10, rounds=2)
    place = module.Place(0, 1, None, None, jax.config.jax_compilation_cache_dir)
    module.scaling_work.run(place, work, ("fit",), threading.Barrier(1), End)
    (found,) = received
    assert len(found["fit"]["seconds"]) == 2
    assert found["fit"]["all_reduces"] == found["fit"]["all_reduce_bytes"] == 0


def test_efficiency(module):
    row = module.compared(0.1, 0.125, 0.2, 2, 2)
    assert row["efficiency"] == pytest.approx(0.5)
    assert row["efficiency_alone"] == pytest.approx(0.8)
    assert row["communication"] == pytest.approx(0.375)
    shared = module.compared(0.1, 0.2, 0.25, 4, 2)  # two processes a core: twice the time is ideal
    assert (shared["processes_a_core"], shared["efficiency"]) == (2, pytest.approx(0.8))
    assert module.compared(0.1, 0.2, 0.2, 3, 2)["processes_a_core"] == 2


def test_all_reduces_of_a_program(module):
    text = """
%body.1 (x: f32[3]) -> f32[3] {
  %all-reduce = f32[3,4]{1,0} all-reduce(%a), channel_id=1, to_apply=%add
  %all-reduce.1 = (f32[64]{0}, bf16[2]{0}, /*index=2*/f32[]) all-reduce(%b, %c, %d), to_apply=%add
}

%other (x: f32[3]) -> f32[3] {
  %done = f32[8]{0} all-reduce-done(%all-reduce-start)
  %all-reduce-start = f32[8]{0} all-reduce-start(%e), to_apply=%add
  ROOT %add = f32[100]{0} add(%all-reduce, %x)
}

ENTRY %main (x: f32[3]) -> f32[3] {
  %while = f32[3] while(%x), condition=%condition, body=%body.1, backend_config={}
}
"""
    found = module.scaling_work.all_reduces(text)
    sizes = 4 * 12 + (4 * 64 + 2 * 2 + 4) + 4 * 8
    assert found == {"all_reduces": 3, "all_reduce_bytes": sizes, "all_reduces_in_loops": 2}
    mesh = device_mesh()
    summed = jax.shard_map(
        lambda x: jax.lax.psum(x, AXIS), mesh=mesh, in_specs=PartitionSpec(AXIS), out_specs=PartitionSpec()
    )
    program = jax.jit(summed).lower(np.ones((len(jax.devices()), 5), np.float32)).compile()
    assert module.scaling_work.all_reduces(program.as_text())["all_reduce_bytes"] in (0, 20)  # none on one device


def test_sizes_of_a_preset(module):
    found = module.sizes("tiny")
    variables = hourglass.init(jax.random.key(0), TINY._replace(stacks=1, depth=1))
    assert found["parameters"] == sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    # AdamW's two moments, and the moving averages, of which the statistics have one too.
    assert found["state_bytes"] == pytest.approx(4 * found["gradient_bytes"] + 2 * found["statistics_bytes"], abs=100)
    assert "checkpoint_seconds" not in found


def test_what_a_slice_needs(module):
    sizes = {"crop": 256, "gradient_bytes": 1000, "normalizations": 5, "forward_flops": 2e9}
    assumed = module.Slice(chips=4, chips_a_host=2, crops_a_chip=10, peak=1e12, share=0.5, link=1e6, latency=1e-3)
    found = module.needs(sizes, assumed._replace(host_ms=2.0, update=3.0))
    assert found["compute_ms"] == pytest.approx(120)  # 3 * 2e9 * 10 / 5e11 s
    assert found["all_reduce_bytes"] == pytest.approx(1500)
    assert found["gradients_ms"] == pytest.approx(1.5)
    assert found["statistics_ms"] == pytest.approx(10)
    assert found["images_a_second"] == pytest.approx(40 / 0.1315)
    assert found["efficiency"] == pytest.approx(120 / 131.5)
    assert found["host_cores"] == pytest.approx(2 * 10 / 0.1315 * 2e-3)
    assert found["host_bytes_a_second"] == pytest.approx(20 / 0.1315 * 3 * 384**2)
    assert found["flops_a_byte"] == pytest.approx(6e10 / 1500)


def test_a_process_that_ends_without_a_result_ends_the_run(module, tmp_path):
    options = {"cores": [0], "parts": ("training",), "limit": 60.0, "cache": str(tmp_path)}
    with pytest.raises(InputError, match="process 0 of 1 gave no result"):
        module.run_together(1, together=False, work=module.Work("unknown", 1, 1, 10, 1), **options)


def test_tables_of_the_page(module):
    tables = load("scaling_tables")
    row = module.compared(0.1, 0.125, 0.2, 2, 2) | {"all_reduces": 3, "all_reduce_bytes": 12}
    sizes = {"crop": 256, "parameters": 2_000_000, "gradient_bytes": 8e6, "normalizations": 5, "forward_flops": 2e9}
    sizes |= {"state_bytes": 32e6, "checkpoint_bytes": 30e6, "checkpoint_seconds": 0.5}
    summary = {"training": {"2": row}, "fit": {}, "sizes": {"paper": sizes}}
    assert tables.measured(summary).splitlines()[2] == "| training | 2 | 1 | 200 | 125 | 0.50 | 0.80 | 0.38 |"
    line = "| `paper` | 2.00 M | 8.0 MB | 5 | 2.0 GFLOP | 32 MB | 30 MB | 0.50 s |"
    assert tables.sizes(summary).splitlines()[2] == line
    summary["slice"] = {"assumed": {}, "paper": module.needs(sizes, module.Slice())}
    lines = tables.slice_needs(summary).splitlines()
    assert lines[0] == "| | `paper` |"
    assert lines[2] == "| computing an update | 0.96 ms |"  # 3 * 2e9 * 32 / (0.3 * 669e12) s
