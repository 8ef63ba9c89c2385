"""Write one self-contained HTML file with text, tables and pictures.

html.write("report.html", "A run", [HtmlHeading("Accuracy"), HtmlText("..."), HtmlPicture("ced.png", "...")])
"""

import base64
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file


class HtmlHeading(NamedTuple):
    """The title of a section."""

    text: str


class HtmlText(NamedTuple):
    """A paragraph."""

    text: str


class HtmlTable(NamedTuple):
    """A table. The first column names the rows; the other columns are aligned right.

    Attributes:
        head: one title per column.
        body: rows, each as long as `head`.
        caption: below the table.
    """

    head: Sequence[str]
    body: Sequence[Sequence[object]]
    caption: str = ""


class HtmlPicture(NamedTuple):
    """A PNG or JPEG file, embedded.

    Attributes:
        path: of the file, which is read when the report is written.
        caption: below the picture, and its alternative text.
    """

    path: str | os.PathLike[str]
    caption: str = ""


Section = HtmlHeading | HtmlText | HtmlTable | HtmlPicture

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --soft: #5b5b5b; --page: #ffffff; --line: #d9d9d9; --band: #f5f6f7; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --soft: #a9a9a9; --page: #16181b; --line: #3a3d41; --band: #1f2226; }
}
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--page);
  max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.25; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.5rem; border-bottom: 1px solid var(--line); padding-bottom: 0.25rem; }
p { max-width: 46rem; }
figure { margin: 1.5rem 0; }
figcaption, caption { color: var(--soft); font-size: 0.9rem; text-align: left; }
figure img { max-width: 100%; height: auto; display: block; background: #ffffff; border-radius: 4px; }
.scroll { overflow-x: auto; margin: 1.25rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.95rem; }
caption { caption-side: bottom; padding-top: 0.4rem; }
th, td { padding: 0.3rem 0.8rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: 0.3rem; }
thead th { border-bottom: 2px solid var(--line); vertical-align: bottom; font-weight: 600; }
tbody th { font-weight: 400; }
tbody tr:nth-child(even) { background: var(--band); }
@media print { body { max-width: none; } figure, table { break-inside: avoid; } }
"""


def write(path: str | os.PathLike[str], title: str, sections: Sequence[Section]) -> None:
    """Write the report, whole or not at all.

    Args:
        path: of the HTML file. Pictures are embedded, so that the file can be sent alone.
        title: of the page.
        sections: in the order of the page.

    Raises:
        InputError: a table row and the table head differ in length, a picture cannot be read or is neither PNG nor
            JPEG, or `path` cannot be written.
    """
    body = "\n".join(_html(section) for section in sections)
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )
    with atomic_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _html(section: Section) -> str:
    match section:
        case HtmlHeading(text):
            return f"<h2>{escape(text)}</h2>"
        case HtmlText(text):
            return f"<p>{escape(text)}</p>"
        case HtmlTable():
            return _table(section)
        case HtmlPicture():
            return _picture(section)
    raise InputError(
        f"report: expected HtmlHeading, HtmlText, HtmlTable or HtmlPicture, found {type(section).__name__}"
    )


def _table(table: HtmlTable) -> str:
    for row in table.body:
        if len(row) != len(table.head):
            raise InputError(
                f"report: a row of table {table.caption!r} has {len(row)} cells, expected {len(table.head)}"
            )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    head = "".join(f'<th scope="col">{escape(str(cell))}</th>' for cell in table.head)
    rows = "\n".join(
        "<tr>"
        + "".join(f'<th scope="row">{escape(str(cell))}</th>' for cell in row[:1])
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in row[1:])
        + "</tr>"
        for row in table.body
    )
    return (
        f'<div class="scroll"><table>{caption}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'
    )


def _picture(picture: HtmlPicture) -> str:
    path = Path(picture.path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read, expected a picture for the report") from error
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        kind = "image/png"
    elif data.startswith(b"\xff\xd8\xff"):
        kind = "image/jpeg"
    else:
        raise InputError(f"{path}: expected a PNG or JPEG picture for the report")
    source = f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    return f'<figure><img src="{source}" alt="{escape(picture.caption or path.stem)}">{caption}</figure>'
