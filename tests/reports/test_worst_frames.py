"""Which frames deserve a look, and their pictures."""

from fractions import Fraction

import av
import numpy as np
import pytest

from fhr_jax.data.io import video
from fhr_jax.errors import InputError
from fhr_jax.markup import FACE68
from fhr_jax.reports import worst_frames
from fhr_jax.reports.track_data import TrackOfFace, measure
from tests.reports.faces import face, track_of
from tests.reports.pages import parsed

FRAMES = 300


def chosen(track, raw, confidence, **options):
    own = TrackOfFace(np.arange(FRAMES) / 30, track, raw, confidence)
    return worst_frames.choose([own], [measure(own, markup=FACE68)], **options)


def test_the_most_remarkable_frames_are_found_apart_and_in_order():
    track = track_of(FRAMES)
    track[200:] += 500  # a cut
    raw = track + 0.2 * np.random.default_rng(0).normal(size=(FRAMES, 68, 2))
    raw[60] += np.random.default_rng(1).normal(size=(68, 2)) * 9
    raw[61] += np.random.default_rng(2).normal(size=(68, 2)) * 3  # too near to 60
    confidence = np.full((FRAMES, 68), 0.9)
    confidence[120] = 0.2
    found = chosen(track, raw, confidence, wanted=3)
    assert [own.frame for own in found] == [60, 120, 200]
    assert found[1].reason == "confidence 0.20"
    assert found[0].reason.startswith(("jitter of", "smoothing moved it by"))
    anew = [own for own in chosen(track, raw, confidence) if own.reason == "the face starts anew"]
    assert [own.frame for own in anew] == [200]


def test_an_even_track_has_no_worst_frame():
    own = TrackOfFace(np.arange(9) / 30, np.repeat(face()[None], 9, axis=0))
    assert worst_frames.choose([own], [measure(own, markup=FACE68)]) == ()


def test_pictures_are_those_of_the_frames_at_the_times(tmp_path):
    path = tmp_path / "a.mp4"
    times = [0.0, 0.04, 0.08, 0.30, 0.34]  # a variable rate
    with video.writer(path, size=(64, 96), rate=Fraction(25)) as write:
        for number, time in enumerate(times):
            write(np.full((64, 96, 3), 40 * number + 20, np.uint8), time)
    whole, part = np.array([np.nan] * 4), np.array([10.0, 20, 30, 30])
    found = worst_frames.from_video(path, {0.04: part, 0.0801: whole, 0.29: whole, 0.34: whole, 9.0: whole})
    levels = {time: image.mean() for time, image in found.items()}
    assert levels == pytest.approx({0.04: 60, 0.0801: 100, 0.29: 100, 0.34: 180, 9.0: 180}, abs=4)
    assert found[0.04].shape == (31, 31, 3)
    assert found[0.34].shape == (64, 96, 3)
    with pytest.raises(InputError, match="not a readable video"):
        path.write_bytes(b"no video")
        worst_frames.from_video(path, {0.0: whole})


def test_the_first_frame_of_a_video_may_come_late(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 80 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number + 20, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert worst_frames.first_time(path) == pytest.approx(0.8, abs=0.002)
    found = worst_frames.from_video(path, {0.04: np.array([np.nan] * 4)})
    assert found[0.04].mean() == pytest.approx(80, abs=4)


def test_pictures_are_jpegs_of_one_size():
    import cv2

    for size in ((40, 30), (900, 600)):
        content = worst_frames.jpeg(np.full((*size, 3), (200, 100, 50), np.uint8))
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        assert max(image.shape) == worst_frames.PICTURE
        np.testing.assert_allclose(image[5, 5], (50, 100, 200), atol=6)


def test_drawings_hold_the_known_landmarks():
    raw = face()
    raw[3] = np.nan
    raw[50] = 1e9  # drawn at the edge
    svg = worst_frames.drawing(face(), raw, markup=FACE68)
    groups = [own for tag, own in parsed(svg).tags if tag == "g"]
    paths = [own["d"] for tag, own in parsed(svg).tags if tag == "path"]
    assert [own["class"] for own in groups] == ["raw", "steady"]
    assert [paths[i].count("h0") for i in (1, 3)] == [67, 68]
    assert "nan" not in svg
    assert worst_frames.drawing(np.full((68, 2), np.nan), None, markup=FACE68) == ""
