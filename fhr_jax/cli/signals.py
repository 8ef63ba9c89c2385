"""Stopping a command without losing work: on Ctrl-C, and on the SIGTERM that a cluster sends before it kills."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class Stopped(Exception):
    """A command ended early because a signal asked for it; its work is saved.

    Attributes:
        code: exit code of the command, 128 + the number of the signal; SIGTERM if another host received it.
    """

    def __init__(self, message: str, number: int):
        super().__init__(message)
        self.code = 128 + (number or signal.SIGTERM)


class StopRequest:
    """Records the signal that asks a command to stop. A second Ctrl-C stops it at once.

    Attributes:
        number: of the signal; 0 as long as none came.
    """

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> bool:
        """Whether a signal came."""
        return bool(self.number)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.number and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = number


@contextmanager
def catch_signals() -> Generator[StopRequest]:
    """Within the block, Ctrl-C and SIGTERM only set a flag, so that the command can save its work and end."""
    request = StopRequest()
    try:
        before = {number: signal.signal(number, request.receive) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # only the main thread receives signals, and this is another one
        yield request
        return
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
