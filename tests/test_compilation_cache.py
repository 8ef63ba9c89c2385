"""Programs that are compiled once and kept."""

import os
import subprocess
import sys

import pytest

from fhr_jax import compilation_cache


@pytest.fixture
def no_variables(monkeypatch):
    """None of the variables is set, and those that a test sets are gone after it."""
    for name in ("XDG_CACHE_HOME", compilation_cache.FOLDER, compilation_cache.LEAST_SECONDS):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_variables")
def test_programs_are_kept_unless_the_user_says_where(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    default = tmp_path / "fhr_jax" / "programs"
    for variable, expected in ((None, str(default)), ("elsewhere", "elsewhere"), ("", "")):
        monkeypatch.delenv(compilation_cache.FOLDER, raising=False)
        if variable is not None:
            monkeypatch.setenv(compilation_cache.FOLDER, variable)
        compilation_cache.set_environment()
        assert os.environ[compilation_cache.FOLDER] == expected
        assert os.environ.get(compilation_cache.LEAST_SECONDS) == ("0" if expected else None)
        monkeypatch.delenv(compilation_cache.LEAST_SECONDS, raising=False)
    assert compilation_cache.default_folder() == default
    assert not default.exists()


@pytest.mark.usefixtures("no_variables")
def test_a_user_without_a_home_keeps_none(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(compilation_cache.Path, "home", no_home)
    compilation_cache.set_environment()
    assert compilation_cache.FOLDER not in os.environ
    assert compilation_cache.keep() is None


@pytest.mark.usefixtures("no_variables")
def test_an_empty_variable_keeps_none(monkeypatch):
    monkeypatch.setenv(compilation_cache.FOLDER, "")
    assert compilation_cache.keep() is None


def test_a_later_python_loads_what_an_earlier_one_has_kept(tmp_path):
    """In processes of their own, because the tests keep their programs elsewhere."""
    script = (
        "import sys, jax\n"
        "import jax.numpy as jnp\n"
        "from jax import monitoring\n"
        "from fhr_jax import compilation_cache\n"
        "events = []\n"
        "monitoring.register_event_listener(lambda event, **_: events.append(event))\n"
        "print(compilation_cache.keep(folder=sys.argv[1]))\n"
        "jax.jit(lambda x: jnp.sin(x) + 1)(jnp.ones(3))\n"
        "print(sum(event.endswith('cache_hits') for event in events))\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    hits = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "kept")],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        folder, number = done.stdout.split()
        assert folder == str(tmp_path / "kept")
        hits.append(int(number))
    assert hits[0] == 0 < hits[1]
    assert list((tmp_path / "kept").iterdir())
