"""Eq. 1-4 and the other decoders for one map (H, W) at a time, in float64, written from their definitions."""

import math

import numpy as np
from scipy.ndimage import convolve1d
from scipy.optimize import least_squares as minimize_squares


def encode(x, y, height, width, sigma):
    """Eq. 1."""
    return np.array(
        [[math.exp(-((c - x) ** 2 + (r - y) ** 2) / (2 * sigma**2)) for c in range(width)] for r in range(height)]
    )


def argmax(h):
    """Eq. 3: first highest pixel in reading order, NaN below everything."""
    best, found = -math.inf, (0, 0)
    for r in range(h.shape[0]):
        for c in range(h.shape[1]):
            if h[r, c] > best:
                best, found = h[r, c], (c, r)
    return found


def at(h, x, y):
    """Value of a pixel, or None outside the map."""
    return h[y, x] if 0 <= y < h.shape[0] and 0 <= x < h.shape[1] else None


def along(h, axis, s):
    """The neighbour of the peak one step s away along an axis (0: x, 1: y)."""
    x, y = argmax(h)
    return at(h, x + s * (axis == 0), y + s * (axis == 1))


def positive(value):
    return value is not None and math.isfinite(value) and value > 0


def quarter_shift(h, sigma):
    point = []
    for axis, z in enumerate(argmax(h)):
        minus, plus = along(h, axis, -1), along(h, axis, 1)
        point.append(z if minus is None or plus is None else z + 0.25 * np.sign(plus - minus))
    return point


def one_step(h, axis, s, sigma):
    """Offset by Eq. 4 with the neighbour at step s."""
    x, y = argmax(h)
    return sigma**2 * (math.log(along(h, axis, s)) - math.log(h[y, x])) / s + s / 2


def fractional_offset(h, axis, sigma):
    if not positive(h[argmax(h)[::-1]]):
        return 0.0
    for s in (1, -1):
        if positive(along(h, axis, s)):
            return min(max(one_step(h, axis, s, sigma), -0.5), 0.5)
    return 0.0


def fractional(h, sigma):
    return [z + fractional_offset(h, axis, sigma) for axis, z in enumerate(argmax(h))]


def clipped(offset):
    return min(max(offset, -1.0), 1.0)


def two_sided(h, sigma):
    point = []
    for axis, z in enumerate(argmax(h)):
        if positive(along(h, axis, 1)) and positive(along(h, axis, -1)):
            offset = (one_step(h, axis, 1, sigma) + one_step(h, axis, -1, sigma)) / 2
        else:
            offset = fractional_offset(h, axis, sigma)
        point.append(z + clipped(offset))
    return point


def parabola(h, sigma):
    point = []
    for axis, z in enumerate(argmax(h)):
        values = [along(h, axis, -1), h[argmax(h)[::-1]], along(h, axis, 1)]
        if all(positive(v) for v in values):
            a, b, _ = np.polyfit([-1, 0, 1], np.log(values), 2)
            offset = -b / (2 * a)
        else:
            offset = fractional_offset(h, axis, sigma)
        point.append(z + clipped(offset))
    return point


def paper_unclamped(h, sigma):
    """Eq. 4 exactly as printed: the squares are not divided by the step."""
    x, y = argmax(h)
    point = []
    for axis in (0, 1):
        s = 1 if along(h, axis, 1) is not None else -1
        ahead = (x + s * (axis == 0), y + s * (axis == 1))
        logs = math.log(max(h[ahead[1], ahead[0]], 1e-15)) - math.log(max(h[y, x], 1e-15))
        point.append(sigma**2 * logs - (x**2 - ahead[0] ** 2 + y**2 - ahead[1] ** 2) / 2)
    return point


def dark(h, sigma):
    """Smooth the whole map with zeros beyond it, take the log, and make one Newton step from the peak."""
    x, y = argmax(h)
    if not (2 <= x < h.shape[1] - 2 and 2 <= y < h.shape[0] - 2):
        return [x, y]
    radius = math.ceil(2.5 * sigma)
    taps = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    smooth = h / h[y, x]
    for axis in (0, 1):
        smooth = convolve1d(smooth, taps / taps.sum(), axis=axis, mode="constant")
    log = np.log(np.maximum(smooth, 1e-10))
    gradient = np.array([log[y, x + 1] - log[y, x - 1], log[y + 1, x] - log[y - 1, x]]) / 2
    xx = (log[y, x + 2] - 2 * log[y, x] + log[y, x - 2]) / 4
    yy = (log[y + 2, x] - 2 * log[y, x] + log[y - 2, x]) / 4
    xy = (log[y + 1, x + 1] - log[y - 1, x + 1] - log[y + 1, x - 1] + log[y - 1, x - 1]) / 4
    hessian = np.array([[xx, xy], [xy, yy]])
    if not np.all(np.linalg.eigvalsh(hessian) < 0):
        return [x, y]
    step = -np.linalg.solve(hessian, gradient)
    return [x + clipped(step[0]), y + clipped(step[1])]


def soft_argmax(h, sigma):
    x, y = argmax(h)
    radius = math.ceil(2.5 * sigma)
    reach_x = min(radius, x, h.shape[1] - 1 - x)
    reach_y = min(radius, y, h.shape[0] - 1 - y)
    total = moment_x = moment_y = 0.0
    for dy in range(-reach_y, reach_y + 1):
        for dx in range(-reach_x, reach_x + 1):
            weight = max(h[y + dy, x + dx], 0) ** 2
            total, moment_x, moment_y = total + weight, moment_x + weight * dx, moment_y + weight * dy
    return [x + moment_x / total, y + moment_y / total]


def least_squares(h, sigma):
    """Weighted fit of ln h = a - |c - c_m|^2 / (2 sigma^2) by a general solver."""
    x, y = argmax(h)
    radius = max(1, math.ceil(1.5 * sigma))
    rows, values = [], []
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            value = at(h, x + dx, y + dy)
            if positive(value):
                relative = value / h[y, x]
                root = math.sqrt(relative**2 + 1e-6)
                rows.append([root, root * dx, root * dy])
                values.append(root * (sigma**2 * math.log(relative) + (dx**2 + dy**2) / 2))
    solution = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    return [x + clipped(solution[1]), y + clipped(solution[2])]


def covariance(h, sigma):
    """Second moments of the positive values around the two-sided centre, corrected for window and pixel."""
    x, y = argmax(h)
    cx, cy = (min(max(c - z, -0.5), 0.5) for c, z in zip(two_sided(h, sigma), (x, y), strict=True))
    radius = math.ceil(3 * sigma)
    total, second = 0.0, np.zeros((2, 2))
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            value = at(h, x + dx, y + dy)
            if positive(value):
                d = np.array([dx - cx, dy - cy])
                total, second = total + value, second + value * np.outer(d, d)
    line = [(k, math.exp(-(k**2) / (2 * sigma**2))) for k in range(-radius, radius + 1)]
    seen = sum(k * k * g for k, g in line) / sum(g for _, g in line)
    return (second / total + np.eye(2) / 12) * sigma**2 / (seen + 1 / 12)


def mean_heatmap(heatmaps, centres, radius, per_pixel):
    """Sum and number of the pixels of all maps (N, H, W, M) by cell of their place relative to the centre."""
    cells = 2 * radius * per_pixel + 1
    total, number = np.zeros((cells, cells)), np.zeros((cells, cells))
    n, height, width, m = heatmaps.shape
    for i, y, x, k in np.ndindex(n, height, width, m):
        if not np.isfinite(centres[i, k]).all():
            continue
        column, row = (
            math.floor((place - centre) * per_pixel + 0.5) + radius * per_pixel
            for place, centre in zip((x, y), centres[i, k], strict=True)
        )
        if 0 <= column < cells and 0 <= row < cells:
            total[row, column] += heatmaps[i, y, x, k]
            number[row, column] += 1
    return total, number


def maximum_likelihood(h, sigma):
    """Centre of the Gaussian of free height that leaves the smallest sum of squares in the window around the peak."""
    return fitted_gaussian(h, sigma)[0]


def fitted_gaussian(h, sigma):
    """Centre, height and mean square of the rest of that Gaussian; the best of fits that start all over the window."""
    x, y = argmax(h)
    r = math.ceil(2.5 * sigma)
    rows, columns = slice(max(y - r, 0), y + r + 1), slice(max(x - r, 0), x + r + 1)
    values = h[rows, columns]
    at_y, at_x = (axis[rows, columns] for axis in np.mgrid[: h.shape[0], : h.shape[1]])

    def rest(p):
        return (values - p[2] * np.exp(-((at_x - p[0]) ** 2 + (at_y - p[1]) ** 2) / (2 * sigma**2))).ravel()

    starts = [(x + i * sigma, y + j * sigma, h[y, x]) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    best = min((minimize_squares(rest, start, xtol=1e-12, ftol=1e-12) for start in starts), key=lambda fit: fit.cost)
    return best.x[:2], best.x[2], 2 * best.cost / (values.size - 3)
