"""Small files of each kind: three frames or more, four points, with something in them that is no landmark."""

import json

import numpy as np

FRAMES, POINTS = 6, 4


def track(*, frames=FRAMES, points=POINTS, seed=0, at=200.0):
    """A face (T, M, 2) that moves slowly, in pixels with two decimals."""
    rng = np.random.default_rng(seed)
    rest = at + rng.uniform(-60, 60, (1, points, 2))
    return (rest + np.arange(frames)[:, None, None] + rng.normal(size=(frames, points, 2))).round(2)


def scores(*, frames=FRAMES, points=POINTS, seed=1):
    """Scores (T, M) in [0.5, 1]."""
    return np.random.default_rng(seed).uniform(0.5, 1, (frames, points)).round(3)


def write_json(path, value, **options):
    path.write_text(json.dumps(value, **options))
    return path


def triples(points, trust):
    """x, y, c of each point in turn."""
    return np.concatenate([points, trust[:, None]], axis=1).ravel().tolist()
