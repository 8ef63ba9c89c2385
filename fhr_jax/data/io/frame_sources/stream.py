"""Frames that come at their own pace, from a camera, a URL or a pipe: read in a thread of their own."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from fhr_jax.data.io import pyav, sound, video
from fhr_jax.errors import InputError

_QUEUE = 4
"""Decoded frames that wait, where none is dropped."""
UNTIMED = ("mpjpeg", "mjpeg", "jpeg_pipe", "h264", "hevc", "m4v", "rawvideo")
"""Formats without times, for which FFmpeg would count 25 frames a second: pictures of web cameras, bare codecs."""
_POLL = 0.1
"""Seconds between two looks at whether to stop."""
_MAX_PACKETS = 20_000
"""Packets of sound that are kept if nobody takes them, seven minutes of AAC."""


class StreamReader:
    """Opens and decodes a stream in a thread of its own, so that a stream that blocks cannot block the program.

    Args:
        url: what FFmpeg opens.
        name: of the stream in messages.
        live: whether only the newest frame is kept; None: if the stream has no end that is known.
        timeout: seconds to wait for the stream to open, and for each frame; None waits for ever.
        stop: whether to stop waiting.
        keep_sound: whether packets of sound are kept until `sound` takes them.
        **options: of `av.open`.

    Attributes:
        frames: how many frames were decoded.
        dropped: how many of them nobody had time for.
        damaged: packets that could not be decoded.
        problem: why the stream ended; empty if it was read to its end, or stopped.
        live: whether old frames are dropped; known once the stream is open.
        by_arrival: whether times are those at which the frames came, because the live stream tells none.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        live: bool | None,
        timeout: float | None,
        stop: Callable[[], bool],
        keep_sound: bool,
        **options: Any,
    ):
        self.frames = self.dropped = self.damaged = 0
        self.problem = ""
        self.live = bool(live)
        self.by_arrival = False
        self._begin = 0.0
        if timeout is not None:  # FFmpeg gives up a little later by itself, so that the thread ends too
            options = {"timeout": timeout + 1, **options}
        self._url, self._name, self._choice, self._options = url, name, live, options
        self._timeout, self._stop, self._keep_sound = timeout, stop, keep_sound
        self._change = threading.Condition()
        self._waiting: deque[tuple[int, Any, float | None]] = deque()
        self._packets: deque[Any] = deque(maxlen=_MAX_PACKETS)
        self._audio: Any = None
        self._silence = ""
        self._opened: tuple[video.Info, video.FrameConverter] | None = None
        self._ended = self._closed = False
        threading.Thread(target=self._read, name="frames", daemon=True).start()

    def info(self) -> video.Info:
        """Wait for the first frame, and tell what the stream is.

        Raises:
            InputError: it cannot be opened, holds no frames, nothing comes in time, or it was to stop.
        """
        if not self._wait(lambda: self._opened is not None):
            raise InputError(f"{self._name}: {self.problem or 'stopped before the first frame'}")
        assert self._opened is not None
        return self._opened[0]

    def __iter__(self) -> Iterator[video.VideoFrame]:
        """The frames from now on, until the stream ends, nothing comes in time, or it is to stop."""
        while self._wait(lambda: bool(self._waiting)):
            with self._change:
                number, frame, time_of_arrival = self._waiting.popleft()
                self._change.notify_all()
            assert self._opened is not None
            yield self._opened[1](frame, number, time=time_of_arrival)

    def sound(self, zero: float) -> sound.Sound | None:
        """The sound that was read with the frames, from a time on, in seconds; None if there is none.

        Raises:
            InputError: FFmpeg cannot read it.
        """
        if self._silence:
            raise InputError(self._silence)
        if self._audio is None or self._opened is None:
            return None
        packets = self._packets
        return sound.Sound(
            self._audio, lambda: packets.popleft() if packets else None, zero=zero + self._opened[0].start
        )

    def close(self) -> None:
        """Let the thread end with its next frame."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _wait(self, there: Callable[[], bool]) -> bool:
        """Wait until something is there; False if it will not come."""
        begin = time.monotonic()
        with self._change:
            while not there():
                if self._ended or self._stop():
                    return False
                if self._timeout is not None and time.monotonic() - begin > self._timeout:
                    what = "frame" if self._opened is not None else "answer"
                    self.problem = f"no {what} within {self._timeout:g} seconds (--timeout)"
                    return False
                self._change.wait(_POLL)
        return not self._stop()

    def _read(self) -> None:
        problem = ""
        try:
            with video.open_input(self._url, name=self._name, **self._options) as (container, stream):
                self._decode(container, stream)
            problem = "" if self.frames else "no frames in this video"
        except InputError as error:
            problem = str(error).removeprefix(f"{self._name}: ")
        except Exception as error:
            problem = f"cannot be read ({type(error).__name__}: {error})"
        with self._change:
            self.problem = self.problem or problem
            self._ended = True
            self._change.notify_all()

    def _decode(self, container: Any, stream: Any) -> None:
        av = pyav.load()
        if self._choice is None:
            self.live = not container.duration or container.duration <= 0
        if self.live:
            stream.thread_type = "SLICE"  # whole frames in parallel would each be late by as many
            self.by_arrival = container.format.name in UNTIMED
        if self._keep_sound:
            try:
                self._audio = sound.best_stream(container)
            except InputError as error:
                self._silence = str(error)
        chosen = [stream] if self._audio is None else [stream, self._audio]
        packets = container.demux(*chosen)
        while not self._closed:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError as error:
                raise InputError(f"ended after {self.frames} frames ({pyav.reason(error)})") from error
            if packet.stream is not stream:
                self._packets.append(packet)
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.damaged += 1
                continue
            for frame in frames:
                if self._opened is None:
                    convert = video.FrameConverter(stream, frame, own_size=True)
                    self._opened = video.info_of(container, stream, frame), convert
                self._put(frame)

    def _put(self, frame: Any) -> None:
        now = time.monotonic()
        self._begin = now if self.frames == 0 else self._begin
        with self._change:
            if self.live:
                self.dropped += len(self._waiting)
                self._waiting.clear()
            while len(self._waiting) >= _QUEUE and not self._closed:
                self._change.wait()
            self._waiting.append((self.frames, frame, now - self._begin if self.by_arrival else None))
            self.frames += 1
            self._change.notify_all()
