"""Errors by region, lengths and offsets in the face's own frame, one face and one landmark at a time, in float64."""

import math
import statistics

REGIONS = {"jaw": (0, 17), "brows": (17, 27), "nose": (27, 36), "eyes": (36, 48), "mouth": (48, 68)}
PAIRS = {
    "outer mouth height": [(51, 57)],
    "inner mouth height": [(62, 66)],
    "mouth width": [(48, 54)],
    "eye opening": [(37, 41), (38, 40), (43, 47), (44, 46)],
    "outer eye corners": [(36, 45)],
    "inner eye corners": [(39, 42)],
}
BROW_AND_EYE = [(19, 37), (20, 38), (23, 43), (24, 44)]


def in_frame(points, truth):
    """Points in percent of the inter-ocular distance about the middle of the eyes, turned by the roll of the face."""
    (ax, ay), (bx, by) = truth[36], truth[45]
    roll, apart = math.atan2(by - ay, bx - ax), math.hypot(bx - ax, by - ay)
    result = []
    for x, y in points:
        right, down = x - (ax + bx) / 2, y - (ay + by) / 2
        turned = (
            right * math.cos(roll) + down * math.sin(roll),
            down * math.cos(roll) - right * math.sin(roll),
        )
        result.append([100 * value / apart for value in turned])
    return result


def landmark_errors(predicted, truth):
    both = zip(in_frame(predicted, truth), in_frame(truth, truth), strict=True)
    return [math.dist(a, b) for a, b in both if not math.isnan(a[0] + b[0])]


def region_error(predictions, truths, name):
    start, stop = REGIONS[name]
    faces = []
    for predicted, truth in zip(predictions, truths, strict=True):
        both = zip(in_frame(predicted, truth)[start:stop], in_frame(truth, truth)[start:stop], strict=True)
        known = [math.dist(a, b) for a, b in both if not math.isnan(a[0] + b[0])]
        faces += [sum(known) / len(known)] if known else []
    return sum(faces) / len(faces)


def good(predictions, truths, limit):
    both = zip(predictions, truths, strict=True)
    return [(p, x) for p, x in both if statistics.fmean(landmark_errors(p, x)) <= limit]


def value(points, name):
    if name == "brow to eye":
        return statistics.fmean(
            points[eye][1] - points[eye - 18 if eye < 40 else eye - 20][1] for eye in (37, 38, 43, 44)
        )
    return statistics.fmean(math.dist(points[i], points[j]) for i, j in PAIRS[name])


def response(predictions, truths, name, limit):
    """Number of faces, mean true and predicted value, slope, correlation."""
    faces = good(predictions, truths, limit)
    pairs = [(value(in_frame(x, x), name), value(in_frame(p, x), name)) for p, x in faces]
    pairs = [(x, p) for x, p in pairs if not math.isnan(x + p)]
    true, predicted = zip(*pairs, strict=True)
    line = (math.nan, math.nan)
    if max(true) - min(true) > 0.001:
        line = (statistics.linear_regression(true, predicted).slope, statistics.correlation(true, predicted))
    return len(pairs), statistics.fmean(true), statistics.fmean(predicted), *line


def median_offset(predictions, truths, landmark, limit):
    offsets = []
    for p, x in good(predictions, truths, limit):
        (a, b), (c, d) = in_frame(p, x)[landmark], in_frame(x, x)[landmark]
        if not math.isnan(a + b + c + d):
            offsets.append((a - c, b - d))
    return [statistics.median(axis) for axis in zip(*offsets, strict=True)]
