"""`fhr-jax demo`: run the whole method on synthetic faces and write a report."""

from fhr_jax.cli.arguments.demo import DemoOptions
from fhr_jax.files import folder_lock, output_folder


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
