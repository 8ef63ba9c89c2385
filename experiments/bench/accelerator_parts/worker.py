"""Measure the rows of several parts in this process, and keep every one as soon as it is known.

Before each row running.json says which it is and until when it may take, so that the process that started this one can
end it and go on with the rest.
"""

import importlib
import json
import time
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any

import jax

from accelerator_parts import device
from accelerator_parts.parts import PARTS, PartName
from accelerator_parts.rows import Context, Row
from accelerator_parts.timing import FAILURES
from fhr_jax.benchmark.summaries import ORIGIN, SUMMARY, write_summary
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder, write_json

RUNNING = "running.json"


def work(
    out: Path, parts: Sequence[PartName], *, until: float, rounds: int = 10, tiny: bool = False, again: bool = False
) -> dict[str, Any]:
    """Measure all rows that are not in summary.json yet; returns its content.

    Args:
        out: folder of summary.json.
        parts: names of `PARTS`, in their order.
        until: time (`time.time()`) at which all must have ended; each part gets its share of it, and what others left.
        rounds: calls of each row after the warm-up.
        tiny: small sizes, for tests.
        again: measure rows again that failed.

    Raises:
        InputError: the file has the rows of another device or version.
    """
    folder, start = output_folder(out), time.time()
    if not tiny:
        jax.config.update("jax_enable_compilation_cache", False)  # else compiling would take no time
    pytorch = any(PARTS[name].pytorch for name in parts)
    summary = _opened(folder / SUMMARY, None if pytorch else device.about(tiny))
    found = summary["rows"]
    context = Context(rounds, device.memory(), found)
    ends = accumulate(PARTS[name].seconds for name in parts)
    scale = (until - start) / sum(PARTS[name].seconds for name in parts)
    for name, end in zip(parts, ends, strict=True):
        if PARTS[name].pytorch and find_spec("torch") is None:
            print("PyTorch is not installed: not measured", flush=True)
            continue
        for row in importlib.import_module(f"accelerator_parts.{PARTS[name].module}").rows(tiny):
            if row.name in found and not (again and "error" in found[row.name]):
                continue
            limit = start + scale * end
            if time.time() >= limit:
                print(f"no time left for {name}: {row.name}; repeat the command to go on", flush=True)
                break
            running = {"part": name, "row": row.name, "until": limit, "platform": jax.devices()[0].platform}
            write_json(folder / RUNNING, running)
            found[row.name] = _row(row, context)
            print(f"{row.name}: {text(found[row.name])}", flush=True)
            write_summary(folder, summary)
    (folder / RUNNING).unlink(missing_ok=True)
    return summary


def _row(row: Row, context: Context) -> dict[str, Any]:
    try:
        return row.measure(context)
    except FAILURES as error:  # out of memory, most likely
        return {"error": (str(error).splitlines() or [type(error).__name__])[0][:300]}


def _opened(path: Path, about: dict[str, Any] | None) -> dict[str, Any]:
    """What the file holds, or the start of it; None of `about` takes any file."""
    summary: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if about is None:
        return summary or {"device": "unknown", "rows": {}}
    if "versions" not in summary:
        return {**about, "rows": summary.get("rows", {})}
    if {name: summary.get(name) for name in about} != about:
        raise InputError(f"{path}: holds the rows of {summary['device']}, {summary['versions']}; use another --out")
    if ORIGIN not in summary and "agreement" in summary:
        raise InputError(f"{path}: written by an earlier version of this script; use another --out")
    return summary


def text(result: dict[str, Any]) -> str:
    """One line that says what a row holds."""
    if "error" in result:
        return result["error"]
    if "px" in result:
        met = "meets" if result["meets"] else "MISSES"
        return f"{result['px']:.2g} px at most, {met} the target of {result['target_px']:g}"
    words = [f"{result['ms']:.3f} ms"]
    words += [f"{result['rate']:.0f} a second"] if "rate" in result else []
    words += [f"{result['us_a_step']:.1f} us a step"] if "us_a_step" in result else []
    words += [f"{result['share']:.2f} of the limit ({result['bound']})"] if "share" in result else []
    words += [f"compiled in {result['compile_s']:.1f} s"] if "compile_s" in result else []
    if "peak_bytes" in result and "dry_run_bytes" in result:
        words.append(f"peak {result['peak_bytes'] / result['dry_run_bytes']:.2f} of the estimate")
    return ", ".join(words)
