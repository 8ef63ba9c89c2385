"""The figures of the pages are those of the summaries that are kept; all others are listed as published by hand."""

import json
import re

import pytest

from fhr_jax.benchmark.summaries import ORIGIN
from fhr_jax.errors import InputError
from tests.experiments.test_experiments import FOLDER, load

ORIGINS = {"command", "processor_seconds", "commit", "machine", "versions", "date"}
WITHOUT_ORIGIN = {"accelerator_h100.json"}
"""Kept before summaries said how they were made; nothing may be added here."""


@pytest.fixture(scope="module")
def results():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)  # as for a script, beside which `result_tables` lies
        yield load("write_results")


def test_pages_and_summaries_agree(results):
    for page in results.PAGES:
        text = (results.ROOT / page).read_text()
        assert results.rendered(text, results.ROOT / results.RESULTS) == text, (
            f"{page}: run experiments/write_results.py"
        )
        assert text.count("<!-- end -->") == len(results.MARK.findall(text)), (
            f"{page}: a mark has no end, or no beginning"
        )
        assert not re.search(r"^<!-- (value|figure|cost)", text, re.MULTILINE), f"{page}: a comment ends a paragraph"


def test_every_other_figure_is_listed_as_published_by_hand(results):
    listed = {(each.page, each.section): each for each in results.read_list()}
    found = {(each.page, each.section): each for each in results.listed()}
    changed = [name for name in found.keys() | listed.keys() if found.get(name) != listed.get(name)]
    assert not changed, f"figures changed in {sorted(changed)}: take them from a summary (experiments/write_results.py)"


def test_every_summary_and_every_table_is_on_a_page(results):
    marks = [mark for page in results.PAGES for mark in results.MARK.findall((results.ROOT / page).read_text())]
    kept = {path.stem for path in (results.ROOT / results.RESULTS).glob("*.json")}
    without = {results.BY_HAND.removesuffix(".json"), *(name.removesuffix(".json") for name in WITHOUT_ORIGIN)}
    assert kept - without == {words.split()[0] for _, words, _ in marks}
    made = {tuple(words.split()[:2]) for kind, words, _ in marks if kind == "table"}
    assert {key for key in results.TABLES if key[0] in kept} <= made


def test_few_figures_of_the_results_come_from_no_summary(results):
    """Settings and figures of the paper; a result has a summary, or is on the page of earlier results."""
    by_hand = {page: sum(each.figures for each in results.listed() if each.page == page) for page in results.PAGES}
    assert by_hand["docs/results.md"] <= 40
    assert "docs/earlier_results.md" in by_hand


def test_every_summary_says_how_it_was_made(results):
    for path in (results.ROOT / results.RESULTS).glob("*.json"):
        if path.name not in WITHOUT_ORIGIN | {results.BY_HAND}:
            origin = json.loads(path.read_text())[ORIGIN]
            assert ORIGINS - {"processor_seconds"} <= origin.keys() <= ORIGINS, path
            assert not origin["commit"].endswith("+"), f"{path}: made from files that are in no commit"
            assert "/work" not in path.read_text()


@pytest.fixture
def pages(tmp_path, results):
    """Pages of their own, and a finished run."""
    (tmp_path / "docs" / "results").mkdir(parents=True)
    for page in results.PAGES:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).write_text(
            "# Title\n\n    python a.py --steps 3\n\nRecorded 2026-01-02: 5 of 6 at 12.5 %, `v1`.\n"
        )
    machine = {"cpu": "A processor", "cores": 2, "device": "cpu"}
    origin = {"command": "python a.py", "commit": "1234567", "processor_seconds": 57, "machine": machine}
    origin |= {"date": "2026-03-04"}
    row = {"name": "nod", "kind": "nod", "listed": True, "raw": 1.0, "euro_rms": 0.5, "rms": 0.25, "ratio": 0.5}
    row |= {"euro_offset": 2.0, "offset": 1.0}
    run = tmp_path / "runs" / "known_motions"
    run.mkdir(parents=True)
    summary = {
        "loss": {"a.b": 2.345, "of two": [1.0, 7.25]},
        "detectors": {"some": {"filters": {"stabilizer": 8.0}, "tuned": 10.0}},
        "rows": {"68": [row]},
        ORIGIN: origin | {"versions": {"python": "3.11", "jax": "0.10"}},
    }
    (run / "summary.json").write_text(json.dumps(summary))
    return tmp_path, run


def test_values_tables_and_origins_are_written(results, pages):
    root, run = pages
    (root / "docs/results.md").write_text(
        "# A\n\n<!-- origin known_motions --><!-- end -->\n"
        "Loss <!-- value known_motions loss/a.b .1f -->9<!-- end --> px.\n\n"
        "Others <!-- value known_motions loss/of two/1 .2f --><!-- end --> px, "
        "in <!-- cost known_motions --><!-- end -->.\n\n"
        "<!-- table known_motions motions --><!-- end -->\n"
    )
    assert results.main(results.Options(keep=(run,), by_hand=True), root=root) == ["docs/results.md"]
    text = (root / "docs/results.md").read_text()
    assert "\n\n    python a.py\n\nRecorded 2026-03-04, commit `1234567`, 57 s of processor time; A processor" in text
    assert "A processor, 2 cores, Python 3.11, jax 0.10.\n\n<!-- end -->" in text
    assert "Others <!-- value known_motions loss/of two/1 .2f -->7.25<!-- end --> px" in text
    assert "<!-- cost known_motions -->57 s<!-- end -->." in text
    assert "Loss <!-- value known_motions loss/a.b .1f -->2.3<!-- end --> px." in text
    assert "| nod | 1.00 | 0.50 | 0.25 | 0.50 | 2.0 | 1.0 |\n\n<!-- end -->" in text
    assert results.main(results.Options(), root=root) == []
    by_hand = json.loads((root / "docs/results/by_hand.json").read_text())
    assert [(each["page"], each["figures"], each["published"]) for each in by_hand] == [
        (page, 3, "2026-01-02") for page in results.PAGES if page != "docs/results.md"
    ]


def test_a_figure_that_changes_changes_the_list(results, pages):
    root, _ = pages
    before = results.listed(root)
    path = root / "README.md"
    path.write_text(path.read_text().replace("12.5 %", "12.4 %"))
    assert results.listed(root) != before
    path.write_text(path.read_text().replace("12.4 %", "12.5 %").replace("steps 3", "steps 4"))
    assert results.listed(root) == before


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("value known_motions loss/c .1f", "known_motions: no key 'c' of loss/c"),
        ("value unknown loss .1f", "unknown.json: no such summary"),
        ("table known_motions rows", "known_motions: no table 'rows'"),
        ("figure known_motions rows .1f", "known_motions: no figure 'rows'"),
    ],
)
def test_what_no_summary_has_is_refused(results, pages, mark, message):
    root, run = pages
    (root / "README.md").write_text(f"<!-- {mark} --><!-- end -->")
    with pytest.raises(InputError, match=message):
        results.main(results.Options(keep=(run,)), root=root)
    with pytest.raises(InputError, match=r"summary\.json: no such file"):
        results.main(results.Options(keep=(root,)), root=root)


def test_a_mark_that_would_end_its_paragraph_is_refused(results):
    results.check_lines(
        "page.md", "It takes <!-- cost table3 -->3 min<!-- end -->.\n\n<!-- origin table3 -->\n<!-- end -->"
    )
    with pytest.raises(InputError, match=r"page.md: line 2 begins with a mark"):
        results.check_lines("page.md", "It takes\n  <!-- cost table3 -->3 min<!-- end -->.")
