"""What all dataset builders share: the interface of TFDS, and the plan of the work.

`fhr-jax data build` (see `run`) is the usual way to build: it reads in parallel, resumes and counts. TFDS builds the
same records in one process:

    config = tfds.download.DownloadConfig(manual_dir=SOURCE)
    Face300w(data_dir=OUT).download_and_prepare(download_config=config)
"""

import abc
import dataclasses
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from fhr_jax.data.datasets.build import work_units
from fhr_jax.data.datasets.build.exclusions import NO_EXCLUSIONS, Exclusions
from fhr_jax.data.datasets.build.work_units import Example, Photographs, WorkUnit
from fhr_jax.data.io import file_tree
from fhr_jax.data.skipped import Skipped, find_skipped, write_skipped
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_folder

FRAMES = "frames"
"""The folder that holds the frames of whole videos, inside the dataset's folder."""


class BuildPlan(NamedTuple):
    """The work of a build, known from the names of the files alone.

    Attributes:
        units: the work, in the order of the dataset.
        skipped: files that will not be read.
    """

    units: tuple[WorkUnit, ...]
    skipped: tuple[Skipped, ...]


@dataclasses.dataclass(eq=False)
class VideoConfig(tfds.core.BuilderConfig):
    """A variant of a dataset of videos.

    Attributes:
        length: frames of a clip. No clip spans a gap, and frames that do not fill a clip are skipped. With 0 each
            record is a whole video, and its frames are stored as images beside the records.
    """

    length: int = 0


class LandmarkBuilder(tfds.core.GeneratorBasedBuilder):
    """A dataset of faces with landmarks, read from the folder that the user unpacked.

    Attributes:
        TITLE: its name in print.
        COUNTED: what `PUBLISHED` counts: "photographs", "videos" or "frames".
        PUBLISHED: how many of them each split has according to its authors.
        UNIONS: splits that consist of other splits.
        HOMEPAGE: web page of the dataset.
        EXPECTED: description of the folder, for error messages.
    """

    VERSION = tfds.core.Version("1.0.0")
    TITLE: ClassVar[str]
    COUNTED: ClassVar[str]
    PUBLISHED: ClassVar[dict[str, int]]
    UNIONS: ClassVar[dict[str, tuple[str, ...]]] = {}
    HOMEPAGE: ClassVar[str]
    EXPECTED: ClassVar[str]
    url_infos: ClassVar[dict[str, Any]] = {}
    """Empty, because nothing is downloaded: TFDS's own lookup of downloads needs another package."""

    def __init__(self, *, exclusions: Exclusions = NO_EXCLUSIONS, **options: Any):
        self._exclusions = exclusions
        self._skipped: list[Skipped] = []
        super().__init__(**({"file_format": "array_record"} | options))

    @abc.abstractmethod
    def features(self) -> dict[str, Any]:
        """The TFDS features of a record."""

    @classmethod
    @abc.abstractmethod
    def recognises(cls, folder: Path, root: Path) -> bool:
        """Whether a folder looks like this dataset; `root` is the user's folder."""

    @abc.abstractmethod
    def plan(self, folder: Path, root: Path, exclusions: Exclusions) -> BuildPlan:
        """Plan the work from the names of the files alone.

        Args:
            folder: the folder of the dataset, which `recognises` accepted.
            root: the user's folder, which holds it.
            exclusions: the user's list of what is unreliable.
        """

    def locate(self, source: str | os.PathLike[str]) -> BuildPlan:
        """Find the dataset in the user's folder, or one folder below it, and plan the work.

        Raises:
            InputError: there is no such folder, or it holds something else.
        """
        root = file_tree.root(source)
        here = file_tree.listing(root, root)
        for folder in (root, *here.folders.values()):
            if self.recognises(folder, root):
                return self.plan(folder, root, self._exclusions)
        names = [*here.folders, *here.files]
        found = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "nothing"
        raise InputError(f"{source}: not the folder of {self.TITLE}: expected {self.EXPECTED}; found {found}")

    @property
    def length(self) -> int:
        """Frames of a clip; 0 for photographs and whole videos."""
        return getattr(self.builder_config, "length", 0)

    def download_and_prepare(self, **options: Any) -> None:
        """Build in one process, as TFDS does, and write skipped.csv beside the records."""
        self._skipped.clear()
        super().download_and_prepare(**options)
        if find_skipped(Path(self.data_dir)) is None:
            write_skipped(Path(self.data_dir), self._skipped)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=(self.__doc__ or "").strip(),
            features=tfds.features.FeaturesDict(self.features()),
            homepage=self.HOMEPAGE,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        plan = self.locate(os.fspath(dl_manager.manual_dir))
        for item in plan.skipped:
            self._skip(item)
        units = {split: [unit for unit in plan.units if unit.split == split] for split in self.PUBLISHED}
        for split, others in self.UNIONS.items():
            units[split] = [unit for other in others for unit in units[other]]
        return {split: self._generate_examples(of_split) for split, of_split in units.items() if of_split}

    def _generate_examples(self, units: list[WorkUnit]) -> Any:
        for unit in units:
            for each in examples(unit, length=self.length, frames=Path(self.data_dir) / FRAMES):
                if isinstance(each, Skipped):
                    self._skip(each)
                else:
                    yield f"{each['file']}:{np.ravel(each['frame'])[0]}", each

    def _skip(self, item: Skipped) -> None:
        logging.warning("%s: %s", item.file, item.reason)
        self._skipped.append(item)


class VideoBuilder(LandmarkBuilder):
    """A dataset of videos: whole, or in clips."""

    COUNTED = "videos"
    BUILDER_CONFIGS: ClassVar[list[VideoConfig]] = [
        VideoConfig("videos", description="Whole videos; their frames lie beside the records as images."),
        VideoConfig("clips16", description="Clips of 16 frames.", length=16),
    ]

    def features(self) -> dict[str, Any]:
        """The TFDS features of a clip or of a whole video."""
        return clip_features(self.length) if self.length else video_features()


def config(name: str) -> VideoConfig | None:
    """The variant called "videos" or "clipsN", such as "clips16"; None for any other name."""
    listed = next((each for each in VideoBuilder.BUILDER_CONFIGS if each.name == name), None)
    if listed is not None:
        return listed
    match = re.fullmatch(r"clips([1-9]\d{0,3})", name)
    return VideoConfig(name, description=f"Clips of {match[1]} frames.", length=int(match[1])) if match else None


def photograph_features() -> dict[str, Any]:
    """The TFDS features of a photograph."""
    return {"image": _image(), "frame": tfds.features.Scalar(np.int32)} | _common(())


def clip_features(length: int) -> dict[str, Any]:
    """The TFDS features of a clip of `length` frames."""
    return {
        "image": tfds.features.Sequence(_image(), length=length),
        "frame": tfds.features.Tensor(shape=(length,), dtype=np.int32),
    } | _common((length,))


def video_features() -> dict[str, Any]:
    """The TFDS features of a whole video; `frames` holds the paths of its images below the dataset's folder."""
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


def examples(unit: WorkUnit, *, length: int, frames: Path) -> Iterator[Example | Skipped]:
    """Read a unit of work.

    Args:
        unit: photographs or a video.
        length: frames of a clip; 0 for photographs and whole videos.
        frames: the folder below which the frames of a whole video are stored, in a folder of their own.

    Yields:
        Its records, and what was skipped.
    """
    if isinstance(unit, Photographs):
        yield from work_units.photographs(unit)
    elif length:
        yield from work_units.clips(unit, length)
    else:
        name = unit.file.split("/", 1)[0] + (f"-{unit.frames[0].number:06d}" if unit.path is None else "")
        frames.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(frames / name, ignore_errors=True)
        with atomic_folder(frames / name) as folder:
            found = list(work_units.whole_video(folder, unit))
        for each in found:
            if not isinstance(each, Skipped):
                each["frames"] = [f"{frames.name}/{name}/{file}" for file in each["frames"]]
            yield each
