"""The page of an evaluation: its words, its data, from results and from an earlier folder, and in a browser."""

import csv

import numpy as np
import pytest

from fhr_jax.errors import InputError
from fhr_jax.markup import FACE68
from fhr_jax.metrics.regions import Offsets
from fhr_jax.reports import accuracy_report
from fhr_jax.reports.accuracy_report import Measured
from tests import browser
from tests.reports.faces import face
from tests.reports.pages import NAME, data_of, parsed, text_of

ERRORS = np.array([3.0, 12.0, 5.0, 4.0])
REGIONS = (
    ("name", "landmarks", "faces", "nrmse", "true", "predicted", "slope", "correlation"),
    ("jaw", "17", "4", "9.1234", "", "", "", ""),
    ("eyes", "12", "4", "3.5", "", "", "", ""),
    ("all", "68", "4", "6", "", "", "", ""),
    ("mouth width", "", "4", "", "60.5", "61.25", "0.8", "0.9"),
)


def a_result(**changes):
    own = Measured(
        NAME, ("b", NAME, "a10", "a9"), ERRORS, REGIONS, worst=((NAME, b"\xff\xd8\xff"), ("b", b"\xff\xd8\xff"))
    )
    return own._replace(**changes)


def test_the_page_says_what_the_errors_are(tmp_path):
    line = accuracy_report.write(tmp_path / "report.html", a_result())
    assert line == "Half of the faces have an error below 4.50 % (NRMSE). 1 of 4 faces is a failure (above 8 %)."
    html = (tmp_path / "report.html").read_text()
    text = text_of(html).replace("\xa0", " ")
    for part in (
        line,
        "jaw 17 9.12 %".replace(" ", ""),
        "The largest error is that of the jaw (9.1 %)",
        "6.00 %",
        "25.0 %",
    ):
        assert part.replace(" ", "") in text.replace(" ", "")
    assert data_of(html)["errors"] == [3, 4, 5, 12]
    assert data_of(html)["rows"] == [[NAME, 12], ["a10", 5], ["a9", 4], ["b", 3]]
    assert [tag for tag, _ in parsed(html).tags].count("script") == 3
    assert text_of(html).count(NAME) == 3  # title, heading, caption


def test_faces_without_a_prediction_come_first(tmp_path):
    errors = ERRORS.copy()
    errors[3] = np.nan
    line = accuracy_report.write(tmp_path / "report.html", a_result(errors=errors))
    assert line == (
        "Half of the faces with a prediction have an error below 5.00 % (NRMSE). 2 of 4 faces are failures "
        "(above 8 % or without a prediction; 1 without)."
    )
    data = data_of((tmp_path / "report.html").read_text())
    assert data["rows"][:2] == [["a9", None], [NAME, 12]]
    assert data["errors"] == [3, 5, 12, accuracy_report.BEYOND]


def test_many_faces_are_reduced(tmp_path, monkeypatch):
    monkeypatch.setattr(accuracy_report, "MAX_ROWS", 2)
    monkeypatch.setattr(accuracy_report, "MAX_CURVE", 3)
    accuracy_report.write(tmp_path / "report.html", a_result())
    html = (tmp_path / "report.html").read_text()
    assert data_of(html)["errors"] == [3, 4.5, 12]
    assert len(data_of(html)["rows"]) == 2
    assert "the 2 faces with the largest errors of 4" in text_of(html)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([1.0, 2], "Half of the faces have an error below 1.50 % (NRMSE). No face is a failure (above 8 %)."),
        ([9.0, 8.5], "Half of the faces have an error below 8.75 % (NRMSE). 2 of 2 faces are failures (above 8 %)."),
    ],
)
def test_words(errors, expected):
    assert accuracy_report.in_words(np.array(errors)) == expected


def test_an_earlier_folder(tmp_path):
    with (tmp_path / "images.csv").open("w", newline="") as stream:
        rows = [
            ("dataset", "file", "frame", "nrmse", "failure"),
            ("p", "a, b.jpg", 0, "3.5", 0),
            ("p", "v.mp4", 7, "9", 1),
        ]
        csv.writer(stream).writerows(rows)
    (tmp_path / "worst.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "offsets.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    found = accuracy_report.of_folder(tmp_path)
    assert found.names == ("p/a, b.jpg", "p/v.mp4 frame 7")
    assert found.errors.tolist() == [3.5, 9]
    assert "data:image/png;base64,iVBORw0KGgo=" in found.offsets.code
    accuracy_report.write(tmp_path / "report.html", found)
    for content, message in (
        ("image,error\na,1\n", "expected the table of images"),
        ("image,nrmse,failure\na,b,0\n", "an error that is no number"),
        ("image,nrmse,failure\na,nan,0\n", "an error that is not finite"),
        ("image,nrmse,failure\n", "expected the table of images"),
    ):
        (tmp_path / "images.csv").write_text(content)
        with pytest.raises(InputError, match=f"images.csv: {message}"):
            accuracy_report.of_folder(tmp_path)
    (tmp_path / "images.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"images\.csv: is no text in UTF-8"):
        accuracy_report.of_folder(tmp_path)


def test_arrows_lead_from_the_truth_to_the_prediction():
    shape, median = face(), np.zeros((68, 2))
    median[30] = (2, -1)
    median[8] = np.nan
    shape[5] = np.nan
    code = accuracy_report.offsets_picture(Offsets(4, shape, median, median), markup=FACE68).code
    arrows = [own["d"] for tag, own in parsed(code).tags if own.get("class") == "arrow"]
    x, y = shape[30]
    assert f"M{x:.1f} {y:.1f}l6.0 -3.0" in arrows
    assert len(arrows) == 66
    assert "nan" not in code
    nothing = Offsets(0, np.full((68, 2), np.nan), median, median)
    assert accuracy_report.offsets_picture(nothing, markup=FACE68).code == ""


def test_the_table_can_be_sorted(tmp_path):
    if (reason := browser.missing()) is not None:
        pytest.skip(reason)
    accuracy_report.write(tmp_path / "report.html", a_result())
    with browser.browser() as tab:
        tab.open(tmp_path / "report.html")
        tab.until("plots.length === 2")
        names = "return [...document.querySelectorAll('#rows th')].map((cell) => cell.textContent)"
        assert tab.run(names) == [NAME, "a10", "a9", "b"]
        tab.run("document.querySelectorAll('.long thead button')[0].click()")
        assert tab.run(names) == [NAME, "a9", "a10", "b"]
        tab.run("document.querySelectorAll('.long thead button')[1].click()")
        assert tab.run(names) == ["b", "a9", "a10", NAME]
        tab.show_as(width=360, height=700, dark=True, phone=True)
        tab.until("plots[0].own.width < 360")
        assert tab.run("return document.documentElement.scrollWidth") == 360
        assert tab.problems() == []
