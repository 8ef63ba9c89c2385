"""Building a dataset: every part of the work is done once, in as many processes as wanted.

Parts that are done lie in a hidden folder beside the dataset to be. A build that was stopped, in whatever way, finds
them there by what they were made of: the names, sizes and times of the user's files. In the end they get the names
that TFDS reads (`tfds.builder_from_directory`), and the folder its own.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from fhr_jax.data.datasets.build import exclusions as lists
from fhr_jax.data.datasets.build import finalize, registry, shards
from fhr_jax.data.datasets.build.builder import FRAMES
from fhr_jax.data.skipped import Skipped
from fhr_jax.errors import InputError
from fhr_jax.files import folder_lock, output_folder

Report = Callable[[int, int, tuple[Skipped, ...]], None]
"""report(parts done, parts altogether, what was just found to be left out)."""


def build(
    name: str,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    processes: int = 1,
    leave_out: str | os.PathLike[str] | None = None,
    report: Report = lambda done, total, left_out: None,
) -> Path:
    """Build a dataset, or go on with a build that was stopped.

    Args:
        name: "face300w", "face300vw", "talking_face"; of videos also "face300vw/clips16", with any number.
        source: the folder that the user has unpacked.
        out: the dataset goes to OUT/NAME/1.0.0.
        processes: that read at once.
        leave_out: the user's list of what is unreliable; see `leave_out.read`.
        report: called as the work goes on.

    Returns:
        The folder of the dataset, which holds summary.json and left_out.csv.

    Raises:
        InputError: unknown name, no such folder or one of another dataset, nothing in it can be read, the dataset is
            there already, of other files, or another process is building it.
    """
    listed = lists.read(leave_out)
    builder = registry.make_builder(name, out, leave_out=listed)
    plan = builder.locate(source)
    planned = [*plan.left_out, *listed.unknown(plan.left_out)]
    keys = [shards.key_of(unit, builder.length) for unit in plan.units]
    made_of = shards.hash_of([*keys, *planned])
    final = Path(builder.data_dir)
    if final.exists():
        if finalize.is_made_of(final, made_of):
            return final
        raise InputError(f"{final}: holds a dataset of other files or options; remove it, or name another --out")

    output_folder(final.parent)
    staging = final.parent / f".building-{final.name}"
    staging.mkdir(exist_ok=True)
    with folder_lock(staging):
        whole = staging / final.name
        whole.mkdir(exist_ok=True)
        report(0, len(keys), tuple(planned))
        done = shards.read_shards(staging, keys)
        for number, part in enumerate(done.values(), start=1):
            report(number, len(keys), part.left_out)
        waiting = [
            shards.Task(name, unit, key, staging, whole / FRAMES)
            for unit, key in zip(plan.units, keys, strict=True)
            if key not in done
        ]
        for part in shards.make_shards(waiting, processes=min(processes, len(waiting))):
            done[part.key] = part
            report(len(done), len(keys), part.left_out)
        ordered = [done[key] for key in keys]
        left_out = [*planned, *(left for part in ordered for left in part.left_out)]
        if not any(part.examples for part in ordered):
            shutil.rmtree(staging)
            first = f"; the first: {left_out[0].file}: {left_out[0].reason}" if left_out else ""
            raise InputError(f"{source}: nothing in it could be read{first}")
        finalize.finalize(builder, staging, whole, ordered, left_out, made_of)
        os.replace(whole, final)
        shutil.rmtree(staging)
        return final
