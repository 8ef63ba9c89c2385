"""Read what a page holds, for tests of reports."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np

VOID = {"meta", "link", "img", "input", "br", "source"}
NAME = "a <script>alert(1)</script> & \"b\" 'c' %%20 $title"
"""A name of a file that breaks pages which do not escape."""


class _Parser(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.found, self.text, self.tags = [], {}, [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        for name, value in attributes:
            if name == "id":
                assert value not in self.found, f"two elements {value}"
                self.found[value] = tag
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open, f"</{tag}> without a beginning"
            assert self.open.pop() == tag, f"</{tag}> ends another element"

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text.append(data)


def parsed(html):
    """The elements of a page, each ended where it began."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    assert not parser.open, parser.open
    return parser


def text_of(html):
    return re.sub(r"\s+", " ", "".join(parsed(html).text))


def data_of(html):
    """The data of its program."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1])


def array(coded):
    """An array of the data; of coordinates, in pixels."""
    values = np.frombuffer(base64.b64decode(coded["data"]), "<" + coded["kind"]).reshape(coded["shape"])
    if "centre" not in coded:
        return values
    return np.where(values == -32768, np.nan, coded["centre"] + coded["step"] * values.astype(float))
