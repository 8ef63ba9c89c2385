"""The end of a build: shards get the names that TFDS reads, with counts and what was left out beside them."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from fhr_jax.data import skipped as left_out_file
from fhr_jax.data.datasets.build import shards
from fhr_jax.data.datasets.build.builder import FRAMES
from fhr_jax.data.datasets.build.shards import Shard
from fhr_jax.data.skipped import Skipped
from fhr_jax.files import write_json

SUMMARY = "summary.json"
"""File beside the records: what was counted."""


def finalize(
    builder: Any, staging: Path, whole: Path, done: list[Shard], left_out: list[Skipped], made_of: str
) -> None:
    """Put everything into the folder `whole`, where frames of videos lie already; can be done again."""
    for path in whole.iterdir():
        if path.name != FRAMES:
            path.unlink()
    splits = {split: [p for p in done if p.split == split and p.examples] for split in builder.PUBLISHED}
    for split, others in builder.UNIONS.items():
        splits[split] = [part for other in others for part in splits[other]]
    infos = []
    for split, members in splits.items():
        if not members:
            continue
        template = tfds.core.ShardedFileTemplate(
            dataset_name=builder.name, data_dir=whole, split=split, filetype_suffix="array_record"
        )
        for number, part in enumerate(members):
            target = template.sharded_filepath(shard_index=number, num_shards=len(members))
            _link(shards.shard_name(staging, part.key), Path(target))
        infos.append(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[part.examples for part in members],
                num_bytes=sum(part.size for part in members),
                filename_template=template,
            )
        )
    tfds.folder_dataset.write_metadata(
        data_dir=whole,
        features=builder.info.features,
        split_infos=infos,
        version=builder.version,
        filename_template="{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        description=builder.info.description,
        homepage=builder.HOMEPAGE,
        check_data=False,
    )
    write_json(whole / SUMMARY, _summary(builder, splits, left_out, made_of))
    left_out_file.write(whole, left_out)
    _keep_frames(whole / FRAMES, {name for part in done for name in part.folders})


def _keep_frames(folder: Path, names: set[str]) -> None:
    """Remove what a build that was stopped left behind: half of a video, or one that is listed to be left out now."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in names:
            shutil.rmtree(path)


def _summary(builder: Any, splits: dict[str, list[Shard]], left_out: list[Skipped], made_of: str) -> dict[str, Any]:
    counts = {}
    for split, members in splits.items():
        frames = sum(part.frames for part in members)
        counts[split] = {
            "records": sum(part.examples for part in members),
            "counted": len({part.file for part in members}) if builder.COUNTED == "videos" else frames,
            "published": builder.PUBLISHED[split],
            "frames": frames,
        }
    return {
        "dataset": builder.info.full_name,
        "counted": builder.COUNTED,
        "splits": counts,
        "left_out": len(left_out),
        "made_of": made_of,
    }


def differences(summary: dict[str, Any]) -> list[str]:
    """A line for every split whose count is not the published one."""
    lines = []
    for split, count in summary["splits"].items():
        if count["counted"] != count["published"]:
            difference = count["counted"] - count["published"]
            more = f"{abs(difference)} {'more' if difference > 0 else 'fewer'} than the"
            lines.append(f"{split}: {count['counted']} {summary['counted']}, {more} {count['published']} published")
    return lines


def read_summary(folder: Path) -> dict[str, Any]:
    """The summary.json of a dataset that was built."""
    return json.loads((folder / SUMMARY).read_text(encoding="utf-8"))


def is_made_of(folder: Path, made_of: str) -> bool:
    """Whether the dataset in a folder was built from these files."""
    return (folder / SUMMARY).is_file() and read_summary(folder)["made_of"] == made_of


def _link(source: Path, target: Path) -> None:
    """The same file under another name, without taking space where the disk can do that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
