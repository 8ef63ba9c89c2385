"""Frames of a video file by number are those that reading in order gives."""

import pickle

import av
import numpy as np
import pytest

from fhr_jax.data.io import video
from fhr_jax.data.io.video_frames import MAX_SKIP, VideoFrames
from fhr_jax.errors import InputError
from tests import trees

FRAMES = 150


def write(path, codec, between):
    """A video with `between` B-frames, which are stored in another order than shown."""
    y, x = np.mgrid[:48, :64]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"bf": str(between), "g": "30"}
        for number in range(FRAMES):
            gray = 128 + 100 * np.sin(x / 7 + number / 3) * np.cos(y / 5 + number / 2)
            frame = av.VideoFrame.from_ndarray(np.repeat(gray[..., None], 3, -1).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("name", "codec", "between"),
    [("a.mp4", "libx264", 3), ("a.avi", "mpeg4", 0), ("b.avi", "mpeg4", 2), ("a.mkv", "libx264", 2)],
)
def test_frames_by_number(tmp_path, name, codec, between):
    write(tmp_path / name, codec, between)
    expected = [frame.image for frame in video.frames(tmp_path / name)]
    assert len(expected) == FRAMES
    frames = VideoFrames(tmp_path / name)
    order = [0, 1, 2, 2, MAX_SKIP + 30, 5, 5, FRAMES - 1, 0, *np.random.default_rng(0).integers(0, FRAMES, 20).tolist()]
    for number in order:
        np.testing.assert_array_equal(frames[number], expected[number])
    # In order there is one pass and no jump.
    frames = pickle.loads(pickle.dumps(frames))
    frames._jump = None
    for number in range(FRAMES):
        np.testing.assert_array_equal(frames[number], expected[number])


def test_frames_beyond_the_end(tmp_path):
    write(tmp_path / "a.mp4", "libx264", 0)
    frames = VideoFrames(tmp_path / "a.mp4")
    for number in (FRAMES, FRAMES + 1000):
        with pytest.raises(InputError, match=f"a.mp4: ends after {FRAMES} frames"):
            frames[number]
    with pytest.raises(IndexError):
        frames[-1]
    assert frames[3].shape == (48, 64, 3)
    frames.close()
    assert frames[4].shape == (48, 64, 3)


def test_repeated_times(tmp_path):
    write(tmp_path / "a.mp4", "libx264", 2)
    expected = [frame.image for frame in video.frames(tmp_path / "a.mp4")]
    frames = VideoFrames(tmp_path / "a.mp4")
    frames._times = [0] * FRAMES
    np.testing.assert_array_equal(frames[140], expected[140])
    frames._times = [7 + 512 * number for number in range(FRAMES)]  # none of them the frame's own
    np.testing.assert_array_equal(frames[20], expected[20])


def test_damaged_frames_raise(tmp_path):
    trees.write_video(tmp_path / "a.avi", range(20))
    content = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(content[: len(content) * 6 // 10])
    shown = list(video.frames(tmp_path / "cut.avi"))
    assert [frame.damaged for frame in shown] == [False] * (len(shown) - 1) + [True]
    frames = VideoFrames(tmp_path / "cut.avi")
    with pytest.raises(InputError, match=rf"cut.avi: frame {len(shown)} is damaged"):
        frames[len(shown) - 1]
    np.testing.assert_array_equal(frames[len(shown) - 2], shown[-2].image)
