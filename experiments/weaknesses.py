"""The error of a net by group of synthetic faces, such as turned heads, beards or hidden landmarks.

Crops are clean and placed as those of a detector; every group is compared with all faces. Errors are divided by the
inter-ocular distance in the image, so the same error in pixels counts more on a turned head.

Paper:    has no such table.
Command:  python experiments/weaknesses.py --out runs/weaknesses
Cost:     one minute of processor time.
Figures:  docs/results.md, "The default net".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Bool, Float
from tqdm import tqdm

from fhr_jax import metrics, pipeline, plots, weights
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.cli.options import optional
from fhr_jax.data import examples, faces
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder

FAILURE = 8.0
"""NRMSE in percent above which a face counts as missed."""
JAW, LEFT_LID, RIGHT_LID = 0, 4, 5
"""Indices in `SyntheticFace.expression`."""


@dataclass(frozen=True)
class Options:
    """Measure a net by groups of synthetic faces."""

    out: Path
    """Folder for summary.json and weaknesses.png."""
    net: Annotated[Path | None, optional("FILE")] = None
    """A net that `fhr-jax train` wrote; default: the net in the package."""
    faces: int = 2048
    """Number of faces."""
    seed: int = 1000
    """Random seed of the faces; training with the same seed draws other faces."""


class Results(NamedTuple):
    """N faces with their true and predicted landmarks (N, 68, 2) in crop pixels, and which landmarks are visible."""

    face: faces.SyntheticFace
    truth: Float[np.ndarray, "n 68 2"]
    predicted: Float[np.ndarray, "n 68 2"]
    visible: Bool[np.ndarray, "n 68"]


def predict(options: Options) -> Results:
    """Render the faces and predict their landmarks."""
    net = weights.load(options.net)
    drawn = jax.jit(jax.vmap(lambda key: faces.fill(faces.sample(key))))
    parts = []
    key = jax.random.key(options.seed)
    for start in tqdm(range(0, options.faces, examples.BATCH), desc="faces", unit="batch"):
        people = drawn(jax.random.split(jax.random.fold_in(key, start), examples.BATCH))
        rendering = examples.render(people, size=net.config.crop)
        predicted = pipeline.predict(net, rendering.image).points
        parts.append((people, rendering.points, predicted, rendering.visible))
    return Results(*jax.tree.map(lambda *leaves: np.concatenate(leaves)[: options.faces], *parts))


def groups(face: faces.SyntheticFace, visible: Bool[np.ndarray, "n 68"]) -> dict[str, Bool[np.ndarray, " n"]]:
    """Which faces (N,) belong to each group."""
    yaw, pitch, roll = (np.degrees(face.pose[:, i]) for i in range(3))
    appearance, turned = face.appearance, np.abs(yaw)
    glasses = appearance.glasses.amount > 0.5
    tone = appearance.skin.colour @ np.array([0.2126, 0.7152, 0.0722])
    darker, lighter = np.quantile(tone, [1 / 3, 2 / 3])
    made: Mapping[str, Any] = {
        "turned by less than 15 degrees": turned < 15,
        "15 to 30": (turned >= 15) & (turned < 30),
        "30 to 45": (turned >= 30) & (turned < 45),
        "45 and more": turned >= 45,
        "head bowed by more than 12": pitch > 12,
        "head raised by more than 12": pitch < -12,
        "tilted by more than 15": np.abs(roll) > 15,
        "darkest third of skins": tone < darker,
        "lightest third": tone > lighter,
        "oldest quarter": appearance.skin.age > np.quantile(appearance.skin.age, 0.75),
        "beard": (appearance.beard.amount > 0.5) & (appearance.beard.chin > 0.4),
        "glasses": glasses & (appearance.glasses.tint < 0.6),
        "dark glasses": glasses & (appearance.glasses.tint >= 0.6),
        "something in front": appearance.occluder.amount > 0.5,
        "mouth open": face.expression[:, JAW] > 0.5,
        "eyes closed": np.minimum(face.expression[:, LEFT_LID], face.expression[:, RIGHT_LID]) > 0.7,
        "light mostly from one side": appearance.scene.ambient < np.quantile(appearance.scene.ambient, 0.25),
        "a fifth or more hidden": (~visible).mean(axis=1) >= 0.2,
    }
    return {name: np.asarray(chosen) for name, chosen in made.items()}


def main(options: Options) -> dict[str, Any]:
    """Measure, print, write."""
    if options.faces < 2:
        raise InputError(f"--faces is {options.faces}, expected at least 2")
    folder = output_folder(options.out)
    results = predict(options)
    errors = np.asarray(metrics.nrmse(jnp.asarray(results.predicted), jnp.asarray(results.truth)))
    rows = {"all": row(errors)}
    for name, chosen in groups(results.face, results.visible).items():
        if chosen.sum() >= 2:
            rows[name] = row(errors[chosen]) | {"share": float(chosen.mean())}
    distances = np.linalg.norm(results.predicted - results.truth, axis=-1)
    pixels = {"visible": float(distances[results.visible].mean()), "hidden": float(distances[~results.visible].mean())}
    for name, values in rows.items():
        print(f"{name:32} {values['mean']:6.2f} +- {values['error']:.2f} %  median {values['median']:5.2f}  "
              f"missed {values['missed']:5.1f} %  of all {100 * values['share']:5.1f} %")  # fmt: skip
    print(f"pixels of the crop: visible landmarks {pixels['visible']:.2f}, hidden ones {pixels['hidden']:.2f}")
    figure = plots.bars(
        {name: (values["mean"], values["error"]) for name, values in rows.items()},
        label="NRMSE, % of the inter-ocular distance",
        highlight=["all"],
    )
    plots.save(folder / "weaknesses.png", figure)
    summary = {"faces": len(errors), "groups": rows, "pixels": pixels}
    write_summary(folder, summary)
    return summary


def row(errors: Float[np.ndarray, " n"]) -> dict[str, float]:
    """Mean with its standard error, median, and the percentage of faces missed."""
    return {
        "mean": float(errors.mean()),
        "error": float(errors.std(ddof=1) / np.sqrt(len(errors))),
        "median": float(np.median(errors)),
        "missed": float(100 * (errors > FAILURE).mean()),
        "share": 1.0,
    }


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
