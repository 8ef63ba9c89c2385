"""Train the face detector on synthetic scenes alone; stopped at any time, it resumes.

Command:  taskset -c 1 nice -n 10 python experiments/train_detector.py --out runs/detector --steps 40000
Output:   OUT/patches (the cut-out heads), OUT/checkpoints, OUT/metrics.jsonl (loss; recall and wrong boxes on synthetic
          scenes), OUT/detector.npz (float16) after every validation and when it is stopped, OUT/scenes.jpg and
          OUT/found.jpg to look at.

The first start renders the heads. Stop it with Ctrl-C or SIGTERM; the same command resumes.
"""

import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from PIL import Image

from fhr_jax import augment, checkpoint, detector, log
from fhr_jax.cli import signals
from fhr_jax.data.scenes.compose import ComposedScene, Pool, SceneOptions, compose
from fhr_jax.data.scenes.patches import Patches, render_patches
from fhr_jax.data.scenes.tiles import tile_batches
from fhr_jax.detector.matching import match
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file, folder_lock, output_folder
from fhr_jax.train import loop, recipe
from fhr_jax.train.detector import PHOTOMETRIC, init_state, make_update, trained_detector

CONFIG = detector.DetectorConfig()
TILE = 128
TILES = SceneOptions(sizes=(5.0, 80.0), faces=6, lookalikes=2, large_chance=0.15, large_sizes=(80.0, 300.0))
"""What a tile holds; faces that are too small or too large for its scale too."""
SCENE = 640
SCENES = SceneOptions(sizes=(24.0, 420.0), faces=8, lookalikes=3)
"""Validation: whole square pictures of `SCENE` pixels."""
BUCKETS = (24.0, 40.0, 80.0, 160.0, 440.0)
"""Edges of the groups of face sizes in pixels."""


@dataclass(frozen=True)
class Options:
    """Train the face detector on synthetic scenes."""

    out: Path
    """Folder of the run."""
    steps: int = 40000
    """Number of updates."""
    batch: int = 16
    """Tiles an update."""
    learning_rate: float = 3e-3
    """The highest learning rate."""
    heads: int = 8192
    """Number of faces that are rendered; heads without a face are a quarter of that, large ones a ninth."""
    validate_every: int = 1000
    """Updates between validations."""
    save_every: int = 250
    """Updates between checkpoints."""
    scenes: int = 60
    """Number of validation scenes."""
    seed: int = 0
    """Of everything."""
    workers: int = 0
    """Processes that make tiles; with 0 a thread of this process makes them."""


def pool(folder: Path, options: Options) -> Pool:
    """The cut-out heads, rendered at the first call."""
    folder = output_folder(folder)
    kinds = (("faces", 1, 128, False), ("faceless", 4, 128, True), ("large", 9, 320, False))
    parts = []
    for number, (name, share, size, faceless) in enumerate(kinds):
        pixels, points = folder / f"{name}_pixels.npy", folder / f"{name}_points.npy"
        wanted = max(16, options.heads // share)
        if not points.exists():
            start = time.monotonic()
            key = jax.random.key(100 + options.seed + number)
            heads = render_patches(key, range(wanted), size=size, faceless=faceless)
            for path, array in ((pixels, heads.pixels), (points, heads.points)):
                with atomic_file(path) as temporary:
                    np.save(temporary, array)
            print(f"{name}: {wanted} heads in {time.monotonic() - start:.0f} s", flush=True)
        parts.append(Patches(np.load(pixels, mmap_mode="r"), np.load(points)))
    return Pool(*parts)


def validation_scenes(heads: Pool, options: Options) -> list[ComposedScene]:
    """Whole pictures with faces of 24 pixels and more, degraded; the same at every call."""
    degrade = jax.jit(partial(augment.photometric, options=PHOTOMETRIC._replace(blur=0.4, downscale=1.5)))
    scenes = []
    for number in range(options.scenes):
        rng = np.random.default_rng([options.seed, 1, number])
        scene = compose(rng, heads, height=SCENE, width=SCENE, options=SCENES)
        key = jax.random.fold_in(jax.random.key(options.seed), number)
        image = np.round(255 * np.asarray(degrade(key, jnp.asarray(scene.image, jnp.float32) / 255)))
        scenes.append(scene._replace(image=image.astype(np.uint8)))
    return scenes


class Validation(NamedTuple):
    """Scores of all scenes.

    Attributes:
        sizes: of the true faces (K,), longer sides in pixels.
        scores: the score with which each was found (K,), 0 if it was not.
        wrong: scores of wrong boxes.
        pictures: number of scenes.
    """

    sizes: np.ndarray
    scores: np.ndarray
    wrong: np.ndarray
    pictures: int

    def recall(self, threshold: float) -> float:
        """Share of the faces that are found with at least this score."""
        return float((self.scores >= threshold).mean())

    def false_positives(self, threshold: float) -> float:
        """Wrong boxes a picture."""
        return float((self.wrong >= threshold).sum() / self.pictures)

    def by_size(self, threshold: float) -> dict[float, float]:
        """Recall in those groups of `BUCKETS` that have faces, by their lower edge."""
        groups = np.digitize(self.sizes, BUCKETS[1:-1])
        return {BUCKETS[k]: float((self.scores[groups == k] >= threshold).mean()) for k in np.unique(groups)}


def validate(net: detector.DetectorNet, scenes: list[ComposedScene], **options: Any) -> Validation:
    """Find the faces of all scenes with a low threshold; the options are those of `detector.find_faces`."""
    sizes, scores, wrong = [], [], []
    for scene in scenes:
        found = detector.find_faces(net, scene.image, threshold=0.02, **options)
        truth = scene.boxes.astype(np.float64)
        matches = match(found.boxes, truth, ignored=scene.ignored)
        wrong.append(found.scores[matches.wrong])
        best = np.zeros(len(truth))
        for k in np.flatnonzero(matches.found):
            alone = match(found.boxes, truth[[k]])
            best[k] = found.scores[~alone.wrong].max()
        sizes.append(truth[~scene.ignored, 2:].max(axis=1, initial=0))
        scores.append(best[~scene.ignored])
    return Validation(np.concatenate(sizes), np.concatenate(scores), np.concatenate(wrong), len(scenes))


def draw(scenes: list[ComposedScene], found: list[np.ndarray], path: Path, *, columns: int = 4) -> None:
    """A sheet of scenes with boxes: those found in green, of true faces in white, of ignored ones in red."""
    import cv2

    pictures = []
    for scene, boxes in zip(scenes, found, strict=True):
        picture = scene.image.copy()
        colours = [(255, 60, 60) if ignored else (255, 255, 255) for ignored in scene.ignored]
        for box, colour in [*zip(scene.boxes, colours, strict=True), *((box, (0, 255, 0)) for box in boxes)]:
            x, y, width, height = (round(float(value)) for value in box)
            cv2.rectangle(picture, (x, y), (x + width, y + height), colour, max(1, picture.shape[1] // 300))
        pictures.append(picture)
    rows = [np.concatenate(pictures[k : k + columns], axis=1) for k in range(0, len(pictures), columns)]
    with atomic_file(path) as temporary:
        Image.fromarray(np.concatenate([row for row in rows if row.shape == rows[0].shape])).save(temporary, quality=85)


def main(options: Options) -> None:
    """Render, train, validate; resume what is there."""
    folder = output_folder(options.out)
    config = CONFIG
    described = {name: value for name, value in vars(options).items() if name not in ("out", "save_every", "workers")}
    with folder_lock(folder), signals.catch_signals() as request:
        log.same_run(folder, described | {"config": list(map(str, config))})
        log.write_config(folder, described | {"config": list(map(str, config))})
        heads = pool(folder / "patches", options)
        scenes = validation_scenes(heads, options)
        draw(scenes[:12], [np.zeros((0, 4))] * len(scenes[:12]), folder / "scenes.jpg")
        network_key, step_key = jax.random.split(jax.random.key(options.seed))
        plan = recipe.MODERN._replace(learning_rate=options.learning_rate, batch=options.batch, warmup=500)
        optimizer = recipe.make_optimizer(plan, options.steps)
        state, update = init_state(network_key, config, optimizer), make_update(step_key, config, optimizer)
        batches = tile_batches(
            heads, batch=options.batch, size=TILE, seed=options.seed, options=TILES, workers=options.workers
        )
        with closing(batches), checkpoint.manager(folder / "checkpoints") as saved:
            if saved.latest_step() is not None:
                state = checkpoint.restore(saved, state, batches)
                print(f"resumed at step {int(state.step)}", flush=True)
            log.cut_metrics(folder, int(state.step))
            start, first, losses = time.monotonic(), int(state.step), []
            for output in loop.train_steps(update, state, batches, steps=options.steps):
                losses.append(output.metrics.loss)
                last, stopping = output.step == options.steps, bool(request())
                if output.step % 100 == 0 or last:
                    line: dict[str, Any] = {"step": output.step, "loss": float(np.mean(jax.device_get(losses)))}
                    line["updates_per_second"] = round((output.step - first) / (time.monotonic() - start), 3)
                    losses = []
                    if output.step % options.validate_every == 0 or last:
                        line |= report(trained_detector(output.state, config), scenes, folder)
                    log.append_metrics(folder, line)
                    print(line, flush=True)
                if output.step % options.save_every == 0 or last or stopping:
                    output.check()
                    checkpoint.save(saved, output.step, output.state, batches)
                if stopping:
                    detector.save(folder / "detector.npz", trained_detector(output.state, config), dtype="float16")
                    saved.wait_until_finished()
                    raise SystemExit(f"stopped and saved at step {output.step}")


def report(net: detector.DetectorNet, scenes: list[ComposedScene], folder: Path) -> dict[str, float]:
    """Validate a detector, and write it with a sheet of what it finds."""
    scored = validate(net, scenes)
    detector.save(folder / "detector.npz", net, dtype="float16")
    shown = scenes[:12]
    draw(shown, [detector.find_faces(net, scene.image).boxes for scene in shown], folder / "found.jpg")
    values = {f"recall_{t:g}": scored.recall(t) for t in (0.1, 0.3, 0.5)}
    values |= {f"wrong_{t:g}": scored.false_positives(t) for t in (0.1, 0.3, 0.5)}
    values |= {f"recall_from_{low:g}": recall for low, recall in scored.by_size(0.3).items()}
    return {name: round(value, 4) for name, value in values.items()}


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
