"""`fhr-jax train --init`: the net that a run starts from, and what the options mean with it."""

import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fhr_jax.errors import InputError

if TYPE_CHECKING:
    from fhr_jax.train.run import TrainPlan
    from fhr_jax.weights import Net


def open_init(name: str, *, preset: str | None) -> "Net":
    """Read the net of `--init`.

    Args:
        name: an .npz file, an exported folder, or a net of the package.
        preset: `--preset`, if it was given.

    Raises:
        InputError: the net cannot be read, or has another architecture than the preset.
    """
    from fhr_jax.hourglass import PRESETS
    from fhr_jax.train import load_initial

    net = load_initial(name)
    if preset is not None and PRESETS[preset]._replace(landmarks=net.config.landmarks) != net.config:
        raise InputError(f"--preset {preset} contradicts --init {name}, another architecture; leave --preset out")
    return net


def checksum(net: "Net") -> int:
    """CRC-32 of the arrays of a net, to notice that another file has taken its place when a run resumes."""
    from fhr_jax import weights

    total = 0
    for _, array in sorted(weights.named_arrays("init", net).items()):
        total = zlib.crc32(array.tobytes(), total)
    return total


def result(lines: Sequence[Mapping[str, float | int]], plan: "TrainPlan") -> str:
    """What became of a finished run, in words.

    Args:
        lines: of its metrics.jsonl.
        plan: of the run.
    """
    errors = {int(line["step"]): line["nrmse"] for line in lines if "nrmse" in line}
    last = max(errors, default=plan.steps)
    trained = f"trained for {last} steps" + (f" of {plan.steps}, as the error no longer fell" * (last < plan.steps))
    if not plan.recipe.keep_best or not errors:
        return trained
    best = min(errors, key=lambda step: errors[step])
    kept = f"the net of step {best}" if best else "the initial net, which none after it surpassed"
    faces = f"{errors[best]:.2f} % NRMSE on {len(plan.validation.images)} held-out faces"
    return f"{trained}; kept {kept}: {faces}" + (f", {errors[0]:.2f} % before" if 0 in errors and best else "")


def calibration(net: "Net", plan: "TrainPlan") -> str | None:
    """What to tell about the confidence of a trained net whose own held-out faces were too few to calibrate it.

    Args:
        net: the trained net.
        plan: of the run.
    """
    from fhr_jax import calibrate

    number = len(plan.validation.images)
    why = f"({number} faces held out, {calibrate.MIN_FACES} needed)"
    if net.calibration is None:
        return f"not calibrated {why}: its covariances are the widths of its peaks, not of its errors"
    if plan.calibration is None and number < calibrate.MIN_FACES:
        return f"not calibrated again {why}: its confidence is that of the initial net"
    return None
