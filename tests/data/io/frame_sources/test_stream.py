"""Streams that come at their own pace, wait, end or never begin; all of them from this computer."""

import os
import threading
import time

import numpy as np
import pytest

from fhr_jax.data.io.frame_sources.stream import StreamReader
from fhr_jax.errors import InputError
from tests.sounding import write_clip

IMAGES = [np.full((48, 64, 3), 5 * number % 250, np.uint8) for number in range(40)]


def reader(url, *, live=False, timeout=5.0, stop=lambda: False, keep_sound=False, **options):
    return StreamReader(
        str(url), name="a stream", live=live, timeout=timeout, stop=stop, keep_sound=keep_sound, **options
    )


def test_every_frame_of_a_pipe_is_used_however_slow_the_reader(tmp_path):
    write_clip(tmp_path / "a.mkv", IMAGES, audio=None)
    stream = reader(tmp_path / "a.mkv")
    assert stream.info().size == (48, 64)
    frames = []
    for frame in stream:
        frames.append(frame)
        time.sleep(0.002)
    assert [frame.number for frame in frames] == list(range(40))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(40) / 25, atol=2e-3)
    assert (stream.frames, stream.dropped, stream.problem, stream.live) == (40, 0, "", False)


def test_of_a_live_stream_the_newest_frame_is_used_and_the_others_are_counted():
    stream = reader("testsrc=size=64x48:rate=50:duration=1,realtime", live=True, format="lavfi")
    numbers = []
    for frame in stream:
        numbers.append(frame.number)
        np.testing.assert_allclose(frame.time, frame.number / 50, atol=1e-3)
        time.sleep(0.1)
    assert stream.live
    assert numbers == sorted(set(numbers))
    assert 3 <= len(numbers) <= 15
    assert stream.frames == 50
    assert stream.dropped == 50 - len(numbers)
    assert stream.problem == ""


def test_a_stream_is_live_if_it_has_no_end(tmp_path):
    write_clip(tmp_path / "a.mkv", IMAGES[:3], audio=None)
    for url, live, options in (
        (tmp_path / "a.mkv", False, {}),
        ("testsrc=size=64x48", True, {"format": "lavfi"}),
    ):
        stream = reader(url, live=None, **options)
        stream.info()
        assert stream.live == live
        stream.close()


@pytest.fixture
def pipe(tmp_path):
    """The name of a pipe, and a function that opens its other end."""
    os.mkfifo(tmp_path / "pipe")
    held = []

    def begin(content):
        def write():
            file = os.open(tmp_path / "pipe", os.O_WRONLY)
            held.append(file)
            os.write(file, content)

        threading.Thread(target=write, daemon=True).start()

    yield tmp_path / "pipe", begin
    for file in held:
        os.close(file)


def test_a_stream_that_never_begins_is_given_up(pipe):
    begin = time.monotonic()
    stream = reader(pipe[0], timeout=0.3)
    with pytest.raises(InputError, match=r"a stream: no answer within 0\.3 seconds"):
        stream.info()
    assert time.monotonic() - begin < 3
    pipe[1](b"")


def test_a_stream_that_stands_still_ends_with_what_came_before(pipe, tmp_path):
    write_clip(tmp_path / "a.ts", IMAGES, audio=None)
    content = (tmp_path / "a.ts").read_bytes()
    pipe[1](content)  # and then nothing, but the pipe stays open
    stream = reader(pipe[0], timeout=0.5, options={"analyzeduration": "200000", "probesize": str(len(content))})
    frames = list(stream)
    assert len(frames) >= 10
    assert stream.problem == "no frame within 0.5 seconds (--timeout)"


def test_it_stops_when_asked_though_the_stream_blocks(pipe):
    asked = []
    stream = reader(pipe[0], timeout=None, stop=lambda: bool(asked))
    threading.Timer(0.2, asked.append, [1]).start()
    with pytest.raises(InputError, match="stopped before the first frame"):
        stream.info()
    pipe[1](b"")


def test_what_is_no_video_is_said_once(tmp_path):
    (tmp_path / "a.txt").write_text("no video " * 100)
    with pytest.raises(InputError, match=r"^a stream: not a readable video \("):
        reader(tmp_path / "a.txt").info()


def test_its_sound_comes_with_the_frames(tmp_path):
    write_clip(tmp_path / "a.mkv", IMAGES)
    stream = reader(tmp_path / "a.mkv", keep_sound=True)
    stream.info()
    assert len(list(stream)) == 40
    sound = stream.sound(0.4)
    assert sound is not None
    begins = [begin for _, begin in sound.until(10.0)]
    assert -0.5 < begins[0] < -0.3  # the sound begins with the video, 0.4 s before
    assert 1.0 < begins[-1] < 1.2
    assert list(sound.until(10.0)) == []
    silent = reader(tmp_path / "a.mkv")
    silent.info()
    assert silent.sound(0.0) is None
    silent.close()
