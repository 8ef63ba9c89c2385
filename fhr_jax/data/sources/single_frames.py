"""Clips frame by frame, for those who learn from single pictures."""

from fhr_jax.data.records import Record, Records, encoded

_OF_FRAMES = ("image", "points", "box", "frame")


class SingleFrames:
    """The frames of clips, all of as many frames as the first. Each is read with its whole clip, which takes long."""

    def __init__(self, clips: Records):
        self._clips, self._length = clips, len(encoded(clips, 0)["points"])

    def __len__(self) -> int:
        return len(self._clips) * self._length

    def __getitem__(self, index: int) -> Record:
        number, place = divmod(int(index), self._length)
        clip = self._clips[number]
        return clip | {name: clip[name][place] for name in _OF_FRAMES}

    @property
    def files(self) -> tuple[str, ...]:
        """The file of every frame, where the clips tell theirs."""
        return tuple(file for file in getattr(self._clips, "files", ()) for _ in range(self._length))

    def __repr__(self) -> str:  # compared when a run resumes
        return f"Singles({self._clips!r})"


def single_frames(records: Records) -> Records:
    """The records themselves, or the frames of them if they are clips."""
    return SingleFrames(records) if encoded(records, 0)["points"].ndim == 3 else records
