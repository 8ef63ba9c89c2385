"""Build a dataset: read its units of work in parallel, resume what was interrupted, and put the result together.

Finished shards lie in a hidden folder beside the dataset to be. An interrupted build finds them there by their keys,
which depend on the names, sizes and times of the user's files. In the end the shards get the names that TFDS reads
(`tfds.builder_from_directory`), and the folder gets its own.
"""

import os
import shutil
from pathlib import Path

from fhr_jax.data.datasets.build import registry, shards
from fhr_jax.data.datasets.build.builder import FRAMES
from fhr_jax.data.datasets.build.exclusions import read_exclusions
from fhr_jax.data.datasets.build.finalize import finalize
from fhr_jax.data.datasets.summary import has_source_hash
from fhr_jax.data.skipped import Skipped
from fhr_jax.errors import InputError
from fhr_jax.files import check_name, folder_lock, output_folder
from fhr_jax.progress import Progress, ProgressCallback, silent


def build(
    name: str,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    workers: int = 0,
    exclusions: str | os.PathLike[str] | None = None,
    progress: ProgressCallback = silent,
) -> Path:
    """Build a dataset, or resume an interrupted build.

    Args:
        name: "face300w", "face300vw" or "talking_face"; clips of videos with "face300vw/clips16" (any number).
        source: the folder that the user unpacked.
        out: the dataset goes to OUT/NAME/1.0.0.
        workers: processes that read; 0 reads in this process.
        exclusions: the user's list of what is unreliable; see `exclusions.read_exclusions`.
        progress: called with the number of shards done and of all shards. `info["skipped"]` holds the `Skipped` files
            found since the last call.

    Returns:
        The folder of the dataset, with summary.json and skipped.csv in it.

    Raises:
        InputError: the name is unknown, there is no such folder, it holds another dataset or nothing that can be read,
            the dataset exists already and was built from other files, or another process is building it.
    """
    check_name(out)
    excluded = read_exclusions(exclusions)
    builder = registry.make_builder(name, out, exclusions=excluded)
    plan = builder.locate(source)
    planned = [*plan.skipped, *excluded.unmatched(plan.skipped)]
    keys = [shards.unit_key(unit, builder.length) for unit in plan.units]
    source_hash = shards.source_hash(keys, planned)
    final = Path(builder.data_dir)
    if final.exists():
        if has_source_hash(final, source_hash):
            return final
        raise InputError(f"{final}: holds a dataset of other files or options; remove it, or name another --out")

    def report(done: int, skipped: list[Skipped] | tuple[Skipped, ...]) -> None:
        progress(Progress(done, len(keys), {"skipped": tuple(skipped)}))

    output_folder(final.parent)
    staging = final.parent / f".building-{final.name}"
    staging.mkdir(exist_ok=True)
    with folder_lock(staging):
        unfinished = staging / final.name
        unfinished.mkdir(exist_ok=True)
        report(0, planned)
        done = shards.read_shards(staging, keys)
        for number, shard in enumerate(done.values(), start=1):
            report(number, shard.skipped)
        tasks = [
            shards.ShardTask(name, unit, key, staging, unfinished / FRAMES)
            for unit, key in zip(plan.units, keys, strict=True)
            if key not in done
        ]
        for shard in shards.make_shards(tasks, workers=min(workers, len(tasks))):
            done[shard.key] = shard
            report(len(done), shard.skipped)
        ordered = [done[key] for key in keys]
        skipped = [*planned, *(item for shard in ordered for item in shard.skipped)]
        if not any(shard.examples for shard in ordered):
            shutil.rmtree(staging)
            first = f"; the first: {skipped[0].file}: {skipped[0].reason}" if skipped else ""
            raise InputError(f"{source}: nothing in it could be read{first}")
        finalize(unfinished, builder, staging=staging, done=ordered, skipped=skipped, source_hash=source_hash)
        os.replace(unfinished, final)
        shutil.rmtree(staging)
        return final
