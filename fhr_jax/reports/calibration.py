"""How good calibrations are, in words, as JSON and as a figure: `calibrate.reliability` by name."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fhr_jax import plots
from fhr_jax.calibrate import Reliability
from fhr_jax.plots.style import AxesGrid, Figure

LEVELS = (0.5, 0.75, 0.9, 0.95, 0.99)
"""Probabilities of the ellipses in reports."""
PRINTED = (0.5, 0.9, 0.99)
"""Those of them that are printed."""


def coverage(found: Reliability) -> dict[float, float]:
    """Percentage of all landmarks inside of the ellipse of each probability."""
    return dict(zip(found.levels.tolist(), (100 * found.coverage.mean(axis=0)).tolist(), strict=True))


def in_words(checked: Mapping[str, Reliability]) -> list[str]:
    """A table in lines: percentages inside of the ellipses `PRINTED`, and the mean log likelihood."""
    title = "landmarks inside of the ellipse of"
    width = max(map(len, [title, *checked]))
    lines = [f"{title:<{width}}" + "".join(f"{f'{100 * level:g} %':>8}" for level in PRINTED) + "   log likelihood"]
    for name, found in checked.items():
        inside = coverage(found)
        shares = "".join(f"{f'{inside[level]:.1f} %':>8}" for level in PRINTED)
        lines.append(f"{name:<{width}}{shares}   {found.log_likelihood:.3f} nats")
    return lines


def as_json(checked: Mapping[str, Reliability]) -> dict[str, Any]:
    """All numbers, and the percentages of landmarks inside of the ellipses, ready for JSON."""
    return {
        name: {"inside": {f"{level:g}": share for level, share in coverage(found).items()}}
        | {field: np.asarray(value).tolist() for field, value in found._asdict().items()}
        for name, found in checked.items()
    }


def figure(checked: Mapping[str, Reliability], *, axes: AxesGrid | None = None) -> Figure:
    """Predicted against actual errors, and landmarks inside of the ellipses: of 90 % by size, and of all.

    Args:
        checked: name to a check; all have the same levels.
        axes: three, to draw into; by default those of a new figure.
    """
    first = next(iter(checked.values()))
    ends = np.array([0, max(max(found.predicted.max(), found.actual.max()) for found in checked.values())])
    at = int(np.argmin(np.abs(first.levels - 0.9)))
    level = 100 * first.levels[at]
    curves = {"perfect": [(ends, ends), (ends, [level, level]), (100 * first.levels, 100 * first.levels)]}
    for name, found in checked.items():
        pooled = 100 * found.coverage.mean(axis=0)
        inside = 100 * found.coverage[:, at]
        curves[name] = [(found.predicted, found.actual), (found.predicted, inside), (100 * found.levels, pooled)]
    size = "predicted standard deviation, px of the crop"
    labels = [
        (size, "root mean square error, px of the crop"),
        (size, f"landmarks inside of the {level:.0f} % ellipse, %"),
        ("probability of the ellipse, %", "landmarks inside, %"),
    ]
    return plots.sweeps(curves, labels=labels, axes=axes)
