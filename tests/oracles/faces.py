"""The head before the camera, landmark by landmark, in float64: what `faces.shape.project` does, from its description.

Axes: x right, y down, z to the viewer; all in inter-ocular distances.
"""

import math

import numpy as np

from fhr_jax.data.faces import anatomy


def landmarks(identity, expression, yaw, pitch, distance):
    """(68, 2), before roll, scale and shift."""
    points = np.array(anatomy.MEAN, np.float64)
    for coefficient, mode in zip(identity, anatomy.IDENTITY, strict=True):
        points += coefficient * mode
    for coefficient, mode in zip(expression, anatomy.EXPRESSION, strict=True):
        points += coefficient * mode
    points = points[:68]
    points[:17] = contour(points[:17], yaw, pitch)
    return np.array([seen(point, yaw, pitch, distance) for point in points])


def seen(point, yaw, pitch, distance):
    """One point: turn about the vertical axis through the middle of the head, bow, project centrally."""
    x, y, z = point - anatomy.TURN_CENTRE
    # Positive yaw brings what lies in front (z) to the right (x).
    x, z = x * math.cos(yaw) + z * math.sin(yaw), z * math.cos(yaw) - x * math.sin(yaw)
    # Positive pitch brings what lies in front down (y).
    y, z = y * math.cos(pitch) + z * math.sin(pitch), z * math.cos(pitch) - y * math.sin(pitch)
    x, y, z = np.array([x, y, z]) + anatomy.TURN_CENTRE
    return x * distance / (distance - z), y * distance / (distance - z)


def contour(jaw, yaw, pitch):
    """(17, 3) jaw points of the straight head, moved to where annotators see them on a turned one."""
    moved = []
    for i in range(17):
        number = min(i, 16 - i)  # from the ear, 0, to the chin, 8
        side = -1.0 if i < 8 else 1.0 if i > 8 else 0.0
        half = jaw[:9] if i <= 8 else jaw[:7:-1]
        far = side * math.sin(yaw)  # of the left half the far side shows when the head turns left
        along = anatomy.CONTOUR_SLIDE[number] * (far if i != 8 else -math.sin(yaw))
        along += anatomy.CONTOUR_BOW[number] * math.sin(pitch)
        to_chin = half[min(number + 1, 8)] - half[min(number, 7)]
        to_ear = half[max(number - 1, 0)] - half[max(number, 1)]
        point = half[number] + (along * to_chin if along > 0 else -along * to_ear)
        far = np.sign(point[0]) * math.sin(yaw)  # the chin belongs to the side on which it lies
        moved.append(point if far <= 0 else tangent(point, anatomy.CONTOUR_FRONT[number], far, math.cos(yaw)))
    return np.array(moved)


def tangent(rim, front, sine, cosine):
    """The point of the quarter ellipse from the rim to the front that lies farthest out on its side."""
    across, deep = abs(rim[0]), max(front - rim[2], 0.02)
    low, high = 0.0, math.pi / 2
    for _ in range(200):  # the middle third that is left holds the highest place
        a, b = low + (high - low) / 3, high - (high - low) / 3

        def out(t):
            return across * math.cos(t) * cosine + deep * math.sin(t) * sine

        low, high = (a, high) if out(a) < out(b) else (low, b)
    return np.array([math.copysign(across * math.cos(low), rim[0]), rim[1], rim[2] + deep * math.sin(low)])
