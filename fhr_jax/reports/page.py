"""A page of HTML in one file: the template of the package, filled, with its style, its programs and its data.

Nothing of it comes from elsewhere, and its Content-Security-Policy forbids the browser to load anything: programs and
styles are named by their hashes. All text is escaped here, so callers pass it as it is.
"""

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from html import escape, unescape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from fhr_jax import __version__
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

MARKER = '<meta name="generator" content="fhr-jax report">'
"""By this line a file is known as a report, which another report may replace."""

PLOTS = "uPlot 1.6.32, MIT licence, Leon Sorokin"
"""The library for plots in `assets`; its licence is in `uPlot.LICENSE`."""


class Html(NamedTuple):
    """A piece of HTML whose text is escaped already."""

    code: str


class Page(NamedTuple):
    """What a page shows.

    Attributes:
        title: of the page, as plain text.
        level: "good", "fair" or "poor", how the result is; "none" or "" for a result without a verdict.
        verdict: the result in one line.
        reasons: sentences under it.
        body: the sections.
        program: name of the file in `assets` that runs the page, such as "track.js".
        data: for the program, ready for JSON.
        notes: sentences at the end.
        video: whether the page plays a file beside it, so that its policy has to allow that.
    """

    title: str
    level: str
    verdict: str
    reasons: Sequence[str]
    body: Html
    program: str
    data: Any
    notes: Sequence[str] = ()
    video: bool = False


def text(value: object) -> str:
    """A value as text in HTML, quotes escaped too; bytes of a file's name that are no UTF-8 become "?"."""
    return escape(str(value).encode("utf-8", "replace").decode())


def items(sentences: Sequence[str]) -> str:
    """Sentences as a list in HTML."""
    return "".join(f"<li>{text(sentence)}</li>" for sentence in sentences)


def table(head: Sequence[str], rows: Sequence[Sequence[object]], *, caption: str = "") -> Html:
    """A table whose first column names the rows; the others are numbers."""
    titles = "".join(f'<th scope="col">{text(cell)}</th>' for cell in head)
    lines = (
        f'<tr><th scope="row">{text(row[0])}</th>' + "".join(f"<td>{text(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    below = f'<p class="caption">{_bound(text(caption))}</p>' if caption else ""
    rows_code = f"<thead><tr>{titles}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return Html(f'<div class="scroll"><table>{rows_code}</table></div>{below}')


def body(template: str, **parts: str) -> Html:
    """The sections of a page: a file in `assets` in which `<!--name-->` stands for the part, in HTML, of this name."""
    code = _asset(template)
    for name, part in parts.items():
        code = code.replace(f"<!--{name}-->", part)
    return Html(code)


def data_address(content: bytes, kind: str) -> str:
    """Bytes as an address that holds them, such as `kind` "image/jpeg"."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def json_text(value: Any) -> str:
    """JSON that may stand in a script element: no text in it can end the element. NaN is refused."""
    coded = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return coded.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def check(path: str | os.PathLike[str]) -> None:
    """Check that a page may be written: there is no such file, or it is a report.

    Raises:
        InputError: it is something else.
    """
    start = _start(path)
    if start is not None and MARKER.encode() not in start:
        raise InputError(f"{path}: exists and is no report of fhr-jax, so it stays; move it, or use another name")


def title_of(path: str | os.PathLike[str]) -> str | None:
    """The title of the report at a path; None if there is none.

    Raises:
        InputError: there is something that cannot be read.
    """
    start = _start(path) or b""
    _, begin, rest = start.decode(errors="replace").partition("<title>")
    title, end, _ = rest.partition("</title>")
    return unescape(title) if MARKER.encode() in start and begin and end else None


def _start(path: str | os.PathLike[str]) -> bytes | None:
    """The first bytes of a file, or None if there is none; writing tells what is wrong then, if anything."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(4096)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; expected a report, or no such file") from error


def write(path: str | os.PathLike[str], page: Page) -> None:
    """Write a page, whole or not at all.

    Raises:
        InputError: the folder cannot be written to, or `path` exists and is no report.
    """
    check(path)
    with atomic_file(path) as temporary:
        temporary.write_text(html(page), encoding="utf-8")


def html(page: Page) -> str:
    """The page as text."""
    library, program = _asset("uPlot.iife.min.js"), _asset("shared.js") + _asset(page.program)
    style = _asset("uPlot.min.css") + _asset("page.css")
    files = " blob: file: 'self'" if page.video else " blob:"
    policy = (
        f"default-src 'none'; script-src {_hash(library)} {_hash(program)}; style-src {_hash(style)}; img-src data:; "
        f"media-src{files}; base-uri 'none'; form-action 'none'"
    )
    return Template(_asset("template.html")).substitute(
        marker=MARKER,
        policy=text(policy),
        title=text(page.title),
        level=text(page.level),
        mark={"good": "✓", "fair": "!", "poor": "✕"}.get(page.level, ""),
        verdict=_bound(text(page.verdict)),
        reasons=_bound(items(page.reasons)),
        body=page.body.code,
        notes=items(page.notes),
        version=text(__version__),
        plots=text(PLOTS),
        style=style,
        data=json_text(page.data),
        library=library,
        program=program,
    )


def _bound(code: str) -> str:
    """Without line breaks between numbers and percent signs."""
    return code.replace(" %", "&nbsp;%")


def _asset(name: str) -> str:
    return (resources.files("fhr_jax.reports") / "assets" / name).read_text(encoding="utf-8")


def _hash(code: str) -> str:
    """The source of a policy for exactly this program or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
