"""Build the package, and check the wheel in an environment without any extra, outside of the tree.

    python .ci/check_wheel.py                                # seconds: links what the wheel requires, from this Python
    python .ci/check_wheel.py --install python3.12 python3.13  # minutes: a whole installation for each Python

Checks that `twine check` accepts the sdist and the wheel, that the wheel has at most 8 MB, and that `import fhr_jax`,
`stabilizer.run` and `fhr-jax smooth` work where only the required packages are. Needs the extra `release`.
"""

import argparse
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
MOST = 8e6
"""Largest wheel, in bytes."""

LIBRARY = """
import importlib.util, sys
from pathlib import Path
import numpy as np
import fhr_jax
from fhr_jax import stabilizer
assert Path(fhr_jax.__file__).is_relative_to(Path(sys.prefix).resolve()), fhr_jax.__file__
extras = ("av", "cv2", "PIL", "matplotlib", "h5py", "tensorboardX", "torch", "pytest", "beartype")
assert not [name for name in extras if importlib.util.find_spec(name)], "this environment has extras"
assert fhr_jax.__version__ == sys.argv[1], fhr_jax.__version__
track = 100 + 30 * np.random.default_rng(0).normal(size=(68, 2)) + np.random.default_rng(1).normal(size=(60, 68, 2))
steady = np.asarray(stabilizer.run(stabilizer.default_params(), track.astype(np.float32)))
assert steady.shape == (60, 68, 2)
assert np.diff(steady[10:], axis=0).std() < 0.5 * np.diff(track[10:], axis=0).std()
np.savez("points.npz", predictions=track)
assert fhr_jax.weights.load().config.landmarks == 68
"""


def run(*words: str | Path, **options) -> str:
    """Run a command and return its output; a failure ends this program."""
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, words[:4]))}: exit code {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout + result.stderr


def build(folder: Path) -> Path:
    """Build the sdist and from it the wheel, check both, and return the wheel."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    run(sys.executable, "-m", "twine", "check", "--strict", *sorted(folder.iterdir()))
    (wheel,) = folder.glob("*.whl")
    size = wheel.stat().st_size
    print(f"{wheel.name}: {size / 1e6:.2f} MB, sdist {next(folder.glob('*.tar.gz')).stat().st_size / 1e6:.2f} MB")
    if size > MOST:
        sys.exit(f"{wheel.name}: {size} bytes, expected at most {MOST:.0f}")
    return wheel


def required(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> set[str]:
    """Names of what a distribution requires without its other extras, itself included, at any depth."""
    if (name, extras) in seen:
        return set()
    seen.add((name, extras))
    found = {name}
    for line in metadata.requires(name) or ():
        requirement = Requirement(line)
        environments = [default_environment() | {"extra": extra} for extra in (extras or {""})]
        if requirement.marker is None or any(map(requirement.marker.evaluate, environments)):
            found |= required(requirement.name.lower(), frozenset(requirement.extras), seen)
    return found


def link(python: Path, requirements: list[str]) -> int:
    """Link what the requirements need into the environment of `python`; returns the number of distributions."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    target = python.parent.parent / "lib" / version / "site-packages"
    seen: set[tuple[str, frozenset[str]]] = set()
    needed = set()
    for line in requirements:
        needed |= required(Requirement(line).name.lower(), frozenset(Requirement(line).extras), seen)
    for name in needed:
        for file in metadata.files(name) or ():
            place = Path(sysconfig.get_path("purelib"), file.parts[0])
            if file.parts[0] not in ("..", "__pycache__") and not (target / place.name).exists():
                (target / place.name).symlink_to(place)
    return len(needed)


def check(python: Path, folder: Path, version: str) -> None:
    """Use the package as somebody who has installed the wheel alone."""
    options = {"cwd": folder, "env": {"PATH": str(python.parent), "HOME": str(folder), "JAX_PLATFORMS": "cpu"}}
    run(python, "-c", LIBRARY, version, **options)
    command = python.parent / "fhr-jax"
    assert "jitter" in run(command, "smooth", "points.npz", "steady.npz", **options)
    assert (folder / "steady.npz").is_file()
    assert version in run(command, "--version", **options)
    missing = subprocess.run(
        [command, "evaluate", "--predictions", "points.npz", "--out", "measured"],
        capture_output=True,
        text=True,
        **options,
    )
    assert missing.returncode == 2, missing.stderr
    assert missing.stderr.splitlines()[-1].endswith('pip install "fhr-jax[plots]"'), missing.stderr
    print(f"{run(python, '--version').strip()}: import, stabilizer.run and fhr-jax smooth work without any extra")


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", nargs="+", metavar="PYTHON", help="install the wheel with what it requires")
    pythons = parser.parse_args().install
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with tempfile.TemporaryDirectory() as temporary:
        wheel = build(Path(temporary, "dist"))
        for number, program in enumerate(pythons or [sys.executable]):
            folder = Path(temporary, str(number))
            run(program, "-m", "venv", *(() if pythons else ("--without-pip",)), folder / "venv")
            python = folder / "venv" / "bin" / "python"
            if pythons:
                run(python, "-m", "pip", "install", "--quiet", wheel)
            else:
                run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel)
                print(f"{link(python, project['dependencies'])} distributions linked")
            check(python, folder, project["version"])


if __name__ == "__main__":
    main()
