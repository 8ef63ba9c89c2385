"""Datasets built from mocked trees: counts, records, identities, and that TFDS itself reads them."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from fhr_jax.data import records
from fhr_jax.data.datasets import face300vw
from fhr_jax.data.datasets import summary as summaries
from fhr_jax.data.datasets.build import registry, run
from fhr_jax.data.io import images, pts
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import FrameRun, Identity
from fhr_jax.data.skipped import read_skipped
from fhr_jax.data.sources.boxes import BoxJitter
from fhr_jax.data.sources.holdout import records_by_video
from fhr_jax.data.sources.single_frames import single_frames
from fhr_jax.data.sources.talking_face_subset import talking_face_subset
from fhr_jax.errors import InputError
from tests import trees


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Trees and what is built from them."""
    folder = tmp_path_factory.mktemp("datasets")
    trees.tree_300w(folder / "300W source")
    trees.tree_300vw(folder / "vw")
    trees.tree_talking_face(folder / "talking")
    run.build("face300w", folder / "300W source", folder / "out")
    run.build("face300vw", folder / "vw", folder / "out")
    run.build("face300vw/clips4", folder / "vw", folder / "out")
    run.build("talking_face", folder / "talking", folder / "out")
    return folder


def identities(source):
    return [records.identity(source[i]) for i in range(len(source))]


@pytest.mark.parametrize("split", list(trees.COUNTS_300W))
def test_photographs_of_each_split(root, split):
    source = open_dataset("face300w", directory=root / "out", split=split)
    assert len(source) == trees.COUNTS_300W[split]
    for i in range(len(source)):
        trees.check(source[i])
        assert source[i]["frame"] == 0


def test_every_photograph_can_be_traced_to_its_file(root):
    tree = root / "300W source"
    found = set()
    for split in ("train", "full", "private"):
        source = open_dataset("face300w", directory=root / "out", split=split)
        for i in range(len(source)):
            record = source[i]
            path = tree / record["file"].replace("lfpw", "LFPW")
            expected = pts.read(path.with_suffix(".PTS" if path.suffix == ".JPG" else ".pts"))
            np.testing.assert_allclose(record["points"], expected, atol=1e-4)
            # Two decoders of JPEG may differ by one step.
            assert np.abs(record["image"].astype(int) - images.read_image(path)).max() <= 2
            found.add(records.identity(record))
    assert len(found) == 7 + 5 + 2
    assert Identity("face300w", "lfpw/testset/Élise ñ.png", 0) in found
    assert Identity("face300w", "ibug/image_092 _01.jpg", 0) in found
    assert Identity("face300w", "300W/01_Indoor/indoor_001.png", 0) in found


def test_splits_can_be_joined_and_sliced_as_tfds_does(root):
    joined = open_dataset("face300w", directory=root / "out", split="challenging+train[:2]")
    assert [i.file.split("/")[0] for i in identities(joined)] == ["ibug", "ibug", "afw", "afw"]


def test_frames_of_videos(root):
    source = open_dataset("face300vw", directory=root / "out", split="train")
    expected = [Identity("face300vw", f"{v}/vid.avi", k) for v in ("001", "002") for k in range(1, trees.VIDEOS[v] + 1)]
    assert identities(source) == expected
    assert source.runs == (FrameRun(0, 9, "001/vid.avi"), FrameRun(9, 15, source[9]["file"]))
    for i in range(len(source)):
        trees.check(source[i])
    for split, frames in (("scenario1", 7), ("scenario2", 5), ("scenario3", 5)):
        assert len(open_dataset("face300vw/videos", directory=root / "out", split=split)) == frames


def test_clips_that_are_stored_and_clips_of_frames_are_the_same(root):
    stored = open_dataset("face300vw/clips4", directory=root / "out", split="train")
    view = open_dataset("face300vw", directory=root / "out", split="train", clip=4)
    assert identities(stored) == identities(view)
    assert [i.frame for i in identities(view)] == [1, 5, 1]
    for i in range(len(view)):
        assert stored[i]["image"].shape == view[i]["image"].shape == (4, *trees.SIZE, 3)
        for key in ("image", "points", "box", "frame"):
            np.testing.assert_array_equal(stored[i][key], view[i][key])
            assert stored[i][key].dtype == view[i][key].dtype
    overlapping = open_dataset("face300vw", directory=root / "out", split="train", clip=4, stride=2)
    assert [i.frame for i in identities(overlapping)] == [1, 3, 5, 1, 3]


def test_the_talking_face(root):
    source = open_dataset("talking_face", directory=root / "out")
    assert identities(source) == [Identity("talking_face", "franck", k) for k in range(1, 8)]
    for i in range(len(source)):
        trees.check(source[i])
        expected = trees.talking_face(trees.face(i + 1)[1])
        np.testing.assert_allclose(source[i]["points"], expected, atol=1e-3)
    # Its images are kept byte for byte.
    kept = root / "out" / "talking_face" / "videos" / "1.0.0" / "frames" / "franck-000001" / "000003.jpg"
    assert kept.read_bytes() == (root / "talking" / "images" / "franck_00002.jpg").read_bytes()


def test_a_long_video_has_several_shards_and_clips_span_them(root, tmp_path, monkeypatch):
    monkeypatch.setattr("fhr_jax.data.datasets.talking_face.SHARD", 3)
    run.build("talking_face", root / "talking", tmp_path)
    assert len(list((tmp_path / "talking_face/videos/1.0.0").glob("*array_record*"))) == 3
    source = open_dataset("talking_face", directory=tmp_path, clip=7)
    assert identities(source) == [Identity("talking_face", "franck", 1)]


def test_sources_can_be_pickled_with_the_same_description(root):
    opened = [
        open_dataset("face300w", directory=root / "out", split="train"),
        open_dataset("face300vw", directory=root / "out", split="train", clip=3, boxes=BoxJitter(1)),
        open_dataset("face300vw/clips4", directory=root / "out", split="scenario1"),
        open_dataset("talking_face", directory=root / "out"),
    ]
    for source in opened:
        assert isinstance(source, records.Records)
        again = pickle.loads(pickle.dumps(source))
        assert repr(again) == repr(source)
        assert "0x" not in repr(source)
        for key, value in again[len(source) - 1].items():
            np.testing.assert_array_equal(value, source[len(source) - 1][key])
    assert len({repr(source) for source in opened}) == 4


@pytest.mark.parametrize(
    ("name", "split"),
    [("face300w", "train"), ("face300vw", "scenario1"), ("face300vw/clips4", "train"), ("talking_face", "test")],
)
def test_pictures_need_not_be_decoded(root, name, split):
    source = open_dataset(name, directory=root / "out", split=split, boxes=BoxJitter(1))
    for i in range(len(source)):
        whole, part = source[i], records.encoded(source, i)
        kind = part["image"]
        if name == "face300w":
            kind = images.read_part(kind, np.zeros(2), np.full(2, 1e4)).pixels
        elif "clips" not in name:
            kind = images.read_image(kind)
        assert np.abs(kind.astype(int) - whole["image"]).max() <= 2
        assert records.identity(part) == records.identity(whole)
        np.testing.assert_array_equal(part["points"], whole["points"])
        np.testing.assert_array_equal(part["box"], whole["box"])


def test_clips_frame_by_frame(root):
    clips = open_dataset("face300vw/clips4", directory=root / "out", split="train")
    frames, whole = single_frames(clips), open_dataset("face300vw", directory=root / "out", split="train")
    assert single_frames(whole) is whole
    assert len(frames) == 12
    expected = [*range(8), *range(9, 13)]  # the ninth frame of the first video is in no clip
    assert identities(frames) == [records.identity(whole[i]) for i in expected]
    for i, same in enumerate(expected):
        trees.check(frames[i])
        np.testing.assert_array_equal(frames[i]["points"], whole[same]["points"])
    assert repr(clips) in repr(frames)


def test_seven_points_of_the_talking_face(root):
    source = open_dataset("talking_face", directory=root / "out")
    subset = talking_face_subset(source)
    for record in (subset[2], records.encoded(subset, 2)):
        np.testing.assert_array_equal(record["points"], source[2]["points"][[27, 29, 34, 32, 67, 48, 54]])
        np.testing.assert_array_equal(record["box"], source[2]["box"])
    assert talking_face_subset(subset) is subset
    photographs = open_dataset("face300w", directory=root / "out", split="train")
    assert talking_face_subset(photographs) is photographs


def test_missing_or_damaged_shards_raise(root, tmp_path):
    folder = run.build("talking_face", root / "talking", tmp_path)
    (shard,) = folder.glob("*.array_record*")
    content = bytearray(shard.read_bytes())
    content[100:3000] = b"x" * 2900
    for damage in (shard.unlink, lambda: shard.write_bytes(b""), lambda: shard.write_bytes(bytes(content))):
        damage()
        with pytest.raises(InputError, match=r"1\.0\.0: record 0 cannot be read"):
            open_dataset(folder)[0]
    with pytest.raises(IndexError):
        open_dataset("face300w", directory=root / "out", split="private")[2]
    assert len(list(open_dataset("face300w", directory=root / "out", split="private"))) == 2


def test_tfds_reads_what_was_built(root):
    builder = tfds.builder_from_directory(str(root / "out" / "face300w" / "1.0.0"))
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == trees.COUNTS_300W
    example = builder.as_data_source("train")[6]
    assert example["image"].shape == (*trees.SIZE, 3)
    again = tfds.builder("face300w", data_dir=root / "out")
    assert again.is_prepared()
    assert again.info.features["points"].shape == (68, 2)
    assert len(tfds.builder("face300vw/videos", data_dir=root / "out").as_data_source("train")) == 2


def test_tfds_builds_it_too(root, tmp_path):
    for name, tree in (("face300w", "300W source"), ("face300vw/clips4", "vw"), ("face300vw", "vw")):
        builder = registry.make_builder(name, tmp_path)
        config = tfds.download.DownloadConfig(manual_dir=root / tree)
        builder.download_and_prepare(download_config=config)
        assert all("fill no clip" in item.reason for item in read_skipped(Path(builder.data_dir)))
        ours = open_dataset(name, directory=root / "out", split="train")
        theirs = open_dataset(name, directory=tmp_path, split="train")
        assert set(identities(theirs)) == set(identities(ours))
        assert theirs[0]["image"].dtype == np.uint8


def test_counts_that_differ_from_the_published_ones(root):
    summary = summaries.read_summary(root / "out" / "face300w" / "1.0.0")
    assert summary["splits"]["train"] == {"records": 7, "counted": 7, "published": 3148, "frames": 7}
    assert summary["splits"]["full"]["counted"] == 5
    assert summaries.differences(summary)[0] == "train: 7 photographs, 3141 fewer than the 3148 published"
    assert len(summaries.differences(summary)) == 5
    videos = summaries.read_summary(root / "out" / "face300vw" / "videos" / "1.0.0")
    assert videos["splits"]["train"] == {"records": 2, "counted": 2, "published": 50, "frames": 15}
    complete = {"splits": {"train": {"counted": 50, "published": 50}}, "counted": "videos"}
    assert summaries.differences(complete) == []
    more = {"splits": {"train": {"counted": 51, "published": 50}}, "counted": "videos"}
    assert summaries.differences(more) == ["train: 51 videos, 1 more than the 50 published"]


def test_published_numbers():
    assert {split: len(videos) for split, videos in face300vw.SPLITS.items()} == {
        "train": 50,
        "scenario1": 31,
        "scenario2": 19,
        "scenario3": 14,
    }
    assert len(face300vw.SPLIT_OF) == 114
    published = registry.make_builder("face300w", "x").PUBLISHED
    assert published == {"train": 3148, "common": 554, "challenging": 135, "full": 689, "private": 600}


def test_repeating_a_build_does_nothing_and_another_source_is_refused(root, tmp_path):
    tree = trees.tree_300w(tmp_path / "tree")
    folder = run.build("face300w", tree, tmp_path)
    before = (folder / "dataset_info.json").stat().st_mtime_ns
    assert run.build("face300w", tree, tmp_path) == folder
    assert (folder / "dataset_info.json").stat().st_mtime_ns == before
    trees.write_pair(tree / "afw", "new_1", 99)
    with pytest.raises(InputError, match="other files or options"):
        run.build("face300w", tree, tmp_path)


def test_images_are_stored_upright_as_rgb(tmp_path):
    """Gray, 16 bits, transparent, turned: all end as plain RGB of the same landmarks."""
    tree = tmp_path / "tree"
    image, points = trees.face(5)
    pictures = {
        "gray": Image.fromarray(image).convert("L"),
        "palette": Image.fromarray(image).convert("P"),
        "alpha": Image.fromarray(image).convert("RGBA"),
        "turned": Image.fromarray(np.rot90(image)),
    }
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, picture in pictures.items():
        trees.write_pair(tree / "afw", name, 5, suffix=".png")
        picture.save(tree / "afw" / f"{name}.png", **({"exif": exif} if name == "turned" else {}))
    import cv2

    trees.write_pair(tree / "afw", "deep", 5, suffix=".png")
    cv2.imwrite(str(tree / "afw" / "deep.png"), image[..., ::-1].astype(np.uint16) * 257)
    run.build("face300w", tree, tmp_path / "out")
    source = open_dataset("face300w", directory=tmp_path / "out")
    assert len(source) == 5
    for i in range(5):
        trees.check(source[i])
        np.testing.assert_allclose(source[i]["points"], points, atol=1e-3)
        gray = "gray" in source[i]["file"]
        assert (np.ptp(source[i]["image"], axis=-1).max() == 0) == gray


def test_everything_beside_the_records_is_text(root):
    for folder in (root / "out").rglob("1.0.0"):
        names = {path.name.split("-")[0] for path in folder.iterdir()}
        assert names <= {"face300w", "face300vw", "talking_face", "frames"} | {
            "dataset_info.json",
            "features.json",
            "summary.json",
            "skipped.csv",
        }
        left = read_skipped(folder)
        assert json.loads((folder / "summary.json").read_text())["skipped"] == len(left)
        assert all("fill no clip" in each.reason for each in left)
        assert not left or "clips" in folder.parent.name
    assert not list((root / "out").rglob(".building*"))


def test_found_where_the_command_puts_it(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    (tmp_path / "datasets").symlink_to(root / "out")
    assert len(open_dataset("face300w", split="train")) == trees.COUNTS_300W["train"]
    assert len(open_dataset(tmp_path / "datasets" / "face300vw", split="train")) == 15
    monkeypatch.chdir(root)
    monkeypatch.setenv("TFDS_DATA_DIR", str(root / "out"))
    assert len(open_dataset("face300w", split="train")) == trees.COUNTS_300W["train"]


def test_the_same_names_of_other_files_are_other_data(root, tmp_path):
    tree = trees.tree_300w(tmp_path / "tree")
    run.build("face300w", tree, tmp_path / "a")
    trees.write_pts(tree / "afw" / "18489332_1.pts", trees.face(9)[1])
    run.build("face300w", tree, tmp_path / "b")
    one, other = (open_dataset("face300w", directory=tmp_path / name, split="train") for name in "ab")
    assert repr(one) != repr(other)
    assert repr(one) == repr(open_dataset("face300w", directory=tmp_path / "a", split="train"))


def test_videos_are_grouped_without_reading_images(root, monkeypatch):
    folder = root / "out"
    clips = open_dataset("face300vw/clips4", directory=folder, split="train")
    expected = [clips[i]["file"] for i in range(len(clips))]
    assert list(clips.files) == expected
    assert list(single_frames(clips).files) == [file for file in expected for _ in range(4)]
    groups = records_by_video(single_frames(clips))
    assert sorted(i for group in groups for i in group) == list(range(4 * len(clips)))
    assert len(groups) == len(set(expected))
    frames = open_dataset("face300vw", directory=folder, split="train")
    assert [len(group) for group in records_by_video(frames)] == [9, 6]
    assert records_by_video(open_dataset("face300w", directory=folder, split="train")) == ()
