"""`fhr-jax report`: a page to look at, from the folder of an earlier run or from a file of landmarks."""

from fhr_jax.cli import markups
from fhr_jax.cli.arguments.report import ReportOptions
from fhr_jax.errors import InputError
from fhr_jax.reports import accuracy_report, recordings, track_report


def run(options: ReportOptions) -> None:
    """Read, write the page and print its verdict."""
    source, markup = options.source, markups.chosen(options.markup)
    if source.is_dir() and (source / "landmarks.npz").is_file():
        for name in ("raw", "fps"):
            if getattr(options, name) is not None:
                raise InputError(f"--{name}: an option for a file of landmarks, but {source} is a folder of track")
        out = options.out or source / recordings.PAGE
        title = source.resolve().name
        said = recordings.write_track_page(source, title=title, out=out, video=options.video, markup=markup)
    elif source.is_dir() and (source / "images.csv").is_file():
        for name in ("raw", "video", "fps", "markup"):
            if getattr(options, name) is not None:
                raise InputError(f"--{name}: an option for landmarks, but {source} is a folder of evaluate")
        out = options.out or source / recordings.PAGE
        print(f"{out}: {accuracy_report.write(out, accuracy_report.of_folder(source))}")
        return
    else:
        out = options.out or recordings.beside(source)
        track = recordings.of_file(source, raw=options.raw, video=options.video, fps=options.fps, markup=markup)
        said = track_report.write(out, track)
    print(f"{out}: {said.line}")
