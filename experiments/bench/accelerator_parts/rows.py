"""A row of the results: a name, and a function that measures it; and compiled calls with what the compiler counts."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import jax


class Context(NamedTuple):
    """What a row may need to know.

    Attributes:
        rounds: calls after the warm-up.
        memory: bytes that a row may use.
        found: the rows that were measured before, by name.
    """

    rounds: int
    memory: float
    found: dict[str, dict[str, Any]]


class Row(NamedTuple):
    """One thing to measure.

    Attributes:
        name: unique among all parts.
        measure: returns what summary.json keeps of it.
    """

    name: str
    measure: Callable[[Context], dict[str, Any]]


class Call(NamedTuple):
    """A call that ends when its work is done, and what is known about it.

    Attributes:
        run: the call.
        items: of which a rate is given, such as images; 0: no rate.
        moved: bytes that must be moved between memory and processor, counted by hand; 0: unknown.
        steps: made one after the other, such as frames of a scan; 0: no such steps.
        kind: of its matrix products: the row "matmul KIND" is their limit.
        flops: floating-point operations; 0: unknown.
        accessed: bytes that the instructions of the program read and write, as the compiler counts.
        memory: bytes of arguments, results and temporary arrays.
        compile_s: seconds to trace and compile.
        more: kept as it is.
    """

    run: Callable[[], Any]
    items: int = 0
    moved: float = 0
    steps: int = 0
    kind: str = "float32"
    flops: float = 0.0
    accessed: float = 0.0
    memory: int = 0
    compile_s: float = 0.0
    more: dict[str, Any] | None = None


def compiled(function: Callable[..., Any], *arguments: Any, precision: str | None = None, **known: Any) -> Call:
    """Compile a function for its arguments.

    Args:
        function: of arrays.
        *arguments: those of each call.
        precision: of products and convolutions, "highest" or None for the default.
        **known: other fields of the call.
    """
    program, seconds = compile_program(function, *arguments, precision=precision)
    return Call(partial(program, *arguments), compile_s=seconds, **(counts(program) | known))


def compile_program(function: Callable[..., Any], *arguments: Any, precision: str | None = None) -> tuple[Any, float]:
    """The compiled program of a function, jitted or not, and the seconds that tracing and compiling took."""
    jitted: Any = function if hasattr(function, "lower") else jax.jit(function)
    began = time.perf_counter()
    with jax.default_matmul_precision(precision) if precision else nullcontext():
        program = jitted.lower(*arguments).compile()
    return program, time.perf_counter() - began


def counts(program: Any) -> dict[str, Any]:
    """The fields of a `Call` that the compiler knows; 0 where it does not say."""
    analysis: Any = program.cost_analysis() or {}
    analysis = analysis[0] if isinstance(analysis, list) else analysis
    memory: Any = program.memory_analysis()
    used = memory.temp_size_in_bytes + memory.argument_size_in_bytes + memory.output_size_in_bytes if memory else 0
    return {
        "flops": max(float(analysis.get("flops", 0.0)), 0.0),
        "accessed": max(float(analysis.get("bytes accessed", 0.0)), 0.0),
        "memory": used,
    }
