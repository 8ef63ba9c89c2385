"""All scripts of the paper in one command, which goes on where it was stopped."""

import contextlib
import io
import json
import re
import sys

import pytest
import tyro

from fhr_jax.errors import InputError
from tests.experiments.test_experiments import FOLDER, load


@pytest.fixture(scope="module")
def reproduce():
    return load("reproduce")


@pytest.mark.parametrize(("quick", "data"), [(True, None), (False, None), (False, "300vw")])
def test_every_script_takes_its_options(reproduce, tmp_path, quick, data):
    for script in reproduce.SCRIPTS:
        words = reproduce.command(tmp_path, script, quick=quick, data=data)
        assert ("--data" in words) == (data is not None and hasattr(load(script.name).Options, "fits"))
        assert words[1].endswith(f"experiments/{script.name}.py")
        errors = io.StringIO()
        try:
            with contextlib.redirect_stderr(errors):
                parsed = tyro.cli(load(script.name).Options, args=words[2:])
        except SystemExit:
            pytest.fail(f"{script.name}: {errors.getvalue()}")
        assert parsed.out == (tmp_path / script.name).resolve()


def test_every_script_of_the_table_in_the_readme_is_run(reproduce):
    """And the other way round, but for the fits that several scripts share."""
    table = (FOLDER / "README.md").read_text().split("## Commands")[0]
    assert set(re.findall(r"`(\w+)\.py`", table)) == {s.name for s in reproduce.SCRIPTS} - {"stabilizer_ablation"}


FAKE = """
import pathlib, sys
out = pathlib.Path(sys.argv[1])
print("computing")
if len(list(out.parent.iterdir())) == 2:
    sys.exit(3)
(out / "summary.json").write_text("{}")
"""


def test_it_goes_on_where_it_was_stopped(reproduce, tmp_path, monkeypatch, capsys):
    def fake(folder, script, *, quick, data):
        assert quick
        return [sys.executable, "-c", FAKE, str(folder / script.name)]

    monkeypatch.setattr(reproduce, "command", fake)
    only = ("figure2_contours", "figure4_averages", "table3_loss_terms")
    options = reproduce.Options(tmp_path, quick=True, only=only)
    assert reproduce.main(options) == ["figure4_averages"]  # the second failed, and the third ran all the same
    printed = capsys.readouterr().out
    assert "figure4_averages: failed with exit code 3" in printed
    assert "2 of 3 ended; left: figure4_averages (Fig. 4)" in printed
    first = tmp_path / "quick" / "figure2_contours"
    assert (first / "log.txt").read_text() == "computing\n"
    seconds = (first / "seconds.json").read_text()
    assert json.loads(seconds)["seconds"] > 0
    assert reproduce.main(options) == []
    assert (first / "seconds.json").read_text() == seconds  # it did not run again
    assert capsys.readouterr().out.endswith("3 of 3 ended\n")


def test_no_script_starts_when_the_time_is_over_and_unknown_ones_are_refused(reproduce, tmp_path, capsys):
    assert reproduce.main(reproduce.Options(tmp_path, only=("figure2_contours",), seconds=0)) == ["figure2_contours"]
    assert "0 of 1 ended; left: figure2_contours (Fig. 2)" in capsys.readouterr().out
    with pytest.raises(InputError, match="--only: 'figure9', expected some of figure2_contours"):
        reproduce.main(reproduce.Options(tmp_path, only=("figure9",)))


KEPT_AS = {
    "figure3_delay": "figure3",
    "figure4_averages": "figure4",
    "figure6_tradeoff": "figure6",
    "figure7_second_order": "figure7",
    "fractional_vs_conventional": "shipped",
    "gradient_vs_simplex": "gradient_vs_simplex",
    "stabilizer_ablation": "ablation",
    "table3_loss_terms": "table3",
    "tables456_videos": "filmed",
}
"""Names of summaries in docs/results/, by script."""


@pytest.mark.slow
def test_all_of_them_small(reproduce, tmp_path):
    left = reproduce.main(reproduce.Options(tmp_path, quick=True))
    assert not left, {name: (tmp_path / "quick" / name / "log.txt").read_text()[-2000:] for name in left}
    tables = load("result_tables").TABLES
    for script in reproduce.SCRIPTS:
        summary = json.loads((tmp_path / "quick" / script.name / "summary.json").read_text())
        assert summary["origin"]["command"].startswith(f"python experiments/{script.name}.py")
        for (name, _), make in tables.items():
            if name == KEPT_AS.get(script.name):
                assert make(summary).startswith("| "), "the page can have a table of it"


def test_data_and_quick_are_refused_together(reproduce, tmp_path):
    with pytest.raises(InputError, match="--data: goes with the full size"):
        reproduce.main(reproduce.Options(tmp_path, quick=True, data="300vw"))
