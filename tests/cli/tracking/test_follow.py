"""Following faces through frames of several sizes, in pixels of their own frame."""

import numpy as np
import pytest

from fhr_jax import pipeline
from fhr_jax.cli.tracking.follow import Tracked, follow, shrink, to_frame, to_picture
from fhr_jax.data.io.video import VideoFrame

POINTS = np.array([[4.0, 8.0], [24.0, 28.0], [14.0, 20.0]], np.float32)


def face(points):
    points = np.asarray(points, np.float32)
    return pipeline.Face(points, points + 1, np.ones(3, np.float32), np.tile(np.eye(2, dtype=np.float32), (3, 1, 1)))


def pictures(sizes, longest=None):
    for number, size in enumerate(sizes):
        yield shrink(VideoFrame(np.zeros((*size, 3), np.uint8), number / 25, number), longest)


def run(sizes, faces, *, box=None, boxes=None, longest=None):
    """Follow with a stand-in that gives the same faces in each image; what it was asked, and what came."""
    asked, changes = [], []

    def align(images, times, box, boxes):
        asked.append([box, 0, boxes])
        for _, _ in zip(images, times, strict=False):
            asked[-1][1] += 1
            yield faces

    found = list(follow(pictures(sizes, longest), align, box=box, boxes=boxes, on_change=changes.append))
    return found, asked, [picture.number for picture in changes]


def test_a_single_face_is_looked_for_where_it_was_after_a_change_of_size():
    sizes = [(48, 64)] * 3 + [(96, 128)] * 2 + [(64, 48)] * 2
    found, asked, changes = run(sizes, [Tracked(None, face(POINTS))], box=(1.0, 2.0, 3.0, 4.0))
    assert changes == [3, 5]
    assert [picture.number for picture, _ in found] == list(range(7))
    assert [length for _, length, _ in asked] == [3, 2, 2]
    np.testing.assert_allclose(asked[0][0], [1, 2, 3, 4])
    np.testing.assert_allclose(asked[1][0], [8.5, 16.5, 40, 40])  # twice as large, by the half-pixel rule
    assert asked[2][0] is None  # another shape: not the same picture in another size


def test_a_face_that_was_never_found_is_not_looked_for():
    nothing = Tracked(None, face(np.full((3, 2), np.nan)))
    _, asked, _ = run([(48, 64), (96, 128)], [nothing])
    assert [box for box, _, _ in asked] == [None, None]


def test_several_faces_get_new_numbers_after_a_change_of_size():
    both = [Tracked(0, face(POINTS)), Tracked(1, face(POINTS + 30))]
    found, asked, _ = run([(48, 64), (48, 64), (96, 128), (48, 64)], both)
    assert [[own.id for own in faces] for _, faces in found] == [[0, 1], [0, 1], [2, 3], [4, 5]]
    assert [box for box, _, _ in asked] == [None, None, None]


def test_boxes_have_the_numbers_of_their_frames_and_the_size_of_the_picture():
    boxes = {1: np.array([[10.0, 20.0, 30.0, 40.0]]), 3: np.array([[1.0, 2.0, 3.0, 4.0]])}
    _, asked, _ = run([(48, 64), (48, 64), (96, 128), (96, 128)], [Tracked(None, face(POINTS))], boxes=boxes)
    assert [sorted(used) for _, _, used in asked] == [[1], [1]]
    np.testing.assert_array_equal(asked[1][2][1], boxes[3])
    _, asked, changes = run([(96, 128)] * 2, [Tracked(None, face(POINTS))], boxes=boxes, longest=64)
    np.testing.assert_allclose(asked[0][2][1], [[4.75, 9.75, 15, 20]])
    assert changes == []


@pytest.mark.parametrize("longest", [None, 32, 50, 64, 999])
def test_shrunk_frames_and_their_faces(longest):
    y, x = np.mgrid[:48, :64]
    frame = VideoFrame(np.stack([3 * x, 4 * y, x], -1).astype(np.uint8), 1.5, 7, damaged=True)
    picture = shrink(frame, longest)
    assert (picture.number, picture.time, picture.damaged) == (7, 1.5, True)
    assert max(picture.image.shape) == min(64, longest or 64)
    np.testing.assert_allclose(picture.image.shape[1::-1], picture.scale * (64, 48))
    back = to_frame(face(POINTS), picture.scale)
    # The colours of the picture tell where its pixels lie in the frame.
    row, column = np.array(picture.image.shape[:2]) // 2
    place = np.array([[column, row]], np.float32)
    found = to_frame(face(np.repeat(place, 3, 0)), picture.scale).points[0]
    np.testing.assert_allclose(found, picture.image[row, column, :2] / (3, 4), atol=0.3)
    np.testing.assert_allclose(back.covariance[0], np.diag(1 / picture.scale**2), rtol=1e-5)
    assert back.points.dtype == np.float32
    box = to_picture([4.0, 8.0, 20.0, 20.0], picture.scale)
    np.testing.assert_allclose(
        to_frame(face(np.repeat(box[None, :2], 3, 0)), picture.scale).points[0], [4, 8], atol=1e-4
    )
