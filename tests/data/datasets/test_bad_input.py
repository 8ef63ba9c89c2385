"""Builds skip what cannot be read, name it with the reason, and use the rest."""

import numpy as np
import pytest
from PIL import Image

from fhr_jax import cli
from fhr_jax.data.datasets import summary as summaries
from fhr_jax.data.datasets.build import run
from fhr_jax.data.datasets.build.exclusions import read_exclusions
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.skipped import read_skipped
from fhr_jax.errors import InputError
from tests import trees


def built(name, tree, tmp_path, **options):
    """The skipped files with their reasons, and the folder of the dataset; each reason is one line without a path."""
    folder = run.build(name, tree, tmp_path / "out", **options)
    found = read_skipped(folder)
    for item in found:
        assert "\n" not in item.file + item.reason
        assert str(tmp_path) not in item.reason
    assert summaries.read_summary(folder)["skipped"] == len(found)
    return dict(found), folder


def good_pts(tree):
    return (tree / "afw" / "18489332_1.pts").read_text()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: text.replace("n_points:  68", "n_points:  70"), "n_points says 70, but 68 points follow"),
        (lambda text: text.replace("68", "67", 1).replace("{\n", "{\n#"), "67 landmarks, expected 68"),
        (lambda text: text.replace("{\n", "{\nnan nan\n#"), "'nan nan' is not a point"),
        (lambda text: "hello", "not a .pts file"),
        (lambda text: "", "not a .pts file"),
        (lambda text: text[: len(text) // 2], "not a .pts file"),
        (lambda text: text.replace("{\n", "{\n1e300 4\n#"), "no pixel coordinate"),
        (lambda text: "n_points: 68\n{\n" + "5 5\n" * 68 + "}\n", "all landmarks lie at one place"),
    ],
)
def test_broken_pts(tmp_path, damage, reason):
    tree = trees.tree_300w(tmp_path / "tree")
    broken = tree / "helen" / "trainset" / "100032540_1.PTS"
    broken.write_text(damage(good_pts(tree)))
    skipped, folder = built("face300w", tree, tmp_path)
    assert list(skipped) == ["helen/trainset/100032540_1.JPG"]
    (text,) = skipped.values()
    assert text.startswith("100032540_1.PTS: ")
    assert reason in text
    assert len(open_dataset(folder, split="train")) == 6
    assert summaries.read_summary(folder)["splits"]["train"]["counted"] == 6


def test_windows_line_ends_and_comments_are_fine(tmp_path):
    tree = trees.tree_300w(tmp_path / "tree")
    file = tree / "ibug" / "image_100_1.pts"
    file.write_bytes(("# a comment\r\n" + good_pts(tree).replace("\n", "\r\n")).encode("utf-8-sig"))
    skipped, _ = built("face300w", tree, tmp_path)
    assert skipped == {}


def test_photographs_that_cannot_be_read(tmp_path):
    tree = trees.tree_300w(tmp_path / "tree")
    afw, helen = tree / "afw", tree / "helen" / "trainset"
    content = (afw / "18489332_1.jpg").read_bytes()
    (afw / "18489332_1.jpg").write_bytes(content[: len(content) // 2])
    (afw / "18489332_2.jpg").write_bytes(b"")
    Image.new("1", (10_000, 10_000)).save(helen / "gray.jpg", "PNG")
    (helen / "100032540_1.JPG").unlink()
    (tree / "LFPW" / "trainset" / "image_0001.pts").unlink()
    trees.write_pair(tree / "LFPW" / "trainset", "image_0002", 1, suffix=".jpg")
    (tree / "ibug" / "image_100_1.jpg").unlink()
    (tree / "ibug" / "image_100_1.jpg").mkdir()
    skipped, folder = built("face300w", tree, tmp_path)
    assert "not a readable image" in skipped["afw/18489332_1.jpg"]
    assert "not a readable image" in skipped["afw/18489332_2.jpg"]
    assert skipped["helen/trainset/gray.jpg"] == "10000 x 10000 pixels; at most 80000000 are read"
    assert skipped["helen/trainset/100032540_1.PTS"].startswith("no image of its name (.jpg, ")
    assert skipped["lfpw/trainset/image_0001.png"] == "no .pts of its name"
    assert skipped["lfpw/trainset/image_0002.PNG"] == "image_0002.jpg has the same name and comes before it"
    assert skipped["ibug/image_100_1.pts"].startswith("no image of its name (.jpg, ")
    assert len(skipped) == 7
    assert len(open_dataset(folder, split="train")) == 2


def test_names_with_spaces_and_unicode_work_and_unprintable_ones_are_skipped(tmp_path):
    tree = trees.tree_300w(tmp_path / "tree ü x")
    trees.write_pair(tree / "afw", "face, “quoted” 漢字 🙂", 50)
    trees.write_pair(tree / "afw", "two\nlines", 51)
    (tree / "afw" / b"no utf8 \xff.jpg".decode("utf-8", "surrogateescape")).write_bytes(b"")
    skipped, folder = built("face300w", tree, tmp_path)
    assert len(skipped) == 3
    assert all("printable" in reason for reason in skipped.values())
    assert "afw/no utf8 �.jpg" in skipped
    source = open_dataset(folder, split="train")
    assert "afw/face, “quoted” 漢字 🙂.jpg" in {source[i]["file"] for i in range(len(source))}


def test_links_that_lead_out_of_the_folder(tmp_path):
    tree = trees.tree_300w(tmp_path / "tree")
    outside = tmp_path / "outside"
    trees.write_pair(outside, "stranger", 60)
    (tree / "afw" / "stranger.jpg").symlink_to(outside / "stranger.jpg")
    (tree / "afw" / "stranger.pts").symlink_to(outside / "stranger.pts")
    # One that stays inside is a file like any other.
    (tree / "afw" / "again.jpg").symlink_to(tree / "afw" / "18489332_1.jpg")
    (tree / "afw" / "again.pts").symlink_to("18489332_1.pts")
    (tree / "more").symlink_to(outside)
    (tmp_path / "link").symlink_to(tree)
    skipped, folder = built("face300w", tmp_path / "link", tmp_path)
    reason = "a symbolic link that leads out of the folder"
    assert skipped == {"afw/stranger.jpg": reason, "afw/stranger.pts": reason, "more": reason}
    source = open_dataset(folder, split="train")
    assert {"afw/again.jpg", "afw/18489332_1.jpg"} < {source[i]["file"] for i in range(len(source))}
    assert len(source) == 8


@pytest.fixture
def vw(tmp_path):
    return trees.tree_300vw(tmp_path / "vw") / "300VW_Dataset_2015_12_14"


def test_videos_that_cannot_be_read(tmp_path, vw):
    (vw / "001" / "vid.avi").write_bytes(b"")
    (vw / "002" / "vid.avi").write_text("no video " * 100)
    (vw / "114" / "vid.avi").unlink()
    trees.write_video(vw / "999" / "vid.avi", [1, 2])
    skipped, folder = built("face300vw", tmp_path / "vw", tmp_path)
    assert "not a readable video" in skipped.pop("001/vid.avi")
    assert "not a readable video" in skipped.pop("002/vid.avi")
    assert skipped == {"114": "no vid.avi in it", "999": "no video of this number in the splits of 300-VW"}
    with pytest.raises(InputError, match="no split 'train', it has scenario2, scenario3"):
        open_dataset(folder, split="train")
    assert "train: 0 videos, 50 fewer than the 50 published" in summaries.differences(summaries.read_summary(folder))


@pytest.mark.parametrize("name", ["face300vw", "face300vw/clips2"])
def test_frames_and_annotations_that_do_not_match(tmp_path, vw, name):
    trees.write_video(vw / "001" / "vid.avi", [1001, 1002, 1003, 1004])  # 9 are annotated
    (vw / "002" / "annot" / "000006.pts").unlink()
    (vw / "002" / "annot" / "000003.pts").write_text("broken")
    (vw / "002" / "annot" / "third.pts").write_text("")
    skipped, folder = built(name, tmp_path / "vw", tmp_path)
    assert skipped["001/vid.avi"] == "ends after 4 frames, but there are annotations for 5-9"
    assert skipped["002/vid.avi"] == "no .pts for frames 6"
    assert skipped["002/annot/000003.pts"].startswith("not a .pts file")
    assert skipped["002/annot/third.pts"] == "its name is no frame's number"
    short = [file for file, reason in skipped.items() if reason.endswith("fill no clip of 2")]
    assert short == ([] if name == "face300vw" else ["114/vid.avi", "203/vid.avi", "410/vid.avi"])
    assert len(skipped) == 4 + len(short)
    source = open_dataset(folder, split="train")
    numbers = [source[i]["frame"].tolist() for i in range(len(source))]
    if name == "face300vw":
        assert numbers == [1, 2, 3, 4, 1, 2, 4, 5]
        for i in range(len(source)):
            trees.check(source[i])
        clips = open_dataset(folder, split="train", clip=2)
        numbers = [clips[i]["frame"].tolist() for i in range(len(clips))]
    # No clip goes over the gap.
    assert numbers == [[1, 2], [3, 4], [1, 2], [4, 5]]


def test_a_truncated_video_gives_its_readable_frames(tmp_path):
    vw = trees.tree_300vw(tmp_path / "vw", {"203": 20}) / "300VW_Dataset_2015_12_14"
    content = (vw / "203" / "vid.avi").read_bytes()
    (vw / "203" / "vid.avi").write_bytes(content[: len(content) * 6 // 10])
    _, folder = built("face300vw", tmp_path / "vw", tmp_path)
    source = open_dataset(folder)
    assert 5 < len(source) < 15
    for i in range(len(source)):
        trees.check(source[i])
    last = len(source) + 1  # cut in the middle, so it shows what the frame before did
    assert read_skipped(folder) == [
        ("203/vid.avi", f"frame {last} is damaged"),
        ("203/vid.avi", f"ends after {last} frames, but there are annotations for {last + 1}-20"),
    ]


def test_a_video_that_breaks_gives_the_frames_before(tmp_path, vw, monkeypatch):
    from fhr_jax.data.io import video

    frames = video.frames

    def breaks(path):
        for number, frame in enumerate(frames(path)):
            if number == 3:
                raise InputError(f"{path}: damaged after 3 frames (broken)")
            yield frame

    monkeypatch.setattr(video, "frames", breaks)
    skipped, folder = built("face300vw", tmp_path / "vw", tmp_path)
    assert len(open_dataset(folder, split="train")) == 6
    assert set(skipped) == {f"{name}/vid.avi" for name in trees.VIDEOS}
    reasons = read_skipped(folder)
    assert ("410/vid.avi", "damaged after 3 frames (broken)") in reasons
    assert ("410/vid.avi", "ends after 3 frames, but there are annotations for 4-5") in reasons


def test_talking_face_frames_that_cannot_be_read(tmp_path):
    tree = trees.tree_talking_face(tmp_path / "tf")
    (tree / "images" / "franck_00002.jpg").write_bytes(b"")
    (tree / "points" / "franck_00004.pts").unlink()
    Image.fromarray(np.zeros((50, 60, 3), np.uint8)).save(tree / "images" / "franck_00005.jpg")
    skipped, folder = built("talking_face", tree, tmp_path)
    assert "not a readable image" in skipped["images/franck_00002.jpg"]
    assert skipped["franck_00004.jpg"] == "no .pts of its name"
    assert skipped["franck"] == "frame 6: 60 x 50 pixels, others 128 x 96"
    source = open_dataset(folder)
    assert [int(source[i]["frame"]) for i in range(len(source))] == [1, 2, 4, 7]


@pytest.mark.parametrize("separator", [" ", ",", "\t", ", "])
def test_frames_that_the_user_lists_are_skipped(tmp_path, vw, separator):
    listed = tmp_path / "unreliable.csv"
    rows = [("001", "2-3"), ("001", "9"), ("203", "1"), ("410", "1-999")]
    listed.write_text("# from the paper\n\n" + "".join(f"{a}{separator}{b}\n" for a, b in rows) + "114\n002 77\n999\n")
    skipped, folder = built("face300vw", tmp_path / "vw", tmp_path, exclusions=listed)
    reason = "listed in unreliable.csv"
    assert skipped == {
        "001/vid.avi": f"frames 2-3, 9 {reason}",
        "203/vid.avi": f"frames 1 {reason}",
        "410/vid.avi": f"frames 1-5 {reason}",
        "114": reason,
        "unreliable.csv": "lists what is not there, or has no landmarks: 002, 999",
    }
    source = open_dataset(folder, split="train")
    assert [int(source[i]["frame"]) for i in range(6)] == [1, 4, 5, 6, 7, 8]
    assert list(open_dataset(folder, split="scenario2").runs) == [(0, 4, "203/vid.avi")]


def test_photographs_that_the_user_lists_are_skipped(tmp_path):
    tree = trees.tree_300w(tmp_path / "tree")
    listed = tmp_path / "list.txt"
    listed.write_text("ibug/image_092 _01.jpg\n18489332_2.jpg\n")
    skipped, folder = built("face300w", tree, tmp_path, exclusions=listed)
    assert set(skipped) == {"ibug/image_092 _01.jpg", "afw/18489332_2.jpg"}
    assert len(open_dataset(folder, split="challenging")) == 1


@pytest.mark.parametrize("line", ["001 0", "001 5-2", "001,x", "001 2 3-", "114 9 99999999999"])
def test_lists_that_cannot_be_read(tmp_path, line):
    path = tmp_path / "list.txt"
    path.write_text(f"001 1\n{line}\n")
    with pytest.raises(InputError, match=r"list.txt: line 2: "):
        read_exclusions(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file"):
        read_exclusions(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_exclusions(tmp_path)


def test_folders_of_nothing_of_the_kind(tmp_path, vw, capsys):
    w = trees.tree_300w(tmp_path / "w")
    talking = trees.tree_talking_face(tmp_path / "talking")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    cases = [
        ("face300w", tmp_path / "missing", "missing: no such folder"),
        ("face300w", tmp_path / "file", "file: not a folder"),
        ("face300w", tmp_path / "empty", "not the folder of 300W: expected folders afw"),
        ("face300w", vw, "not the folder of 300W"),
        ("face300w", talking, "found images, points"),
        ("face300vw", w, "not the folder of 300-VW: expected folders 001, 002"),
        ("face300vw", talking, "not the folder of 300-VW"),
        ("talking_face", w, "not the folder of Talking Face: expected images franck_00000.jpg"),
        ("talking_face", vw, "found 001, 002, 114, 203, 410"),
        ("faces", w, "'faces': no dataset that can be built, expected one of face300w, face300vw, talking_face"),
        ("the300w_lp", w, "TFDS makes that one: tfds.builder('the300w_lp'"),
        ("face300w/clips16", w, "has no variants"),
        ("face300vw/clips0", w, "face300vw/clips16"),
    ]
    for name, source, message in cases:
        assert cli.main(["data", "build", name, "--source", str(source), "--out", str(tmp_path / "out")]) == 2
        line = capsys.readouterr().err.replace("\r", "\n").strip().splitlines()[-1]
        assert line.startswith("fhr-jax: error: ")
        assert message in line
        assert not (tmp_path / "out").exists()


def test_a_folder_without_readable_files(tmp_path):
    trees.write_pair(tmp_path / "tree" / "ibug", "one", 1)
    (tmp_path / "tree" / "ibug" / "one.pts").write_text("broken")
    with pytest.raises(InputError, match=r"nothing in it could be read; the first: ibug/one\.jpg: one\.pts: not a"):
        run.build("face300w", tmp_path / "tree", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.*"))


def test_places_that_cannot_be_written_to(tmp_path):
    tree = trees.tree_300w(tmp_path / "tree")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write there"):
        run.build("face300w", tree, tmp_path / "file")


def test_names_as_skipped_csv_has_them_are_understood(tmp_path, vw):
    listed = tmp_path / "list.csv"
    listed.write_text("001/vid.avi 2-3\n002,1\n")
    skipped, _ = built("face300vw", tmp_path / "vw", tmp_path, exclusions=listed)
    assert skipped == {
        f"{video}/vid.avi": f"frames {frames} listed in list.csv" for video, frames in (("001", "2-3"), ("002", "1"))
    }


@pytest.mark.parametrize(
    ("line", "number", "file"),
    [("franck_00002.jpg", 6, "franck_00002.jpg"), ("franck 3-4", 5, "franck"), ("franck/ 9", 7, "list.csv")],
)
def test_frames_of_talking_face_that_the_user_lists(tmp_path, line, number, file):
    tree = trees.tree_talking_face(tmp_path / "tree")
    (tmp_path / "list.csv").write_text(line)
    skipped, folder = built("talking_face", tree, tmp_path, exclusions=tmp_path / "list.csv")
    assert list(skipped) == [file]
    assert len(open_dataset(folder)) == number


def test_faces_that_are_not_on_their_picture(tmp_path, vw):
    tree = trees.tree_300w(tmp_path / "tree")
    points = trees.face(1)[1]
    trees.write_pts(tree / "afw" / "18489332_1.pts", points + 5000)
    trees.write_pts(tree / "afw" / "18489332_2.pts", points * [1, 0])
    skipped, _ = built("face300w", tree, tmp_path)
    assert skipped["afw/18489332_1.jpg"] == "18489332_1.pts: no landmark lies on the image of 128 x 96 pixels"
    assert skipped["afw/18489332_2.jpg"] == "18489332_2.pts: all landmarks lie on a line"
    trees.write_pts(vw / "001" / "annot" / "000002.pts", points - 5000)
    skipped, _ = built("face300vw", tmp_path / "vw", tmp_path)
    assert skipped["001/annot/000002.pts"].startswith("no landmark lies on the image")


def test_annotations_that_count_from_zero(tmp_path, vw):
    (vw / "001" / "annot" / "000009.pts").rename(vw / "001" / "annot" / "000000.pts")
    skipped, folder = built("face300vw", tmp_path / "vw", tmp_path)
    assert skipped == {"001/vid.avi": "000000.pts: the first frame of a video is 1, so this numbering cannot be right"}
    assert {record.split("/")[0] for record in files_of(open_dataset(folder, split="train"))} == {"002"}


def files_of(source):
    return [source[i]["file"] for i in range(len(source))]
