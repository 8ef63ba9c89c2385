"""The documentation site: built strictly, and complete without a network."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MISSING = [name for name in ("mkdocs", "material", "mkdocstrings", "mkdocs_jupyter") if find_spec(name) is None]
LOADED = re.compile(
    r"""<(?:script|img|iframe)\b[^>]*\bsrc="([^"]+)"|<link\b[^>]*\brel="stylesheet"[^>]*\bhref="([^"]+)"""
)

pytestmark = pytest.mark.skipif(
    bool(MISSING) or not (ROOT / "mkdocs.yml").exists(), reason='needs pip install -e ".[docs]" and a checkout'
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert not built.returncode, built.stdout + built.stderr
    return folder


@pytest.mark.slow
def test_pages_load_nothing_from_other_hosts(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 200
    for page in pages:
        text = page.read_text()
        loaded = [first or second for first, second in LOADED.findall(text)]
        assert loaded, page
        assert not [link for link in loaded if re.match(r"(https?:)?//", link)], page
        assert not re.search(r"""import\(?\s*['"]https?:""", text), page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", style.read_text()), style


@pytest.mark.slow
def test_links_of_the_repository_are_those_of_the_site(site):
    method = (site / "method/index.html").read_text()
    assert 'href="../reference/fhr_jax/losses/temporal/#fhr_jax.losses.temporal.stabilization"' in method
    module = (site / "reference/fhr_jax/losses/temporal/index.html").read_text()
    assert 'id="fhr_jax.losses.temporal.stabilization"' in module
    assert "*batch t m d" in module
    assert 'href="../paper/"' in (site / "results/index.html").read_text()


@pytest.mark.slow
def test_commands_have_their_options(site):
    commands = (site / "commands/index.html").read_text()
    for part in (
        "--faces STR",
        "--third {z,score}",
        "--causal",
        "--mirror</code>, <code>--no-mirror",
        "Folder for the results",
    ):
        assert part in commands, part
