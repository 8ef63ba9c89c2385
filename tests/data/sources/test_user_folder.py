"""A user's own folder of images or videos with .pts as records; clips of them; what `open_dataset` refuses."""

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from fhr_jax.cli.source import open_readable
from fhr_jax.data import records
from fhr_jax.data.io import pts, video
from fhr_jax.data.io.images import read_image
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import FrameRun, Identity, encoded
from fhr_jax.data.skipped import Skipped
from fhr_jax.data.sources.user_folder import open_folder
from fhr_jax.errors import InputError
from tests import trees


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folders")
    trees.write_pair(folder / "photos", "face 10", 10)
    trees.write_pair(folder / "photos", "face 2", 2, suffix=".PNG", pts=".PTS")
    trees.write_pair(folder / "photos", "ü", 3, gray=True, suffix=".png")
    Image.fromarray(trees.face(1)[0]).save(folder / "photos" / "alone.png")
    trees.tree_300vw(folder / "vw", {"001": 30, "my video": 5})
    for k in range(1, 6):
        trees.write_pair(folder / "frames" / "a", f"{k}", k)
        trees.write_pair(folder / "frames" / "b b", f"img {k + 7}", 10 + k)
    return folder


def identities(source):
    return [records.identity(source[i]) for i in range(len(source))]


def test_photographs(root):
    source = open_dataset(root / "photos")
    assert identities(source) == [Identity("photos", file, 0) for file in ("face 2.PNG", "face 10.jpg", "ü.png")]
    for i in range(3):
        trees.check(source[i])
    assert open_dataset(str(root / "photos"))[0].keys() == source[0].keys()
    with pytest.raises(InputError, match="photographs"):
        open_dataset(root / "photos", clip=2)


def test_video_files(root):
    source = open_dataset(root / "vw" / "300VW_Dataset_2015_12_14")
    assert len(source) == 35
    assert source.runs == (FrameRun(0, 30, "001/vid.avi"), FrameRun(30, 35, "my video/vid.avi"))
    for i in (0, 1, 29, 4, 31, 2, 34):
        trees.check(source[i])
    assert records.identity(source[4]) == Identity("300VW_Dataset_2015_12_14", "001/vid.avi", 5)
    assert records.identity(source[30]).file == "my video/vid.avi"


def test_folders_of_frames(root):
    source = open_dataset(root / "frames")
    assert identities(source) == [
        Identity("frames", name, k) for name in ("a/1.jpg", "b b/img 8.jpg") for k in range(1, 6)
    ]
    assert source.runs == (FrameRun(0, 5, "a/1.jpg"), FrameRun(5, 10, "b b/img 8.jpg"))
    for i in range(len(source)):
        trees.check(source[i])


@pytest.mark.parametrize("folder", ["frames", "vw/300VW_Dataset_2015_12_14"])
def test_clips(root, folder):
    frames = open_dataset(root / folder)
    clips = open_dataset(root / folder, clip=3, stride=1)
    assert len(clips) == sum(run.stop - run.start - 2 for run in frames.runs)
    clip = clips[len(clips) - 1]
    assert clip["image"].shape == (3, *trees.SIZE, 3)
    assert clip["frame"].tolist() == [3, 4, 5]
    assert clip["frame"].dtype == np.int32
    for i in range(3):
        one = {key: clip[key][i] for key in ("image", "points", "box")} | {"frame": np.int32(clip["frame"][i])}
        trees.check(one | {"frame": np.asarray(one["frame"])})
    with pytest.raises(InputError, match="at least 1"):
        open_dataset(root / folder, clip=0)
    with pytest.raises(InputError, match="stride needs clip"):
        open_dataset(root / folder, stride=2)


def test_threads_do_not_disturb_each_other(root):
    """Each goes through the video in order, one behind the other."""
    source = open_dataset(root / "vw" / "300VW_Dataset_2015_12_14")
    with ThreadPoolExecutor(3) as threads:
        for record in threads.map(source.__getitem__, [k + 10 * part for k in range(10) for part in (0, 1, 2)]):
            trees.check(record)


@pytest.mark.parametrize("folder", ["photos", "frames", "vw/300VW_Dataset_2015_12_14"])
def test_pictures_need_not_be_decoded(root, folder):
    source = open_dataset(root / folder)
    record = encoded(source, 1)
    if folder.startswith("vw"):
        trees.check(record)
    else:
        np.testing.assert_array_equal(read_image(record["image"]), source[1]["image"])
    np.testing.assert_array_equal(record["points"], source[1]["points"])


def test_files_without_a_partner_are_skipped(root):
    assert open_dataset(root / "photos").skipped == (Skipped("alone.png", "no .pts of its name"),)


def test_sources_can_be_pickled(root):
    for folder in ("photos", "vw/300VW_Dataset_2015_12_14", "frames"):
        source = open_dataset(root / folder)
        before = source[1]
        again = pickle.loads(pickle.dumps(source))
        assert repr(again) == repr(source)
        np.testing.assert_array_equal(again[1]["image"], before["image"])


def test_wrong_files_are_named_when_they_are_read(tmp_path):
    trees.tree_300vw(tmp_path / "vw", {"001": 4})
    folder = tmp_path / "vw" / "300VW_Dataset_2015_12_14"
    (folder / "001" / "annot" / "000002.pts").write_text("broken")
    trees.write_pts(folder / "001" / "annot" / "000009.pts", trees.face(1)[1])
    source = open_dataset(folder)
    trees.check(source[0])
    with pytest.raises(InputError, match=r"000002\.pts: not a \.pts file"):
        source[1]
    with pytest.raises(InputError, match=r"vid\.avi: ends after 4 frames, expected frame 9"):
        source[4]
    trees.check(source[3])
    pts.write(folder / "001" / "annot" / "000003.pts", trees.face(1)[1][:5])
    with pytest.raises(InputError, match="5 landmarks, expected 68"):
        source[2]


def test_frames_of_other_sizes_make_no_clip(tmp_path):
    trees.write_pair(tmp_path / "frames" / "a", "1", 1)
    trees.write_pair(tmp_path / "frames" / "a", "2", 1)
    Image.fromarray(np.zeros((200, 200, 3), np.uint8)).save(tmp_path / "frames" / "a" / "2.jpg")
    with pytest.raises(InputError, match="several sizes"):
        open_dataset(tmp_path / "frames", clip=2)[0]


def test_links_that_lead_out_of_the_folder(tmp_path):
    trees.write_pair(tmp_path / "outside", "one", 1)
    trees.write_pair(tmp_path / "photos", "two", 1)
    (tmp_path / "photos" / "one.pts").symlink_to(tmp_path / "outside" / "one.pts")
    with pytest.raises(InputError, match=r"one\.pts: a symbolic link that leads out"):
        open_dataset(tmp_path / "photos")


def test_folders_that_hold_nothing_of_the_kind(root, tmp_path):
    with pytest.raises(InputError, match=r"no landmarks: expected images NAME\.jpg and NAME\.pts"):
        open_folder(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        open_folder(tmp_path / "missing")
    trees.write_pair(tmp_path / "both", "one", 1)
    trees.write_pair(tmp_path / "both" / "a", "1", 1)
    with pytest.raises(InputError, match="both photographs and videos"):
        open_folder(tmp_path / "both")


def test_photographs_in_folders_keep_their_names(tmp_path):
    trees.write_pair(tmp_path / "s 1", "anna", 1)
    trees.write_pair(tmp_path / "s 1", "bo", 2, suffix=".png")
    trees.write_pair(tmp_path / "ü", "anna", 3)
    source = open_dataset(tmp_path)
    assert sorted(identities(source)) == [
        Identity(tmp_path.name, file, 0) for file in ("s 1/anna.jpg", "s 1/bo.png", "ü/anna.jpg")
    ]
    for i in range(3):
        trees.check(source[i])


def test_frames_that_are_missing_make_a_gap(tmp_path):
    for k in (0, 1, 2, 6, 7):
        trees.write_pair(tmp_path / "a", f"f{k:04d}", k)
    source = open_dataset(tmp_path)
    assert [int(source[i]["frame"]) for i in range(5)] == [1, 2, 3, 7, 8]
    assert source.runs == (FrameRun(0, 3, "a/f0000.jpg"), FrameRun(3, 5, "a/f0000.jpg"))
    assert len(open_dataset(tmp_path, clip=2, stride=1)) == 3
    with pytest.raises(InputError, match="at most 3 frames follow one another"):
        open_dataset(tmp_path, clip=4)


def test_a_folder_that_is_itself_a_video(tmp_path):
    trees.tree_300vw(tmp_path, {"001": 6})
    folder = tmp_path / "300VW_Dataset_2015_12_14" / "001"
    source = open_dataset(folder)
    assert identities(source) == [Identity("001", "vid.avi", k) for k in range(1, 7)]
    for path in (folder / "annot").iterdir():  # the annotations may lie beside the video
        path.rename(folder / path.name)
    trees.check(open_dataset(folder)[5])
    assert open_dataset(folder).skipped == ()


def test_videos_that_are_skipped_have_a_reason(tmp_path):
    trees.tree_300vw(tmp_path, dict.fromkeys(("001", "002", "003", "004", "005"), 3))
    folder = tmp_path / "300VW_Dataset_2015_12_14"
    for path in (folder / "002" / "annot").iterdir():
        path.unlink()
    (folder / "003" / "vid.avi").unlink()
    (folder / "004" / "other.mp4").write_bytes(b"")
    (folder / "005" / "annot" / "000003.pts").rename(folder / "005" / "annot" / "000000.pts")
    source = open_dataset(folder)
    assert len(source) == 3
    assert dict(source.skipped) == {
        "002/vid.avi": "no .pts of its frames, expected annot/000001.pts",
        "003/annot": "landmarks without a video or images of their names",
        "004": "2 videos beside each other, expected one a folder",
        "005/vid.avi": "000000.pts: the first frame of a video is 1, so this numbering cannot be right",
    }


def test_only_readable_files_remain(tmp_path):
    photos = tmp_path / "photos"
    for k, name in enumerate(("cut off", "few", "good", "line", "outside")):
        trees.write_pair(photos, name, k)
    content = (photos / "cut off.jpg").read_bytes()
    (photos / "cut off.jpg").write_bytes(content[: len(content) // 2])
    pts.write(photos / "few.pts", trees.face(1)[1][:5])
    pts.write(photos / "line.pts", trees.face(1)[1] * [0, 1])
    pts.write(photos / "outside.pts", trees.face(1)[1] + 1000)
    seen = []
    readable = open_dataset(photos).only_readable(progress=seen.append)
    assert [(progress.done, progress.total) for progress in seen] == [(k, 5) for k in range(1, 6)]
    assert [readable[i]["file"] for i in range(len(readable))] == ["good.jpg"]
    reasons = dict(readable.skipped)
    assert "not a readable image" in reasons["cut off.jpg"]
    assert reasons["few.jpg"] == "few.pts: 5 landmarks, expected 68"
    assert reasons["line.jpg"] == "line.pts: all landmarks lie on a line"
    assert reasons["outside.jpg"] == "outside.pts: no landmark lies on the image of 128 x 96 pixels"
    # Taking the bad ones away changes nothing, so that a run may go on.
    before = repr(readable)
    for name in reasons:
        (photos / name).unlink()
        (photos / name).with_suffix(".pts").unlink()
    assert repr(open_dataset(photos).only_readable()) == before

    trees.tree_300vw(tmp_path, {"001": 4})
    folder = tmp_path / "300VW_Dataset_2015_12_14"
    (folder / "001" / "annot" / "000002.pts").write_text("broken")
    trees.write_pts(folder / "001" / "annot" / "000009.pts", trees.face(1)[1])
    readable = open_dataset(folder).only_readable()
    assert [int(readable[i]["frame"]) for i in range(len(readable))] == [1, 3, 4]
    reasons = dict(readable.skipped)
    assert reasons["001/vid.avi 2"].startswith("000002.pts: not a .pts file")
    assert reasons["001/vid.avi 9"] == "vid.avi: ends after 4 frames"


def test_damaged_videos_are_left_out_and_the_others_read(tmp_path):
    trees.tree_300vw(tmp_path, {"001": 20, "002": 20, "003": 20})
    folder = tmp_path / "300VW_Dataset_2015_12_14"
    content = (folder / "002" / "vid.avi").read_bytes()
    (folder / "002" / "vid.avi").write_bytes(content[: len(content) * 6 // 10])
    (folder / "003" / "vid.avi").write_bytes(b"no video at all")
    readable = open_dataset(folder).only_readable()
    left = [(readable[i]["file"], int(readable[i]["frame"])) for i in range(len(readable))]
    shown = sum(1 for _ in video.frames(folder / "002" / "vid.avi"))  # the last one is damaged
    assert left == [("001/vid.avi", k + 1) for k in range(20)] + [("002/vid.avi", k + 1) for k in range(shown - 1)]
    reasons = dict(readable.skipped)
    assert reasons[f"002/vid.avi {shown}"] == f"vid.avi: frame {shown} is damaged"
    assert reasons["002/vid.avi 20"] == f"vid.avi: ends after {shown} frames"
    assert reasons["003/vid.avi 1"].startswith("vid.avi: not a readable video")


def test_names_that_cannot_be_opened(root, tmp_path):
    cases = [
        (("missing",), {}, "neither a folder nor a dataset; datasets: face300w, face300vw"),
        ((root / "photos",), {"split": "train"}, "split='train' needs a built dataset"),
        ((root / "photos",), {"directory": root}, "give directory= only with the name"),
        (("face300w",), {"directory": tmp_path, "split": "train"}, "make it: fhr-jax data build face300w"),
        (("face300vw/clips9",), {"directory": tmp_path}, "make it: fhr-jax data build face300vw/clips9"),
        (("aflw2k3d/x",), {"directory": tmp_path}, "has no variants"),
    ]
    for arguments, options, message in cases:
        with pytest.raises(InputError, match=message):
            open_dataset(*arguments, **options)


def test_folders_of_tfds_that_cannot_be_read(tmp_path):
    (tmp_path / "dataset_info.json").write_text("{")
    with pytest.raises(InputError, match="not a dataset that TFDS can read"):
        open_dataset(tmp_path)


def test_kinds_that_need_a_plugin_are_skipped_with_what_to_install(tmp_path, monkeypatch, capsys):
    for name in ("pillow_heif", "pillow_jxl"):
        monkeypatch.setitem(sys.modules, name, None)
    trees.write_pair(tmp_path, "a", 1, suffix=".avif")
    for stem, suffix in (("b", ".HEIC"), ("c", ".heic"), ("d", ".jxl")):
        trees.write_pair(tmp_path, stem, 2, suffix=".png")
        (tmp_path / f"{stem}.png").rename(tmp_path / f"{stem}{suffix}")
    trees.write_pair(tmp_path, "e", 3)
    (tmp_path / "e.heic").write_bytes(b"the same photograph as the camera wrote it")
    source = open_readable(str(tmp_path), directory=None, split=None)
    assert [source[i]["file"] for i in range(len(source))] == ["a.avif", "e.jpg"]
    np.testing.assert_allclose(trees.dot(source[0]["image"]), source[0]["points"][trees.NOSE], atol=0.5)
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}: skipped: {line}"
        for line in (
            "e.heic: e.jpg has the same name and comes before it",
            "b.HEIC and 1 more: reading .heic files needs pillow-heif: pip install pillow-heif",
            "d.jxl: reading .jxl files needs pillow-jxl-plugin: pip install pillow-jxl-plugin",
        )
    ]


@pytest.mark.parametrize("suffix", [".tif", ".webp", ".png", ".gif", ".avif"])
def test_of_a_file_with_several_pictures_the_first_is_read(tmp_path, suffix):
    first, *more = (Image.fromarray(np.full((20, 30, 3), value, np.uint8)) for value in (50, 150, 250))
    first.save(tmp_path / f"a{suffix}", save_all=True, append_images=more)
    np.testing.assert_allclose(read_image(tmp_path / f"a{suffix}"), 50, atol=2)
