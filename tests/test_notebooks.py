"""Every notebook is the twin of its script; CI executes them."""

from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext")
NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.py"))


@pytest.mark.parametrize("script", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_says_what_its_script_says(script):
    notebook = jupytext.read(script.with_suffix(".ipynb"))
    twin = jupytext.read(script)
    assert [(c.cell_type, c.source) for c in notebook.cells] == [(c.cell_type, c.source) for c in twin.cells]
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_there_is_one():
    assert NOTEBOOKS
