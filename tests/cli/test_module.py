"""`python -m fhr_jax.cli` is the command."""

import subprocess
import sys


def test_it_runs_as_a_module_and_hands_on_the_exit_code():
    def run(*arguments: str):
        return subprocess.run([sys.executable, "-m", "fhr_jax.cli", *arguments], capture_output=True, text=True)

    assert "smooth" in run("--help").stdout
    refused = run("smooth", "no-such-file.npz", "out.npz")
    assert refused.returncode == 2
    assert "no-such-file.npz" in refused.stderr
