"""The flag for convolutions on several processors."""

import os
import subprocess
import sys

import pytest

from fhr_jax import xla_flags


@pytest.fixture
def environment(monkeypatch):
    """Two processors, a jaxlib that knows the flag, and no flags; what a test sets is gone after it."""
    monkeypatch.setenv(xla_flags.VARIABLE, "")
    monkeypatch.setattr(xla_flags, "processors", lambda: 2)
    monkeypatch.setattr(xla_flags, "_version", lambda: (0, 10))
    return monkeypatch


@pytest.mark.parametrize("given", ["", "--xla_cpu_enable_fast_math=false"])
def test_it_is_added_once_to_what_the_user_has(environment, given):
    environment.setenv(xla_flags.VARIABLE, given)
    for _ in range(2):
        xla_flags.set_environment()
    words = os.environ[xla_flags.VARIABLE].split()
    assert words == [*given.split(), f"{xla_flags.FLAG}=-LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION"]


def test_that_of_the_user_stays(environment):
    environment.setenv(xla_flags.VARIABLE, f"{xla_flags.FLAG}=LIBRARY_FUSION_TYPE_REDUCE")
    xla_flags.set_environment()
    assert os.environ[xla_flags.VARIABLE] == f"{xla_flags.FLAG}=LIBRARY_FUSION_TYPE_REDUCE"


@pytest.mark.parametrize(
    ("name", "value"), [("processors", 1), ("_version", ()), ("_version", (0, 9)), ("_version", (0, 13))]
)
def test_one_processor_and_other_versions_are_left_alone(environment, name, value):
    environment.setattr(xla_flags, name, lambda: value)
    xla_flags.set_environment()
    assert not os.environ[xla_flags.VARIABLE]


def test_this_jaxlib_knows_it_and_gives_convolutions_back_to_xla(environment):
    environment.undo()
    version = xla_flags._version()
    if not xla_flags.KNOWN[0] <= version < xla_flags.KNOWN[1]:
        pytest.skip(f"jaxlib {version} is not one of those that are known to have the flag")
    script = (
        "from fhr_jax import xla_flags\n"
        "xla_flags.processors = lambda: 2\n"
        "xla_flags.set_environment()\n"
        "import jax, jax.numpy as jnp\n"
        "dims = ('NHWC', 'HWIO', 'NHWC')\n"
        "conv = jax.jit(lambda x, k: jax.lax.conv_general_dilated(x, k, (1, 1), 'SAME', dimension_numbers=dims))\n"
        "text = conv.lower(jnp.ones((1, 8, 8, 8)), jnp.ones((3, 3, 8, 8))).compile().as_text()\n"
        "print('ynn' in text)\n"
    )
    clean = {name: value for name, value in os.environ.items() if name != xla_flags.VARIABLE}
    done = subprocess.run([sys.executable, "-c", script], env=clean, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
