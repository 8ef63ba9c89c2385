"""What to tell who gives a text that is not in UTF-8."""

import codecs
import os

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def not_utf8(path: str | os.PathLike[str], content: bytes) -> str:
    """The line that says so, with the encoding where the first bytes mark it.

    Args:
        path: of the file.
        content: its bytes, or the part that is no UTF-8.
    """
    name = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if name is not None:
        return f"{path}: is text in {name}, expected UTF-8; save it as UTF-8"
    return f"{path}: is not text in UTF-8, but perhaps in Latin-1 or Windows-1252; save it as UTF-8"
