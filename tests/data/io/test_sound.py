"""The sound of a video beside the frames of another: copied or encoded again, cut and in time."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest

from fhr_jax.data.io import frame_sources, video
from fhr_jax.data.io.sound import COPIED, Sound, SoundTrack
from fhr_jax.errors import InputError
from tests.sounding import heard, write_clip

FRAME = 1 / 25
IMAGES = [np.full((48, 64, 3), 10 * number % 200, np.uint8) for number in range(50)]


def copy(source, path, *, start=0.0, end=np.inf):
    """The frames of a video from `start` to `end`, with their sound."""
    with frame_sources.open(str(source)) as opened:
        frames = [frame for frame in opened.frames if start <= frame.time <= end]
        sound = opened.sound(frames[0].time)
        with video.writer(path, size=(48, 64), rate=Fraction(25), sound=sound) as write:
            for frame in frames:
                write(frame.image, frame.time - frames[0].time)
    return sound


@pytest.mark.parametrize(
    ("name", "codec", "audio", "written"),
    [
        ("a.mp4", "libx264", "aac", "aac"),
        ("a.ts", "libx264", "aac", "aac"),
        ("a.mkv", "libx264", "libmp3lame", "mp3"),
        ("a.mkv", "mpeg4", "libopus", "opus"),
        ("a.avi", "mpeg4", "pcm_s16le", "aac"),
        ("a.mkv", "libx264", "flac", "aac"),
    ],
)
def test_the_sound_stays_in_time(tmp_path, name, codec, audio, written):
    seconds = write_clip(tmp_path / name, IMAGES, codec=codec, audio=audio, begin=0.5, end=1.5)
    before = heard(tmp_path / name)
    assert (before[3] in COPIED) == (written == before[3])
    sound = copy(tmp_path / name, tmp_path / "whole.mp4")
    assert not sound.problem
    begin, end, last, found = heard(tmp_path / "whole.mp4")
    assert found == written
    np.testing.assert_allclose([begin, end], [0.5, 1.5], atol=FRAME)
    np.testing.assert_allclose([begin, end], before[:2], atol=FRAME)
    assert min(abs(last - seconds), abs(last - before[2])) < FRAME  # a packet of AAC at 16 kHz lasts 0.064 s

    copy(tmp_path / name, tmp_path / "part.mp4", start=0.39, end=1.21)
    begin, end, last, _ = heard(tmp_path / "part.mp4")
    np.testing.assert_allclose([begin, end, last], [0.1, 0.84, 0.84], atol=FRAME)  # 21 frames, the last one at 0.8 s


def test_a_sound_that_begins_late_does_so_in_the_copy(tmp_path):
    write_clip(tmp_path / "a.mkv", IMAGES, begin=1.0)
    copy(tmp_path / "a.mkv", tmp_path / "b.mp4", start=0.0, end=1.6)
    np.testing.assert_allclose(heard(tmp_path / "b.mp4")[:3], [1.0, 1.64, 1.64], atol=FRAME)


def test_a_video_without_sound_has_none(tmp_path):
    write_clip(tmp_path / "a.mp4", IMAGES[:5], audio=None)
    assert copy(tmp_path / "a.mp4", tmp_path / "b.mp4") is None
    with frame_sources.open(str(tmp_path / "a.mp4"), keep_sound=False) as opened:
        assert opened.sound(0.0) is None


def test_a_codec_that_ffmpeg_does_not_know_is_said(tmp_path):
    write_clip(tmp_path / "a.mkv", IMAGES[:5])
    content = (tmp_path / "a.mkv").read_bytes()
    assert b"A_AAC" in content
    (tmp_path / "a.mkv").write_bytes(content.replace(b"A_AAC", b"A_ZZZ"))
    with pytest.raises(InputError, match="does not know its codec"):
        copy(tmp_path / "a.mkv", tmp_path / "b.mp4")


def test_a_sound_that_cannot_be_written_ends_and_the_frames_stay(tmp_path, monkeypatch):
    write_clip(tmp_path / "a.mkv", IMAGES)
    copied = SoundTrack._copy

    def breaks(self, packet, begin):
        if begin > 1:
            raise ValueError("broken")
        copied(self, packet, begin)

    monkeypatch.setattr(SoundTrack, "_copy", breaks)
    assert copy(tmp_path / "a.mkv", tmp_path / "b.mp4").problem == "broken"
    assert len(list(video.frames(tmp_path / "b.mp4"))) == 50
    assert 0.9 < heard(tmp_path / "b.mp4")[2] < 1.1

    def fails(self, container, sound):
        raise ValueError("no such codec")

    monkeypatch.setattr(SoundTrack, "__init__", fails)
    assert copy(tmp_path / "a.mkv", tmp_path / "c.mp4").problem == "no such codec"
    assert len(list(video.frames(tmp_path / "c.mp4"))) == 50


class Packet(NamedTuple):
    """A stand-in for a packet of PyAV that lasts 0.1 s."""

    pts: int
    duration: int = 100
    time_base: Fraction = Fraction(1, 1000)
    size: int = 1


def test_packets_come_once_and_in_order():
    packets = iter([Packet(pts) for pts in (1000, 1100, 1200, 1150, 2900, 1000, 1100)])
    sound = Sound(None, lambda: next(packets, None), zero=1.0)
    assert [round(begin, 6) for _, begin in sound.until(0.15)] == [0.0, 0.1]
    assert list(sound.until(0.15)) == []
    # The one that steps back is left out; the clock that starts again goes on.
    np.testing.assert_allclose([begin for _, begin in sound.until(9.0)], [0.2, 1.9, 2.0, 2.1])


def test_two_recordings_in_a_row_keep_their_sound(tmp_path):
    """The clock of the second one starts again."""
    write_clip(tmp_path / "a.ts", IMAGES[:25], begin=0.2, end=0.6)
    content = (tmp_path / "a.ts").read_bytes()
    (tmp_path / "b.ts").write_bytes(content + content)
    times = [frame.time for frame in video.frames(tmp_path / "b.ts")]
    assert np.diff(times).min() > 0
    np.testing.assert_allclose(times[-1], 49 / 25, atol=0.05)
    copy(tmp_path / "b.ts", tmp_path / "c.mp4")
    begin, end, _, _ = heard(tmp_path / "c.mp4")
    np.testing.assert_allclose([begin, end], [0.2, 1.6], atol=0.1)
