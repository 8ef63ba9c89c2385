"""Which source a text names, and which options go with it."""

import os
import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from fhr_jax.cli.tracking.page import LivePage
from fhr_jax.data.io import frame_sources
from fhr_jax.data.io.frame_sources.source import Source
from fhr_jax.errors import InputError
from tests.sounding import heard, write_clip

IMAGES = [np.full((48, 64, 3), 5 * number % 250, np.uint8) for number in range(20)]


def numbers(text, **options):
    with frame_sources.open(str(text), **options) as source:
        assert isinstance(source, Source)
        assert source.name == str(text)
        return [frame.number for frame in source.frames], source


def test_files_and_folders(tmp_path):
    write_clip(tmp_path / "a[1].mp4", IMAGES)  # the brackets are no pattern: there is such a file
    found, source = numbers(tmp_path / "a[1].mp4")
    assert found == list(range(20))
    assert source.report() == []
    assert not source.live
    (tmp_path / "f").mkdir()
    for number in range(3):
        Image.fromarray(IMAGES[number]).save(tmp_path / "f" / f"{number}.png")
    for text in ("f", "f/%d.png", "f/*.png"):
        assert numbers(tmp_path / text, fps=10.0)[0] == [0, 1, 2]


@contextmanager
def served(folder):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_urls(tmp_path):
    write_clip(tmp_path / "a.mp4", IMAGES)
    with served(tmp_path) as url:
        found, source = numbers(f"{url}/a.mp4")
        assert found == list(range(20))  # a file with an end, so no frame is dropped
        assert not source.live
        found, source = numbers(f"{url}/a.mp4", live="yes")
        assert source.live
        assert found[0] >= 0
        assert f"live: {20 - len(found)} of 20 frames were dropped" in source.report()[-1]
        with pytest.raises(InputError, match="not a readable video") as caught:
            numbers(f"{url}/b.mp4")
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="not a readable video"):
        numbers("http://127.0.0.1:9/a.mp4")  # nothing listens there


def test_pictures_of_a_web_camera_have_the_times_at_which_they_come():
    with LivePage() as page:
        feed = threading.Event()

        def show():
            for number in range(200):
                page.show(np.full((48, 64, 3), number, np.uint8))
                if feed.wait(0.1):
                    break

        threading.Thread(target=show, daemon=True).start()
        with frame_sources.open(f"{page.url}stream") as source:
            assert source.live
            times = [frame.time for frame, _ in zip(source.frames, range(9), strict=False)]
            assert "the stream tells no times" in source.report()[0]
        feed.set()
    assert 0.08 < np.median(np.diff(times)) < 0.5  # FFmpeg would count 0.04 s


def test_a_server_that_says_nothing_is_given_up():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(InputError, match=r"no answer within 0\.4 seconds \(--timeout\)"):
            numbers(f"http://127.0.0.1:{port}/a.mp4", timeout=0.4)


@pytest.fixture
def standard_input():
    """A function that makes a file standard input, to the end of the test."""
    before = os.dup(0)

    def replace(file):
        os.dup2(file, 0)

    yield replace
    os.dup2(before, 0)
    os.close(before)


@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_standard_input(tmp_path, standard_input, kind):
    name = tmp_path / ("a.mkv" if kind == "pipe" else "a.mp4")  # the end of an .mp4 is needed to read its beginning
    write_clip(name, IMAGES, begin=0.2)
    if kind == "pipe":
        out, into = os.pipe()
        standard_input(out)
        os.close(out)

        def write():
            os.write(into, name.read_bytes())
            os.close(into)

        threading.Thread(target=write, daemon=True).start()
    else:
        file = os.open(name, os.O_RDONLY)
        standard_input(file)
        os.close(file)
    found, source = numbers("-")
    assert found == list(range(20))
    assert not source.live
    assert source.sound(0.0) is not None
    assert heard(name)[0] == pytest.approx(0.2, abs=0.04)


def test_a_terminal_is_no_video(monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    with pytest.raises(InputError, match="and it is a terminal"):
        numbers("-")


def test_devices():
    found, source = numbers("lavfi:testsrc=size=64x48:rate=25:duration=0.4")
    assert source.live
    assert found[-1] == 9
    for text in ("dshow:video=Camera", "v4l2:/dev/video9"):
        with pytest.raises(InputError, match=r"built without the device|not a readable video"):
            numbers(text)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a.mp4", {"fps": 25.0}, "--fps 25.0: is for images"),
        ("a.mp4", {"timeout": 5.0}, "--timeout 5.0: is for a URL"),
        ("a.mp4", {"live": "yes"}, "--live yes: is for a URL"),
        ("f", {"live": "no"}, "--live no: is for a URL"),
        ("lavfi:testsrc", {"fps": 3.0}, "--fps 3.0: is for images"),
        ("lavfi:testsrc", {"timeout": 0.0}, "--timeout 0: expected seconds above 0"),
        ("x" * 300, {}, "no such video file"),
        ("missing.mp4", {}, "missing.mp4: no such video file or folder of images"),
        ("f", {}, "f: no images in this folder"),
        ("audio.m4a", {}, "audio.m4a: no video in this file"),
        ("cover.m4a", {}, "cover.m4a: no video in this file"),
        ("empty.mp4", {}, "empty.mp4: not a readable video"),
        ("text.txt", {}, "text.txt: not a readable video (it is a text file)"),
        ("text.mp4", {}, "text.mp4: not a readable video"),
        ("cut.mp4", {}, "cut.mp4: not a readable video"),
    ],
)
def test_what_cannot_be_opened_is_one_line(tmp_path, monkeypatch, text, options, message):
    monkeypatch.chdir(tmp_path)
    write_clip("a.mp4", IMAGES[:4])
    (tmp_path / "f").mkdir()
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.txt").write_text("hello " * 1000)
    (tmp_path / "text.mp4").write_text("hello " * 1000)
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "a.mp4").read_bytes()[:600])
    for name in ("audio.m4a", "cover.m4a"):
        with av.open(name, "w", format="mp4") as container:
            stream = container.add_stream("aac", rate=16000, layout="mono")
            if name == "cover.m4a":
                cover = container.add_stream("mjpeg", rate=1)
                cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
                cover.disposition = Disposition.attached_pic
                container.mux(cover.encode(av.VideoFrame.from_ndarray(IMAGES[0], format="rgb24")))
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 16000
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
    with pytest.raises(InputError) as caught:
        numbers(text, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
