"""The Talking Face video of FGNET: one person, 5000 frames.

Its 68 points have other meanings than those of 300W. Only the seven of `markup.SEVEN_OF_TALKING_FACE` can be compared
(see `data.sources.talking_face_subset`).
"""

import re
from pathlib import Path

from fhr_jax.data.datasets.build.builder import BuildPlan, VideoBuilder
from fhr_jax.data.datasets.build.exclusions import Exclusions
from fhr_jax.data.datasets.build.work_units import Annotation, Video, ranges
from fhr_jax.data.io import file_tree
from fhr_jax.data.io.file_tree import ImagePair
from fhr_jax.data.skipped import Skipped

FILE = "franck"
SHARD = 500
"""Frames in a shard; no clip spans two shards."""

_NAME = re.compile(r"franck_(\d{5})", re.IGNORECASE)


class TalkingFace(VideoBuilder):
    """The frames of the Talking Face video, split test; frame 1 is franck_00000."""

    TITLE = "Talking Face"
    COUNTED = "frames"
    PUBLISHED = {"test": 5000}  # noqa: RUF012
    HOMEPAGE = "https://personalpages.manchester.ac.uk/staff/Timothy.F.Cootes/data/talking_face/talking_face.html"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    1. Open https://personalpages.manchester.ac.uk/staff/Timothy.F.Cootes/data/talking_face/talking_face.html
    2. Download the parts with the images and the points, and unpack them into one folder: franck_00000.jpg ...
       franck_04999.jpg and franck_00000.pts ... franck_04999.pts, beside each other or in two folders below it.
    3. fhr-jax data build talking_face --source FOLDER --out DIR
    """
    EXPECTED = "images franck_00000.jpg, ... and points franck_00000.pts, ..., in it or in folders below"

    @classmethod
    def recognises(cls, folder: Path, root: Path) -> bool:
        """Whether the folder, or one just below it, holds images with the names of this dataset."""
        return bool(_pairs(folder, root)[0])

    def plan(self, folder: Path, root: Path, exclusions: Exclusions) -> BuildPlan:
        """Plan one unit of work for each `SHARD` frames."""
        found, skipped = _pairs(folder, root)
        if exclusions.whole(FILE):
            return BuildPlan((), (*skipped, Skipped(FILE, exclusions.reason)))
        named = [pair for pair in found if exclusions.whole(pair.image.name)]
        skipped += [Skipped(pair.file, exclusions.reason) for pair in named]
        found = [pair for pair in found if pair not in named]
        excluded = exclusions.frames_of(FILE)
        frames = [Annotation(_number(pair) + 1, pair.landmarks, pair.image) for pair in found]
        dropped = excluded & {frame.number for frame in frames}
        skipped += [Skipped(FILE, f"frames {ranges(dropped)} {exclusions.reason}")] if dropped else []
        frames = sorted(frame for frame in frames if frame.number not in excluded)
        groups = [tuple(frames[i : i + SHARD]) for i in range(0, len(frames), SHARD)]
        return BuildPlan(tuple(Video("test", self.name, FILE, None, group) for group in groups), tuple(skipped))


def _pairs(folder: Path, root: Path) -> tuple[list[ImagePair], list[Skipped]]:
    """Images and landmarks with the names of this dataset, in the folder and in those just below it."""
    here = file_tree.listing(folder, root)
    listings = [here, *(file_tree.listing(path, root, name=name) for name, path in here.folders.items())]
    files = {name: path for listed in listings for name, path in listed.files.items() if _NAME.fullmatch(path.stem)}
    skipped = tuple(item for listed in listings for item in listed.skipped)
    everything = file_tree.Listing(files, {}, skipped)
    return file_tree.pairs(everything, everything, name="")


def _number(pair: ImagePair) -> int:
    match = _NAME.fullmatch(pair.image.stem)
    assert match is not None
    return int(match[1])
