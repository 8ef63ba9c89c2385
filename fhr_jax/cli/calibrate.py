"""`fhr-jax calibrate`: fit the confidence of a net on faces with true landmarks, and check it on others."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from tqdm import tqdm

from fhr_jax.cli import markups
from fhr_jax.cli.arguments.calibrate import CalibrateOptions
from fhr_jax.data.skipped import Skipped, write_skipped
from fhr_jax.errors import InputError
from fhr_jax.files import staged_folder, write_json
from fhr_jax.markup import FACE68
from fhr_jax.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fhr_jax.calibrate import CalibrationData
    from fhr_jax.data.examples import Examples
    from fhr_jax.weights import Net

MOST = 2048
"""Number of faces of the data that are fitted at most, by default."""
MOST_CHECKED = 512
"""Number of faces that are held out at most, by default."""


class _Faces(NamedTuple):
    """What the net finds on the faces of the fit and on those held out, and files that are not used."""

    fitted: "CalibrationData"
    held: "CalibrationData"
    skipped: tuple[Skipped, ...] = ()


def run(options: CalibrateOptions) -> None:
    """Fit, check, print, and write the results."""
    _check(options)
    from fhr_jax import calibrate, plots, weights
    from fhr_jax.reports import calibration as report

    net = markups.open_net(options.net, options.markup)
    with staged_folder(options.out) as folder:
        faces = _synthetic(options, net) if options.data is None else _labelled(options, options.data, net)
        calibration = calibrate.widened(calibrate.fit(faces.fitted), options.widen)
        number, checked = len(faces.held.errors), faces.held if len(faces.held.errors) else faces.fitted
        before = calibrate.uncalibrated(net) if net.calibration is None else net.calibration
        both = {"before": before, "after": calibration}
        reliability = {name: calibrate.reliability(one, checked, levels=report.LEVELS) for name, one in both.items()}
        constant = calibrate.constant_log_likelihood(faces.fitted, checked)
        weights.save(folder / "net.npz", net._replace(calibration=calibration), dtype=options.stored_dtype)
        plots.save(folder / "reliability.png", report.figure(reliability))
        summary = {
            "faces": {"fit": len(faces.fitted.errors), "held out": number},
            "calibrated_before": net.calibration is not None,
            "calibration": {name: np.asarray(value).tolist() for name, value in calibration._asdict().items()},
            "widen": options.widen,
            "reliability": report.as_json(reliability),
            "log_likelihood_of_a_constant": constant,
        }
        write_json(folder / "summary.json", summary)
        if options.data is not None:
            write_skipped(folder, faces.skipped)
    what = f"checked on {number} others" if number else "which are too few to hold some out: checked on themselves"
    print(f"{options.out / 'net.npz'}: calibrated on {len(faces.fitted.errors)} faces, {what}")
    for line in report.in_words(reliability):
        print(line)
    print(f"log likelihood of one covariance for each landmark: {constant:.3f} nats")
    if options.widen != 1:
        print(f"the variances are {options.widen:g} times those of the fit")
    if net.calibration is None:
        print("before: the net had no calibration, and the covariance of a peak counts as that of the error")


def _check(options: CalibrateOptions) -> None:
    from fhr_jax.calibrate import MIN_FACES

    if options.faces is not None and options.faces < MIN_FACES:
        raise InputError(f"--faces is {options.faces}, expected at least {MIN_FACES}")
    if options.holdout is not None and options.holdout < 0:
        raise InputError(f"--holdout is {options.holdout}, expected 0 or more")
    if options.workers < 0:
        raise InputError(f"--workers is {options.workers}, expected 0 or more")
    if not 0 < options.widen < float("inf"):
        raise InputError(f"--widen is {options.widen}, expected a positive number")
    for name in ("directory", "split", "boxes", "workers"):
        if options.data is None and getattr(options, name) != CalibrateOptions.__dataclass_fields__[name].default:
            raise InputError(f"--{name} goes with --data; synthetic faces have no such option")


def _synthetic(options: CalibrateOptions, net: "Net") -> _Faces:
    import jax

    from fhr_jax import calibrate
    from fhr_jax.data import examples
    from fhr_jax.weights import markup_of

    markup = markup_of(net)
    if (markup.size, markup.flip) != (FACE68.size, FACE68.flip):
        raise InputError(f"the net has the markup {markup.label}, but synthetic faces that of 300W: expected --data")
    numbers = options.faces or calibrate.FACES, MOST_CHECKED if options.holdout is None else options.holdout
    keys = jax.random.split(jax.random.key(options.seed), len(numbers))
    found: list[CalibrationData] = []
    for key, number, what in zip(keys, numbers, ("faces of the fit", "other faces"), strict=True):
        total = -(-max(number, 1) // examples.BATCH)
        with tqdm(total=total, unit="batch", desc=what, delay=1) as bar:

            def shown(batches: "Iterator[Examples]", bar: tqdm = bar) -> "Iterator[Examples]":
                for batch in batches:
                    yield batch
                    bar.update()

            batches = calibrate.synthetic_faces(key, net.config.crop, faces=max(number, 1))
            found.append(calibrate.select(calibrate.collect(net, shown(batches)), range(number)))
    return _Faces(found[0], found[1])


def _labelled(options: CalibrateOptions, name: str, net: "Net") -> _Faces:
    from fhr_jax import calibrate
    from fhr_jax.calibrate import MIN_FACES
    from fhr_jax.cli.source import open_source
    from fhr_jax.data.sources import holdout
    from fhr_jax.weights import markup_of

    source = open_source(
        name,
        directory=options.directory,
        split=options.split,
        choice=options.boxes,
        seed=options.seed,
        markup=markup_of(net),
    )
    records, number = source.records, len(source.records)
    if source.landmarks != net.config.landmarks:
        raise InputError(f"{name}: {source.landmarks} landmarks, but the net has {net.config.landmarks}")
    if number < MIN_FACES:
        raise InputError(f"{name}: {number} faces, expected at least {MIN_FACES} to calibrate on")
    held = min(number // 4, number - MIN_FACES, MOST_CHECKED) if options.holdout is None else options.holdout
    left = f"expected at least {MIN_FACES} for the fit beside the {held} that are held out"
    if number - held < MIN_FACES:
        raise InputError(f"{name}: {number} faces, {left} (--holdout)")
    if number > (options.faces or MOST) + held:
        records = holdout.random_subset(records, (options.faces or MOST) + held, seed=options.seed)
    with tqdm(total=len(records), unit="face", desc="calibrate", delay=1) as bar:

        def report(progress: Progress) -> None:
            bar.update(progress.done - bar.n)

        data, identities = calibrate.collect_records(net, records, workers=options.workers, progress=report)
    groups: dict[Any, list[int]] = {}
    for i, (dataset, file, _) in enumerate(identities):
        groups.setdefault((dataset, file), []).append(i)
    fitted, checked = holdout.split_indices(
        len(identities), held, seed=options.seed, name=name, groups=tuple(groups.values())
    )
    if len(fitted) < MIN_FACES:  # whole videos are held out
        raise InputError(f"{name}: {len(fitted)} faces of other videos, {left} (--holdout)")
    return _Faces(calibrate.select(data, fitted), calibrate.select(data, checked), source.skipped)
