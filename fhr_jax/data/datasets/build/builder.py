"""What the builders share: TFDS's own interface, and the plan of the work that `build` divides among processes.

Through TFDS alone, in one process: ``Face300w(data_dir=OUT).download_and_prepare(download_config=
tfds.download.DownloadConfig(manual_dir=SOURCE))``. With ``beam=True`` the same reads in an Apache Beam pipeline, on
the runner that `DownloadConfig` names, where Beam is installed; what its workers leave out stands in their logs only,
else in left_out.csv. `fhr-jax data build` needs neither, resumes, and counts.
"""

import abc
import dataclasses
import os
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from fhr_jax.data import skipped
from fhr_jax.data.datasets.build import exclusions, work_units
from fhr_jax.data.datasets.build.exclusions import Exclusions
from fhr_jax.data.datasets.build.work_units import Example, Photographs, Unit
from fhr_jax.data.io import file_tree
from fhr_jax.data.skipped import Skipped
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_folder

FRAMES = "frames"
"""The folder in a dataset of videos that holds their frames."""


class BuildPlan(NamedTuple):
    """The work in parts, in the order of the dataset, and what is known from the names alone to be left out."""

    units: tuple[Unit, ...]
    left_out: tuple[Skipped, ...]


@dataclasses.dataclass(eq=False)
class VideoConfig(tfds.core.BuilderConfig):
    """Clips of `length` frames, none over a gap; frames at the end of a run that fill no clip are in none.

    With length 0 whole videos, whose frames lie beside the records as images.
    """

    length: int = 0


class LandmarkBuilder(tfds.core.GeneratorBasedBuilder):
    """A dataset of faces with landmarks, read from the folder that the user has unpacked.

    Attributes:
        TITLE: its name in print.
        COUNTED: what `PUBLISHED` counts.
        PUBLISHED: how many each split has according to its authors.
        UNIONS: splits that are others together.
        HOMEPAGE: where it is to be had.
        EXPECTED: what its folder holds.
    """

    VERSION = tfds.core.Version("1.0.0")
    TITLE: ClassVar[str]
    COUNTED: ClassVar[str]
    PUBLISHED: ClassVar[dict[str, int]]
    UNIONS: ClassVar[dict[str, tuple[str, ...]]] = {}
    HOMEPAGE: ClassVar[str]
    EXPECTED: ClassVar[str]
    url_infos: ClassVar[dict[str, Any]] = {}
    """Nothing is downloaded; looking for TFDS's list of downloads would need another package."""

    def __init__(self, *, beam: bool = False, leave_out: Exclusions = exclusions.NOTHING, **options: Any):
        self._beam, self._leave_out = beam, leave_out
        self._told: list[Skipped] = []
        super().__init__(**({"file_format": "array_record"} | options))

    @abc.abstractmethod
    def features(self) -> dict[str, Any]:
        """The features of a record."""

    @classmethod
    @abc.abstractmethod
    def recognises(cls, folder: Path, root: Path) -> bool:
        """Whether a folder looks like this dataset."""

    @abc.abstractmethod
    def plan(self, folder: Path, root: Path, leave_out: Exclusions) -> BuildPlan:
        """The work, from the names of the files alone."""

    def locate(self, source: str | os.PathLike[str]) -> BuildPlan:
        """Find the dataset in the user's folder, or in a folder just below it, and plan the work.

        Raises:
            InputError: there is no such folder, or it holds something else.
        """
        root = file_tree.root(source)
        here = file_tree.listing(root, root)
        for folder in (root, *here.folders.values()):
            if self.recognises(folder, root):
                return self.plan(folder, root, self._leave_out)
        names = [*here.folders, *here.files]
        found = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "nothing"
        raise InputError(f"{source}: not the folder of {self.TITLE}: expected {self.EXPECTED}; found {found}")

    @property
    def length(self) -> int:
        """Frames of a clip; 0 for photographs and whole videos."""
        return getattr(self.builder_config, "length", 0)

    def download_and_prepare(self, **options: Any) -> None:
        """TFDS's own way to build it; see the module. What was left out is written beside the records."""
        self._told.clear()
        super().download_and_prepare(**options)
        if not (Path(self.data_dir) / skipped.NAME).exists():
            skipped.write(Path(self.data_dir), self._told)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=(self.__doc__ or "").strip(),
            features=tfds.features.FeaturesDict(self.features()),
            homepage=self.HOMEPAGE,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        plan = self.locate(os.fspath(dl_manager.manual_dir))
        for left in plan.left_out:
            self._tell(left)
        parts = {split: [u for u in plan.units if u.split == split] for split in self.PUBLISHED}
        for split, others in self.UNIONS.items():
            parts[split] = [unit for other in others for unit in parts[other]]
        return {split: self._generate_examples(units) for split, units in parts.items() if units}

    def _generate_examples(self, parts: list[Unit]) -> Any:
        read = partial(_keyed, length=self.length, frames=Path(self.data_dir) / FRAMES)
        if not self._beam:
            return (example for unit in parts for example in read(unit, tell=self._tell))
        beam = import_module("apache_beam")
        return beam.Create(parts) | beam.FlatMap(read)

    def _tell(self, left: Skipped) -> None:
        _log(left)
        self._told.append(left)


class VideoBuilder(LandmarkBuilder):
    """A dataset of videos: whole, or in clips."""

    COUNTED = "videos"
    BUILDER_CONFIGS: ClassVar[list[VideoConfig]] = [
        VideoConfig("videos", description="Whole videos; their frames lie beside the records as images."),
        VideoConfig("clips16", description="Clips of 16 frames.", length=16),
    ]

    def features(self) -> dict[str, Any]:
        """One clip, or one video."""
        return clip_features(self.length) if self.length else video_features()


def config(name: str) -> VideoConfig | None:
    """The variant of a name "videos" or "clipsN"; None for any other."""
    listed = next((each for each in VideoBuilder.BUILDER_CONFIGS if each.name == name), None)
    if listed is not None:
        return listed
    match = re.fullmatch(r"clips([1-9]\d{0,3})", name)
    return VideoConfig(name, description=f"Clips of {match[1]} frames.", length=int(match[1])) if match else None


def photograph_features() -> dict[str, Any]:
    """A photograph."""
    return {"image": _image(), "frame": tfds.features.Scalar(np.int32)} | _common(())


def clip_features(length: int) -> dict[str, Any]:
    """A clip of so many frames."""
    return {
        "image": tfds.features.Sequence(_image(), length=length),
        "frame": tfds.features.Tensor(shape=(length,), dtype=np.int32),
    } | _common((length,))


def video_features() -> dict[str, Any]:
    """A whole video: `frames` names its images below the dataset's folder."""
    return {
        "frames": tfds.features.Sequence(tfds.features.Text()),
        "frame": tfds.features.Tensor(shape=(None,), dtype=np.int32),
    } | _common((None,))


def _image() -> tfds.features.Image:
    return tfds.features.Image(shape=(None, None, 3))


def _common(axes: tuple[int | None, ...]) -> dict[str, Any]:
    return {
        "points": tfds.features.Tensor(shape=(*axes, work_units.LANDMARKS, 2), dtype=np.float32),
        "box": tfds.features.Tensor(shape=(*axes, 4), dtype=np.float32),
        "dataset": tfds.features.Text(),
        "file": tfds.features.Text(),
    }


def examples(unit: Unit, *, length: int, frames: Path) -> Iterator[Example | Skipped]:
    """The records of a part, and what was left out of it; frames of whole videos go into a folder below `frames`."""
    if isinstance(unit, Photographs):
        yield from work_units.photographs(unit)
    elif length:
        yield from work_units.clips(unit, length)
    else:
        name = unit.file.split("/", 1)[0] + (f"-{unit.frames[0].number:06d}" if unit.path is None else "")
        frames.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(frames / name, ignore_errors=True)
        with atomic_folder(frames / name) as folder:
            found = list(work_units.whole(unit, folder))
        for each in found:
            if not isinstance(each, Skipped):
                each["frames"] = [f"{frames.name}/{name}/{file}" for file in each["frames"]]
            yield each


def _log(left: Skipped) -> None:
    logging.warning("%s: %s", left.file, left.reason)


def _keyed(
    unit: Unit, *, length: int, frames: Path, tell: Callable[[Skipped], None] = _log
) -> Iterator[tuple[str, Example]]:
    for each in examples(unit, length=length, frames=frames):
        if isinstance(each, Skipped):
            tell(each)
        else:
            yield f"{each['file']}:{np.ravel(each['frame'])[0]}", each
