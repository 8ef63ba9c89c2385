"""Write the figures of the pages from the summaries in docs/results/.

Command:  python experiments/write_results.py
          python experiments/write_results.py --keep runs/known_motions
          python experiments/write_results.py --by-hand

Between comments the pages hold what this script writes, from docs/results/NAME.json:

    <!-- value NAME PATH FORMAT -->0.46<!-- end -->        a number; the keys of PATH are separated by /
    <!-- figure NAME KIND FORMAT -->12<!-- end -->         a number of `result_tables.FIGURES`
    <!-- cost NAME -->57 s<!-- end -->                     processor time
    <!-- table NAME KIND -->...<!-- end -->                a table of `result_tables.TABLES`
    <!-- origin NAME -->...<!-- end -->                    command, date, commit, time, machine and versions

The last two stand alone, the others in a sentence, but never at the beginning of a line, where a comment would end the
paragraph. All other figures were published by hand: settings, and results whose summaries were not kept.
docs/results/by_hand.json lists them by page and section, with their number, a digest and the date of the section. A
changed figure changes the digest, so it must come from a summary or be listed again, on purpose, by --by-hand. A test
fails where pages, summaries and list differ.
"""

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import tyro
from result_tables import FIGURES, TABLES

from fhr_jax.benchmark.summaries import ORIGIN, SUMMARY
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file, write_json

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "experiments/README.md",
    "docs/index.md",
    "docs/results.md",
    "docs/earlier_results.md",
    "docs/decoders.md",
    "docs/accelerators.md",
    "docs/scaling.md",
)
RESULTS, BY_HAND = "docs/results", "by_hand.json"
MARK = re.compile(r"<!-- (value|figure|cost|table|origin) ([^>]*?) -->(.*?)<!-- end -->", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")
_NOT_FIGURES = re.compile(r"(?s:^```.*?^```$)|^ {4}.*$|`[^`]*`|\]\([^)\s]*\)|\d{4}-\d\d-\d\d|^#+ .*$", re.MULTILINE)
"""Code, links, dates and headings."""


@dataclass(frozen=True)
class Options:
    """Write figures into the pages from the summaries that are kept."""

    keep: tuple[Path, ...] = ()
    """Folders of finished runs: their summary.json is kept first, under the name of the folder."""
    by_hand: bool = False
    """List the figures anew that come from no summary; sections whose figures changed get the date of today."""


class HandSection(NamedTuple):
    """Figures of a section that come from no summary.

    Attributes:
        page: path of the page.
        section: its heading.
        published: date of the section, at which it says that they were recorded, else of the listing.
        figures: how many there are.
        digest: of these figures in order.
    """

    page: str
    section: str
    published: str
    figures: int
    digest: str


def main(options: Options, *, root: Path = ROOT) -> list[str]:
    """Keep summaries, write the pages and the list; returns the pages that changed."""
    folder = root / RESULTS
    for run in options.keep:
        if not (run / SUMMARY).is_file():
            raise InputError(f"{run / SUMMARY}: no such file, expected that of a finished run")
        shutil.copyfile(run / SUMMARY, folder / f"{run.resolve().name}.json")
    changed = []
    for page in PAGES:
        text = (root / page).read_text()
        new = rendered(text, folder)
        check_lines(page, new)
        if new != text:
            changed.append(page)
            with atomic_file(root / page) as path:
                path.write_text(new)
    if options.by_hand:
        write_json(folder / BY_HAND, [section._asdict() for section in listed(root)])
    print(f"changed: {', '.join(changed) or 'nothing'}\n{coverage(root)}")
    return changed


def rendered(text: str, folder: Path) -> str:
    """The text of a page with everything between marks written anew."""
    return MARK.sub(
        lambda mark: f"<!-- {mark[1]} {mark[2]} -->{_render(mark[1], mark[2].split(), folder)}<!-- end -->", text
    )


def check_lines(page: str, text: str) -> None:
    """Refuse a mark that would end a paragraph.

    Raises:
        InputError: a mark in a sentence stands at the beginning of a line.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*<!-- (value|figure|cost) ", line):
            raise InputError(
                f"{page}: line {number} begins with a mark, which ends the paragraph: move a word before it"
            )


def _render(kind: str, words: list[str], folder: Path) -> str:
    name, *words = words
    summary = read_summary(name, folder)
    if kind == "value":
        *path, form = words
        return format(_found(name, summary, " ".join(path)), form)
    if kind in ("table", "figure"):
        makers = TABLES if kind == "table" else FIGURES
        if (name, words[0]) not in makers:
            raise InputError(f"{name}: no {kind} {words[0]!r}, expected one of experiments/result_tables.py")
        made = makers[name, words[0]](summary)
        return f"\n\n{made}\n\n" if kind == "table" else format(made, words[1])
    origin = summary[ORIGIN]
    return _cost(origin) if kind == "cost" else f"\n\n{_origin(origin)}\n\n"


def _found(name: str, summary: Any, path: str) -> Any:
    for key in path.split("/"):
        part = {str(i): item for i, item in enumerate(summary)} if isinstance(summary, list) else summary
        if key not in part:
            raise InputError(f"{name}: no key {key!r} of {path} in the summary")
        summary = part[key]
    return summary


def _cost(origin: dict[str, Any]) -> str:
    seconds = origin["processor_seconds"]
    return f"{seconds} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _origin(origin: dict[str, Any]) -> str:
    machine, versions = origin["machine"], origin["versions"]
    cores = f"{machine['cores']} core{'s' if machine['cores'] > 1 else ''}"
    cost = f", {_cost(origin)} of processor time" if "processor_seconds" in origin else ""
    return (
        f"    {origin['command']}\n\n"
        f"Recorded {origin['date']}, commit `{origin['commit']}`{cost}; {machine['cpu']}, "
        f"{cores}, Python {versions['python']}, jax {versions['jax']}."
    )


def read_summary(name: str, folder: Path) -> dict[str, Any]:
    """A summary that is kept.

    Raises:
        InputError: there is none of this name.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise InputError(f"{path}: no such summary; keep that of a run with --keep")
    return json.loads(path.read_text())


def listed(root: Path = ROOT) -> list[HandSection]:
    """Figures outside of marks, by section; a section that is listed already keeps its date."""
    known = {(each.page, each.section, each.digest): each.published for each in read_list(root)}
    found = []
    for page in PAGES:
        parts = re.split(r"^#+ (.*)$", (root / page).read_text(), flags=re.MULTILINE)
        for heading, text in zip(["", *parts[1::2]], parts[::2], strict=True):
            figures = NUMBER.findall(_NOT_FIGURES.sub(" ", MARK.sub(" ", text)))
            if figures:
                digest = hashlib.sha256(" ".join(figures).encode()).hexdigest()[:12]
                said = re.search(r"[Rr]ecorded (\d{4}-\d\d-\d\d)", text)
                when = said[1] if said else known.get((page, heading, digest), date.today().isoformat())
                found.append(HandSection(page, heading, when, len(figures), digest))
    return found


def read_list(root: Path = ROOT) -> list[HandSection]:
    """The list of figures that were published by hand."""
    path = root / RESULTS / BY_HAND
    return [HandSection(**each) for each in json.loads(path.read_text())] if path.exists() else []


def coverage(root: Path = ROOT) -> str:
    """How many figures come from a summary, and how many were published by hand, in words."""
    lines = []
    for page in PAGES:
        traced = sum(len(NUMBER.findall(mark[3])) for mark in MARK.finditer((root / page).read_text()))
        lines.append(
            f"{page}: {traced} figures from summaries, {sum(s.figures for s in listed(root) if s.page == page)} by hand"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
