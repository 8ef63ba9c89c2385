"""Pages: all text escaped, nothing loaded, programs named by their hash, other files never overwritten."""

import base64
import hashlib
import re
from importlib import resources

import pytest

from fhr_jax.errors import InputError
from fhr_jax.reports import page
from tests.reports.pages import NAME, data_of, parsed, text_of

ASSETS = resources.files("fhr_jax.reports") / "assets"


def a_page(**changes):
    own = page.Page(
        title=NAME,
        level="good",
        verdict=f"{NAME} is good",
        reasons=(f"reason {NAME}", "5 % of it"),
        body=page.table(("name", NAME), [(NAME, 3)], caption=NAME),
        program="accuracy.js",
        data={"errors": [1.0], "limit": 8, "rows": [[NAME, 1.0]]},
        notes=(f"note {NAME}",),
    )
    return own._replace(**changes)


def test_text_is_escaped_everywhere():
    html = page.html(a_page())
    parser = parsed(html)
    assert [tag for tag, _ in parser.tags].count("script") == 3  # data, library, program
    assert data_of(html)["rows"][0][0] == NAME
    text = text_of(html)
    assert text.count(NAME) == 8
    assert "5\u00a0% of it" in "".join(parser.text)
    assert "<h1>a?.mp4</h1>" in page.html(a_page(title="a\udcff.mp4"))
    assert page.json_text({"a": "</script><!--&"}) == '{"a":"\\u003c/script\\u003e\\u003c!--\\u0026"}'


def test_the_policy_allows_these_programs_and_nothing_else():
    html = page.html(a_page())
    policy = next(own["content"] for tag, own in parsed(html).tags if own.get("http-equiv"))
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert rules["media-src"] == "blob:"
    for element, rule in (("script", "script-src"), ("style", "style-src")):
        for code in re.findall(rf"<{element}>(.*?)</{element}>", html, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in rules[rule]
    assert "unsafe" not in policy
    assert "media-src blob: file: 'self'" in page.html(a_page(video=True)).replace("&#x27;", "'")
    for tag, own in parsed(html).tags:
        for name in ("src", "href"):
            assert own.get(name, "data:").startswith("data:"), (tag, own)
    assert not re.search(r"(?<!\w)(fetch|XMLHttpRequest|importScripts|WebSocket)\(", html)


def test_only_reports_are_replaced(tmp_path):
    target = tmp_path / "report.html"
    page.write(target, a_page())
    page.write(target, a_page(title="again"))
    assert "<title>again</title>" in target.read_text()
    target.write_text("<html>my own notes</html>")
    with pytest.raises(InputError, match=r"report\.html: exists and is no report of fhr-jax, so it stays"):
        page.write(target, a_page())
    assert target.read_text() == "<html>my own notes</html>"
    with pytest.raises(InputError, match="expected a report, or no such file"):
        page.check(tmp_path)
    with pytest.raises(InputError, match="cannot write there"):
        page.write(tmp_path / "missing" / "report.html", a_page())


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        page.html(a_page(data={"a": float("nan")}))


def test_the_library_comes_with_its_licence_and_version():
    version = re.search(r"uPlot (\d+\.\d+\.\d+)", page.PLOTS)[1]
    assert f"(v{version})" in (ASSETS / "uPlot.iife.min.js").read_text()[:200]
    assert "MIT License" in (ASSETS / "uPlot.LICENSE").read_text()
    assert sum(len(own.read_bytes()) for own in ASSETS.iterdir()) < 120_000
