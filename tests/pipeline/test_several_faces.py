"""Several faces with a stand-in for the net that reads squares drawn in colours, one colour a person."""

import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import pipeline
from fhr_jax.errors import InputError
from tests.nets import random_net
from tests.pipeline.test_pipeline import CONFIG, COVARIANCE, SHAPE

SIDE = 40.0
SIZE = (120, 320)
BLUE = (120, 190, 250)
"""Blue tells people apart; red and green tell where in the face a pixel lies."""


def draw(*people, size=SIZE):
    """An image of people (person, x, y of the upper left landmark), those at the end in front."""
    image = np.full((*size, 3), 20, np.uint8)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float64)
    for person, left, top in people:
        u, v = (x - left) / SIDE, (y - top) / SIDE
        inside = (abs(u - 0.5) < 0.8) & (abs(v - 0.5) < 0.8)
        face = np.stack([60 + 100 * u, 60 + 100 * v, np.full_like(u, BLUE[person])], axis=-1)
        image[inside] = face[inside].clip(0, 255).astype(np.uint8)
    return image


def read_faces(net, crops, **options):
    """A stand-in for `predict`: the colour that most pixels of the middle have is the face; hidden ones are unsure."""
    points, heights = [], []
    for crop in np.asarray(crops, np.float64) * 255:
        colours = [(abs(crop[..., 2] - blue) < 20).sum() for blue in BLUE]
        y, x = np.nonzero(abs(crop[..., 2] - BLUE[int(np.argmax(colours))]) < 20)
        if len(x) < 300:
            points.append(len(crop) / 2 + SHAPE)
            heights.append(0.0)
            continue
        red, green = ((crop[y, x, c] + 0.5 - 60) / 100 for c in (0, 1))
        maps = [np.polyfit(colour, position, 1) for colour, position in ((red, x), (green, y))]
        points.append(SHAPE * [maps[0][0], maps[1][0]] + [maps[0][1], maps[1][1]])
        heights.append(0.9)
    number = len(points)
    return pipeline.Prediction(
        jnp.asarray(np.array(points), jnp.float32),
        jnp.broadcast_to(jnp.asarray(heights)[:, None], (number, 68)),
        jnp.broadcast_to(COVARIANCE, (number, 68, 2, 2)),
    )


def detect(image):
    """Boxes of faces of which a third can be seen."""
    boxes = []
    for blue in BLUE:
        y, x = np.nonzero(abs(image[..., 2].astype(int) - blue) < 20)
        if len(x) > SIDE**2 / 3:
            red, green = (image[y, x, c].astype(float) for c in (0, 1))
            left, top = np.median(x - SIDE * (red - 60) / 100), np.median(y - SIDE * (green - 60) / 100)
            boxes.append([left, top, SIDE, SIDE])
    return np.array(boxes, np.float64).reshape(-1, 4)


@pytest.fixture
def reader(monkeypatch):
    monkeypatch.setattr(pipeline.inference, "predict", read_faces)
    return random_net()._replace(config=CONFIG._replace(crop=64))


def follow(net, images, **options):
    options = {"detector": detect, "stabilize": False} | options
    return list(pipeline.align_faces(net, images, **options))


def places(frames):
    """The upper left landmarks by number of the face, a list for each frame."""
    return [{own.face_id: tuple(own.face.points[0].round().astype(int).tolist()) for own in faces} for faces in frames]


def test_each_face_is_followed_from_where_it_appears_to_where_it_leaves(reader):
    images = [
        draw(*([(0, 40 + 2 * t, 40)] if t < 25 else []), *([(1, 200, 40 + t)] if t >= 8 else [])) for t in range(32)
    ]
    found = places(follow(reader, images, detect_every=1))
    assert [sorted(faces) for faces in found] == [[0]] * 8 + [[0, 1]] * 17 + [[1]] * 7
    for t, faces in enumerate(found):
        expected = {0: (40 + 2 * t, 40), 1: (200, 40 + t)}
        assert all(np.abs(np.subtract(place, expected[number])).max() <= 1 for number, place in faces.items())


@pytest.mark.parametrize("front", [0, 1])
def test_people_who_cross_keep_their_numbers(reader, front):
    def frame(t):
        people = [(0, 20 + 5 * t, 40), (1, 240 - 5 * t, 44)]
        return draw(*(people if front == 1 else people[::-1]))

    found = places(follow(reader, [frame(t) for t in range(45)]))
    first = {place[0] < 100: number for number, place in found[0].items()}
    assert found[-1].keys() == {0, 1}
    assert abs(found[-1][first[True]][0] - 240) <= 2
    assert abs(found[-1][first[False]][0] - 20) <= 2
    assert {number for faces in found for number in faces} == {0, 1}


@pytest.mark.parametrize(("away", "number"), [(50, 0), (70, 1)])
def test_a_face_that_comes_back_within_two_seconds_keeps_its_number(reader, away, number):
    images = [draw((0, 60, 40))] * 10 + [draw()] * away + [draw((0, 70, 42))] * 10
    found = places(follow(reader, images))
    assert all(not faces for faces in found[10 : 10 + away])
    assert [list(faces) for faces in found[-5:]] == [[number]] * 5


def test_another_person_in_the_same_place_gets_another_number(reader):
    images = [draw((0, 60, 40))] * 10 + [draw()] * 10 + [draw((2, 60, 40))] * 10
    assert list(places(follow(reader, images))[-1]) == [1]


def test_a_cut_ends_all_tracks(reader):
    images = [draw((0, 60, 40))] * 10
    other = draw((0, 60, 40)).copy()
    other[(other == 20).all(axis=-1)] = 90
    found = places(follow(reader, [*images, *[other] * 10]))
    assert [list(faces) for faces in found] == [[0]] * 10 + [[1]] * 10


def test_most_takes_the_largest_and_keeps_their_places(reader):
    images = [draw((0, 20, 40), (1, 120, 40), (2, 220, 40))] * 12
    assert [len(faces) for faces in places(follow(reader, images, most=2))] == [2] * 12
    assert [len(faces) for faces in places(follow(reader, images))] == [3] * 12


def test_what_the_detector_saw_only_once_is_no_face(reader):
    ghost = np.array([[10.0, 40, 40, 40]])
    calls = []

    def once(image):
        calls.append(None)
        return ghost if len(calls) == 1 else np.zeros((0, 4))

    images = [draw((0, 10, 40))] + [draw()] * 11
    assert all(not faces for faces in follow(reader, images, detector=once))
    assert len(calls) < 12


@pytest.mark.parametrize("height", [0.9, 0.58])
def test_a_place_of_which_net_or_detector_is_unsure_is_no_face_and_holds_no_frame_back(reader, monkeypatch, height):
    """The net finds a face there in all frames; the detector sees it once, or the net is never sure of it."""
    looks, taken = [], []

    def predict(net, crops, **options):
        prediction = read_faces(net, crops)
        return prediction._replace(confidence=jnp.minimum(prediction.confidence, height))

    def detector(image):
        looks.append(None)
        return detect(image) if len(looks) == 1 or height < 0.9 else np.zeros((0, 4))

    def images():
        for _ in range(30):
            taken.append(None)
            yield draw((0, 60, 40))

    monkeypatch.setattr(pipeline.inference, "predict", predict)
    frames = pipeline.align_faces(reader, images(), detector=detector, stabilize=False)
    for number, faces in enumerate(frames, 1):
        assert not faces
        assert len(taken) - number <= 5


def test_boxes_take_the_place_of_the_detector_and_count_at_once(reader):
    images = [draw((0, 20, 40), (1, 200, 40))] * 6
    boxes = {2: np.array([[20.0, 40, 40, 40]]), 4: np.array([[20.0, 40, 40, 40], [200.0, 40, 40, 40]])}
    found = follow(reader, images, detector=None, boxes=boxes)
    assert [[own.face_id for own in faces] for faces in found] == [[], [], [0], [0], [0, 1], [0, 1]]


def test_smoothed_faces_come_in_the_order_of_the_frames(reader):
    t = np.arange(30)
    images = [draw((0, 20 + 3 * k, 40), *([(1, 220, 40)] if k >= 9 else [])) for k in t]
    raw = follow(reader, images)
    steady = follow(reader, images, stabilize=True, lag=5)
    assert [[own.face_id for own in faces] for faces in steady] == [[own.face_id for own in faces] for faces in raw]
    for faces, smooth in zip(raw, steady, strict=True):
        for own, other in zip(faces, smooth, strict=True):
            np.testing.assert_allclose(other.face.raw, own.face.raw, atol=1.5)
            np.testing.assert_allclose(other.face.points, own.face.points, atol=4)


def test_memory_does_not_grow_and_frames_come_as_they_are_done(reader):
    taken = []

    def images():
        for _ in range(20):
            taken.append(None)
            yield draw((0, 60, 40))

    for number, _ in enumerate(pipeline.align_faces(reader, images(), detector=detect, lag=3), 1):
        assert len(taken) - number <= 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"most": 0}, "most is 0"),
        ({"detect_every": 0}, "detect_every is 0"),
        ({"boxes": {}}, "boxes and detector"),
        ({"lag": -1, "stabilize": True}, "lag"),
        ({"times": [0.0]}, "times: fewer than frames"),
    ],
)
def test_wrong_options_are_refused(reader, options, message):
    with pytest.raises(InputError, match=message):
        follow(reader, [draw((0, 60, 40))] * 2, **options)
    assert follow(reader, []) == []
