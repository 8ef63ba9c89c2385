"""Tables of docs/scaling.md from the summary of `bench/scaling.py`."""

from collections.abc import Mapping
from typing import Any


def measured(summary: Mapping[str, Any]) -> str:
    """Weak scaling: a row for each part and number of processes."""
    columns = ("work", "processes", "a core", "together, ms", "alone, ms", "efficiency", "without communication")
    lines = [f"| {' | '.join(columns)} | communication |", "|---" * 8 + "|"]
    for part in ("training", "fit"):
        for number, row in summary.get(part, {}).items():
            figures = [f"{row[name]:.0f}" for name in ("together_ms", "alone_ms")]
            figures += [f"{row[name]:.2f}" for name in ("efficiency", "efficiency_alone", "communication")]
            lines.append(f"| {part} | {number} | {row['processes_a_core']} | {' | '.join(figures)} |")
    return "\n".join(lines)


def sizes(summary: Mapping[str, Any]) -> str:
    """Presets: parameters, gradients, normalizations, operations, checkpoints."""
    columns = ("preset", "parameters", "gradients", "normalizations", "forward, a crop", "state", "checkpoint")
    lines = [f"| {' | '.join(columns)} | time to write it |", "|---" * 8 + "|"]
    for preset, row in summary["sizes"].items():
        lines.append(
            f"| `{preset}` | {row['parameters'] / 1e6:.2f} M | {row['gradient_bytes'] / 1e6:.1f} MB "
            f"| {row['normalizations']} | {row['forward_flops'] / 1e9:.1f} GFLOP | {row['state_bytes'] / 1e6:.0f} MB "
            f"| {row['checkpoint_bytes'] / 1e6:.0f} MB | {row['checkpoint_seconds']:.2f} s |"
        )
    return "\n".join(lines)


def slice_needs(summary: Mapping[str, Any]) -> str:
    """What each preset would need on a slice: one column a preset."""
    found = {preset: row for preset, row in summary["slice"].items() if preset != "assumed"}
    rows = {
        "computing an update": lambda row: f"{row['compute_ms']:.2f} ms",
        "all-reduce of the gradients": lambda row: f"{row['gradients_ms']:.2f} ms",
        "all-reduces of the normalization statistics": lambda row: f"{row['statistics_ms']:.1f} ms",
        "efficiency, if nothing overlaps": lambda row: f"{row['efficiency']:.2f}",
        "bytes that a chip sends an update": lambda row: f"{row['all_reduce_bytes'] / 1e6:.1f} MB",
        "operations a byte": lambda row: f"{row['flops_a_byte']:,.0f}",
        "images a second, all chips": lambda row: f"{row['images_a_second']:,.0f}",
        "cores of a host that read photographs": lambda row: f"{row['host_cores']:.0f}",
        "bytes a second to the chips of a host": lambda row: f"{row['host_bytes_a_second'] / 1e9:.1f} GB",
    }
    lines = [f"| | {' | '.join(f'`{preset}`' for preset in found)} |", "|---" * (len(found) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(text(row) for row in found.values())} |" for name, text in rows.items()]
    return "\n".join(lines)
