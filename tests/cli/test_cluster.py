"""Options of several hosts: what JAX is called with, and one line of error for what cannot be."""

import jax
import pytest

from fhr_jax.cli import cluster
from fhr_jax.cli.train import TrainOptions
from fhr_jax.errors import InputError

NONE = {"distributed": False, "coordinator": None, "hosts": None, "host": None}


@pytest.fixture
def calls(monkeypatch):
    """What `jax.distributed.initialize` is called with."""
    found = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda *arguments: found.append(arguments))
    return found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"distributed": True}, [(None, None, None)]),
        ({"coordinator": "a:1", "hosts": 2, "host": 1}, [("a:1", 2, 1)]),
        ({"coordinator": "[::1]:1", "hosts": 1, "host": 0, "distributed": True}, [("[::1]:1", 1, 0)]),
    ],
)
def test_jax_is_initialized_only_if_there_are_other_hosts(calls, options, expected):
    cluster.init_distributed(**NONE | options)
    assert calls == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hosts": 2}, "go together"),
        ({"host": 0}, "go together"),
        ({"coordinator": "a:1", "hosts": 2}, "go together"),
        ({"coordinator": "a:1", "hosts": 2, "host": 2}, "--host is 2, expected 0 to 1"),
        ({"coordinator": "a:1", "hosts": 2, "host": -1}, "--host is -1, expected 0 to 1"),
        ({"coordinator": "a:1", "hosts": 0, "host": 0}, "--host is 0, expected 0 to -1"),
        ({"coordinator": "a", "hosts": 1, "host": 0}, "--coordinator is a, expected HOST:PORT"),
    ],
)
def test_wrong_options_are_refused_before_any_connection(calls, options, message):
    with pytest.raises(InputError, match=message):
        cluster.init_distributed(**NONE | options)
    assert not calls


@pytest.mark.parametrize("error", [ValueError("first\nsecond"), RuntimeError("first\nsecond")])
def test_errors_of_jax_become_one_line(monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(jax.distributed, "initialize", fail)
    for options, message in (
        ({"distributed": True}, r"^no cluster found .*\(first\)$"),
        ({"coordinator": "a:1", "hosts": 2, "host": 1}, r"^host 0 was not reached at a:1 \(first\)$"),
    ):
        with pytest.raises(InputError, match=message):
            cluster.init_distributed(**NONE | options)


def test_the_command_has_these_options_and_one_host_is_the_first():
    assert set(cluster.OPTIONS) <= set(TrainOptions.__dataclass_fields__)
    assert set(cluster.OPTIONS) == set(NONE)
    assert cluster.is_first_host()
