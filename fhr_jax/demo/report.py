"""The sections of the demo's report.html: tables beside the paper's, pictures, and which method was better."""

import itertools
from pathlib import Path
from typing import Any

from fhr_jax.demo import stabilization
from fhr_jax.demo.html import HtmlHeading, HtmlPicture, HtmlTable, HtmlText, Section
from fhr_jax.demo.regression import CONVENTIONAL, FRACTIONAL

PAPER_REGRESSION = {CONVENTIONAL: (4.07, 50.9, 2.33), FRACTIONAL: (3.80, 55.9, 1.33)}
"""Table 1 of the paper, on 600 images of 300W: NRMSE, AUC and failure rate in percent."""
PAPER_SCALE = {CONVENTIONAL: (2.66, 3.71, 5.06, 7.59, 11.67), FRACTIONAL: (2.42, 3.35, 4.55, 7.11, 10.67)}
"""Table 2 of the paper: mean point distance in pixels, in five groups of faces from small to large."""
PAPER_STABILIZER = (("1", 5.07, 2.79, 4.42, 1.67), ("2", 4.34, 1.85, 4.18, 1.15), ("3", 7.36, 4.48, 5.98, 2.74))
"""Table 3 of the paper, 300-VW: scenario, NRMSE and stability without the stabilizer, and with it, in percent."""


def sections(folder: Path, summary: dict[str, Any]) -> list[Section]:
    """The sections of report.html, in order.

    Args:
        folder: that holds the pictures.
        summary: contents of summary.json.
    """
    plan, stabilized = summary["plan"], summary["stabilization"]
    return [
        HtmlText(
            f"Made by fhr-jax demo in {summary['seconds']:.0f} s on {summary['device']} with jax "
            f"{summary['versions']['jax']}, seed {summary['seed']}. All faces are synthetic, so their landmarks are "
            "exact. The tables also show the paper's results. Those are for photographs and a network of 6.4 million "
            "parameters, so compare differences, not values."
        ),
        HtmlHeading("Fractional against conventional heatmaps"),
        HtmlText(regression_text(summary["regression"], plan)),
        _regression_table(summary["regression"]),
        HtmlPicture(folder / "ced.png", "Cumulative error distribution of the held-out faces."),
        _scale_table(summary["regression"]),
        HtmlPicture(folder / "by_scale.png", "Mean point distance by face size."),
        HtmlPicture(
            folder / "faces.png", "Held-out faces from the lowest to the highest error, with truth and prediction."
        ),
        HtmlPicture(folder / "training.png", "Training loss of both networks on the same batches."),
        HtmlHeading("Raw against stabilized tracks"),
        HtmlText(_stabilization_text(stabilized)),
        _stabilization_table(stabilized),
        HtmlPicture(folder / "trajectories.png", "One landmark of a held-out clip, raw and stabilized."),
        HtmlPicture(folder / "accuracy_stability.png", "Accuracy and stability of every method (lower is better)."),
        _paper_stabilizer(),
        HtmlHeading("Gradient against Nelder-Mead"),
        HtmlText(fit_text(stabilized["fits"])),
        _fit_table(stabilized["fits"]),
        HtmlPicture(
            folder / "loss.png",
            "Loss against time without compilation. All fits start from the paper's initial parameters.",
        ),
    ]


def fit_text(fits: dict[str, Any]) -> str:
    """Says which fit reached the lowest loss, and how fast.

    Args:
        fits: name to the lists `loss`, `seconds` and `evaluations`.
    """
    best = min(fits, key=lambda name: fits[name]["loss"][-1])
    start, lowest = fits[best]["loss"][0], fits[best]["loss"][-1]
    others = "; ".join(
        f"{name} {fit['loss'][-1]:.1f} after {fit['seconds'][-1]:.0f} s and {fit['evaluations'][-1]} evaluations"
        for name, fit in fits.items()
        if name != best
    )
    return (
        f"Lowest loss on the training clips: {best}, from {start:.1f} to {lowest:.1f} in "
        f"{fits[best]['seconds'][-1]:.0f} s and {fits[best]['evaluations'][-1]} evaluations. The others: {others}."
    )


def regression_text(rows: dict[str, Any], plan: dict[str, Any]) -> str:
    """Says which network has the lower NRMSE, and whether the gap grows with the face size.

    Args:
        rows: method to its `nrmse` and `pixels_by_scale`.
        plan: the `steps` and `held_out` of the run.
    """
    fractional, conventional = rows[FRACTIONAL]["nrmse"], rows[CONVENTIONAL]["nrmse"]
    gaps = [
        c - f for c, f in zip(rows[CONVENTIONAL]["pixels_by_scale"], rows[FRACTIONAL]["pixels_by_scale"], strict=True)
    ]
    order = "lower" if fractional < conventional else "higher"
    grows = "grows" if gaps[-1] > gaps[0] else "does not grow"
    return (
        f"Two networks started from the same parameters and were trained on the same {plan['steps']} batches. They "
        f"differ only in target and decoder. On {plan['held_out']} held-out faces the fractional network has the "
        f"{order} NRMSE ({fractional:.2f} against {conventional:.2f} %). The gap in pixels {grows} with the face size: "
        f"{gaps[0]:.2f} px for the smallest fifth, {gaps[-1]:.2f} px for the largest."
    )


def _stabilization_text(result: dict[str, Any]) -> str:
    rows = result["rows"]
    raw, default = rows[stabilization.RAW], rows[stabilization.DEFAULT]
    best = min(rows, key=lambda name: rows[name]["loss"])
    return (
        "The pretrained network tracks the clips. The networks above were trained for minutes only; their slowly "
        "varying errors would hide the effect of a filter. Loss and delay are taken without the constant error of each "
        "landmark, because no filter can change it; NRMSE includes it. Stabilizers were fitted and filters tuned on "
        f"{result['training_clips']} clips by the same loss, and scored on {result['held_out_clips']} others. The "
        f"pretrained stabilizer changes the stability from {raw['stability']:.2f} to {default['stability']:.2f} % and "
        f"the NRMSE from {raw['nrmse']:.2f} to {default['nrmse']:.2f} %. Lowest loss: {best}."
    )


def _regression_table(rows: dict[str, Any]) -> HtmlTable:
    body = []
    for name, row in rows.items():
        paper = PAPER_REGRESSION.get(name)
        body.append(
            [name]
            + [f"{row[k]:.2f}" for k in ("nrmse", "nrmse_median", "auc", "failure_rate")]
            + ([f"{v:.2f}" for v in paper] if paper else ["", "", ""])
        )
    head = ["targets and decoder", "NRMSE %", "median %", "AUC %", "failures %"]
    return HtmlTable([*head, "paper: NRMSE", "AUC", "failures"], body, "Table 1: accuracy on held-out faces.")


def _scale_table(rows: dict[str, Any]) -> HtmlTable:
    edges = rows[FRACTIONAL]["interocular_edges"]
    head = ["mean distance, px", *(f"{a:.0f}-{b:.0f} px" for a, b in itertools.pairwise(edges))]
    body = [[name, *(f"{v:.2f}" for v in rows[name]["pixels_by_scale"])] for name in (CONVENTIONAL, FRACTIONAL)]
    body += [[f"paper: {name}", *(f"{v:.2f}" for v in PAPER_SCALE[name])] for name in (CONVENTIONAL, FRACTIONAL)]
    return HtmlTable(
        head, body, "Table 2: error by inter-ocular distance. The paper's groups are those of 300W, with other sizes."
    )


def _stabilization_table(result: dict[str, Any]) -> HtmlTable:
    head = ["method", "NRMSE %", "stability %", "delay, frames", "loss, px²"]
    body = []
    for name, row in result["rows"].items():
        setting = result["baseline_settings"].get(name)
        label = f"{name} ({', '.join(f'{k} = {v:g}' for k, v in setting.items())})" if setting else name
        body.append([label, *(f"{row[k]:.2f}" for k in ("nrmse", "stability", "delay")), f"{row['loss']:.1f}"])
    return HtmlTable(head, body, "Held-out clips; lower is better in every column.")


def _paper_stabilizer() -> HtmlTable:
    head = ["300-VW scenario", "FHR: NRMSE", "stability", "FHR + stabilizer: NRMSE", "stability"]
    body = [[name, *(f"{v:.2f}" for v in values)] for name, *values in PAPER_STABILIZER]
    return HtmlTable(head, body, "The paper's own results without and with the stabilizer, in percent.")


def _fit_table(fits: dict[str, Any]) -> HtmlTable:
    head = ["method", "start", "end", "seconds", "evaluations", "compilation, s"]
    body = [
        [name, f"{f['loss'][0]:.1f}", f"{f['loss'][-1]:.1f}", f"{f['seconds'][-1]:.1f}", str(f["evaluations"][-1]),
         f"{f['compile_seconds']:.1f}"]
        for name, f in fits.items()
    ]  # fmt: skip
    return HtmlTable(head, body, "Loss on the training clips.")
