from fractions import Fraction

import av
import numpy as np
import pytest

from fhr_jax.data.io import video
from fhr_jax.data.io.video_frames import VideoFrames
from fhr_jax.errors import InputError
from tests import trees

RATE = Fraction(25)


def picture(number, size=(48, 64)):
    """A smooth grey image that identifies its frame and its corners."""
    y, x = np.mgrid[: size[0], : size[1]]
    gray = 20 + 4 * number + 100 * x / size[1] + 40 * y / size[0]
    return np.repeat(gray[..., None], 3, -1).astype(np.uint8)


def write(path, count=10, size=(48, 64), times=None):
    with video.writer(path, size=size, rate=RATE) as add:
        for number in range(count):
            add(picture(number, size), number / 25 if times is None else times[number])


def test_round_trip(tmp_path):
    write(tmp_path / "a.mp4", 30)
    frames = list(video.frames(tmp_path / "a.mp4"))
    assert len(frames) == 30
    np.testing.assert_allclose([f.time for f in frames], np.arange(30) / 25, atol=1e-3)
    for number, frame in enumerate(frames):
        assert np.abs(frame.image.astype(int) - picture(number)).mean() < 3
    assert video.info(tmp_path / "a.mp4") == video.Info((48, 64), Fraction(25), 30)
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_players_can_show_it(tmp_path):
    write(tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.pix_fmt == "yuv420p"


@pytest.mark.parametrize("size", [(49, 64), (48, 63), (51, 77)])
def test_odd_sizes_gain_a_row_or_column(tmp_path, size):
    write(tmp_path / "a.mp4", 3, size)
    frames = list(video.frames(tmp_path / "a.mp4"))
    even = tuple(s + s % 2 for s in size)
    assert [f.image.shape[:2] for f in frames] == [even] * 3
    assert np.abs(frames[2].image[: size[0], : size[1]].astype(int) - picture(2, size)).mean() < 3


def test_irregular_times_are_preserved(tmp_path):
    times = [0.0, 0.01, 0.2, 0.21, 1.5]
    write(tmp_path / "a.mp4", 5, times=times)
    np.testing.assert_allclose([f.time for f in video.frames(tmp_path / "a.mp4")], times, atol=1e-3)


def test_times_that_stand_still_keep_every_frame(tmp_path):
    write(tmp_path / "a.mp4", 5, times=[0.0] * 5)
    assert len(list(video.frames(tmp_path / "a.mp4"))) == 5


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), lambda image: image),
        ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
        ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
        ((0, -1, 1, 0), np.rot90),
        ((-1, 0, 0, 1), np.fliplr),
        ((1, 0, 0, -1), np.flipud),
        ((0, 1, 1, 0), lambda image: image.swapaxes(0, 1)),
        ((0, -1, -1, 0), lambda image: np.rot90(image, 2).swapaxes(0, 1)),
    ],
)
def test_the_display_matrix_turns_and_mirrors(tmp_path, matrix, shown):
    """Phones store frames as the sensor lies and write a matrix into the track header (tkhd)."""
    write(tmp_path / "a.mp4", 3)
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    place = content.index(b"tkhd") + 4 + 4 + 20 + 16
    a, b, c, d = (value * 65536 for value in matrix)
    values = [a, b, 0, c, d, 0, 0, 0, 1 << 30]
    content[place : place + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in values)
    (tmp_path / "turned.mp4").write_bytes(bytes(content))
    expected = shown(picture(2))
    assert video.info(tmp_path / "turned.mp4").size == expected.shape[:2]
    frame = list(video.frames(tmp_path / "turned.mp4"))[2]
    assert np.abs(frame.image.astype(int) - expected).mean() < 3
    assert np.abs(VideoFrames(tmp_path / "turned.mp4")[2].astype(int) - expected).mean() < 3


def encode(path, *, aspect=None, sizes=((64, 48),)):
    """A file with one video stream for each size (width, height): a moving picture in the last one, a still before."""
    with av.open(str(path), "w") as container:
        streams = []
        for width, height in sizes:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            streams.append(stream)
        for number in range(6):
            for stream in streams if number == 0 else streams[-1:]:
                frame = av.VideoFrame.from_ndarray(picture(number, (stream.height, stream.width)), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode())


def test_pixels_are_made_square(tmp_path):
    for name, aspect, size in (("wide", Fraction(2), (48, 128)), ("narrow", Fraction(1, 2), (48, 32))):
        encode(tmp_path / f"{name}.mp4", aspect=aspect)
        assert video.info(tmp_path / f"{name}.mp4").size == size
        frames = [frame.image for frame in video.frames(tmp_path / f"{name}.mp4")]
        assert {image.shape for image in frames} == {(*size, 3)}
        np.testing.assert_array_equal(VideoFrames(tmp_path / f"{name}.mp4")[3], frames[3])
        columns = (np.arange(size[1]) + 0.5) * 64 / size[1] - 0.5
        expected = picture(3)[:, columns.round().astype(int)]
        assert np.abs(frames[3].astype(int) - expected).mean() < 8
    encode(tmp_path / "nonsense.mp4", aspect=Fraction(100))
    assert video.info(tmp_path / "nonsense.mp4").size == (48, 64)


def test_a_thumbnail_before_the_video_is_passed_over(tmp_path):
    encode(tmp_path / "a.mkv", sizes=((16, 16), (64, 48)))
    assert video.info(tmp_path / "a.mkv").size == (48, 64)
    assert [frame.image.shape for frame in video.frames(tmp_path / "a.mkv")] == [(48, 64, 3)] * 6
    assert video.readable(tmp_path / "a.mkv").frames == 6
    assert VideoFrames(tmp_path / "a.mkv")[5].shape == (48, 64, 3)


def test_a_failed_block_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), video.writer(tmp_path / "a.mp4", size=(48, 64), rate=RATE) as add:
        add(picture(0), 0.0)
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    with (
        pytest.raises(InputError, match="cannot write"),
        video.writer(tmp_path / "no" / "a.mp4", size=(48, 64), rate=RATE),
    ):
        pass
    with pytest.raises(InputError, match="expected"), video.writer(tmp_path / "a.mp4", size=(48, 64), rate=RATE) as add:
        add(picture(0)[:40], 0.0)
    assert not list(tmp_path.iterdir())


def test_a_video_without_frames_is_not_written(tmp_path):
    with pytest.raises(InputError, match="no frames"):
        write(tmp_path / "a.mp4", 0)
    assert not list(tmp_path.iterdir())


def test_bad_videos(tmp_path):
    write(tmp_path / "good.mp4", 30)
    content = (tmp_path / "good.mp4").read_bytes()
    with av.open(str(tmp_path / "frameless.mp4"), "w") as container:
        container.add_stream("libx264", rate=25)
        container.start_encoding()
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("hello " * 1000)
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    for name in ("frameless.mp4", "empty.mp4", "text.mp4", "cut.mp4", "sound.mp4", "missing.mp4", "."):
        for function in (video.info, lambda path: list(video.frames(path))):
            with pytest.raises(InputError) as caught:
                function(tmp_path / name)
            assert str(tmp_path / name) in str(caught.value)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is empty"),
        (b"hello " * 1000, "it is a text file"),
        (b"\0\1\xff" * 1000, "no video, or damaged at its start; Invalid data"),
        (None, "it begins like an MP4, but its index is missing or damaged: probably cut off; Invalid data"),
    ],
)
def test_why_a_file_is_not_opened(tmp_path, content, why):
    write(tmp_path / "a.mp4", 10)
    whole = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(InputError, match=rf"a.mp4: not a readable video \({why}"):
        video.info(tmp_path / "a.mp4")


def test_what_can_be_read_of_a_video(tmp_path):
    trees.write_video(tmp_path / "a.avi", range(20))
    assert video.readable(tmp_path / "a.avi") == (20, frozenset(), "")
    content = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(content[: len(content) * 6 // 10])
    shown = list(video.frames(tmp_path / "cut.avi"))
    assert video.readable(tmp_path / "cut.avi") == (len(shown), frozenset({len(shown)}), "")
    missing = video.readable(tmp_path / "b.mp4")
    assert missing.frames == 0
    assert "no such video" in missing.problem


def test_a_codec_that_ffmpeg_does_not_know_is_one_line(tmp_path):
    for name, codec, mark, other in (
        ("a.avi", "mpeg4", b"FMP4", b"ZQZQ"),
        ("a.mkv", "mpeg4", b"V_MPEG4/ISO/ASP", b"V_MPEG9/ISO/XXX"),
    ):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(0), format="rgb24")))
            container.mux(stream.encode())
        content = (tmp_path / name).read_bytes()
        assert mark in content
        (tmp_path / name).write_bytes(content.replace(mark, other))
        for function in (video.info, lambda path: list(video.frames(path))):
            with pytest.raises(InputError, match="codec this FFmpeg does not know") as caught:
                function(tmp_path / name)
            assert "\n" not in str(caught.value)


def test_frames_may_keep_their_own_size(tmp_path):
    for name, sizes in (("a", (48, 64)), ("b", (96, 128))):
        with av.open(str(tmp_path / f"{name}.ts"), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            (stream.height, stream.width), stream.pix_fmt = sizes, "yuv420p"
            for number in range(5):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number, sizes), format="rgb24")))
            container.mux(stream.encode())
    (tmp_path / "c.ts").write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    frames = list(video.frames(tmp_path / "c.ts", own_size=True))
    assert [frame.image.shape[:2] for frame in frames] == [(48, 64)] * 5 + [(96, 128)] * 5
    assert [frame.number for frame in frames] == list(range(10))
    np.testing.assert_allclose(np.diff([frame.time for frame in frames]), 0.04, atol=1e-3)
    assert {frame.image.shape[:2] for frame in video.frames(tmp_path / "c.ts")} == {(48, 64)}
    assert np.abs(frames[7].image.astype(int) - picture(2, (96, 128))).mean() < 3


def test_a_frame_whose_size_is_damaged_is_said_to_be(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("libvpx", rate=25, options={"g": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), format="rgb24")))
        container.mux(stream.encode())
    start = bytes.fromhex("9d012a40003000")  # of each key frame of VP8, 64 x 48
    content = (tmp_path / "a.mkv").read_bytes()
    pieces = content.split(start[:-1])
    assert len(pieces) == 5
    wide = bytes.fromhex("9d012a40203000")  # one bit more: 8256 x 48
    (tmp_path / "b.mkv").write_bytes(start[:-1].join(pieces[:3]) + wide[:-1] + start[:-1].join(pieces[3:]))
    for name, damaged in (("a", set()), ("b", {3})):
        assert video.readable(tmp_path / f"{name}.mkv") == (4, frozenset(damaged), "")
        shown = list(video.frames(tmp_path / f"{name}.mkv"))
        assert {frame.number + 1 for frame in shown if frame.damaged} == damaged
    frames = VideoFrames(tmp_path / "b.mkv")
    assert frames[3].shape == (48, 64, 3)
    with pytest.raises(InputError, match="frame 3 is damaged"):
        frames[2]
    frames.close()


def test_a_frame_beyond_the_limit_is_damage_whatever_the_header_says(tmp_path, monkeypatch):
    with video.writer(tmp_path / "a.mp4", size=(48, 64), rate=Fraction(25)) as write:
        for t in range(3):
            write(np.full((48, 64, 3), 80 * t, np.uint8), t / 25)
    with video.open_container(tmp_path / "a.mp4") as (container, stream):
        monkeypatch.setattr(video, "MAX_PIXELS", 64 * 48 - 1)
        with pytest.raises(InputError, match=r"damaged after 0 frames \(a frame of 64 x 48\)"):
            next(video.decode_frames(tmp_path / "a.mp4", container, stream))
