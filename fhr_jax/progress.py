"""How long work reports its progress: one shape of callback for fits, training, builds and the demo."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Progress(NamedTuple):
    """One report.

    Attributes:
        done: units of work that are done, such as frames, updates or seconds.
        total: units altogether, or None where nobody knows.
        info: what else there is to say, by name, such as `loss`.
    """

    done: float
    total: float | None
    info: Mapping[str, Any] = MappingProxyType({})


ProgressCallback = Callable[[Progress], None]
"""Called with each report, in the order of the work."""


def silent(_: Progress) -> None:
    """The callback that says nothing."""
