"""Table 1, Table 2 and Fig. 5: fractional against conventional heatmap regression.

For every seed, two nets of one architecture are trained from the same initial parameters, on the same batches, for the
same number of updates: one on heatmaps whose centres are rounded to whole pixels, one on exact heatmaps. Every decoder
is then applied to both, on the same test faces, with mirror averaging as in `pipeline.predict`. Nets and predictions
are saved in --out, and an interrupted experiment resumes when you repeat the command. Two commands with different
--seeds can share one --out; a third with all seeds then makes the tables. `figure4_averages.py` draws the heatmaps of
these nets.

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019), 600 images of
          300W: NRMSE 4.07 % (conventional, argmax: CHR) and 3.80 % (fractional, Eq. 4: FHR), AUC 50.9 and 55.9 %,
          failures 2.33 and 1.33 %; the gap in pixels grows from 0.24 to 1.00 with the size of the face.
Command:  python experiments/fractional_vs_conventional.py --out runs/regression
          python experiments/fractional_vs_conventional.py --out runs/shipped --data real_faces/helen_train
              --test real_faces/afw --init small --steps 400
          python experiments/fractional_vs_conventional.py --out runs/300w --data face300w --directory datasets
              --preset paper --recipe paper --steps 50000
Cost:     for `small` on one x86 core: compiling 1.5 minutes, rendering 300 test faces 1 minute, an update 1 second.
          The default (6 nets of 600 updates) takes an hour.
Figures:  docs/results.md, "Fractional against conventional heatmaps"; of synthetic faces in
          docs/earlier_results.md. Most of the gain comes from the decoder; fractional targets add little to it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import jax
import numpy as np
import tyro
from tqdm import tqdm

from fhr_jax import crop, evaluate, geometry, heatmap, log, npz, pipeline, plots, weights
from fhr_jax.benchmark.decoder_tables import (
    CONVENTIONAL,
    IN_PIXELS,
    TARGETS,
    label,
    table1,
    table2,
    targets_table,
)
from fhr_jax.benchmark.options import as_config
from fhr_jax.benchmark.photographs import ORIGINALS, keep_aside, original_pixels
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.cli.options import optional
from fhr_jax.data import crops, examples, loader
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import Records
from fhr_jax.data.sources import holdout
from fhr_jax.demo import regression
from fhr_jax.errors import InputError
from fhr_jax.files import folder_lock, output_folder
from fhr_jax.hourglass import PRESETS, Config
from fhr_jax.progress import Progress
from fhr_jax.train import RECIPES, Recipe, load_initial
from fhr_jax.train.run import TrainPlan, run
from fhr_jax.weights import Net

RENAMED = {"quarter": "quarter_shift", "unguarded": "paper_unclamped"}
"""Old names of decoders to new ones, for predictions that were saved before they were renamed."""
SYNTHETIC, RANDOM, ASIDE = "synthetic", "random", "aside"
RENDER_BATCH = 48
"""Number of synthetic faces rendered at a time; their images are large."""


@dataclass(frozen=True)
class Options:
    """Train nets on conventional and on fractional heatmaps; make Tables 1 and 2 and Fig. 5."""

    out: Path
    """Folder for nets, predictions, summary.json and the pictures."""
    data: str = SYNTHETIC
    """synthetic, a dataset with splits such as face300w, or a folder of photographs with .pts files. Of a folder, a
    fifth of the photographs is kept aside and tested on."""
    directory: Annotated[Path | None, optional("DIR")] = None
    """With a dataset: the --out of `fhr-jax data build`; default: ./datasets, then the data folder of TFDS."""
    train_split: str = "train"
    """With a dataset: the split to train on."""
    test_splits: tuple[str, ...] = ("challenging", "full", "private")
    """With a dataset: the splits to test on; each gets its own tables and figure."""
    test: tuple[Path, ...] = ()
    """With a folder: further folders to test on; each gets its own tables and figure."""
    init: str = RANDOM
    """random, or the net to start from: a file, or small for the net that ships."""
    preset: Literal["paper", "medium", "small", "tiny"] = "small"
    """Size of the nets; that of --init if there is one."""
    crop: Annotated[int | None, optional("INT")] = None
    """Side of the crops in pixels, without --init: maps get coarser or finer with it; default: that of the preset."""
    recipe: Annotated[Literal["quick", "paper", "finetune"] | None, optional("RECIPE")] = None
    """quick: cross-entropy and Adam. paper: squared error and RMSprop, as the authors trained. finetune: for a net that
    is trained already. Default: quick, or finetune with --init."""
    batch: Annotated[int | None, optional("INT")] = None
    """Images per update; default: that of the recipe, 16, or 6 for paper."""
    steps: int = 600
    """Number of updates of each net."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of the nets, the training faces and their order; each gives two nets."""
    faces: int = 300
    """Number of synthetic test faces, the same for all nets."""
    workers: int = 0
    """Number of processes that read photographs; 0 reads in a thread."""


class Faces(NamedTuple):
    """Test faces: crops (N, S, S, 3), maps (N, 2, 3) from images to them, landmarks (N, 68, 2) in image pixels.

    `original` (N,) is how many pixels of the original photograph one pixel of the image is.
    """

    images: np.ndarray
    affines: np.ndarray
    truth: np.ndarray
    original: np.ndarray


class Data(NamedTuple):
    """Where training and test faces come from; both None for synthetic faces.

    `tests` has for each set its records and the folder that they lie in, if any.
    """

    learn: Records | None
    tests: Mapping[str, tuple[Records, Path | None]]


def main(options: Options) -> dict[str, Any]:
    """Train and decode what is missing, print the tables, write summary.json and the pictures."""
    output_folder(options.out)
    free = ("out", "directory", "test_splits", "test", "seeds", "workers")
    fixed = {name: value for name, value in as_config(options).items() if name not in free}
    log.same_run(options.out, fixed)
    log.write_config(options.out, fixed)
    init = None if options.init == RANDOM else load_initial(options.init)
    config, data = make_config(options, init), open_data(options)
    curves = train_nets(options, config, init, data)
    sets = test_sets(options, config, data)
    results = {name: evaluate_set(options, name, faces) for name, faces in sets}
    summary = {
        "options": as_config(options),
        "jax": jax.__version__,
        "device": jax.devices()[0].device_kind,
        "validation": curves,
        "results": results,
    }
    write_summary(options.out, summary)
    return summary


def make_config(options: Options, init: Net | None) -> Config:
    """The shape of the nets; all have one map pixel for the same number of crop pixels."""
    config = PRESETS[options.preset] if init is None else init.config
    if options.crop is None:
        return config
    if init is not None:
        raise InputError("--crop: the crops of --init stay as they are; leave out one of both")
    ratio, coarsest = config.crop // config.heatmap, 2**config.depth
    if options.crop < 1 or options.crop % (ratio * coarsest):
        raise InputError(f"--crop: {options.crop}, expected a multiple of {ratio * coarsest} for {options.preset}")
    return config._replace(crop=options.crop, heatmap=options.crop // ratio)


def open_data(options: Options) -> Data:
    """Open the faces to learn from and those to test on."""
    if options.data == SYNTHETIC:
        return Data(None, {})
    folder = Path(options.data)
    if folder.is_dir():
        learn, aside = keep_aside(open_dataset(folder), name=folder)
        _check_tests(folder, options.test)
        others = {path.name: (open_dataset(path), path) for path in options.test}
        return Data(learn, {ASIDE: (aside, folder), **others})
    if options.test:
        raise InputError(f"--test: goes with a folder as --data; {options.data} has --test-splits")

    def split(name: str) -> Records:
        return open_dataset(options.data, directory=options.directory, split=name)

    return Data(split(options.train_split), {name: (split(name), None) for name in options.test_splits})


def _check_tests(folder: Path, tests: tuple[Path, ...]) -> None:
    """Each test set has a name of its own, and none is what the nets learn from."""
    names = [ASIDE, *(path.name for path in tests)]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise InputError(f"--test: expected folders of different names, got {sorted(repeated)[0]} twice")
    for path in tests:
        if path.resolve() == folder.resolve():
            raise InputError(f"--test {path}: is the folder of --data, of which a fifth is tested on anyway")


def train_nets(options: Options, config: Config, init: Net | None, data: Data) -> dict[str, dict[int, float]]:
    """Train the nets that do not exist yet; return the validation errors of all, in percent, by step."""
    curves = {}
    for seed in options.seeds:
        for target in TARGETS:
            path, folder = net_path(options, target, seed), options.out / "runs" / f"{target}_{seed}"
            if not path.exists():
                plan = make_plan(options, config, init, data, target, seed)
                with (
                    folder_lock(output_folder(folder)),
                    tqdm(total=options.steps, desc=f"{target}, seed {seed}", unit="step") as bar,
                ):

                    def show(progress: Progress, bar: tqdm = bar) -> None:
                        bar.update(progress.done - bar.n)

                    weights.save(path, run(folder, plan, progress=show))
            lines = log.read_metrics(folder)
            curves[path.stem] = {int(line["step"]): line["nrmse"] for line in lines if "nrmse" in line}
    return curves


def net_path(options: Options, target: str, seed: int) -> Path:
    """File of a net."""
    return options.out / f"{target}_{seed}.npz"


def make_plan(options: Options, config: Config, init: Net | None, data: Data, target: str, seed: int) -> TrainPlan:
    """The run of one net. Both nets of a seed have the same plan but for the rounding."""
    recipe = make_recipe(options, init)
    if data.learn is None:
        key = jax.random.fold_in(jax.random.key(2), seed)
        source, prepare = loader.Indices(holdout.MOST, 2**31 - 1), examples.synthetic_examples(key, config.crop)
        validation = examples.synthetic_batch(key, range(holdout.MOST), config.crop)
    else:
        held = holdout.fair_share(len(data.learn))
        learn, validate = holdout.split_holdout(data.learn, held, seed=seed, name=options.data)
        source, prepare = (
            crops.Crops(learn, size=round(config.crop * crops.MARGIN)),
            examples.photograph_examples(config.crop),
        )
        validation = examples.photograph_batch(validate, config.crop)
    return TrainPlan(
        config=config,
        recipe=recipe,
        steps=options.steps,
        source=source,
        prepare=prepare,
        validation=validation,
        seed=seed,
        rounded=target == CONVENTIONAL,
        validate_every=50,
        save_every=50,
        workers=options.workers,
        init=init,
    )


def make_recipe(options: Options, init: Net | None) -> Recipe:
    """The recipe by its name. No validation ends a run or chooses a net, so both of a seed make the same updates."""
    recipe = RECIPES[options.recipe or ("quick" if init is None else "finetune")]
    changes: dict[str, Any] = {"patience": None, "keep_best": False}
    if init is not None:
        changes["loss"] = init.loss
    if options.batch is not None:
        changes["batch"] = options.batch
    return recipe._replace(**changes)


def test_sets(options: Options, config: Config, data: Data) -> Iterator[tuple[str, Faces]]:
    """The test sets, cropped by the bounding boxes of the true landmarks; saved."""
    for name in data.tests or (SYNTHETIC,):
        path = options.out / f"faces_{name}.npz"
        if not path.exists():
            rendered = data.learn is None
            faces = rendered_faces(options.faces, config.crop) if rendered else read_faces(*data.tests[name], config)
            npz.write(path, faces._asdict())
        arrays = npz.read(path)
        if name in data.tests and len(arrays["truth"]) != len(data.tests[name][0]):
            raise InputError(f"{path}: holds other faces than {name} has now; name another --out")
        yield name, Faces(**{"original": np.ones(len(arrays["truth"]))} | arrays)


def read_faces(records: Records, folder: Path | None, config: Config) -> Faces:
    """Crop photographs."""
    source = crops.Crops(records, size=config.crop, margin=1.0)
    faces = [source[i] for i in tqdm(range(len(source)), desc="read photographs", delay=1)]
    images, affines, points = (np.stack([face[key] for face in faces]) for key in ("image", "affine", "points"))
    original = np.ones(len(faces)) if folder is None else original_pixels(folder, records)
    if folder is not None and not (folder / ORIGINALS).exists():
        print(f"{folder}: no {ORIGINALS}, so Table 2 is in pixels of these files")
    return Faces(images, affines, crop.to_image(affines, points), original)


def rendered_faces(number: int, size: int) -> Faces:
    """Faces outside the training set, in images of 96 to 480 pixels, as in the demo."""
    parts = []
    for start in tqdm(range(0, number, RENDER_BATCH), desc="render test faces", delay=1):
        key = jax.random.fold_in(jax.random.key(3), start)
        data = regression.held_out_faces(key, min(RENDER_BATCH, number - start))
        parts.append(Faces(*regression.crop_faces(data, size), data.points, np.ones(len(data.points))))
    return Faces(*(np.concatenate(leaves) for leaves in zip(*parts, strict=True)))


def predictions(options: Options, name: str, faces: Faces, target: str, seed: int) -> dict[str, np.ndarray]:
    """Landmarks (N, 68, 2) in image pixels by each decoder, from the heatmaps of one net; saved."""
    path = options.out / f"{name}_{target}_{seed}.npz"
    if not path.exists():
        net, found = weights.load(net_path(options, target, seed)), {decoder: [] for decoder in heatmap.DECODERS}
        for _, maps in pipeline.heatmap_batches(net, faces.images):
            for decoder, parts in found.items():
                parts.append(np.asarray(heatmap.decode(maps, sigma=net.config.sigma, decoder=decoder)))
        scale = net.config.crop / net.config.heatmap
        in_crops = {decoder: geometry.resize_points(np.concatenate(parts), scale) for decoder, parts in found.items()}
        npz.write(path, {decoder: crop.to_image(faces.affines, p) for decoder, p in in_crops.items()})
    return {RENAMED.get(name, name): points for name, points in npz.read(path).items()}


def evaluate_set(options: Options, name: str, faces: Faces) -> dict[str, Any]:
    """Both tables and the figure of one test set."""
    errors, pixels = {}, {}
    for target in TARGETS:
        per_seed = [predictions(options, name, faces, target, seed) for seed in options.seeds]
        for decoder in heatmap.DECODERS:
            found = [evaluate.Predictions((), points[decoder], faces.truth) for points in per_seed]
            errors[target, decoder] = np.stack([evaluate.errors(each) for each in found])
            pixels[target, decoder] = np.stack([distances(each.predictions, faces) for each in found])
    print(f"\n{name}, {len(faces.truth)} faces, seeds {options.seeds}")
    in_originals = faces.truth * faces.original[:, None, None]
    result = {
        "table1": table1(errors),
        "targets": targets_table(errors),
        "table2": table2(pixels, in_originals, IN_PIXELS),
    }
    errors_figure = plots.ced({label(row): errors[row].ravel() for row in IN_PIXELS})
    plots.save(options.out / f"figure5_{name}.png", errors_figure)
    by_scale = {label(row): np.array(result["table2"]["pixels"][label(row)]["mean"]) for row in IN_PIXELS}
    scale_figure = plots.scale_table(by_scale, result["table2"]["edges"])
    plots.save(options.out / f"table2_{name}.png", scale_figure)
    return result


def distances(found: np.ndarray, faces: Faces) -> np.ndarray:
    """Mean distance of the points of each face to the truth, (N,) in pixels of the original photograph."""
    return np.linalg.norm(found - faces.truth, axis=-1).mean(axis=-1) * faces.original


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
