"""summary.json of a dataset that was built: what was counted, beside what its authors published."""

import json
from pathlib import Path
from typing import Any

from fhr_jax.errors import InputError

SUMMARY = "summary.json"
_FORMER_KEYS = {"left_out": "skipped", "made_of": "source_hash"}
"""Keys in files that were written before they had their present names."""


def read_summary(folder: Path) -> dict[str, Any]:
    """The summary of a dataset.

    Returns:
        `dataset`, its full name; `counted`, what the counts are of ("videos", "photographs" or "frames"); `splits`,
        for each the numbers of `records`, `counted`, `published` and `frames`; `skipped`, the number of files in
        skipped.csv; `source_hash`, which tells the files that the dataset was built from.

    Raises:
        OSError: there is no such file.
        InputError: it is damaged.
    """
    try:
        summary = json.loads((folder / SUMMARY).read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{folder / SUMMARY}: cannot be read ({error}); remove the dataset and build it again"
        ) from error
    if not isinstance(summary, dict):
        raise InputError(f"{folder / SUMMARY}: expected a JSON object; remove the dataset and build it again")
    return {_FORMER_KEYS.get(key, key): value for key, value in summary.items()}


def has_source_hash(folder: Path, source_hash: str) -> bool:
    """Whether the dataset in a folder was built from the files of this hash."""
    return (folder / SUMMARY).is_file() and read_summary(folder).get("source_hash") == source_hash


def differences(summary: dict[str, Any]) -> list[str]:
    """A line for each split whose count differs from the published one."""
    lines = []
    for split, count in summary["splits"].items():
        if count["counted"] != count["published"]:
            difference = count["counted"] - count["published"]
            more = f"{abs(difference)} {'more' if difference > 0 else 'fewer'} than the"
            lines.append(f"{split}: {count['counted']} {summary['counted']}, {more} {count['published']} published")
    return lines
