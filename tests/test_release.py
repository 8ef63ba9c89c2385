"""One version: that of pyproject.toml is also in the citation and on top of the changelog, and no more is claimed."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="installed without its sources")


def _project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _field(name):
    """A field of the software itself in CITATION.cff, not of what it refers to."""
    (value,) = re.findall(rf"^{name}: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    return value


def test_the_citation_and_the_changelog_have_the_version_of_the_package():
    version = _project()["version"]
    top = re.search(r"^## \[(.+?)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert top is not None
    assert (_field("version"), _field("date-released")) == top.groups()
    assert _field("version") == version
    assert _field("abstract") == _project()["description"]
    assert not [path for path in (ROOT / "fhr_jax").rglob("*.py") if f'"{version}"' in path.read_text()]


def test_extras_are_not_required_and_every_python_from_the_lowest_on_has_a_classifier():
    project = _project()
    required = {re.split(r"[>=<\[ ]", line)[0] for line in project["dependencies"]}
    extras = project["optional-dependencies"]
    optional = {re.split(r"[>=<\[ ]", line)[0] for lines in extras.values() for line in lines} - {"fhr-jax"}
    assert not required & optional
    assert {"jax", "numpy"} <= required
    minors = sorted(int(c.rsplit(".", 1)[1]) for c in project["classifiers"] if ":: 3." in c)
    assert minors == list(range(int(project["requires-python"].removeprefix(">=3.")), minors[-1] + 1))
