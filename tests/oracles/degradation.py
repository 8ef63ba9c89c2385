"""Blur, low resolution and JPEG written out in loops, float64."""

import math

import numpy as np


def gaussian_rows(size: int, sigma: float) -> np.ndarray:
    """Normalized Gaussian weights of every output pixel (rows) over the input pixels."""
    weights = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            weights[i, j] = math.exp(-0.5 * ((i - j) / sigma) ** 2)
        weights[i] /= weights[i].sum()
    return weights


def low_resolution(line: np.ndarray, factor: float) -> np.ndarray:
    """Average over boxes of `factor` pixels, then interpolate linearly back at the pixels' centres."""
    size = len(line)
    boxes = []
    while len(boxes) * factor < size - 1e-3 * factor:
        start, end = len(boxes) * factor, min((len(boxes) + 1) * factor, size)
        total = 0.0
        for i in range(size):
            total += line[i] * max(min(end, i + 1) - max(start, i), 0)
        boxes.append(total / (end - start))
    return np.array([np.interp((i + 0.5) / factor - 0.5, range(len(boxes)), boxes) for i in range(size)])


def block_dct(block: np.ndarray) -> np.ndarray:
    """The cosine transform of JPEG, ITU-T T.81 A.3.3."""
    out = np.zeros((8, 8))
    for u in range(8):
        for v in range(8):
            total = 0.0
            for y in range(8):
                for x in range(8):
                    total += (
                        block[y, x]
                        * math.cos((2 * y + 1) * u * math.pi / 16)
                        * math.cos((2 * x + 1) * v * math.pi / 16)
                    )
            scale = (math.sqrt(0.5) if u == 0 else 1) * (math.sqrt(0.5) if v == 0 else 1) / 4
            out[u, v] = scale * total
    return out
