"""The CSV files and the lines of where predictions are wrong."""

import csv

import numpy as np
import pytest

from fhr_jax.evaluate import Predictions
from fhr_jax.markup import FACE7
from fhr_jax.reports import regions
from tests.metrics.test_regions import faces


def tables(number=12, **changes):
    predicted, truth = faces(number)
    names = tuple(map(str, range(number)))
    return regions.region_tables(Predictions(names, predicted, truth)._replace(**changes))


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_regions(tmp_path):
    found = tables()
    regions.write_regions(tmp_path / "regions.csv", found)
    written = {row["name"]: row for row in rows(tmp_path / "regions.csv")}
    assert list(written)[:6] == ["jaw", "brows", "nose", "eyes", "mouth", "all"]
    for row in found.errors:
        assert float(written[row.name]["nrmse"]) == pytest.approx(row.nrmse, abs=1e-4)
        assert written[row.name]["landmarks"] == str(row.landmarks)
        assert written[row.name]["slope"] == ""
    for row in found.responses:
        assert written[row.name]["faces"] == str(row.faces)
        assert written[row.name]["nrmse"] == ""
        for name in ("truth", "predicted", "slope", "correlation"):
            cell = written[row.name]["true" if name == "truth" else name]
            expected = getattr(row, name)
            assert cell == "" if np.isnan(expected) else float(cell) == pytest.approx(expected, abs=1e-4)
    assert written["outer eye corners"]["slope"] == ""


def test_offsets(tmp_path):
    found = tables()
    regions.write_offsets(tmp_path / "offsets.csv", found)
    written = rows(tmp_path / "offsets.csv")
    assert [row["landmark"] for row in written] == [str(i) for i in range(68)]
    assert [written[i]["region"] for i in (0, 17, 27, 36, 67)] == ["jaw", "brows", "nose", "eyes", "mouth"]
    numbers = np.array([[float(row[name]) for name in ("x", "y", "x_symmetric", "y_symmetric")] for row in written])
    np.testing.assert_allclose(numbers, np.hstack([found.offsets.median, found.offsets.symmetric]), atol=1e-4)


def test_in_words():
    words = regions.in_words(tables())
    assert [line.split(":")[0] for line in words] == [
        "by region",
        "slope of predicted on true",
        "mean predicted over true",
        "largest median offset",
    ]
    assert all("\n" not in line and "nan" not in line for line in words)


@pytest.mark.parametrize("number", [1, 2])
def test_few_faces_and_failures_leave_cells_empty(tmp_path, number):
    few = tables(number)
    words = regions.in_words(few)
    assert not any(line.startswith("slope") for line in words)
    failed = tables(number, predictions=faces(number)[1] + 1000)
    regions.write_offsets(tmp_path / "offsets.csv", failed)
    assert {row["x"] for row in rows(tmp_path / "offsets.csv")} == {""}
    regions.write_regions(tmp_path / "regions.csv", failed)
    assert rows(tmp_path / "regions.csv")[-1]["true"] == ""
    assert [line.split(":")[0] for line in regions.in_words(failed)] == ["by region"]


def test_a_markup_without_regions_has_a_row_for_all(tmp_path):
    predicted, truth = (part[:, :40] for part in faces())
    found = tables(predictions=predicted, truth=truth)
    regions.write_regions(tmp_path / "regions.csv", found)
    assert [row["name"] for row in rows(tmp_path / "regions.csv")] == ["all"]
    regions.write_offsets(tmp_path / "offsets.csv", found)
    assert {row["region"] for row in rows(tmp_path / "offsets.csv")} == {""}
    assert [line.split(":")[0] for line in regions.in_words(found)] == ["largest median offset"]


def test_seven_points():
    predicted, truth = (part[:, [36, 39, 42, 45, 30, 48, 54]] for part in faces())
    found = tables(predictions=predicted, truth=truth, markup=FACE7)
    assert [row.name for row in found.errors] == ["nose", "eyes", "mouth", "all"]
    assert found.responses == ()
