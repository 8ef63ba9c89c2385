"""`fhr-jax demo`: run the whole method on synthetic faces and write a report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fhr_jax.cli.options import OUT
from fhr_jax.files import folder_lock, output_folder


@dataclass(frozen=True)
class DemoOptions:
    """Run the whole method in eight minutes on two cores, without any data.

    The demo renders synthetic faces, trains two small networks that differ only in target and decoder, and compares
    conventional with fractional heatmap regression on held-out faces. It then tracks clips with the net in the package,
    fits the stabilizer by gradient and by Nelder-Mead, and compares it with classical filters. OUT gets report.html
    (open it first), summary.json, the pictures and both networks.

    Example:  fhr-jax demo --out runs/demo
    """

    out: Annotated[Path, OUT]
    seed: int = 0
    """Seed of the networks, faces and clips."""
    steps: int = 160
    """Number of updates of each network."""


def run(options: DemoOptions) -> None:
    """Run the demo, showing progress; see `DemoOptions`."""
    if options.steps < 1:
        from fhr_jax.errors import InputError

        raise InputError(f"--steps is {options.steps}, expected at least 1")
    folder = output_folder(options.out)

    from tqdm import tqdm

    from fhr_jax.demo.run import DemoPlan, run_demo
    from fhr_jax.progress import Progress

    bars: dict[str, tqdm] = {}

    def progress(report: Progress) -> None:
        part, total = report.info["part"], round(report.total or 0)
        if part not in bars:
            for bar in bars.values():
                bar.close()
            bars[part] = tqdm(total=total, desc=part)
        bar = bars[part]
        if "loss" in report.info:
            method = f"{report.info['method']}: " if "method" in report.info else ""
            bar.set_postfix_str(f"{method}loss {report.info['loss']:.2f}", refresh=False)
        bar.n = min(round(report.done), total)
        bar.refresh()

    try:
        with folder_lock(folder):
            figures = run_demo(folder, seed=options.seed, plan=DemoPlan(steps=options.steps), progress=progress)
    finally:
        for bar in bars.values():
            bar.close()
    rows, tracks = figures["regression"], figures["stabilization"]["rows"]
    print(f"NRMSE on held-out faces: conventional {rows['conventional']['nrmse']:.2f} %, "
          f"fractional {rows['fractional']['nrmse']:.2f} %")  # fmt: skip
    print(f"stability on held-out clips: raw {tracks['fractional, raw']['stability']:.2f} %, "
          f"stabilized {tracks['stabilizer, default parameters']['stability']:.2f} %")  # fmt: skip
    print(f"{folder / 'report.html'}: all figures and pictures ({figures['seconds']:.0f} s)")
