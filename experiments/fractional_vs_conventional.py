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
          python experiments/fractional_vs_conventional.py --out runs/300w --data face300w --directory datasets
              --preset paper --recipe paper --steps 50000
Cost:     for `small` on one x86 core: compiling 1.5 minutes, rendering 300 test faces 1 minute, an update 1 second.
          The default (6 nets of 600 updates) takes an hour.
Figures:  the default (600 updates of `small`, three seeds, 300 synthetic faces), two x86 cores, jax 0.10.2. NRMSE in %
          (mean +- standard deviation over seeds), and by how much it is lower than that of the conventional argmax
          (paired; a bootstrap over faces gives 95 % intervals of +- 0.03 to 0.05):

              decoder          conventional targets             fractional targets
              argmax           5.77 +- 0.09                     5.69 +- 0.07   0.08 +- 0.08
              quarter_shift    5.11 +- 0.09   0.66 +- 0.01      5.02 +- 0.07   0.75 +- 0.07
              Eq. 4            5.07 +- 0.09   0.70 +- 0.01      4.99 +- 0.07   0.78 +- 0.07
              paper_unclamped  5.15 +- 0.09   0.62 +- 0.02      5.14 +- 0.06   0.64 +- 0.07
              parabola         4.85 +- 0.10   0.92 +- 0.01      4.75 +- 0.07   1.02 +- 0.07
              two_sided        4.86 +- 0.09   0.91 +- 0.01      4.76 +- 0.07   1.01 +- 0.07
              least_squares    4.70 +- 0.10   1.07 +- 0.02      4.59 +- 0.06   1.18 +- 0.05
              dark             4.68 +- 0.10   1.09 +- 0.02      4.57 +- 0.06   1.20 +- 0.05
              soft_argmax      4.67 +- 0.10   1.10 +- 0.02      4.56 +- 0.06   1.21 +- 0.05

          AUC 34.3 and 43.2 %, failures 10.4 and 8.1 % for the paper's CHR and FHR: FHR lowers the error by 13 % (the
          paper: 7 %). The gain grows with the size of the face, as in the paper: 0.21, 0.31, 0.46, 0.72, 1.25 px; that
          of soft_argmax is 0.32, 0.48, 0.73, 1.12, 1.89 px. Most of it comes from the decoder: with the same decoder,
          fractional targets gain only 0.01 to 0.11, about as much as seeds differ. Eq. 4 gains 0.12 +- 0.07 over the
          older quarter shift. After 160 updates (CHR 9.50, FHR 8.93 %), Eq. 4 gained 0.57 +- 0.10 over the argmax,
          soft_argmax 1.32 +- 0.07. These figures averaged the heatmaps of both views as probabilities. The
          log-probabilities averaged today change the NRMSE of the net in the package by at most 0.01 on synthetic
          faces.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from tqdm import tqdm

from fhr_jax import crop, evaluate, geometry, heatmap, log, metrics, npz, pipeline, plots, train, weights
from fhr_jax.benchmark.options import as_config
from fhr_jax.cli.options import optional
from fhr_jax.data import crops, examples, loader
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.demo import regression
from fhr_jax.demo.regression import CONVENTIONAL, FRACTIONAL
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder, write_json
from fhr_jax.hourglass import PRESETS, Config
from fhr_jax.progress import Progress

TARGETS = (CONVENTIONAL, FRACTIONAL)
Row = tuple[str, heatmap.Decoder]
"""The targets that a net was trained on, and the decoder; the paper's CHR and FHR are two of them."""
CHR: Row = (CONVENTIONAL, "argmax")
QUARTER: Row = (CONVENTIONAL, "quarter_shift")
FHR: Row = (FRACTIONAL, "fractional")
NAMES = {FHR: "fractional, Eq. 4"}
ROWS: tuple[Row, ...] = (
    CHR,
    QUARTER,
    *((FRACTIONAL, m) for m in heatmap.DECODERS if m not in ("argmax", "quarter_shift")),
)
CONTROLS: tuple[Row, ...] = (
    *((FRACTIONAL, m) for m in ("argmax", "quarter_shift")),
    *((CONVENTIONAL, m) for m in heatmap.DECODERS if m not in ("argmax", "quarter_shift")),
)
"""Each net with the decoders of the other, to separate the gain of the targets from that of the decoder."""
FIGURES = ("nrmse", "nrmse_median", "auc", "failure_rate")
RENAMED = {"quarter": "quarter_shift", "unguarded": "paper_unclamped"}
"""Old names of decoders to new ones, for predictions that were saved before they were renamed."""
SYNTHETIC, SEED = "synthetic", "seed"
RENDER_BATCH = 48
"""Number of synthetic faces rendered at a time; their images are large."""


@dataclass(frozen=True)
class Options:
    """Train nets on conventional and on fractional heatmaps; make Tables 1 and 2 and Fig. 5."""

    out: Path
    """Folder for nets, predictions, summary.json and the pictures."""
    data: str = SYNTHETIC
    """synthetic, or a dataset with splits such as face300w."""
    directory: Annotated[Path | None, optional("DIR")] = None
    """With a dataset: the --out of `fhr-jax data build`; default: ./datasets, then the data folder of TFDS."""
    train_split: str = "train"
    """With a dataset: the split to train on."""
    test_splits: tuple[str, ...] = ("challenging", "full", "private")
    """With a dataset: the splits to test on; each gets its own tables and figure."""
    preset: Literal["paper", "medium", "small", "tiny"] = "small"
    """Size of the nets."""
    recipe: Literal["quick", "paper"] = "quick"
    """quick: cross-entropy and Adam. paper: squared error and RMSprop, as the authors trained."""
    batch: Annotated[int | None, optional("INT")] = None
    """Images per update; default: 16, or 6 with the paper's recipe."""
    steps: int = 600
    """Number of updates of each net."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of the nets, the training faces and their order; each gives two nets."""
    faces: int = 300
    """Number of synthetic test faces, the same for all nets."""
    workers: int = 0
    """Number of processes that read photographs; 0 reads in a thread."""


class Faces(NamedTuple):
    """Test faces: crops (N, S, S, 3), maps (N, 2, 3) from images to them, landmarks (N, 68, 2) in image pixels."""

    images: np.ndarray
    affines: np.ndarray
    truth: np.ndarray


def main(options: Options) -> dict[str, Any]:
    """Train and decode what is missing, print the tables, write summary.json and the pictures."""
    output_folder(options.out)
    free = ("out", "directory", "test_splits", "seeds", "workers")
    fixed = {name: value for name, value in asdict(options).items() if name not in free}
    log.same_run(options.out, fixed)
    log.write_config(options.out, fixed)
    sets = dict(test_sets(options))
    train_nets(options)
    results = {name: evaluate_set(options, name, faces) for name, faces in sets.items()}
    summary = {
        "options": as_config(options),
        "jax": jax.__version__,
        "device": jax.devices()[0].device_kind,
        "results": results,
    }
    write_json(options.out / "summary.json", summary)
    return summary


def train_nets(options: Options) -> None:
    """Train the nets that do not exist yet."""
    nets = [(seed, target) for seed in options.seeds for target in TARGETS]
    missing = [net for net in nets if not net_path(options, *net).exists()]
    if not missing:
        return
    config, paper = PRESETS[options.preset], options.recipe == "paper"
    batch, loss = options.batch or (6 if paper else 16), "squared" if paper else "cross_entropy"
    optimizer = train.paper_optimizer() if paper else train.quick_optimizer(options.steps)
    source, prepare = training_data(options, config)
    # Compiling takes minutes, so one program trains all nets: seed and target are inputs.
    update = train.make_update(jax.random.key(1), config, optimizer, prepare, loss=loss)
    init = jax.jit(lambda seed: train.init_state(jax.random.key(seed), config, optimizer))
    for seed, target in missing:
        batches = loader.batches(source, batch=batch, seed=seed, workers=options.workers)
        marks = {SEED: jnp.asarray(seed), CONVENTIONAL: jnp.asarray(target == CONVENTIONAL)}
        marked = ({**numbers, **marks} for numbers in batches)
        with closing(batches), tqdm(total=options.steps, desc=f"{target}, seed {seed}", unit="step") as bar:

            def show(progress: Progress, bar: tqdm = bar) -> None:
                bar.set_postfix_str(f"loss {progress.info['loss']:.3g}", refresh=False)
                bar.update()

            state = train.train_loop(update, init(jnp.asarray(seed)), marked, steps=options.steps, progress=show)
        weights.save(net_path(options, seed, target), train.trained_net(state, config, loss=loss))


def net_path(options: Options, seed: int, target: str) -> Path:
    """File of a net."""
    return options.out / f"{target}_{seed}.npz"


def training_data(options: Options, config: Config) -> tuple[loader.IndexedSource, examples.Prepare]:
    """Synthetic faces (others for every seed) or photographs; landmarks are rounded for the conventional net."""

    def prepare_synthetic(key: jax.Array, batch: Any) -> examples.Examples:
        faces_key = jax.random.fold_in(jax.random.key(2), batch[SEED])
        return examples.synthetic_examples(faces_key, config.crop)(key, batch)

    synthetic = options.data == SYNTHETIC
    prepare_faces = prepare_synthetic if synthetic else examples.photograph_examples(config.crop)

    def prepare(key: jax.Array, batch: Any) -> examples.Examples:
        prepared = prepare_faces(jax.random.fold_in(key, batch[SEED]), batch)
        rounded = regression.round_to_heatmap(prepared.points, config)
        return prepared._replace(points=jnp.where(batch[CONVENTIONAL], rounded, prepared.points))

    if synthetic:
        return loader.Indices(0, 2**31 - 1), prepare
    records = open_dataset(options.data, directory=options.directory, split=options.train_split)
    return crops.Crops(records, size=round(config.crop * crops.MARGIN)), prepare


def test_sets(options: Options) -> Iterator[tuple[str, Faces]]:
    """The test sets, cropped by the bounding boxes of the true landmarks; saved."""
    size = PRESETS[options.preset].crop
    for name in (SYNTHETIC,) if options.data == SYNTHETIC else options.test_splits:
        path = options.out / f"faces_{name}.npz"
        if not path.exists():
            synthetic = options.data == SYNTHETIC
            faces = rendered_faces(options.faces, size) if synthetic else photographed_faces(options, name, size)
            npz.write(path, faces._asdict())
        yield name, Faces(**npz.read(path))


def photographed_faces(options: Options, split: str, size: int) -> Faces:
    """The faces of a split."""
    records = open_dataset(options.data, directory=options.directory, split=split)
    source = crops.Crops(records, size=size, margin=1.0)
    faces = [source[i] for i in tqdm(range(len(source)), desc=f"read {split}", delay=1)]
    images, affines, points = (np.stack([face[key] for face in faces]) for key in ("image", "affine", "points"))
    return Faces(images, affines, crop.to_image(affines, points))


def rendered_faces(number: int, size: int) -> Faces:
    """Faces outside the training set, in images of 96 to 480 pixels, as in the demo."""
    parts = []
    for start in tqdm(range(0, number, RENDER_BATCH), desc="render test faces", delay=1):
        key = jax.random.fold_in(jax.random.key(3), start)
        data = regression.held_out_faces(key, min(RENDER_BATCH, number - start))
        parts.append(Faces(*regression.crop_faces(data, size), data.points))
    return Faces(*(np.concatenate(leaves) for leaves in zip(*parts, strict=True)))


def predictions(options: Options, name: str, faces: Faces, target: str, seed: int) -> dict[str, np.ndarray]:
    """Landmarks (N, 68, 2) in image pixels by each decoder, from the heatmaps of one net; saved."""
    path = options.out / f"{name}_{target}_{seed}.npz"
    if not path.exists():
        net, found = weights.load(net_path(options, seed, target)), {decoder: [] for decoder in heatmap.DECODERS}
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
            pixels[target, decoder] = np.stack([distances(each.predictions, faces.truth) for each in found])
    best = min(ROWS, key=lambda row: errors[row].mean())
    shown = dict.fromkeys((CHR, QUARTER, FHR, best))
    print(f"\n{name}, {len(faces.truth)} faces, seeds {options.seeds}")
    result = {"table1": table1(errors), "table2": table2(pixels, faces.truth, tuple(shown))}
    errors_figure = plots.ced({label(row): errors[row].ravel() for row in shown})
    plots.save(options.out / f"figure5_{name}.png", errors_figure)
    by_scale = {label(row): np.array(result["table2"]["pixels"][label(row)]["mean"]) for row in shown}
    scale_figure = plots.scale_table(by_scale, result["table2"]["edges"])
    plots.save(options.out / f"table2_{name}.png", scale_figure)
    return result


def label(row: Row) -> str:
    """Name of a row of a table."""
    return NAMES.get(row, ", ".join(row))


def distances(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean distance of the points of each face to the truth, (N,) in image pixels."""
    return np.linalg.norm(found - truth, axis=-1).mean(axis=-1)


def mean_and_sd(values: np.ndarray) -> dict[str, Any]:
    """Mean and standard deviation along the first axis."""
    return {"mean": values.mean(axis=0).tolist(), "sd": values.std(axis=0).tolist()}


def gain(errors: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    """How much lower errors (seeds, N) are than those of a reference: over seeds, with an interval over faces."""
    differences = np.asarray(reference - errors, np.float64)
    interval = metrics.bootstrap(jax.random.key(0), differences.mean(axis=0))
    seeds = differences.mean(axis=1)
    return mean_and_sd(seeds) | {"each": seeds.tolist(), "interval": [float(interval.low), float(interval.high)]}


def table1(errors: dict[Row, np.ndarray]) -> dict[str, Any]:
    """NRMSE, AUC and failure rate of every row, and its gain over conventional heatmaps."""
    table = {}
    head = [f"{figure:>16}" for figure in FIGURES]
    print(f"{'targets, decoder':30}{''.join(head)}  {'NRMSE gained over argmax':34}over the quarter shift")
    for row in (*ROWS, *CONTROLS):
        scores = [evaluate.summary(one) for one in errors[row]]
        figures = {figure: mean_and_sd(np.array([score[figure] for score in scores])) for figure in FIGURES}
        gains = {label(other): gain(errors[row], errors[other]) for other in (CHR, QUARTER) if other != row}
        table[label(row)] = figures | {"gain": gains}
        columns = "".join(f"{v['mean']:9.2f} ± {v['sd']:4.2f}" for v in figures.values())
        gained = [format_gain(gains[label(other)]) if other != row else "-" for other in (CHR, QUARTER)]
        print(f"{label(row):30}{columns}  {gained[0]:34}{gained[1]}")
    return table


def table2(pixels: dict[Row, np.ndarray], truth: np.ndarray, shown: tuple[Row, ...]) -> dict[str, Any]:
    """Mean point error in five equal groups of faces by size, and the gain over conventional heatmaps in each."""
    groups = min(5, len(truth))
    group, scale = (
        np.asarray(metrics.scale_groups(truth, groups=groups)),
        metrics.scale_table(truth, truth, groups=groups),
    )
    members = [group == g for g in range(groups)]
    table: dict[str, Any] = {"edges": scale.edges.tolist(), "size": scale.size.tolist(), "pixels": {}, "gain": {}}
    print(f"px by inter-ocular distance: {', '.join(f'{a:.0f} to {b:.0f}' for a, b in pairwise(table['edges']))} px")
    for row in shown:
        of_groups = np.stack([pixels[row][:, inside].mean(axis=1) for inside in members], axis=1)
        figures = table["pixels"][label(row)] = mean_and_sd(of_groups)
        columns = "".join(f"{m:9.2f} ± {s:4.2f}" for m, s in zip(figures["mean"], figures["sd"], strict=True))
        print(f"{label(row):30}{columns}")
        if row != CHR:
            gains = [gain(pixels[row][:, inside], pixels[CHR][:, inside]) for inside in members]
            table["gain"][label(row)] = gains
            print(f"{'    gain':30}  {', '.join(map(format_gain, gains))}")
    return table


def format_gain(gain: dict[str, Any]) -> str:
    """A gain as text: mean, standard deviation over seeds, interval over faces."""
    low, high = gain["interval"]
    return f"{gain['mean']:.3f} ± {gain['sd']:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
