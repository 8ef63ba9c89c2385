"""The report is one valid file that needs no other file, and all text in it is escaped."""

import base64
import re
from html.parser import HTMLParser

import pytest

from fhr_jax.demo import html
from fhr_jax.demo.html import HtmlHeading, HtmlPicture, HtmlTable, HtmlText
from fhr_jax.errors import InputError

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)


class Page(HTMLParser):
    """Checks that tags nest, and collects what they hold."""

    VOID = ("meta", "img")

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style" and data.strip():
            self.words.append(data.strip())

    def named(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]


def page_of(tmp_path, *sections, title="A run"):
    path = tmp_path / "report.html"
    html.write(path, title, sections)
    return Page(path.read_text(encoding="utf-8"))


def test_shows_all_sections_in_order(tmp_path):
    (tmp_path / "one.png").write_bytes(PNG)
    page = page_of(
        tmp_path,
        HtmlText("First words."),
        HtmlHeading("Accuracy"),
        HtmlTable(["method", "NRMSE %"], [["ours", 3.8], ["theirs", "4.07"]], "Table 1"),
        HtmlPicture(tmp_path / "one.png", "Errors."),
    )
    assert page.words == [
        "A run",
        "A run",
        "First words.",
        "Accuracy",
        "Table 1",
        *("method", "NRMSE %", "ours", "3.8", "theirs", "4.07"),
        "Errors.",
    ]
    assert page.named("th") == [{"scope": "col"}] * 2 + [{"scope": "row"}] * 2


@pytest.mark.parametrize(("data", "kind"), [(PNG, "image/png"), (JPEG, "image/jpeg")])
def test_embeds_pictures_byte_for_byte(tmp_path, data, kind):
    (tmp_path / "picture.bin").write_bytes(data)
    (image,) = page_of(tmp_path, HtmlPicture(tmp_path / "picture.bin", "A face")).named("img")
    header, _, content = image["src"].partition(",")
    assert header == f"data:{kind};base64"
    assert base64.b64decode(content) == data
    assert image["alt"] == "A face"


def test_needs_nothing_from_outside(tmp_path):
    (tmp_path / "one.png").write_bytes(PNG)
    html.write(tmp_path / "r.html", "t", [HtmlPicture(tmp_path / "one.png"), HtmlText("x")])
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|<script|<link|@import|url\(", page)
    assert str(tmp_path) not in page
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page


def test_escapes_everything(tmp_path):
    script_tag = "<script>alert('&\"')</script>"
    (tmp_path / "one.png").write_bytes(PNG)
    page = page_of(
        tmp_path,
        HtmlHeading(script_tag),
        HtmlText(script_tag),
        HtmlTable([script_tag, script_tag], [[script_tag, script_tag]], script_tag),
        HtmlPicture(tmp_path / "one.png", script_tag),
        title=script_tag,
    )
    assert not page.named("script")
    assert page.words == [script_tag] * 10
    assert page.named("img")[0]["alt"] == script_tag


def test_no_caption_leaves_no_empty_tag(tmp_path):
    (tmp_path / "one.png").write_bytes(PNG)
    page = page_of(tmp_path, HtmlTable(["a"], [["b"]]), HtmlPicture(tmp_path / "one.png"))
    assert not page.named("caption")
    assert not page.named("figcaption")
    assert page.named("img")[0]["alt"] == "one"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (HtmlTable(["a", "b"], [["1"]], "Sizes"), "Sizes.*1 cells.*2"),
        (HtmlPicture("missing.png"), "missing.png"),
        (HtmlPicture(__file__), "PNG or JPEG"),
    ],
)
def test_bad_sections_are_named_and_nothing_is_written(tmp_path, section, message):
    with pytest.raises(InputError, match=message):
        html.write(tmp_path / "report.html", "t", [section])
    assert not list(tmp_path.iterdir())


def test_replaces_an_earlier_report_and_names_a_missing_folder(tmp_path):
    html.write(tmp_path / "report.html", "old", [])
    html.write(tmp_path / "report.html", "new", [])
    assert "<title>new</title>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="nowhere"):
        html.write(tmp_path / "nowhere" / "report.html", "t", [])
