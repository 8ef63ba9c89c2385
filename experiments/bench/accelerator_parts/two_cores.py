"""The same rows on two CPU cores of the machine, in a folder of their own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerator_parts import device
from accelerator_parts.parts import PartName

FOLDER = "two_cores"


def work_on_two_cores(out: Path, parts: Sequence[PartName], **options: Any) -> None:
    """`worker.work` on two cores; JAX must not have started."""
    device.use_cores(2)
    from accelerator_parts.worker import work

    work(out, parts, **options)
