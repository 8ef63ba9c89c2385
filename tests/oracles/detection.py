"""Maps, loss and boxes of the face detector, one cell or one box at a time, written from the definitions."""

import math


def cell_centre(cell, stride=8):
    """The pixel coordinate of the centre of a cell that covers `stride` pixels from pixel stride * cell on."""
    pixels = range(stride * cell, stride * cell + stride)
    return sum(pixels) / stride


def targets(boxes, ignored, height, width, *, smallest, largest, sigma, margin, stride=8):
    """For each cell: the Gaussian of the nearest face to find, ln(width), ln(height) of that face, and the weight."""
    unit = math.sqrt(smallest * largest)
    wanted, left_out = [], []
    for (x, y, w, h), off in zip(boxes, ignored, strict=True):
        if math.isnan(x):
            continue
        longer = max(w, h)
        if smallest <= longer <= largest and not off:
            wanted.append((x, y, w, h))
        elif smallest / margin <= longer <= largest * margin:
            left_out.append((x, y, w, h))
    result = {}
    for r in range(height // stride):
        for c in range(width // stride):
            cx, cy = cell_centre(c, stride), cell_centre(r, stride)
            best, log_w, log_h = 0.0, None, None
            for x, y, w, h in wanted:
                squared = ((cx - x - w / 2) ** 2 + (cy - y - h / 2) ** 2) / stride**2
                value = math.exp(-squared / (2 * sigma**2))
                if value > best:
                    best, log_w, log_h = value, math.log(w / unit), math.log(h / unit)
            half = stride / 2
            inside = any(x - half <= cx <= x + w + half and y - half <= cy <= y + h + half for x, y, w, h in left_out)
            result[r, c] = (best, log_w, log_h, 0.0 if inside and best < 0.1 else 1.0)
    return result


def detection_loss(maps, centres, sizes, weights, *, size_weight, near):
    """Kullback-Leibler divergence of the probabilities of the cells, and absolute errors near centres."""
    total = 0.0
    batch, height, width = centres.shape
    for b in range(batch):
        for r in range(height):
            for c in range(width):
                t, logit = float(centres[b, r, c]), float(maps[b, r, c, 0])
                p = 1 / (1 + math.exp(-logit))
                divergence = sum(q * math.log(q / s) for q, s in ((t, p), (1 - t, 1 - p)) if q > 0)
                errors = sum(abs(float(maps[b, r, c, 1 + k]) - float(sizes[b, r, c, k])) for k in (0, 1))
                total += float(weights[b, r, c]) * (divergence + size_weight * (t * errors if t > near else 0))
    return total / batch


def overlap(a, b):
    """Intersection over union of two boxes, and the share of the second that lies in the first."""
    across = max(0.0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
    down = max(0.0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
    common = across * down
    return common / (a[2] * a[3] + b[2] * b[3] - common), common / (b[2] * b[3])


def suppress(boxes, scores, *, max_overlap, max_contained):
    """Take the highest score, drop what overlaps, and so on."""
    left, kept = list(range(len(boxes))), []
    while left:
        best = max(left, key=lambda i: (scores[i], -i))
        kept.append(best)
        shares = {i: overlap(boxes[best], boxes[i]) for i in left}
        part = [i for i in left if shares[i][1] > max_contained and scores[i] < scores[best] / 2]
        left = [i for i in left if i != best and i not in part and shares[i][0] <= max_overlap]
    return kept
