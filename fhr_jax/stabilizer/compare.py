"""Gradient against simplex, fairly: same videos, same start, same compiled loss, same clock."""

from collections.abc import Callable

from fhr_jax.stabilizer.gradient import fit_gradient
from fhr_jax.stabilizer.history import Fit, join_histories
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.problem import paper_start
from fhr_jax.stabilizer.simplex import fit_simplex
from fhr_jax.stabilizer.videos import Videos

GRADIENT = "L-BFGS"
SIMPLEX = "simplex"
TIED = "simplex, tied"
HYBRID = "simplex, tied, then L-BFGS"


def compare_fits(
    videos: Videos,
    *,
    seconds: float = 12.0,
    start: Params | None = None,
    callback: Callable[[str, float, int, float], None] | None = None,
) -> dict[str, Fit]:
    """Fit the same videos from the same start by each method, each for `seconds` of its own clock.

    Compilation is outside the clocks. The simplex runs in all 4 + 3D dimensions and in the tied form of 7; the hybrid
    spends what the tied simplex took and the rest of the time on L-BFGS in all dimensions.

    Args:
        videos: from `pad_videos` or `as_videos`.
        seconds: for each method.
        start: None is the paper's.
        callback: called with (method, seconds, evaluations, lowest loss).
    """
    begin = paper_start(videos) if start is None else start

    def report(name: str) -> Callable[[float, int, float], None]:
        def call(spent: float, evaluations: int, loss: float) -> None:
            if callback is not None:
                callback(name, spent, evaluations, loss)

        return call

    fits = {
        GRADIENT: fit_gradient(videos, start=begin, steps=10_000, seconds=seconds, callback=report(GRADIENT)),
        SIMPLEX: fit_simplex(videos, start=begin, evaluations=10**6, seconds=seconds, callback=report(SIMPLEX)),
        TIED: fit_simplex(
            videos, start=begin, tied=True, evaluations=10**6, seconds=seconds / 2, callback=report(TIED)
        ),
    }
    first = fits[TIED]
    rest = max(seconds - first.history.seconds[-1], 0.0)
    second = fit_gradient(videos, start=first.params, steps=10_000, seconds=rest, callback=report(HYBRID))
    fits[HYBRID] = Fit(second.params, join_histories([first.history, second.history]), second.compile_seconds)
    return fits
