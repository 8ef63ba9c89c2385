"""Section-by-section definitions of the metrics, as loops over images, frames and points in float64."""

import math
from itertools import pairwise, product

import numpy as np


def distance(a, b):
    return math.hypot(a[0] - b[0], a[1] - b[1])


def nrmse(x, p, corners):
    """Percent, one image (M, 2)."""
    mean = sum(distance(a, b) for a, b in zip(x, p, strict=True)) / len(p)
    return 100 * mean / distance(p[corners[0]], p[corners[1]])


def share_at_most(errors, value):
    return sum(e <= value for e in errors) / len(errors)


def auc(errors, limit):
    """Area of the step curve, from step to step, in percent."""
    steps = sorted({0.0, limit, *(e for e in errors if 0 < e < limit)})
    area = sum((b - a) * share_at_most(errors, a) for a, b in pairwise(steps))
    return 100 * area / limit


def scale_groups(p, groups, corners):
    """Group of every image, its place in order of size cut where g n / groups (rounded down) images come before."""
    sizes = [distance(face[corners[0]], face[corners[1]]) for face in p]
    result = np.zeros(len(p), int)
    for place, image in enumerate(sorted(range(len(p)), key=sizes.__getitem__)):
        result[image] = max(g for g in range(groups) if g * len(p) // groups <= place)
    return result


def resampled_means(values):
    """The mean of every sample of n of the n values, in order and with repetition."""
    return np.array([np.mean(sample) for sample in product(values, repeat=len(values))])


def stability(x, p, valid, corners):
    values = []
    for t in range(1, len(x)):
        if valid[t] and valid[t - 1]:
            dx, dp = x[t] - x[t - 1], p[t] - p[t - 1]
            mean = sum(distance(a, b) for a, b in zip(dx, dp, strict=True)) / len(dp)
            values.append(100 * mean / distance(p[t][corners[0]], p[t][corners[1]]))
    return np.mean(values)


def videos(tracks, corners, limit):
    """(x, p, numbers of frames) of videos, x NaN where lost: what a table says of them, as loops over frames."""
    errors, per_video, steps, steps_per_video, lost = [], [], [], [], 0
    for x, p, numbers in tracks:
        here, moves = [], []
        for t in range(len(x)):
            if np.isnan(x[t]).any():
                lost += 1
                continue
            here.append(nrmse(x[t], p[t], corners))
            if t and numbers[t] == numbers[t - 1] + 1 and not np.isnan(x[t - 1]).any():
                moves.append(stability(x[t - 1 : t + 1], p[t - 1 : t + 1], [True, True], corners))
        errors += here
        steps += moves
        per_video += [np.mean(here)] if here else []
        steps_per_video += [np.mean(moves)] if moves else []
    frames = len(errors) + lost
    return {
        "nrmse": np.mean(errors),
        "stability": np.mean(steps),
        "nrmse_of_videos": np.mean(per_video),
        "stability_of_videos": np.mean(steps_per_video),
        "lost": 100 * lost / frames,
        "auc": auc(errors + [math.inf] * lost, limit),
        "failure_rate": 100 * (lost + sum(e > limit for e in errors)) / frames,
        "frames": frames,
    }


def motion(x, p, valid):
    """Per landmark: mean squared error of motion, mean absolute angle in degrees where both move."""
    squared, angles = [], []
    for m in range(x.shape[1]):
        s, a = [], []
        for t in range(1, len(x)):
            if valid[t] and valid[t - 1]:
                dx, dp = x[t, m] - x[t - 1, m], p[t, m] - p[t - 1, m]
                s.append(distance(dx, dp) ** 2)
                if np.any(dx) and np.any(dp):
                    cosine = np.dot(dx, dp) / (np.linalg.norm(dx) * np.linalg.norm(dp))
                    a.append(math.degrees(math.acos(max(-1.0, min(1.0, cosine)))))
        squared.append(np.mean(s))
        angles.append(np.mean(a) if a else 0.0)
    return np.array(squared), np.array(angles)


def evaluation(x, p, valid):
    """Mean delay coefficient, RMS error, distance to midpoint and to segment, per frame of one video."""
    points = x.shape[1]
    x, p = x.reshape(len(x), -1), p.reshape(len(p), -1)
    unit = [max(np.ptp(f[0::2]), np.ptp(f[1::2])) / 100 for f in p]

    def rms(v):
        return math.sqrt(np.sum(v**2) / points)

    late, error, middle, segment = [], [], [], []
    for t in range(len(x)):
        if valid[t]:
            error.append(rms(x[t] - p[t]) / unit[t])
        if t >= 1 and valid[t] and valid[t - 1]:
            step = p[t - 1] - p[t]
            late.append(np.dot(x[t] - p[t], step) / np.dot(step, step) if np.any(step) else 0.0)
        if 1 <= t < len(x) - 1 and valid[t - 1] and valid[t] and valid[t + 1]:
            middle.append(rms(x[t] - (x[t - 1] + x[t + 1]) / 2) / unit[t])
            span = x[t + 1] - x[t - 1]
            q = min(max(np.dot(x[t] - x[t - 1], span) / np.dot(span, span), 0), 1) if np.any(span) else 0
            segment.append(rms(x[t] - ((1 - q) * x[t - 1] + q * x[t + 1])) / unit[t])
    return tuple(np.mean(v) for v in (late, error, middle, segment))


def delay(x, p, valid, max_shift, step=0.01):
    """Brute force over shifts; the truth between frames is a straight line."""
    frames = [
        t for t in range(max_shift, len(x) - max_shift) if valid[t] and all(valid[t - max_shift : t + max_shift + 1])
    ]
    best = (math.inf, 0.0)
    for shift in np.arange(-max_shift, max_shift + step / 2, step):
        total = 0.0
        for t in frames:
            at = t - shift
            low = min(math.floor(at), len(p) - 2)
            between = p[low] + (at - low) * (p[low + 1] - p[low])
            total += np.sum((x[t] - between) ** 2)
        best = min(best, (total, shift))
    return best[1]
