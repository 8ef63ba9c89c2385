"""Tables in Markdown and CSV."""

import csv

import pytest

from fhr_jax.benchmark import tables


def test_both_files_hold_the_table(tmp_path):
    rows = [("filter", "loss"), ("One Euro, tuned", 1.25), ("raw", float("nan"))]
    tables.write_table(tmp_path, "68", text="| a |", rows=rows)
    assert (tmp_path / "68.md").read_text() == "| a |\n"
    with (tmp_path / "68.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [[str(value) for value in row] for row in rows]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_failure_leaves_no_half_of_a_csv(tmp_path):
    def rows():
        yield ("filter", "loss")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        tables.write_table(tmp_path, "68", text="", rows=rows())
    assert [path.name for path in tmp_path.iterdir()] == ["68.md"]
