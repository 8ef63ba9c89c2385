"""What the fraction of a cell is worth to the face detector: recall on synthetic scenes for each decoder of the centre.

Command:  python experiments/detector_decoders.py --out runs/detector_decoders --run runs/detector
Output:   OUT/summary.json
Data:     validation scenes of a run of experiments/train_detector.py, with other random numbers than its own validation
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import tyro
from train_detector import Options as TrainingOptions
from train_detector import pool, validate, validation_scenes

from fhr_jax import detector
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.detector.decoding import CentreDecoder
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder

THRESHOLDS = (0.1, 0.3, 0.5)


@dataclass(frozen=True)
class Options:
    """Compare decoders of the centre of a face on synthetic scenes."""

    out: Path
    """Folder for summary.json."""
    run: Path
    """Folder of a run of `experiments/train_detector.py`."""
    scenes: int = 200
    """Number of scenes."""
    seed: int = 7
    """Of the scenes."""


def main(options: Options) -> dict[str, Any]:
    """Measure, print, write."""
    net = detector.load(options.run / "detector.npz")
    training = TrainingOptions(options.run, scenes=options.scenes, seed=options.seed)
    scenes = validation_scenes(pool(options.run / "patches", training), training)
    result: dict[str, Any] = {"scenes": options.scenes, "seed": options.seed}
    for name in get_args(CentreDecoder):
        scored = validate(net, scenes, decoder=name)
        result[name] = {
            f"{threshold:g}": {"recall": scored.recall(threshold), "wrong": scored.false_positives(threshold)}
            for threshold in THRESHOLDS
        }
        print(f"{name}: {result[name]}", flush=True)
    write_summary(output_folder(options.out), result)
    return result


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
