"""Damaged files of every kind: a result that a second reader confirms, or one line of `InputError`."""

import os
import shutil
import signal
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fhr_jax.errors import InputError
from tests import mutations
from tests.readers import KINDS, Kind

# Another seed, such as FHR_JAX_MUTATION_SEED=2, damages other places.
SEED = int(os.environ.get("FHR_JAX_MUTATION_SEED", "1"))
SECONDS = 20
"""A file that takes longer to read is a finding."""
_MUTATORS = {
    ".npz": mutations.NPZ,
    ".npy": mutations.NPY,
    ".csv": mutations.TABLE,
    ".json": mutations.JSON,
    ".jsonl": mutations.JSON,
    ".h5": mutations.HDF5,
    **dict.fromkeys((".pts", ".toml", ".txt"), mutations.TEXT),
}


def _damaged(seeds: list[Path], place: Path, rng: np.random.Generator) -> Path:
    """A copy of one of the files or folders with damage."""
    seed = seeds[int(rng.integers(len(seeds)))]
    target = place / seed.name
    inside = sorted(p.relative_to(seed) for p in seed.rglob("*") if p.is_file()) if seed.is_dir() else []
    if not inside:
        alike = [p.read_bytes() for p in seeds if p.suffix == seed.suffix]
        target.write_bytes(mutations.mutate(rng, alike, _MUTATORS.get(seed.suffix, mutations.BYTES)))
        return target
    shutil.copytree(seed, target)
    file = target / inside[int(rng.integers(len(inside)))]
    file.write_bytes(mutations.mutate(rng, [file.read_bytes()], _MUTATORS.get(file.suffix, mutations.BYTES)))
    return target


def _stop(number: int, frame: object) -> None:
    raise TimeoutError(f"longer than {SECONDS} s")


def findings(kind: Kind, root: Path, numbers: range) -> tuple[list[str], Counter[str]]:
    """What is wrong with which damaged files, by their number, and how many were read and refused."""
    (root / "seeds").mkdir()
    kind.write(root / "seeds")
    seeds = sorted((root / "seeds").iterdir())
    for seed in seeds:
        kind.confirm(seed, kind.read(seed))
    found, count = [], Counter[str]()
    before = signal.signal(signal.SIGALRM, _stop)
    try:
        for number in numbers:
            rng = np.random.default_rng([SEED, zlib.crc32(kind.name.encode()), number])
            place = root / "damaged"
            place.mkdir()
            path = _damaged(seeds, place, rng)
            signal.alarm(SECONDS)
            try:
                result = kind.read(path)
                kind.confirm(path, result)
                count["read"] += 1
            except InputError as error:
                count["refused"] += 1
                if len(str(error).splitlines()) != 1 or len(str(error)) > 2000:
                    found.append(f"{kind.name} {number}: not one line: {str(error)[:300]!r}")
            except Exception as error:
                found.append(f"{kind.name} {number}: {type(error).__name__}: {str(error)[:300]}")
            finally:
                signal.alarm(0)
            shutil.rmtree(place)
    finally:
        signal.signal(signal.SIGALRM, before)
    return found, count


def test_all_kinds_together_are_twenty_thousand_and_more():
    assert sum(kind.number for kind in KINDS) >= 20_000
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_damaged_files(kind, tmp_path):
    found, count = findings(kind, tmp_path, range(kind.number))
    assert not found, "\n".join([f"{len(found)} of {kind.number}", *found[:30]])
    assert count["read"] > 0


_QUICK = (
    "npz tracks",
    "npy tracks",
    "csv tracks",
    "pts",
    "predictions",
    "images",
    "boxes",
    "markups",
    "folders of runs",
    "exclusions",
)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name in _QUICK], ids=lambda kind: kind.name)
def test_a_few_damaged_files(kind, tmp_path):
    """Other ones than in the slow test."""
    found, count = findings(kind, tmp_path, range(kind.number, kind.number + 30))
    assert not found, "\n".join(found)
    assert sum(count.values()) == 30
