"""Records, runs of frames, and how sources describe themselves: a run compares that text when it resumes."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fhr_jax.data import crops, loader, records
from fhr_jax.data.datasets.read import StoredRecords, StoredVideos
from fhr_jax.data.io.file_tree import ImagePair
from fhr_jax.data.records import FrameRun
from fhr_jax.data.sources import boxes
from fhr_jax.data.sources.clips import Clips
from fhr_jax.data.sources.holdout import Subset
from fhr_jax.data.sources.single_frames import SingleFrames
from fhr_jax.data.sources.talking_face_subset import TalkingFaceSubset
from fhr_jax.data.sources.user_folder import FolderFrame, FolderPhotographs, FolderVideos

PHOTOGRAPHS = FolderPhotographs(Path("photos"), [ImagePair("a.jpg", Path("a.jpg"), Path("a.pts"))])
VIDEOS = FolderVideos(
    Path("videos"), [FolderFrame("1.avi", number, Path("a.pts"), Path("1.avi"), None) for number in (1, 2, 3)]
)
PHOTOGRAPHS_TEXT = "FolderPhotographs('photos', 1 6c667c702426)"
VIDEOS_TEXT = "FolderVideos('videos', 3 893e25b7f69e)"


class Stub:
    """A source of one clip."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return {"points": np.zeros((2, 68, 2)), "frame": np.arange(2), "file": "1.avi"}

    def __repr__(self):
        return "Stub()"


def test_frames_of_stored_videos():
    """Three videos, the first stored in two parts, one without frames."""
    parts = [("a", [1, 2, 3]), ("a", [4, 5, 9]), ("empty", []), ("b", [10, 11]), ("c", [12])]
    stored = [
        {
            "file": file.encode(),
            "dataset": b"videos",
            "frame": np.array(numbers, np.int32),
            "frames": [f"{file}{number}.jpg".encode() for number in numbers],
            "points": np.array(numbers, np.float32)[:, None, None] * np.ones((1, 5, 2), np.float32),
            "box": np.ones((len(numbers), 4), np.float32),
        }
        for file, numbers in parts
    ]
    source = StoredVideos(Path("x"), stored, "videos")
    assert len(source) == 9
    assert source.runs == (FrameRun(0, 5, "a"), FrameRun(5, 6, "a"), FrameRun(6, 8, "b"), FrameRun(8, 9, "c"))
    read = [source.encoded(i) for i in range(9)]
    assert [own["image"].name for own in read] == [f"{f}{n}.jpg" for f, numbers in parts for n in numbers]
    assert [int(own["points"][0, 0]) for own in read] == [int(own["frame"]) for own in read]
    assert {own["file"] for own in read[:6]} == {"a"}
    for index in (-1, 9):
        with pytest.raises(IndexError, match="of 9"):
            source.encoded(index)
    assert StoredVideos(Path("x"), [], "videos").runs == ()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (PHOTOGRAPHS, PHOTOGRAPHS_TEXT),
        (VIDEOS, VIDEOS_TEXT),
        (
            boxes.with_boxes(PHOTOGRAPHS, boxes.BoxJitter(3)),
            f"Boxed({PHOTOGRAPHS_TEXT}, Jitter(seed=3, shift=0.1, scale=0.15))",
        ),
        (Clips(VIDEOS, length=2, stride=1), f"Clips({VIDEOS_TEXT}, length=2, stride=1)"),
        (Subset(PHOTOGRAPHS, [0]), f"Subset({PHOTOGRAPHS_TEXT}, 1 from [0])"),
        (crops.Crops(PHOTOGRAPHS, size=96), f"Crops({PHOTOGRAPHS_TEXT}, size=96, landmarks=68, margin=1.5)"),
        (loader.Indices(0, 5), "Indices(0, 5)"),
        (SingleFrames(Stub()), "Singles(Stub())"),
        (TalkingFaceSubset(Stub()), "Seven(Stub())"),
        (StoredRecords([0, 0], "face300w/1.0.0 abc, train"), "Stored(face300w/1.0.0 abc, train, 2)"),
        (
            StoredVideos(Path("x"), Stub(), "face300vw/videos/1.0.0 abc, train"),
            "Videos(face300vw/videos/1.0.0 abc, train, 2)",
        ),
    ],
)
def test_descriptions_are_those_of_the_first_version(source, text):
    """Checkpoints hold these texts: with another text a run could not be resumed."""
    assert repr(source) == text


def test_boxes_of_a_file_are_described_as_in_the_first_version(tmp_path):
    (tmp_path / "boxes.csv").write_text("file,frame,x,y,width,height\na.jpg,0,1,2,3,4\n")
    source = boxes.with_boxes(PHOTOGRAPHS, tmp_path / "boxes.csv")
    assert repr(source) == f"Boxed({PHOTOGRAPHS_TEXT}, FromFile('boxes.csv', 1 e52f7bfcad40))"


def test_the_state_of_an_iterator_is_that_of_the_first_version():
    state = loader.batches(loader.Indices(0, 4), batch=2, seed=0).get_state()
    assert state == {"batches": 0, "data": "Indices(0, 4), batch 2, seed 0"}


def test_a_record_has_the_box_of_its_landmarks_and_an_identity():
    points = np.array([[3, 8], [7, 2], [5, 5]], float)
    photograph = records.record(b"bytes", points, dataset="d", file="a/b.jpg")
    assert photograph["points"].dtype == np.float32
    assert photograph["frame"].dtype == np.int32
    np.testing.assert_array_equal(photograph["box"], [3, 2, 4, 6])
    assert records.identity(photograph) == ("d", "a/b.jpg", 0)
    clip = records.record(Path("a"), np.stack([points, points + 1]), dataset="d", file="v.avi", frame=[4, 5])
    np.testing.assert_array_equal(clip["box"], [[3, 2, 4, 6], [4, 3, 4, 6]])
    assert records.identity(clip) == ("d", "v.avi", 4)


def test_images_stay_encoded_where_the_source_supports_it():
    assert records.encoded([{"image": 1}, {"image": 2}], 1) == {"image": 2}
    source = type("Encoded", (list,), {"encoded": lambda self, index: {"image": index}})()
    assert records.encoded(source, 7) == {"image": 7}


def test_runs_are_the_longest_pieces_of_one_file_with_consecutive_frames():
    rng = np.random.default_rng(0)
    for length in (0, 1, 2, 30):
        files = [str(name) for name in np.sort(rng.integers(0, 3, length))]
        frames = np.cumsum(rng.choice([1, 1, 1, 2], length)).astype(np.int32)
        runs = records.frame_runs(files, frames)
        inside = [(run.start, run.stop) for run in runs]
        assert [i for start, stop in inside for i in range(start, stop)] == list(range(length))
        for run in runs:
            assert set(files[run.start : run.stop]) == {run.file}
            np.testing.assert_array_equal(np.diff(frames[run.start : run.stop]), 1)
        for before, after in pairwise(runs):
            assert before.file != after.file or frames[after.start] != frames[before.stop - 1] + 1
