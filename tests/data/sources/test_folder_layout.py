"""Where the landmarks of photographs and videos may lie in a user's folder, and what is said of the others."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import Identity, identity
from fhr_jax.data.skipped import Skipped
from fhr_jax.data.sources import folder_layout
from tests import trees


def split_pair(images: Path, landmarks: Path, stem: str, seed: int, *, suffix: str = ".jpg", pts: str = ".pts") -> None:
    """An image in one folder and its landmarks in another."""
    trees.write_pair(images, stem, seed, suffix=suffix, pts=pts)
    landmarks.mkdir(parents=True, exist_ok=True)
    (images / f"{stem}{pts}").rename(landmarks / f"{stem}{pts}")


def names(source):
    return [identity(source[i]) for i in range(len(source))]


@pytest.mark.parametrize("folder", folder_layout.LANDMARK_FOLDERS)
def test_photographs_beside_a_folder_of_landmarks(tmp_path, folder):
    for k, (stem, suffix, pts) in enumerate(
        [("0001", ".jpg", ".pts"), ("0002", ".PNG", ".PTS"), ("x y", ".Jpeg", ".Pts")]
    ):
        split_pair(tmp_path / "Images", tmp_path / folder.title(), stem, k, suffix=suffix, pts=pts)
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "Images" / "alone.png")
    trees.write_pts(tmp_path / folder.title() / "lost.pts", trees.face(1)[1])
    (tmp_path / "readme.txt").write_text("not one of them")
    source = open_dataset(tmp_path)
    assert names(source) == [Identity(tmp_path.name, f"Images/{n}", 0) for n in ("0001.jpg", "0002.PNG", "x y.Jpeg")]
    for i in range(3):
        trees.check(source[i])
    assert dict(source.skipped) == {
        "Images/alone.png": "no .pts of its name",
        f"{folder.title()}/lost.pts": folder_layout.file_tree.NO_IMAGE,
    }


def test_folders_two_deep(tmp_path):
    for k, part in enumerate(("train", "test")):
        split_pair(tmp_path / part / "images", tmp_path / part / "landmarks", "one", k)
        split_pair(tmp_path / "img" / part / "old", tmp_path / "pts" / part / "old", f"two {part}", 2 + k)
        trees.write_pair(tmp_path / "more" / part / "deep", f"three {part}", 4 + k)
        split_pair(tmp_path / "inside" / part, tmp_path / "inside" / part / "annotations", f"four {part}", 6 + k)
    source = open_dataset(tmp_path)
    for i in range(len(source)):
        trees.check(source[i])
    assert {record.file for record in names(source)} == {
        *(f"{part}/images/one.jpg" for part in ("train", "test")),
        *(f"img/{part}/old/two {part}.jpg" for part in ("train", "test")),
        *(f"more/{part}/deep/three {part}.jpg" for part in ("train", "test")),
        *(f"inside/{part}/four {part}.jpg" for part in ("train", "test")),
    }
    assert source.skipped == ()


def test_videos_beside_a_folder_of_landmarks(tmp_path):
    (tmp_path / "videos").mkdir()
    for k, name in enumerate(("a.AVI", "b.avi")):
        trees.write_video(tmp_path / "videos" / name, [10 * k + t for t in range(4)])
        (tmp_path / "landmarks" / Path(name).stem).mkdir(parents=True)
        for t in range(4):
            trees.write_pts(tmp_path / "landmarks" / Path(name).stem / f"{t + 1:06d}.pts", trees.face(10 * k + t)[1])
    (tmp_path / "videos" / "c.mp4").write_bytes(b"")
    (tmp_path / "landmarks" / "d").mkdir()
    trees.write_pts(tmp_path / "landmarks" / "d" / "000001.pts", trees.face(1)[1])
    source = open_dataset(tmp_path)
    assert names(source) == [
        Identity(tmp_path.name, f"videos/{name}", t) for name in ("a.AVI", "b.avi") for t in (1, 2, 3, 4)
    ]
    for i in range(len(source)):
        trees.check(source[i])
    assert dict(source.skipped) == {
        "videos/c.mp4": "no .pts of its frames, expected annot/c/000001.pts",
        "landmarks/d": "landmarks without a video or images of their names",
    }


def test_numbered_frames_beside_their_landmarks(tmp_path):
    for k in range(3):
        split_pair(tmp_path / "frames" / "clip", tmp_path / "labels" / "clip", f"f_{k:03d}", k)
    source = open_dataset(tmp_path)
    assert names(source) == [Identity(tmp_path.name, "frames/clip/f_000.jpg", k) for k in (1, 2, 3)]
    trees.check(source[2])


def test_landmarks_of_a_video_are_not_those_of_other_images_near_it(tmp_path):
    """Thumbnails with the numbers of the frames."""
    trees.tree_300vw(tmp_path, {"001": 3})
    folder = tmp_path / "300VW_Dataset_2015_12_14"
    (folder / "001" / "thumbs").mkdir()
    for k in (1, 2, 3):
        Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "001" / "thumbs" / f"{k:06d}.jpg")
    source = open_dataset(folder)
    assert [record.file for record in names(source)] == ["001/vid.avi"] * 3
    assert {item.reason for item in source.skipped} == {"no .pts of its name"}


def test_links_and_depth_end_the_walk(tmp_path):
    trees.write_pair(tmp_path / "a", "one", 1)
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    trees.write_pair(tmp_path / "1" / "2" / "3" / "4" / "5", "deep", 2)
    source = open_dataset(tmp_path)
    assert [record.file for record in names(source)] == ["a/one.jpg"]
    assert source.skipped == (Skipped("1/2/3/4/5", "more than 4 folders deep"),)
