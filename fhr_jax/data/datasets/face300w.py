"""300W: photographs with 68 landmarks, in the splits that papers use."""

from collections.abc import Iterator
from pathlib import Path

from fhr_jax.data.datasets.build.builder import BuildPlan, LandmarkBuilder, photograph_features
from fhr_jax.data.datasets.build.exclusions import Exclusions
from fhr_jax.data.datasets.build.work_units import Photographs
from fhr_jax.data.io import file_tree
from fhr_jax.data.io.file_tree import ImagePair
from fhr_jax.data.skipped import Skipped

SHARD = 128
"""Photographs in a shard. An interruption costs at most the work of one shard a worker."""

FOLDERS = {
    "train": (("afw",), ("helen", "trainset"), ("lfpw", "trainset")),
    "common": (("helen", "testset"), ("lfpw", "testset")),
    "challenging": (("ibug",),),
    "private": (("300W", "01_Indoor"), ("300W", "02_Outdoor")),
}
FULL = ("common", "challenging")


class Face300w(LandmarkBuilder):
    """Photographs of 300W: splits train, common, challenging, full (both) and private (the first private test)."""

    TITLE = "300W"
    COUNTED = "photographs"
    PUBLISHED = {"train": 3148, "common": 554, "challenging": 135, "full": 689, "private": 600}  # noqa: RUF012
    UNIONS = {"full": FULL}  # noqa: RUF012
    HOMEPAGE = "https://ibug.doc.ic.ac.uk/resources/300-W/"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    300W cannot be redistributed; get it from its authors.
    1. Open https://ibug.doc.ic.ac.uk/resources/300-W/ and ask for the data as the page says.
    2. Download the parts: AFW, HELEN, LFPW and IBUG with their annotations, and the first 300W test (300w.zip).
    3. Unpack them side by side into one folder, so that it has the folders
       afw, helen/trainset, helen/testset, lfpw/trainset, lfpw/testset, ibug, 300W/01_Indoor, 300W/02_Outdoor
       (upper or lower case), with NAME.jpg or NAME.png beside NAME.pts.
    4. fhr-jax data build face300w --source FOLDER --out DIR
    You may leave out parts that you do not have; the counts then show it.
    """
    EXPECTED = "folders afw, helen/trainset, lfpw/trainset, helen/testset, lfpw/testset, ibug, 300W/01_Indoor"

    def features(self):
        """The TFDS features of a photograph."""
        return photograph_features()

    @classmethod
    def recognises(cls, folder: Path, root: Path) -> bool:
        """Whether the folder holds one of the parts."""
        return any(True for _ in _parts(folder, root))

    def plan(self, folder: Path, root: Path, exclusions: Exclusions) -> BuildPlan:
        """Plan one unit of work for each `SHARD` photographs of a part."""
        units: list[Photographs] = []
        skipped = list(file_tree.listing(folder, root).skipped)
        for split, name, part in _parts(folder, root):
            here = file_tree.listing(part, root, name=name)
            found, unpaired = file_tree.pairs(here, here, name=name)
            skipped += unpaired
            skipped += [Skipped(pair.file, exclusions.reason) for pair in found if _excluded(pair, exclusions)]
            used = tuple(pair for pair in found if not _excluded(pair, exclusions))
            units += [Photographs(split, self.name, used[i : i + SHARD]) for i in range(0, len(used), SHARD)]
        return BuildPlan(tuple(units), tuple(skipped))


def _parts(folder: Path, root: Path) -> Iterator[tuple[str, str, Path]]:
    """Split, name and folder of each part that the user has."""
    for split, parts in FOLDERS.items():
        for names in parts:
            part = file_tree.find(folder, root, *names)
            if part is None and names[0] == "300W":
                part = file_tree.find(folder, root, *names[1:])
            if part is not None:
                yield split, "/".join(names), part


def _excluded(pair: ImagePair, exclusions: Exclusions) -> bool:
    return exclusions.whole(pair.file) or exclusions.whole(pair.image.name)
