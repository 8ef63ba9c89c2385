"""Being asked to stop: Ctrl-C, and the SIGTERM of a cluster that wants the machine back."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class Stopped(Exception):
    """A command ended early because it was asked to, with what it had done saved.

    Attributes:
        code: its exit code, 128 and the number of the signal, which another process of the run may have got: SIGTERM.
    """

    def __init__(self, message: str, number: int):
        super().__init__(message)
        self.code = 128 + (number or signal.SIGTERM)


class Asked:
    """Whether a signal came, and its number; a second one of Ctrl-C does not wait."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> bool:
        """Whether one came."""
        return bool(self.number)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """The handler."""
        if self.number and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = number


@contextmanager
def asked_to_stop() -> Generator[Asked]:
    """Within the block, Ctrl-C and SIGTERM only set a flag; the work then ends where nothing is lost."""
    asked = Asked()
    try:
        before = {number: signal.signal(number, asked.receive) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread, which alone receives signals
        yield asked
        return
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
