"""What follows from the rows: settings that meet the target, and ratios to PyTorch and to two CPU cores."""

import json
from pathlib import Path
from typing import Any

from accelerator_parts.two_cores import FOLDER
from fhr_jax.benchmark.summaries import SUMMARY
from fhr_jax.files import write_json

Rows = dict[str, dict[str, Any]]


def concluded(folder: Path) -> dict[str, Any]:
    """The content of summary.json with `net_agrees_with`, `times_pytorch`, `times_two_cores`, as far as rows allow."""
    summary = read(folder / SUMMARY)
    rows = summary.get("rows", {})
    if any(name.startswith("agreement, net") for name in rows):
        summary["net_agrees_with"] = settings_that_meet(rows)
        print(f"the net agrees with the CPU in: {', '.join(summary['net_agrees_with']) or 'no setting'}", flush=True)
    if ratios := times_pytorch(rows):
        summary["times_pytorch"] = ratios
    there = read(folder / FOLDER / SUMMARY).get("rows", {})
    if ratios := times_two_cores(rows, there):
        summary["two_cores_ms"] = {name: there[name]["ms"] for name in ratios}
        summary["times_two_cores"] = ratios
    for name in ("times_pytorch", "times_two_cores"):
        for row, ratio in summary.get(name, {}).items():
            print(f"{row}: {ratio:.2f} {name.replace('_', ' ')}", flush=True)
    if summary:
        write_json(folder / SUMMARY, summary)
    return summary


def settings_that_meet(rows: Rows) -> list[str]:
    """The settings in which the net agrees with the CPU, fastest first."""
    kinds = ("bfloat16", "float32", "float32 highest")
    return [kind for kind in kinds if rows.get(f"agreement, net {kind}", {}).get("meets")]


def times_pytorch(rows: Rows) -> dict[str, float]:
    """How many times as fast as PyTorch JAX is: the time of PyTorch over that of JAX, at the same batch."""
    ratios = {}
    for name, row in rows.items():
        ours, _, way = name.rpartition(", PyTorch")
        if ours and _comparable(row, rows.get(ours, {})):
            ratios[f"{ours}{',' * bool(way)}{way}"] = row["ms"] / rows[ours]["ms"]
    return ratios


def times_two_cores(rows: Rows, there: Rows) -> dict[str, float]:
    """How many times as fast as two CPU cores the accelerator is, at the same size."""
    both = [name for name in there if _comparable(there[name], rows.get(name, {}))]
    return {name: there[name]["ms"] / rows[name]["ms"] for name in both}


def _comparable(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return "ms" in one and "ms" in other and one["size"] == other["size"]


def read(path: Path) -> dict[str, Any]:
    """The content of a file of JSON; empty if there is none."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}
