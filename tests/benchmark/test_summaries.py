"""A summary says how it was made."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import jax
import numpy as np
import pytest

from fhr_jax.benchmark import summaries

ROOT = Path(__file__).parents[2]


def test_a_summary_has_the_figures_and_their_origin(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(ROOT / "experiments" / "blinks.py"), "--out", "runs/two words"])
    summaries.write_summary(tmp_path, {"loss": 2.5})
    found = json.loads((tmp_path / "summary.json").read_text())
    assert found["loss"] == 2.5
    origin = found["origin"]
    assert origin["command"] == "python experiments/blinks.py --out 'runs/two words'"
    assert origin["date"] == date.today().isoformat()
    assert origin["versions"]["jax"] == jax.__version__
    assert origin["versions"]["numpy"] == np.__version__
    assert origin["processor_seconds"] > 0
    assert origin["machine"]["cores"] >= 1
    assert origin["machine"]["cpu"]
    with pytest.raises(ValueError, match="JSON"):
        summaries.write_summary(tmp_path, {"loss": float("nan")})


def test_processor_time_adds_up_over_processes(tmp_path):
    path = tmp_path / "summary.json"
    for _ in range(2):  # the same process does not count itself twice
        summaries.write_summary(tmp_path, {})
    first = json.loads(path.read_text())["origin"]["processor_seconds"]
    summaries._seconds_before.cache_clear()  # as in a new process
    summaries.write_summary(tmp_path, {})
    assert 2 * first <= json.loads(path.read_text())["origin"]["processor_seconds"] <= 2 * first + 5


def test_a_program_outside_of_the_source_is_shown_without_its_folder(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/else/mine.py"])
    assert summaries.origin()["command"] == "python mine.py"


def test_the_commit_says_whether_files_differ_from_it(tmp_path):
    def git(*words):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True)

    assert summaries.commit(root=tmp_path) is None
    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-qm", "one")
    clean = summaries.commit(root=tmp_path)
    assert clean is not None
    assert len(clean) == 7
    (tmp_path / "a").write_text("2")
    assert summaries.commit(root=tmp_path) == f"{clean}+"
