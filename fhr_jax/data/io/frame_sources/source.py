"""What all sources of frames have in common."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from fhr_jax.data.io.sound import Sound
from fhr_jax.data.io.video import Info, VideoFrame


class Source(NamedTuple):
    """An open source of frames.

    Attributes:
        name: as the user gave it.
        info: size of the first frame, frames a second, and how many frames there will be, where that is known.
        frames: the frames in order, each in its own size. Reading them may take as long as a camera does.
        live: whether frames come at their own pace, so that those are dropped for which there was no time.
        report: what a user should know of the source, a sentence each; complete once the frames are read.
        sound: opens the sound from a time on, in seconds since the first frame; None if there is no sound.
    """

    name: str
    info: Info
    frames: Iterator[VideoFrame]
    live: bool
    report: Callable[[], list[str]]
    sound: Callable[[float], Sound | None]


def silent(zero: float) -> Sound | None:
    """The sound of a source that has none."""
    return None
