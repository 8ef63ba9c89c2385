"""Heatmap losses, one pixel at a time."""

import math

import numpy as np


def squared_error(predictions, target):
    total = 0.0
    for index in np.ndindex(*predictions.shape):
        total += (float(predictions[index]) - float(target[index[1:]])) ** 2
    return total / target.shape[0]


def cross_entropy(predictions, target):
    stacks, batch, height, width, landmarks = predictions.shape
    total = 0.0
    for s in range(stacks):
        for b in range(batch):
            for m in range(landmarks):
                logits = [float(predictions[s, b, y, x, m]) for y in range(height) for x in range(width)]
                wanted = [float(target[b, y, x, m]) for y in range(height) for x in range(width)]
                if sum(wanted) == 0:
                    continue
                largest = max(logits)
                log_sum = largest + math.log(sum(math.exp(v - largest) for v in logits))
                total -= sum(t / sum(wanted) * (v - log_sum) for t, v in zip(wanted, logits, strict=True))
    return total / (batch * landmarks)
