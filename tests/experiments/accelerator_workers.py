"""Processes that stand in for those of the script for accelerators, without JAX."""

import json
import os
import time
from pathlib import Path

ROWS = {"limits": ("copy",), "network": ("small", "paper"), "maps": ("decode",), "pytorch": ("eager",)}


def work(out, parts, *, until, behaviour, again=False):
    """Rows in no time, but those that `behaviour` names: "hang", "crash", or "refuse" before the first row."""
    folder = Path(out)
    path, running = folder / "summary.json", folder / "running.json"
    with (folder / "processes").open("a") as file:
        print(" ".join(parts), os.environ.get("JAX_PLATFORMS"), file=file)
    if "refuse" in behaviour.values():
        raise SystemExit(1)
    summary = json.loads(path.read_text()) if path.exists() else {"rows": {}}
    for part in parts:
        for row in ROWS[part]:
            if row in summary["rows"]:
                continue
            running.write_text(
                json.dumps({"part": part, "row": row, "until": min(until, time.time() + 0.5), "platform": "cpu"})
            )
            if behaviour.get(row) == "hang":
                time.sleep(60)
            if behaviour.get(row) == "crash":
                os._exit(7)
            summary["rows"][row] = {"ms": 1.0, "size": 1}
            path.write_text(json.dumps(summary))
    running.unlink()
