"""Tables and single figures that `write_results.py` makes of the summaries in docs/results/."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import scaling_tables

from fhr_jax.benchmark.known_motions.measure import MotionRow
from fhr_jax.benchmark.known_motions.measure import table as motion_table

Summary = Mapping[str, Any]

PAPER, RECOMMENDED = "paper's model", "recommended"
MILLISECONDS = 1000 / 30
"""Duration of a frame."""


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts."""
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def mean(row: Mapping[str, Any], name: str, form: str) -> str:
    """The mean of a number over the seeds."""
    return format(row[name]["mean"], form) if name in row else ""


# Known motions


def motions(summary: Summary) -> str:
    """Known motions with 68 points, one a row."""
    rows = [MotionRow(**row) for row in summary["rows"]["68"]]
    return motion_table(rows).split("\n\n")[0]


def motion_means(summary: Summary) -> str:
    """Known motions in total, by number of points."""
    columns = ("points", "geometric mean of the ratios", "of the first 14", "of the others", "worst", "above 1.05")
    rows = []
    for points, found in summary["summary"].items():
        means = (f"{found[name]:.2f}" for name in ("all", "listed", "others", "worst"))
        rows.append((points, *means, f"{found['above_1.05']} of {found['cases']}", f"{found['larger_offset']}"))
    return markdown((*columns, "larger offset"), rows)


# Tracks of detectors


def ratios(summary: Summary, over: str) -> dict[str, float]:
    """Loss of the stabilizer over that of One Euro by detector."""
    return {name: one["filters"]["stabilizer"] / one[over] for name, one in summary["detectors"].items()}


PUBLISHED = "published predictions, 300-VW"


def detector_losses(summary: Summary) -> str:
    """Losses by detector."""
    columns = ("detector", "raw", "One Euro, one setting", "tuned for each", "stabilizer", "over one setting")
    one, tuned = ratios(summary, "one_setting"), ratios(summary, "tuned")
    rows = [
        (
            PUBLISHED if name == "300vw" else name,
            *(f"{loss:.1f}" for loss in (row["raw"], row["one_setting"], row["tuned"], row["filters"]["stabilizer"])),
            f"{one[name]:.2f}",
            f"{tuned[name]:.2f}",
        )
        for name, row in summary["detectors"].items()
    ]
    means = summary["geometric_means"]
    last = ("geometric mean without 300-VW", "", "", "", "", f"{means['one_setting']:.2f}", f"{means['tuned']:.2f}")
    return markdown((*columns, "over tuned"), [*rows, last])


def _gains(summary: Summary) -> list[float]:
    return sorted(100 * (1 - ratio) for name, ratio in ratios(summary, "tuned").items() if name != "300vw")


def real_tracks(summary: Summary) -> str:
    """Steadiness with and without look-ahead."""
    scores = [summary["scores"][name] for name in ("causal", "look-ahead")]

    def median_and_worst(name: str) -> list[str]:
        return [f"{score[name]['median']:.2f} ({score[name]['worst']:.2f})" for score in scores]

    rows = [
        (
            "mean second difference, of that of the input: median over videos (worst)",
            *median_and_worst("second_difference"),
        ),
        ("distance to a zero-phase smoothing, of that of the input: median (worst)", *median_and_worst("distance")),
        ("delay, frames: least to most", *(f"{s['delay']['least']} to {s['delay']['most']}" for s in scores)),
        ("farthest point outside the crop in valid frames, px", *(f"{s['outside_crop']:.0f}" for s in scores)),
    ]
    return markdown(("", "causal", "look-ahead"), rows)


def lost_points(summary: Summary) -> str:
    """Points far from a reference, among 100,000."""
    names = {
        "steady_over_40": ("over 40 px, points within 10 px of the reference in the raw track, valid frames", "median"),
        "valid_over_40": ("over 40 px, all points, valid frames", "zero-phase"),
        "all_over_40": ("over 40 px, all points, all frames", "zero-phase"),
        "valid_over_80": ("over 80 px, all points, valid frames", "zero-phase"),
    }
    references = {"median": "median of 9 frames", "zero-phase": "zero-phase smoothing"}
    rows = [
        (
            text,
            references[reference],
            *(f"{summary['scores'][way]['lost_of_100000'][name]:.0f}" for way in ("causal", "look-ahead")),
        )
        for name, (text, reference) in names.items()
    ]
    return markdown(("points counted", "reference", "causal", "look-ahead"), rows)


# Fits to the tracks of 300-VW


def ablation(summary: Summary) -> str:
    """All methods of the ablation."""
    rows = []
    for name, row in summary["table"].items():
        seeds = ", ".join(f"{ratio:.2f}" for ratio in row["ratio"]["seeds"])
        rows.append(
            (
                name,
                mean(row, "loss", ".1f"),
                f"{row['ratio']['mean']:.2f} ({seeds})",
                *(mean(row, *each) for each in (("nrmse", ".2f"), ("stability", ".2f"), ("delay", "z.1f"))),
            )
        )
    columns = ("", "loss", "relative to the best baseline (each split)", "NRMSE %", "stability %", "delay, frames")
    return markdown(columns, rows)


def terms(summary: Summary) -> str:
    """Table 3 beside that of the paper."""
    losses = ("whole loss", "lambda_2 = 0", "lambda_3 = inf", "lambda_2 = 0, lambda_3 = inf")
    table = summary["table"]
    rows: list[tuple[str, ...]] = [
        ("the paper, 300-VW scenario 1", "4.42 / 1.67", "5.55 / 1.64", "4.40 / 1.78", "4.49 / 1.68")
    ]
    for model in (PAPER, RECOMMENDED):
        found = (table[f"{model}: {loss}"] for loss in losses)
        rows.append((f"{model}, here", *(f"{mean(r, 'nrmse', '.3f')} / {mean(r, 'stability', '.3f')}" for r in found)))
    columns = ("whole loss", "without delay (lambda_2 = 0)", "midpoint (lambda_3 = inf)", "both")
    return markdown(("NRMSE % / stability %", *columns), rows)


def motion_errors(summary: Summary) -> str:
    """Fig. 3 in figures."""
    rows = [
        (
            name,
            f"{row['squared']:.2f}",
            f"{row['angle']:.1f}",
            f"{row['delay']:z.2f}",
            f"{row['landmarks_with_smaller_motion_error']}",
            f"{row['landmarks_with_smaller_angle']}",
        )
        for name, row in summary["methods"].items()
    ]
    columns = ("", "E\\|dx - dp\\|², px²", "angle, degrees", "delay, frames", "landmarks with a smaller error")
    return markdown((*columns, "with a smaller angle"), rows)


def sweep(summary: Summary) -> str:
    """Fig. 6 in figures: NRMSE / stability at each weight."""
    lambdas = summary["options"]["lambdas"]
    rows: list[tuple[str, ...]] = []
    for name, row in summary["mean"].items():
        pairs = [f"{a:.2f} / {b:.2f}" for a, b in zip(row["nrmse"], row["stability"], strict=True)]
        pairs += [""] * (len(lambdas) - len(pairs))
        delays = [f"{value:z.2f}" for value in dict.fromkeys((min(row["delay"]), max(row["delay"])))]
        rows.append((name, *pairs, " to ".join(delays)))
    return markdown(("NRMSE % / stability %", *(f"{value:g}" for value in lambdas), "delay, frames"), rows)


def complex_motion(summary: Summary) -> str:
    """Fig. 7 in figures."""
    methods = list(next(iter(summary["parts"].values())))
    rows = []
    for part, found in summary["parts"].items():
        scores = ("nrmse", "stability", "delay")
        cells = ("/".join(mean(found[name], key, "z.2f") for key in scores) for name in methods)
        rows.append((part, *(cell.removesuffix("/") for cell in cells)))
    return markdown(("NRMSE % / stability % / delay, frames", *methods), rows)


def blinks(summary: Summary) -> str:
    """How much of blinks and speech is kept."""
    rows: list[tuple[str, ...]] = []
    for name, row in summary["table"].items():
        cells = (f"{100 * row[part]['mean']:.0f} % ({mean(row, f'{part}_delay', 'z.1f')})" for part in ("lids", "lips"))
        rows.append((name, *cells, "yes" if row["meets_target"] else "no"))
    return markdown(("", "amplitude of the lids kept (delay, frames)", "of the lips", "meets the target"), rows)


# Synthetic tracks


def look_ahead(summary: Summary) -> str:
    """The smoother beside the best linear smoother of the same lag."""
    ours_name = "stabilizer.smooth"
    rows = []
    for name, found in summary["scores"].items():
        ours = found[ours_name]
        key, best = min(((k, row) for k, row in found.items() if k != ours_name), key=lambda entry: entry[1]["loss"])
        when = "the whole track" if name == "all" else f"{name} ({MILLISECONDS * int(name):.0f} ms)"
        rows.append(
            (
                when,
                f"{ours['loss']:.1f}",
                f"{best['loss']:.1f} ({key})",
                f"{ours['loss'] / best['loss']:.2f}",
                *(f"{ours[each]:.2f} / {best[each]:.2f}" for each in ("nrmse", "stability")),
                f"{100 * ours['blinks']:.0f} / {100 * best['blinks']:.0f}",
            )
        )
    columns = ("look-ahead", f"loss: {ours_name}", "best linear smoother", "over it", "NRMSE %", "stability %")
    return markdown((*columns, "blinks %"), rows)


def frame_rates(summary: Summary) -> str:
    """Errors and delays by rate."""
    rates = list(next(iter(summary["scores"].values())))
    rows = [
        (name, *(f"{one['rms']:.2f} ({one['delay']:z.0f})" for one in found.values()))
        for name, found in summary["scores"].items()
    ]
    return markdown(("rms, px (delay, ms)", *(f"{float(rate):g} fps" for rate in rates)), rows)


def fits(summary: Summary) -> str:
    """Lowest losses and times of the ways to fit."""
    sizes = summary["fits"]
    rows = []
    for name in next(iter(sizes.values()))["best"]:
        cells = []
        for found in sizes.values():
            seconds = found["seconds_to_within_1_percent_of_the_lowest"][name]
            cells.append(f"{found['best'][name]:.2f} ({'never' if seconds is None else f'{seconds:.1f}'})")
        rows.append((name, *cells))
    points = (f"{int(size) // 2} point{'s' if int(size) > 2 else ''}" for size in sizes)
    return markdown(("lowest loss (seconds to within 1 %)", *points), rows)


# Faces


def fine_tuning(summary: Summary) -> str:
    """Errors by number of photographs."""
    rows = []
    for row in summary["table"]:
        cells = (cell for name in ("helen", "afw") for cell in (f"{row[name][0]:.2f}", f"{row[name][2]:.1f}"))
        rows.append((f"{row['photographs']}", *cells, f"{row['minutes']:.1f}"))
    return markdown(("photographs", "HELEN, NRMSE %", "failures %", "AFW, NRMSE %", "failures %", "minutes"), rows)


def _fine_tuned(photographs: int, name: str) -> Callable[[Summary], float]:
    def found(summary: Summary) -> float:
        return next(row[name][0] for row in summary["table"] if row["photographs"] == photographs)

    return found


def videos(summary: Summary) -> str:
    """Tables 4 to 6 as far as they were made."""
    rows = []
    for title, splits in summary["tables"].items():
        for split in splits.values():
            for name, row in split["rows"].items():
                cells = (f"{row[each]:.2f}" for each in ("nrmse", "stability", "lost", "auc", "failure_rate"))
                rows.append((title.split(": ")[1].split(", ")[1], name, *cells))
    return markdown(("", "", "NRMSE %", "stability %", "lost %", "AUC %", "failures %"), rows)


def weak_groups(summary: Summary) -> str:
    """Errors of the default net by group of synthetic faces."""
    rows = [
        (
            name,
            f"{100 * row.get('share', 1):.0f}",
            f"{row['mean']:.2f} ± {row['error']:.2f}",
            f"{row['median']:.2f}",
            f"{row['missed']:.1f}",
        )
        for name, row in summary["groups"].items()
    ]
    return markdown(("faces", "share %", "NRMSE %, mean ± standard error", "median", "above 8 %"), rows)


def targets_and_decoders(summary: Summary) -> str:
    """Table 1 on each test set."""
    results = summary["results"]
    rows = []
    for name in next(iter(results.values()))["table1"]:
        cells = []
        for result in results.values():
            row = result["table1"][name]
            cells += [mean(row, "nrmse", ".2f"), mean(row, "auc", ".1f"), mean(row, "failure_rate", ".1f")]
        rows.append((name, *cells))
    columns = [c for name in results for c in (f"{SETS.get(name, name)}: NRMSE %", "AUC %", "failures %")]
    return markdown(("targets and decoder", *columns), rows)


SETS = {"aside": "HELEN", "afw": "AFW", "synthetic": "synthetic faces"}
"""Names of test sets."""


def targets_alone(summary: Summary) -> str:
    """What fractional targets gain over conventional ones with one decoder for both, on each test set."""
    results = summary["results"]
    rows = []
    for decoder in ("argmax", "quarter_shift", "fractional", "least_squares"):
        gains = [result["targets"][decoder] for result in results.values()]
        rows.append(
            (decoder, *("{:z.3f} ({:z.3f} to {:z.3f})".format(each["mean"], *each["interval"]) for each in gains))
        )
    return markdown(("decoder of both", *(SETS.get(name, name) for name in results)), rows)


def errors_by_size(summary: Summary) -> str:
    """Table 2 on the first test set: pixels of the original photograph by size of the face."""
    table = next(iter(summary["results"].values()))["table2"]
    sizes = [f"{low:.0f} to {high:.0f}" for low, high in pairwise(table["edges"])]
    rows = [(name, *(f"{value:.2f}" for value in row["mean"])) for name, row in table["pixels"].items()]
    return markdown(("px; between the eye corners, px", *sizes), rows)


def _decoder_gain(test_set: str, row: str) -> Callable[[Summary], float]:
    """Points of NRMSE gained over the conventional argmax."""
    return lambda summary: summary["results"][test_set]["table1"][row]["gain"]["conventional, argmax"]["mean"]


def _gain_in_pixels(group: int) -> Callable[[Summary], float]:
    """Pixels that the paper's method gains over the conventional argmax in a group of HELEN's faces by size."""
    return lambda summary: summary["results"]["aside"]["table2"]["gain"]["fractional, Eq. 4"][group]["mean"]


def mean_maps(summary: Summary) -> str:
    """Fig. 4 in figures: height and likeness of the mean maps about the truth."""
    rows = []
    for targets, found in summary["figures"].items():
        shapes = (found[f"{kind}, about the truth"] for kind in ("easy", "hard"))
        rows.append((targets, *(f"{shape['height']:.2f} ({shape['likeness']:.3f})" for shape in shapes)))
    return markdown(("height (likeness to the Gaussian); targets", "easy faces", "hard faces"), rows)


# Decoders


def _decoder_error(found: Mapping[str, Any], decoder: str) -> str:
    """The rms, and the share of failures where there are any."""
    if decoder not in found:
        return ""
    failures = f"{100 * found[decoder]['failures']:.0f}"
    return f"{found[decoder]['rms']:.3f}" + (f" ({failures} %)" if failures != "0" else "")


def decoders_by_noise(summary: Summary) -> str:
    """Errors of all decoders under independent noise."""
    sweep = summary["sweeps"]["additive"]
    names = dict.fromkeys(name for found in sweep.values() for name in found)
    rows = [(name, *(_decoder_error(found, name) for found in sweep.values())) for name in names]
    return markdown(("independent noise, of the peak", *sweep), rows)


def decoders_by_kind(summary: Summary) -> str:
    """Errors of the decoders that read a fraction, under one value of each other sweep."""
    columns = {
        "sigma 0.5, noise 0.05": ("sigma", "0.5"),
        "sigma 1": ("sigma", "1"),
        "sigma 3": ("sigma", "3"),
        "smooth noise 0.05": ("smooth", "0.05"),
        "noise of the logarithm 0.1": ("multiplicative", "0.1"),
        "true sigma 0.8 of that assumed": ("mismatch", "0.8"),
        "1.25 of it": ("mismatch", "1.25"),
        "cut off at 0.8": ("saturated", "0.8"),
        "a second peak at 3 sigma": ("two peaks", "3"),
    }
    found = [summary["sweeps"][sweep][value] for sweep, value in columns.values()]
    coarse = ("argmax", "quarter_shift", "paper_unclamped")
    rows = [(name, *(_decoder_error(each, name) for each in found)) for name in found[-1] if name not in coarse]
    return markdown(("", *columns), rows)


# Speed


def per_frame(summary: Summary) -> str:
    """Microseconds a frame of the stabilizer beside the targets."""
    rows = [
        (name, f"{median:.3g}", f"{low:.3g} to {high:.3g}", f"{summary['targets'].get(name, '')}")
        for name, (low, median, high) in summary["us_a_frame"].items()
    ]
    return markdown(("", "µs a frame", "least to most", "target"), rows)


def tracked_frame(summary: Summary) -> str:
    """Milliseconds a frame from the image to the landmarks."""
    rows = [(name, f"{row['milliseconds'][1]:.1f}", f"{row['relative']:.2f}") for name, row in summary["ways"].items()]
    return markdown(("", "ms", "relative"), rows)


def starts(summary: Summary) -> str:
    """What it takes to start reading many records, and whether reading goes on exactly."""
    ways = [summary[way] for way in ("from the start", "resumed")]
    rows = [
        ("to open the shards, s", *(f"{way['open_seconds']:.2f}" for way in ways)),
        ("to hold records out, s", *(f"{way['hold_out_seconds']:.2f}" for way in ways)),
        ("to the first batch, s", *(f"{way['first_batch_seconds']:.2f}" for way in ways)),
        ("in all, s", *(f"{way['start_seconds']:.2f}" for way in ways)),
        (
            "peak of the memory above that of the imports, MiB",
            *(f"{way['peak_MiB above the imports']:.0f}" for way in ways),
        ),
        ("state of the loader, bytes", *(f"{way['state']}" for way in ways)),
        ("the same records", "", "yes" if summary["resumes exactly"] else "no"),
    ]
    return markdown(("", "from the start", "resumed"), rows)


def reliability(summary: Summary) -> str:
    """Predicted and actual errors by fifths of the predicted size."""
    row = summary["reliability"]["synthetic faces"]
    inside = dict(zip(row["levels"], zip(*row["coverage"], strict=True), strict=True))
    return markdown(
        ("predicted deviation, px of the crop", *(f"{value:.2f}" for value in row["predicted"])),
        [
            ("actual root mean square error", *(f"{value:.2f}" for value in row["actual"])),
            *(
                (f"inside the {100 * level:.0f} % ellipse, %", *(f"{100 * part:.1f}" for part in inside[level]))
                for level in (0.9, 0.5)
            ),
        ],
    )


TABLES: dict[tuple[str, str], Callable[[Summary], str]] = {
    ("known_motions", "motions"): motions,
    ("known_motions", "means"): motion_means,
    ("detectors", "losses"): detector_losses,
    ("real_tracks", "steadiness"): real_tracks,
    ("real_tracks", "lost"): lost_points,
    ("ablation", "methods"): ablation,
    ("table3", "terms"): terms,
    ("figure3", "errors"): motion_errors,
    ("figure6", "sweep"): sweep,
    ("figure7", "parts"): complex_motion,
    ("blinks", "amplitudes"): blinks,
    ("look_ahead", "lags"): look_ahead,
    ("frame_rates", "rates"): frame_rates,
    ("gradient_vs_simplex", "fits"): fits,
    ("fine_tune", "photographs"): fine_tuning,
    ("filmed", "rows"): videos,
    ("weaknesses", "groups"): weak_groups,
    ("shipped", "decoders"): targets_and_decoders,
    ("shipped", "targets"): targets_alone,
    ("shipped", "sizes"): errors_by_size,
    ("figure4", "maps"): mean_maps,
    ("decoders", "noise"): decoders_by_noise,
    ("decoders", "kinds"): decoders_by_kind,
    ("time_per_frame", "ways"): per_frame,
    ("tracked_frame", "ways"): tracked_frame,
    ("many_records", "starts"): starts,
    ("confidence", "reliability"): reliability,
    ("scaling", "measured"): scaling_tables.measured,
    ("scaling", "sizes"): scaling_tables.sizes,
    ("scaling", "slice"): scaling_tables.slice_needs,
}
"""Tables by summary and kind."""

FIGURES: dict[tuple[str, str], Callable[[Summary], float]] = {
    ("detectors", "least_gain"): lambda summary: _gains(summary)[0],
    ("detectors", "most_gain"): lambda summary: _gains(summary)[-1],
    ("detectors", "gain_300vw"): lambda summary: 100 * (1 - ratios(summary, "one_setting")["300vw"]),
    ("blinks", "lids"): lambda summary: 100 * summary["table"]["default_params()"]["lids"]["mean"],
    ("blinks", "lids_paper"): lambda summary: 100 * summary["table"][PAPER]["lids"]["mean"],
    ("frame_rates", "most_delay"): lambda summary: max(
        one["delay"] for one in summary["scores"]["stabilizer, dt"].values()
    ),
    ("shipped", "gain_helen"): _decoder_gain("aside", "fractional, Eq. 4"),
    ("shipped", "gain_afw"): _decoder_gain("afw", "fractional, Eq. 4"),
    ("shipped", "gain_decoder_helen"): _decoder_gain("aside", "conventional, Eq. 4"),
    ("shipped", "gain_decoder_afw"): _decoder_gain("afw", "conventional, Eq. 4"),
    ("shipped", "gain_default_helen"): _decoder_gain("aside", "fractional, least_squares"),
    ("shipped", "gain_default_afw"): _decoder_gain("afw", "fractional, least_squares"),
    ("shipped", "gain_small_px"): _gain_in_pixels(0),
    ("shipped", "gain_large_px"): _gain_in_pixels(-1),
    ("fine_tune", "helen_0"): _fine_tuned(0, "helen"),
    ("fine_tune", "afw_0"): _fine_tuned(0, "afw"),
    ("fine_tune", "helen_20"): _fine_tuned(20, "helen"),
    ("fine_tune", "afw_20"): _fine_tuned(20, "afw"),
    ("fine_tune", "helen_all"): _fine_tuned(659, "helen"),
    ("fine_tune", "afw_all"): _fine_tuned(659, "afw"),
}
"""Single figures that are computed from a summary, by summary and kind."""
