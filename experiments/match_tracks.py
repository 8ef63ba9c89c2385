"""Do the synthetic tracks resemble published predictions? Statistics and losses of both.

Both are separated in the same way (`benchmark.protocol.smooth_motion`): the zero-phase smoothing of a track is its
motion, and the residual is its noise. Synthetic clips are cropped frame by frame, like those of 300-VW. The losses are
those of `benchmark.protocol`: real tracks with transplanted noise, synthetic ones with their exact truth. They depend
more on the videos that a seed draws than on anything else in this comparison.

Paper:    none; the constants of `fhr_jax.data.synthetic.tracks` and `detector_noise` rest on this.
Command:  FHR_JAX_DATA=folder python experiments/match_tracks.py --out runs/match_tracks
Cost:     about eight minutes on 2 busy cores; with --seeds 0 two.
Figures:  with the synthetic tracks of 083f3dc (heads and draws have changed a little since).
          Real against synthetic: rms of the noise in the median video 1.10 and 1.08 px, kurtosis 5.9 and 5.6, speed of
          99 of 100 points below 4.7 and 3.9 px a frame, power from 1 to 2 Hz 2.8 and 1.5 (the synthetic heads are too
          calm there). Loss, mean and deviation over three seeds, training videos: raw 396 +- 40 and 304 +- 26, One Euro
          158 +- 15 and 149 +- 9, alpha-beta 168 +- 20 and 152 +- 9; test videos: raw 335 +- 40 and 402 +- 84, One Euro
          144 +- 13 and 193 +- 37, alpha-beta 159 +- 19 and 197 +- 36.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import tyro
from scipy.signal import welch

from fhr_jax.benchmark import baselines, protocol
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.data.faces import motion
from fhr_jax.data.synthetic import tracks
from fhr_jax.files import output_folder
from fhr_jax.losses import stabilization
from fhr_jax.plots.style import legend, new_figure, save, series_styles, style_axes

REGIONS = {"jaw": (0, 17), "brows": (17, 27), "nose": (27, 36), "eyes": (36, 48), "mouth": (48, 68)}
FILTERS = (baselines.RAW, baselines.ONE_EURO, baselines.ALPHA_BETA)
SEGMENT = 128
"""Frames of a segment for the power spectrum."""


@dataclass(frozen=True)
class Options:
    """Compare synthetic with real tracks."""

    out: Path
    """Folder for summary.json and spectrum.png."""
    clips: int = 66
    """Synthetic clips for the statistics."""
    frames: int = 600
    """Frames of each clip."""
    seeds: int = 3
    """Seeds of the protocol for the losses; with 0 losses are not computed."""
    seed: int = 7
    """Seed of the clips for the statistics."""


class SeparatedVideo(NamedTuple):
    """A video separated into motion and noise: its longest run of valid frames, their motion, and the noise; pixels."""

    observed: np.ndarray
    motion: np.ndarray
    noise: np.ndarray


def main(options: Options) -> None:
    """Print and write both tables, draw the spectra."""
    folder = output_folder(options.out)
    sources = protocol.read("300vw")
    parts = {
        "real": [_part(video.observed, video.truth, video.mask) for video in sources],
        "synthetic": list(_synthetic(options)),
    }
    found = {name: dict(statistics(videos)) for name, videos in parts.items()}
    for name, value in found["real"].items():
        print(f"{name:44} {value:9.3f} {found['synthetic'][name]:9.3f}")
    made = {"real": sources, "synthetic": "tracks"}
    losses = {name: baseline_losses(source, options.seeds) for name, source in made.items()} if options.seeds else {}
    write_summary(folder, {"statistics": found, "losses": losses})
    _draw(parts, folder / "spectrum.png")


def statistics(parts: list[SeparatedVideo]) -> Iterator[tuple[str, float]]:
    """Names and values; where nothing else is said, the median of the videos, noise in units of its own rms."""
    noises = [part.noise / part.noise.std() for part in parts]
    rms = np.array([part.noise.std() for part in parts])
    pace = np.array([_length(np.diff(part.motion, axis=0)).mean() for part in parts])

    def middle(of: Callable[[np.ndarray], float], arrays: list[np.ndarray] = noises) -> float:
        return float(np.median([of(array) for array in arrays]))

    for q in (10, 50, 90):
        yield f"noise, rms, px: {q} % of the videos", float(np.percentile(rms, q))
    for lag in (1, 2, 3):
        yield f"noise, correlation over {lag} frames", middle(partial(_lagged, lag=lag))
    for i, axis in enumerate("xy"):
        corners = [np.corrcoef(noise[..., i].T) for noise in noises]
        yield (
            f"noise, correlation of any two points, {axis}",
            middle(lambda c: c[~np.eye(68, dtype=bool)].mean(), corners),
        )
        yield f"noise, correlation of neighbours, {axis}", middle(lambda c: np.diagonal(c, 1)[:16].mean(), corners)
    for region, (start, stop) in REGIONS.items():
        yield f"noise, {region}", float(np.median([noise[:, start:stop].std() for noise in noises]))
    kurtoses = [(noise**4).mean() for noise in noises]
    for q in (10, 50, 90):
        yield f"noise, kurtosis: {q} % of the videos", float(np.percentile(kurtoses, q))
    for k in (3, 5, 8):
        yield (
            f"noise, points in 10,000 beyond {k} rms",
            1e4 * float(np.mean([(_far(noise) > k).mean() for noise in noises])),
        )
    levels = [np.log((noise**2).mean(axis=(1, 2))) / 2 for noise in noises]
    yield "noise, log level of a frame, deviation", middle(np.std, levels)
    for lag in (1, 3, 10):
        yield (
            f"noise, log level, correlation over {lag} frames",
            float(np.median([np.corrcoef(level[lag:], level[:-lag])[0, 1] for level in levels])),
        )
    yield "noise, slope of log rms over log speed", float(np.polyfit(np.log(pace), np.log(rms), 1)[0])

    for q in (10, 50, 90):
        yield f"motion, mean speed, px a frame: {q} % of the videos", float(np.percentile(pace, q))
    for name, order in (("speed", 1), ("acceleration", 2)):
        lengths = np.concatenate([_length(np.diff(part.motion, order, axis=0)).ravel() for part in parts])
        for q in (50, 90, 99, 99.9):
            yield f"motion, {name}: {q} % of the points", float(np.percentile(lengths, q))
    turns = np.array([_pose(part.motion).std(axis=0) for part in parts])
    for i, angle in enumerate(("yaw", "pitch", "roll")):
        for q in (50, 90):
            yield f"motion, {angle}, deviation: {q} % of the videos", float(np.percentile(turns[:, i], q))
    shares = np.median([_shares(np.diff(part.motion, axis=0)) for part in parts], axis=0)
    for i, share in enumerate(shares[:10]):
        yield f"motion, share of direction {i + 1}", float(share)
    frequency, power = _spectra(parts)
    for low, high in ((0.0, 0.5), (0.5, 1), (1, 2), (2, 3), (3, 5), (5, 8), (8, 12), (12, 15.1)):
        inside = (frequency >= low) & (frequency < high)
        yield f"track, power from {low:g} to {high:g} Hz, rms^2 / Hz", float(np.median(power[:, inside].mean(axis=1)))


def baseline_losses(source: str | list[protocol.TrackSource], seeds: int) -> dict[str, dict[str, list[float]]]:
    """Losses of each filter, tuned on the training videos of each seed, there and on the test videos."""
    losses: dict[str, dict[str, list[float]]] = {baseline.name: {"train": [], "test": []} for baseline in FILTERS}
    for seed in range(seeds):
        split = protocol.make_split(seed, source=source)
        train, test = protocol.batch(split.train), protocol.batch(split.test)
        for baseline in FILTERS:
            tuned = baselines.tune(baseline, train)
            output = baselines.smooth(baseline, tuned.settings, test.observed)
            losses[baseline.name]["train"].append(tuned.loss)
            losses[baseline.name]["test"].append(float(stabilization(output, test.truth, mask=test.mask).total))
    for name, values in losses.items():
        print(name, {part: f"{np.mean(loss):.1f} +- {np.std(loss):.1f}" for part, loss in values.items()})
    return losses


def _synthetic(options: Options) -> Iterator[SeparatedVideo]:
    keys = jax.random.split(jax.random.key(options.seed), options.clips)
    draw = jax.jit(jax.vmap(lambda key: tracks.sample(key, options.frames, follow=1.0).observed))
    for observed in np.asarray(draw(keys), np.float64):
        yield _part(observed, *protocol.smooth_motion(observed, np.isfinite(observed).all(axis=(1, 2))))


def _part(observed: np.ndarray, motion: np.ndarray, good: np.ndarray) -> SeparatedVideo:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
    longest = int(np.argmax(edges[1::2] - edges[::2]))
    stretch = slice(edges[2 * longest], edges[2 * longest + 1])
    return SeparatedVideo(observed[stretch], motion[stretch], (observed - motion)[good])


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors, axis=-1)


def _far(noise: np.ndarray) -> np.ndarray:
    """Distance of a point in rms distances."""
    return _length(noise) / np.sqrt(2)


def _lagged(noise: np.ndarray, lag: int) -> float:
    return float((noise[lag:] * noise[:-lag]).mean() / (noise**2).mean())


def _pose(track: np.ndarray) -> np.ndarray:
    """Nose against the middle of the eyes, in inter-ocular distances, and the roll of the eyes in radians."""
    left, right = track[:, 36], track[:, 45]
    across = right - left
    seen = (track[:, 30] - (left + right) / 2) / _length(across)[:, None]
    return np.column_stack([seen, np.arctan2(across[:, 1], across[:, 0])])


def _shares(steps: np.ndarray) -> np.ndarray:
    """Shares of the principal directions in the variance, largest first."""
    values = np.linalg.eigvalsh(np.cov(steps.reshape(len(steps), -1).T))[::-1]
    return values / values.sum()


def _spectra(parts: list[SeparatedVideo]) -> tuple[np.ndarray, np.ndarray]:
    """Power of the tracks by frequency (Hz), over the square of the noise's rms."""
    spectra = []
    frequency = np.fft.rfftfreq(SEGMENT, 1 / motion.RATE)
    for part in parts:
        if len(part.observed) >= SEGMENT:
            flat = part.observed.reshape(len(part.observed), -1)
            power = welch(flat, fs=motion.RATE, nperseg=SEGMENT, axis=0, detrend="linear")[1]
            spectra.append(power.mean(axis=1) / part.noise.var())
    return frequency, np.array(spectra)


def _draw(parts: dict[str, list[SeparatedVideo]], path: Path) -> None:
    figure = new_figure(7.0, 4.2)
    axes = figure.subplots()
    for (name, videos), style in zip(parts.items(), series_styles(parts).values(), strict=True):
        frequency, power = _spectra(videos)
        low, middle, high = np.percentile(power[:, 1:], [20, 50, 80], axis=0)
        axes.fill_between(frequency[1:], low, high, color=style.colour, alpha=0.2, linewidth=0)
        axes.plot(
            frequency[1:], middle, color=style.colour, linestyle=style.dashes, label=f"{name}, median and 20 to 80 %"
        )
    axes.set_yscale("log")
    style_axes(
        axes, x="Hz", y="power of the track, noise rms² / Hz", title="synthetic tracks against published predictions"
    )
    legend(axes, outside=True)
    save(path, figure)


if __name__ == "__main__":
    main(tyro.cli(Options))
