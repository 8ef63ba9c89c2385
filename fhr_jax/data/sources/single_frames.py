"""The single frames of clips, for training and evaluation on images."""

from fhr_jax.data.records import Record, Records, encoded

_PER_FRAME = ("image", "points", "box", "frame")


class SingleFrames:
    """The frames of clips of equal length. Each frame is read together with its whole clip, which is slow."""

    def __init__(self, clips: Records):
        self._clips, self._length = clips, len(encoded(clips, 0)["points"])

    def __len__(self) -> int:
        return len(self._clips) * self._length

    def __getitem__(self, index: int) -> Record:
        number, place = divmod(int(index), self._length)
        clip = self._clips[number]
        return clip | {name: clip[name][place] for name in _PER_FRAME}

    @property
    def files(self) -> tuple[str, ...]:
        """The video file of each frame; empty where the clips do not tell."""
        return tuple(file for file in getattr(self._clips, "files", ()) for _ in range(self._length))

    def __repr__(self) -> str:  # a run compares it when it resumes: "Singles" must stay as it is in old checkpoints
        return f"Singles({self._clips!r})"


def single_frames(records: Records) -> Records:
    """The records themselves, or their single frames if they are clips."""
    return SingleFrames(records) if encoded(records, 0)["points"].ndim == 3 else records
