"""The script for accelerators, at tiny sizes on the CPU: rows, limits, and going on where it was stopped."""

import jax.numpy as jnp
import pytest

from fhr_jax.data.examples import Examples
from fhr_jax.errors import InputError
from tests.experiments.test_experiments import load


@pytest.fixture(scope="module")
def module():
    return load("bench/accelerator")


def test_rows_have_rates_and_shares_of_the_limit(module, tmp_path):
    options = module.Options(tmp_path, parts=("limits", "maps"), rounds=3, tiny=True)
    rows = module.main(options)["rows"]
    assert {"copy", "matmul float32", "decode fractional", "encode", "mirror averaging"} <= set(rows)
    for row in rows.values():
        assert row["ms_quartiles"][0] <= row["ms"] <= row["ms_quartiles"][1]
    assert rows["decode fractional"]["rate"] == pytest.approx(2 / (rows["decode fractional"]["ms"] / 1e3))
    assert "share" not in rows["copy"]  # it is the limit
    copied = rows["copy"]["bytes_per_second"]
    encode = rows["encode"]
    assert encode["share"] >= encode["bytes_per_second"] / copied * (1 - 1e-9)
    assert rows["copy"]["moved_bytes"] == 2 * 16 * 256 * 128 * 4


def test_it_goes_on_where_it_was_stopped(module, monkeypatch, tmp_path):
    stopped = module.main(module.Options(tmp_path, parts=("limits", "maps"), rounds=1, tiny=True, seconds=-1.0))
    assert not stopped["rows"]
    first = module.main(module.Options(tmp_path, parts=("limits",), rounds=1, tiny=True))["rows"]
    measured = []
    measure = module.measure
    monkeypatch.setattr(module, "measure", lambda row, *rest: measured.append(row.name) or measure(row, *rest))
    rows = module.main(module.Options(tmp_path, parts=("limits", "maps"), rounds=1, tiny=True))["rows"]
    assert rows["copy"] == first["copy"]
    assert not set(measured) & set(first)
    assert "encode" in measured


def test_rows_of_another_machine_are_not_mixed_in(module, tmp_path):
    (tmp_path / "summary.json").write_text('{"device": "gpu, X", "versions": "jax 9", "tiny": true, "rows": {}}')
    with pytest.raises(InputError, match=r"holds the rows of gpu, X, jax 9; use another --out"):
        module.main(module.Options(tmp_path, parts=("limits",), tiny=True))


def test_a_row_that_fails_is_kept_as_such(module, tmp_path, monkeypatch):
    def too_large():
        raise RuntimeError("out of memory\nmore")

    monkeypatch.setitem(module.ROWS, "maps", lambda tiny: [module.Row("large", too_large)])
    rows = module.main(module.Options(tmp_path, parts=("maps",), tiny=True))["rows"]
    assert rows == {"large": {"error": "out of memory"}}


def test_a_cpu_agrees_with_itself(module, monkeypatch, tmp_path):
    monkeypatch.setattr(
        module.examples,
        "synthetic_batch",
        lambda key, numbers, size: Examples(jnp.zeros((2, size, size, 3)), jnp.zeros((2, 68, 2))),
    )
    found = module.main(module.Options(tmp_path, parts=("agreement",), tiny=True))["agreement"]
    assert len(found) == 4
    assert all(one["found"] <= one["target"] for one in found.values())
