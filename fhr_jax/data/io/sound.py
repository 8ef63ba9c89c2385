"""The sound of a video, packet by packet, and how it gets into an .mp4 beside the frames."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any

from fhr_jax.data.io import pyav
from fhr_jax.errors import InputError

COPIED = ("aac", "mp3", "ac3", "eac3", "opus", "alac")
"""Codecs that players find in an .mp4; others are encoded again as AAC."""
RESTART = 1.0
"""A clock that jumps back by more seconds, or to its beginning, has started again; smaller steps back are errors."""
_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_BLOCK = 1024  # samples of a packet of AAC


class Sound:
    """The sound of a video from a time on.

    Attributes:
        stream: the audio stream of PyAV.
        problem: why it ends early, or cannot be used; empty if all is well.
    """

    def __init__(self, stream: Any, take: Callable[[], Any], *, zero: float):
        """Begin at a time.

        Args:
            stream: the audio stream of PyAV.
            take: gives the next packet of it, or None if there is none.
            zero: seconds on the clock of the stream that count as 0.
        """
        self.stream = stream
        self.zero = zero
        self.problem = ""
        self._take = take
        self._next: Any = None
        self._first, self._last = float("inf"), float("-inf")
        self._shift = 0.0

    def until(self, time: float) -> Iterator[tuple[Any, float]]:
        """The packets that begin before `time`, in seconds from `zero`, and when they begin; each only once.

        A clock that starts again, as where two recordings were joined, goes on from where it was.
        """
        while True:
            packet = self._next if self._next is not None else self._read()
            if packet is None:
                return
            self._next = packet
            begin = float(packet.pts * packet.time_base) - self.zero + self._shift
            self._first = min(self._first, begin)
            if begin <= self._last:
                length = max(_duration(packet), 1e-3)
                if begin > self._first + length and begin >= self._last - RESTART:
                    self._next = None  # out of order, and an .mp4 takes none that is
                    continue
                self._shift += self._last + length - begin
                begin = self._last + length
            if begin >= time:
                return
            self._next, self._last = None, begin
            yield packet, begin

    def _read(self) -> Any:
        """The next packet that has a time; None at the end."""
        av = pyav.load()
        while not self.problem:
            try:
                packet = self._take()
            except av.FFmpegError as error:
                self.problem = pyav.reason(error)
                break
            if packet is None or (packet.pts is not None and packet.size):
                return packet
        return None


def _duration(packet: Any) -> float:
    return float((packet.duration or 0) * packet.time_base)


class SoundTrack:
    """Writes a sound into an .mp4: copied if the codec is one of `COPIED`, else encoded again as AAC."""

    def __init__(self, container: Any, sound: Sound):
        """Add a stream for the sound to the container, which must not have been written to.

        Args:
            container: of PyAV, opened for writing.
            sound: what is written; its `problem` tells afterwards whether something is missing.
        """
        self._container, self._sound = container, sound
        self._waiting: deque[Any] = deque()
        context = sound.stream.codec_context
        if context.codec.canonical_name in COPIED:
            self._output, self._resampler = container.add_stream_from_template(sound.stream), None
            return
        av = pyav.load()
        self._rate = context.sample_rate if context.sample_rate in _RATES else 48000
        layout = "mono" if context.layout.nb_channels == 1 else "stereo"
        self._output = container.add_stream("aac", rate=self._rate, layout=layout)
        self._resampler = av.AudioResampler("fltp", layout, self._rate, frame_size=_BLOCK)

    def write(self, time: float, *, last: bool = False) -> None:
        """Write what begins before `time`, in seconds, and has not been written; `last` ends the sound there.

        A sound ends with a whole packet: with the one whose end is nearest. What cannot be written ends it.
        """
        av = pyav.load()
        if self._sound.problem and not last:
            return
        try:
            self._write(time, last)
        except (av.FFmpegError, ValueError) as error:
            self._sound.problem = self._sound.problem or pyav.reason(error)

    def _write(self, time: float, last: bool) -> None:
        if self._resampler is None:
            for packet, begin in self._sound.until(time):
                if not last or begin + _duration(packet) / 2 <= time:
                    self._copy(packet, begin)
            return
        for packet, begin in self._sound.until(time):
            self._waiting.extend(self._resampled(packet, begin))
        if last:
            self._waiting.extend(self._flushed())
        end = time * self._rate - (_BLOCK / 2 if last else 0)
        while self._waiting and self._waiting[0].pts < end:
            frame = self._waiting.popleft()
            if frame.pts > -_BLOCK:
                self._container.mux(self._output.encode(frame))
        if last:
            self._container.mux(self._output.encode())

    def _copy(self, packet: Any, begin: float) -> None:
        if begin + _duration(packet) <= 0:
            return
        delay = (packet.pts - packet.dts) if packet.dts is not None else 0
        packet.pts = round(begin / packet.time_base)
        packet.dts = packet.pts - delay
        packet.stream = self._output
        self._container.mux(packet)

    def _resampled(self, packet: Any, begin: float) -> Iterator[Any]:
        av = pyav.load()
        try:
            frames = packet.decode()
        except av.FFmpegError:
            return  # silence there
        for frame in frames:
            frame.pts, frame.time_base = round(begin * frame.sample_rate), Fraction(1, frame.sample_rate)
            begin += frame.samples / frame.sample_rate
            yield from self._resampler.resample(frame) if self._resampler is not None else ()

    def _flushed(self) -> Iterable[Any]:
        av = pyav.load()
        try:
            return self._resampler.resample(None) if self._resampler is not None else ()
        except (av.FFmpegError, ValueError):  # nothing was resampled
            return ()


def sound_track(container: Any, sound: Sound | None) -> SoundTrack | None:
    """A track for a sound in a container of PyAV that is written; None without a sound, or if it cannot be written."""
    av = pyav.load()
    try:
        return None if sound is None else SoundTrack(container, sound)
    except (av.FFmpegError, ValueError, LookupError) as error:
        if sound is not None:
            sound.problem = pyav.reason(error)
        return None


def of_file(container: Any, *, zero: float) -> Sound | None:
    """The sound of a container of PyAV that is read for nothing else; None if it has none.

    Args:
        container: opened for reading.
        zero: seconds on its clock that count as 0.

    Raises:
        InputError: FFmpeg cannot read it.
    """
    stream = best_stream(container)
    if stream is None:
        return None
    packets = iter(container.demux(stream))
    return Sound(stream, lambda: next(packets, None), zero=zero)


def best_stream(container: Any) -> Any:
    """The audio stream that a player would choose; None if there is none.

    Raises:
        InputError: FFmpeg cannot read any.
    """
    readable = [stream for stream in container.streams.audio if stream.codec_context is not None]
    if container.streams.audio and not readable:
        raise InputError("this FFmpeg does not know its codec")
    best = container.streams.best("audio") if readable else None
    return best if best in readable else next(iter(readable), None)
