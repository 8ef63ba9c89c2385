"""The one shape of progress callbacks: fits, training, dataset builds and the demo all report through it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Progress(NamedTuple):
    """One report.

    Attributes:
        done: units of work done so far, such as frames, updates or seconds.
        total: units in all; None if unknown.
        info: further values by name, such as `loss`; each function that reports lists its names.
    """

    done: float
    total: float | None
    info: Mapping[str, Any] = MappingProxyType({})


ProgressCallback = Callable[[Progress], None]
"""Called with each report, in the order of the work."""


def silent(_: Progress) -> None:
    """Ignore the report."""
