"""Settings that every test shares."""

import gc
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest
from hypothesis import settings
from jax._src.interpreters import mlir

jax.config.update("jax_numpy_rank_promotion", "raise")
settings.register_profile("fhr_jax", derandomize=True, deadline=None, max_examples=25)
settings.load_profile("fhr_jax")


# The tests start many processes, and where PYTHONDONTWRITEBYTECODE is set each of them would compile the package anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Threads that wait for a few microseconds of work spin, and the workers are as many as the cores. PyTorch and BLAS.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ONE_PIECE = "--xla_cpu_parallel_codegen_split_count=1"
"""One piece of machine code per program, not 32: it takes a fifth less time to compile unless cores are idle."""
CONVOLUTIONS = "--xla_cpu_experimental_ynn_fusion_type=-LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION"
"""What commands set for themselves (`fhr_jax.xla_flags`): with other flags they would compile all that tests have."""
OLD_EMITTERS = "--xla_cpu_use_fusion_emitters=false"
"""XLA's older emitters of loops for the CPU: they compile twice as fast, and the programs run about as fast."""


def pytest_configure(config: pytest.Config) -> None:
    """Cache compiled programs for other processes and later runs, and compile with few optimizations.

    Compiling takes most of the time of the tests. Slow tests are compiled with all optimizations.
    """
    cache = getattr(config, "cache", None)  # there is none under -p no:cacheprovider
    programs = str(cache.mkdir("jax_compilations")) if cache else _programs_of_this_run(config)
    jax.config.update("jax_compilation_cache_dir", programs)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = programs  # for commands that tests start, which else write into the home
    # By default JAX keeps no program that compiled in under a second, which is nearly all of them here.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update("jax_traceback_in_locations_limit", 0)  # lines of source in programs, which no test reads
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    if config.option.markexpr == "not slow":
        jax.config.update("jax_disable_most_optimizations", True)
        os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # for processes that tests start
        _share_compiler_contexts()
        flags = os.environ.get("XLA_FLAGS", "")
        if ONE_PIECE not in flags:  # a worker has them from the first process; twice is another key of the cache
            flags = f"{flags} {ONE_PIECE}"
            # Later versions than those tried abort at an unknown flag.
            if jax.__version_info__ < (0, 13):
                flags = f"{flags} {CONVOLUTIONS}"
            if jax.__version_info__ < (0, 12):
                flags = f"{flags} {OLD_EMITTERS}"
            os.environ["XLA_FLAGS"] = flags.strip()


def _share_compiler_contexts() -> None:
    """Let all programs of a thread share one context of the compiler.

    JAX makes a new one for each program, which takes 3 ms for thousands of programs. It has no option for this.
    """
    make, of_thread = mlir.make_ir_context, threading.local()

    def shared() -> object:
        if not hasattr(of_thread, "context"):
            of_thread.context = make()
        return of_thread.context

    mlir.make_ir_context = shared


def _programs_of_this_run(config: pytest.Config) -> str:
    """A temporary folder that all processes of this run share and the first of them removes."""
    if hasattr(config, "workerinput"):
        return os.environ["JAX_COMPILATION_CACHE_DIR"]
    folder = tempfile.mkdtemp(prefix="jax_compilations")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    return folder


gc.disable()  # nearly all that is made during collection lives on


def pytest_collection_finish() -> None:
    """Collect garbage rarely: JAX keeps many objects, and each collection scans all of them."""
    gc.enable()
    gc.set_threshold(20_000, 50, 50)
    _keep_what_lives()


def _keep_what_lives() -> None:
    """Exclude the objects of now from later collections.

    The loader collects garbage whenever an iterator is closed, and each collection would scan the compiled functions of
    all earlier tests, which takes seconds.
    """
    gc.collect()
    gc.freeze()


MAPPINGS = 30_000
"""Each compiled program maps memory. Linux allows a process 65,530 mappings; with more, the compiler crashes."""


@pytest.fixture(scope="module", autouse=True)
def room_for_programs() -> Iterator[None]:
    """Drop compiled programs from memory when there are many; the cache on disk keeps them."""
    yield
    mappings = Path("/proc/self/maps")
    if mappings.exists() and mappings.read_bytes().count(b"\n") > MAPPINGS:
        gc.unfreeze()
        jax.clear_caches()
    _keep_what_lives()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real photographs and tracks; tests that need it skip where there is none."""
    folder = os.environ.get("FHR_JAX_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("FHR_JAX_DATA names no folder of real data")
    return Path(folder)


LONGEST = (
    "experiments/test_experiments.py",
    "datasets/test_train.py",
    "train/test_run.py",
    "cli/test_train.py",
    "demo/test_demo.py",
    "tests/test_sharding.py",
)
"""Files that begin first, so that no process waits for one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the order within a file stays."""

    def place(item: pytest.Item) -> int:
        name = f"{item.path.parent.name}/{item.path.name}"
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)

    items.sort(key=place)
