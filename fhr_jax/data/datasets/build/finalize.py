"""The last step of a build: give the shards the names that TFDS reads, and write summary.json and skipped.csv."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from fhr_jax.data.datasets.build import shards
from fhr_jax.data.datasets.build.builder import FRAMES
from fhr_jax.data.datasets.build.shards import Shard
from fhr_jax.data.datasets.summary import SUMMARY
from fhr_jax.data.skipped import Skipped, write_skipped
from fhr_jax.files import write_json


def finalize(
    folder: Path,
    builder: Any,
    *,
    staging: Path,
    done: Sequence[Shard],
    skipped: Sequence[Skipped],
    source_hash: str,
) -> None:
    """Put a dataset together; may be repeated after an interruption.

    Args:
        folder: where the dataset is put together; frames of whole videos lie in it already.
        builder: the builder of the dataset.
        staging: the hidden folder of the build, which holds the shards.
        done: all shards, in the order of the dataset.
        skipped: everything that was skipped.
        source_hash: tells the files that the dataset was built from.
    """
    for path in folder.iterdir():
        if path.name != FRAMES:
            path.unlink()
    splits = {split: [s for s in done if s.split == split and s.examples] for split in builder.PUBLISHED}
    for split, others in builder.UNIONS.items():
        splits[split] = [shard for other in others for shard in splits[other]]
    infos = []
    for split, members in splits.items():
        if not members:
            continue
        template = tfds.core.ShardedFileTemplate(
            dataset_name=builder.name, data_dir=folder, split=split, filetype_suffix="array_record"
        )
        for number, shard in enumerate(members):
            target = template.sharded_filepath(shard_index=number, num_shards=len(members))
            _link(shards.shard_path(staging, shard.key), Path(target))
        infos.append(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[shard.examples for shard in members],
                num_bytes=sum(shard.size for shard in members),
                filename_template=template,
            )
        )
    tfds.folder_dataset.write_metadata(
        data_dir=folder,
        features=builder.info.features,
        split_infos=infos,
        version=builder.version,
        filename_template="{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        description=builder.info.description,
        homepage=builder.HOMEPAGE,
        check_data=False,
    )
    write_json(folder / SUMMARY, _summary(builder, splits, len(skipped), source_hash))
    write_skipped(folder, skipped)
    _remove_frames(folder / FRAMES, keep={name for shard in done for name in shard.folders})


def _remove_frames(folder: Path, *, keep: set[str]) -> None:
    """Delete the frames that an interrupted build left: of half a video, or of one that is excluded by now."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in keep:
            shutil.rmtree(path)


def _summary(builder: Any, splits: dict[str, list[Shard]], skipped: int, source_hash: str) -> dict[str, Any]:
    counts = {}
    for split, members in splits.items():
        frames = sum(shard.frames for shard in members)
        counts[split] = {
            "records": sum(shard.examples for shard in members),
            "counted": len({shard.file for shard in members}) if builder.COUNTED == "videos" else frames,
            "published": builder.PUBLISHED[split],
            "frames": frames,
        }
    return {
        "dataset": builder.info.full_name,
        "counted": builder.COUNTED,
        "splits": counts,
        "skipped": skipped,
        "source_hash": source_hash,
    }


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, which takes no space; copy it where the file system cannot do that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
