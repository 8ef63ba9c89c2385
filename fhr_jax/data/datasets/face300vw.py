"""300-VW: videos with 68 landmarks in each frame, in the splits of its challenge."""

import re
from pathlib import Path

from fhr_jax.data.datasets.build.builder import BuildPlan, VideoBuilder
from fhr_jax.data.datasets.build.exclusions import Exclusions
from fhr_jax.data.datasets.build.work_units import Annotation, Video, ranges
from fhr_jax.data.io import file_tree
from fhr_jax.data.skipped import Skipped

_NUMBERS = {
    "train": """001 002 003 004 007 009 010 011 013 015 016 017 018 019 020 022 025 027 028 029 031 033 034 035 037 039
        041 043 044 046 047 048 049 053 057 059 112 113 115 119 120 123 138 143 144 160 204 205 223 225""",
    "scenario1": """114 124 125 126 150 158 401 402 505 506 507 508 509 510 511 514 515 518 519 520 521 522 524 525 537
        538 540 541 546 547 548""",
    "scenario2": "203 208 211 212 213 214 218 224 403 404 405 406 407 408 409 412 550 551 553",
    "scenario3": "410 411 516 517 526 528 529 530 531 533 557 558 559 562",
}
SPLITS: dict[str, tuple[str, ...]] = {split: tuple(numbers.split()) for split, numbers in _NUMBERS.items()}
SPLIT_OF = {video: split for split, videos in SPLITS.items() for video in videos}
_VIDEOS = (".avi", ".mp4", ".mov", ".mkv", ".wmv")


class Face300vw(VideoBuilder):
    """Videos of 300-VW: splits train, scenario1 (easiest), scenario2, scenario3 (hardest)."""

    TITLE = "300-VW"
    PUBLISHED = {split: len(videos) for split, videos in SPLITS.items()}  # noqa: RUF012
    HOMEPAGE = "https://ibug.doc.ic.ac.uk/resources/300-VW/"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    300-VW cannot be redistributed; get it from its authors.
    1. Open https://ibug.doc.ic.ac.uk/resources/300-VW/ and ask for the data as the page says.
    2. Download the archive (its parts too) and unpack it: a folder 300VW_Dataset_2015_12_14 with 114 folders 001, 002,
       ..., each with vid.avi and annot/000001.pts, annot/000002.pts, ...
    3. fhr-jax data build face300vw --source FOLDER --out DIR          (single frames, whole videos)
       fhr-jax data build face300vw/clips16 --source FOLDER --out DIR  (clips of 16 frames, or any other number)
    Some annotations are known to be bad. --exclusions FILE, with lines `VIDEO FRAME` or `VIDEO FIRST-LAST`, skips them.
    """
    EXPECTED = "folders 001, 002, ... with vid.avi and annot/000001.pts"

    @classmethod
    def recognises(cls, folder: Path, root: Path) -> bool:
        """Whether the folder holds a numbered folder with a video or annotations."""
        for name, path in file_tree.listing(folder, root).folders.items():
            if re.fullmatch(r"\d{3}", name):
                below = file_tree.listing(path, root)
                if _video(below) or file_tree.find(path, root, "annot"):
                    return True
        return False

    def plan(self, folder: Path, root: Path, exclusions: Exclusions) -> BuildPlan:
        """Plan one unit of work for each video."""
        here = file_tree.listing(folder, root)
        units, skipped = [], list(here.skipped)
        for name, path in here.folders.items():
            if re.fullmatch(r"\d{3}", name) is None:
                continue
            if name not in SPLIT_OF:
                skipped.append(Skipped(name, "no video of this number in the splits of 300-VW"))
            elif exclusions.whole(name):
                skipped.append(Skipped(name, exclusions.reason))
            else:
                unit = self._unit(name, path, root, exclusions, skipped)
                units += [unit] if unit is not None else []
        order = list(SPLITS)
        return BuildPlan(tuple(sorted(units, key=lambda unit: order.index(unit.split))), tuple(skipped))

    def _unit(self, name: str, path: Path, root: Path, exclusions: Exclusions, skipped: list[Skipped]) -> Video | None:
        below = file_tree.listing(path, root, name=name)
        skipped += below.skipped
        video, annotations = _video(below), file_tree.find(path, root, "annot")
        if video is None or annotations is None:
            missing = "vid.avi" if video is None else "folder annot"
            skipped.append(Skipped(name, f"no {missing} in it"))
            return None
        inside = file_tree.listing(annotations, root, name=f"{name}/{annotations.name}")
        skipped += inside.skipped
        numbers, unnamed = file_tree.numbered(inside, name=f"{name}/{annotations.name}")
        skipped += unnamed
        file = f"{name}/{video.name}"
        if 0 in numbers:
            skipped.append(Skipped(file, f"{numbers[0].name}: {file_tree.FROM_ZERO}"))
            return None
        frames = {number: Annotation(number, landmarks, None) for number, landmarks in numbers.items()}
        excluded = sorted(exclusions.frames_of(name) & set(frames))
        if excluded:
            skipped.append(Skipped(file, f"frames {ranges(excluded)} {exclusions.reason}"))
        used = tuple(frames[number] for number in sorted(set(frames) - set(excluded)))
        return Video(SPLIT_OF[name], self.name, file, video, used, tuple(excluded))


def _video(here: file_tree.Listing) -> Path | None:
    return next((p for p in here.files.values() if p.stem.lower() == "vid" and p.suffix.lower() in _VIDEOS), None)
