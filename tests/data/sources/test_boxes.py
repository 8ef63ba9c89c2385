"""Boxes of records: of their landmarks, of a detector's file, moved at random."""

import numpy as np
import pytest

from fhr_jax.cli.source import open_source
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.sources import boxes
from fhr_jax.data.sources.boxes import BoxJitter
from fhr_jax.errors import InputError
from tests import trees


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boxes") / "photos"
    for k in range(1, 41):
        trees.write_pair(folder, f"face {k}", k)
    return folder


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boxes") / "frames"
    for k in range(1, 5):
        trees.write_pair(folder / "a, b", f"{k}", k)
    return folder


def all_boxes(source):
    return np.stack([source[i]["box"] for i in range(len(source))])


def test_jitter_depends_on_the_seed_and_the_number_alone(photos):
    truth = all_boxes(open_dataset(photos))
    source = open_dataset(photos, boxes=BoxJitter(3, shift=0.1, scale=0.2))
    moved = all_boxes(source)
    assert moved.dtype == np.float32
    np.testing.assert_array_equal(source[7]["box"], moved[7])
    np.testing.assert_array_equal(all_boxes(open_dataset(photos, boxes=BoxJitter(3, shift=0.1, scale=0.2))), moved)
    assert np.abs(all_boxes(open_dataset(photos, boxes=BoxJitter(4))) - moved).min(axis=0).max() > 0
    shift = (moved[:, :2] + moved[:, 2:] / 2 - truth[:, :2] - truth[:, 2:] / 2) / truth[:, 2:]
    scale = moved[:, 2:] / truth[:, 2:]
    assert 0.08 < np.abs(shift).max() <= 0.1 + 1e-5
    assert abs(shift.mean()) < 0.03
    assert scale.min() >= 1 / 1.2 - 1e-5
    assert 1.1 < scale.max() <= 1.2 + 1e-5
    np.testing.assert_allclose(scale[:, 0], scale[:, 1], rtol=1e-5)
    np.testing.assert_array_equal(all_boxes(open_dataset(photos, boxes=BoxJitter(3, shift=0.0, scale=0.0))), truth)


def test_all_frames_of_a_clip_move_alike(frames):
    truth, moved = (open_dataset(frames, clip=4, boxes=b)[0]["box"] for b in ("truth", BoxJitter(1)))
    assert moved.shape == (4, 4)
    shift = (moved[:, :2] + moved[:, 2:] / 2 - truth[:, :2] - truth[:, 2:] / 2) / truth[:, 2:]
    np.testing.assert_allclose(shift, np.broadcast_to(shift[:1], shift.shape), atol=1e-5)


def test_boxes_of_a_detector(photos, frames, tmp_path):
    path = tmp_path / "boxes.csv"
    rows = [f'"face {k}.jpg", 0, {k}.5, 2, 30, 40, 0.9' for k in range(1, 41)]
    path.write_text("file, frame, x, y, width, height, score\n" + "\n".join(rows) + "\nface 1.jpg,0,9,9,9,9,0.1\n")
    source = open_dataset(photos, boxes=path)
    np.testing.assert_array_equal(all_boxes(source)[:2], np.float32([[1.5, 2, 30, 40], [2.5, 2, 30, 40]]))
    assert source[0]["box"].dtype == np.float32
    assert repr(source) == repr(open_dataset(photos, boxes=str(path)))

    lines = [f'{k},"a, b/1.jpg",1,2,3,{k}' for k in range(1, 4)]
    path.write_text("frame,file,x,y,width,height\n" + "\n".join(lines))
    clips = open_dataset(frames, clip=2, stride=2, boxes=path)
    np.testing.assert_array_equal(clips[0]["box"], np.float32([[1, 2, 3, 1], [1, 2, 3, 2]]))
    with pytest.raises(InputError, match=r"boxes.csv: no row for file a, b/1.jpg, frame 4"):
        clips[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a CSV with the columns file,frame,x,y,width,height"),
        ("file,frame,x,y,width,height\n", "rows below them"),
        ("file,x,y,width,height\na,1,2,3,4\n", "expected a CSV with the columns"),
        ("file,frame,x,y,width,height\na,0,1,2,3,z\n", "row 2: expected numbers"),
        ("file,frame,x,y,width,height\na,0,1,2,3\n", "row 2: expected numbers"),
        ("file,frame,x,y,width,height\na,0,1,2,3,4\na,0,1,nan,3,4\n", "row 3 is no box"),
        ("file,frame,x,y,width,height\na,0,1,2,0,4\n", "row 2 is no box"),
    ],
)
def test_files_of_boxes_that_cannot_be_read(tmp_path, text, message):
    path = tmp_path / "boxes.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        boxes.read_boxes(path)
    assert str(path) in str(caught.value)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not a CSV"):
        boxes.read_boxes(path)
    with pytest.raises(InputError, match="cannot be read"):
        boxes.read_boxes(tmp_path)


def test_the_choice_of_boxes_reaches_the_commands(photos, tmp_path):
    def boxes(choice, seed=0):
        source = open_source(str(photos), directory=None, split=None, choice=choice, seed=seed)
        return all_boxes(source.records)

    truth = boxes("truth")
    np.testing.assert_array_equal(truth, all_boxes(open_dataset(photos)))
    np.testing.assert_array_equal(boxes("jitter"), all_boxes(open_dataset(photos, boxes=BoxJitter(0))))
    assert np.abs(boxes("jitter", 1) - boxes("jitter")).max() > 1
    path = tmp_path / "boxes.csv"
    rows = [f"face {k}.jpg,0,{k},2,30,40" for k in range(1, 41)]
    path.write_text("file,frame,x,y,width,height\n" + "\n".join(rows))
    np.testing.assert_array_equal(boxes(str(path))[4], np.float32([5, 2, 30, 40]))


def test_another_file_of_boxes_changes_the_description(photos, tmp_path):
    path = tmp_path / "boxes.csv"
    descriptions = []
    for x in (1, 2):
        path.write_text(f"file,frame,x,y,width,height\nface 1.jpg,0,{x},2,30,40\n")
        descriptions.append(repr(open_dataset(photos, boxes=path)))
    assert descriptions[0] != descriptions[1]


def test_boxes_of_a_video(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text("frame,score,height,width,y,x\n3,1,4,3,2,1\n0,1,8,7,6,5\n3,0.5,9,9,9,9\n")
    found = boxes.read_video_boxes(path, video="a.mp4")
    assert sorted(found) == [0, 3]
    np.testing.assert_array_equal(found[3], [[1, 2, 3, 4], [9, 9, 9, 9]])
    path.write_text("file,frame,x,y,width,height\na.mp4,0,1,2,3,4\nb.mp4,0,5,6,7,8\n")
    np.testing.assert_array_equal(boxes.read_video_boxes(path, video="b.mp4")[0], [[5, 6, 7, 8]])
    with pytest.raises(InputError, match=r"boxes.csv: no row for file c.mp4"):
        boxes.read_video_boxes(path, video="c.mp4")
    path.write_text("frame,x,y,width,height\n-1,1,2,3,4\n")
    with pytest.raises(InputError, match="a row for frame -1; frames count from 0"):
        boxes.read_video_boxes(path, video="a.mp4")
    path.write_text("frame,x,y,width\n1,1,2,3\n")
    with pytest.raises(InputError, match=r"expected a CSV with the columns frame,x,y,width,height"):
        boxes.read_video_boxes(path, video="a.mp4")
